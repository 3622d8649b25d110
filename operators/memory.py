"""What judging remembers of one underlying: packets that wait, what was judged, recent orders, alerts. All bounded."""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from events.derived import FlowPacket
from events.types import Direction, Side
from events.verdicts import Alert, Structure

#: Recent orders of one expiry and right, of an underlying's expiries, judged events, looks and claims: oldest go first.
MAX_ORDERS, MAX_CHAINS, MAX_JUDGED, MAX_WATCHED, MAX_CLAIMS = 256, 128, 64, 256, 256
#: Packets that wait for their neighbours; the partition's step decides each within seconds.
MAX_HELD = 1024


_Value = TypeVar("_Value")


class Order(Struct, array_like=True, gc=False):
    """One order of a packet, as the rules that look across packets remember it."""

    ts: int
    contract: str
    strike: float
    side: Side
    premium: float
    size: int
    #: Its prints.
    count: int
    about: str


class Reading(Struct, array_like=True, gc=False):
    """The sums against which a packet was scored, so that it can be scored again without a print (contract 19).

    Each is count, sum and sum of squares, in the units of `operators/window.py`; as text, for they pass 64 bits.
    """

    size: tuple[int, str, str]
    premium: tuple[int, str, str]
    spread: tuple[int, str, str]
    #: What premium and size were divided by for the time of day; None when they were not.
    factors: tuple[float, float] | None = None


class Held(Struct, array_like=True):
    """A packet that waits for its neighbours, scored and published."""

    packet: FlowPacket
    reading: Reading | None


class Judged(Struct, array_like=True):
    """A packet or a structure on which rules fired: what a revision of it needs."""

    ts: int
    packet: FlowPacket | None
    structure: Structure | None
    #: Parents that structures had taken.
    taken: tuple[str, ...]
    #: By what a hit was about: the ids of the rules that fired.
    fired: dict[str, tuple[str, ...]]
    #: The orders across packets that were known then, where a rule looked at them.
    recent: tuple[Order, ...] = ()
    reading: Reading | None = None


class Piece(Struct, array_like=True):
    """One event within an alert, as an alert of its own."""

    about: str
    alert: Alert


class Kept(Struct, array_like=True):
    """An alert and the events that it was merged from."""

    key: str
    revision: int
    pieces: list[Piece]
    alert: Alert
    #: Hits of later looks, and what they take off the score.
    later: tuple[str, ...] = ()


class Watched(Struct, array_like=True):
    """A packet whose contract is looked at again: its alert, and what that claimed."""

    alert: str
    contract: str
    direction: Direction
    premium: float | None
    iv: float | None
    #: How many looks there were, and whether rules on looks have spoken.
    looks: int = 0
    judged: bool = False


class Claim(Struct, array_like=True):
    """A hit that spoke of opening or closing, for the next morning's open interest."""

    hit: str
    contract: str
    claimed: Literal["opening", "closing"]
    size: int
    #: New York date of the hit, ordinal.
    day: int
    open_interest: int | None


class Memory(Struct, array_like=True):
    """What judging remembers of one underlying."""

    held: dict[str, Held] = {}
    #: By expiry and right: recent orders, oldest first.
    orders: dict[str, list[Order]] = {}
    judged: dict[str, Judged] = {}
    alerts: dict[str, Kept] = {}
    #: By contract or structure and direction: the id of the newest alert.
    newest: dict[str, str] = {}
    #: By piece: the alert that it went into.
    alert_of: dict[str, str] = {}
    watched: dict[str, Watched] = {}
    claims: dict[str, Claim] = {}
    #: Times of new low alerts within the last minute.
    low: list[int] = msgspec.field(default_factory=list)


def trim(table: dict[str, _Value], limit: int) -> None:
    """Drops the oldest entries beyond a limit."""
    while len(table) > limit:
        del table[next(iter(table))]
