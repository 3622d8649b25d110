"""What judging remembers of one underlying: packets that wait, what was judged, recent orders, alerts.

What a cancel may yet change is bounded by event time, the rest by number.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from events.derived import FlowPacket
from events.types import Direction, Side
from events.verdicts import Alert

#: Orders of one expiry and right that a rule looks at, expiries of an underlying that are kept when their orders are of
#: no use any longer, packets with alerts, claims: the oldest go first.
MAX_ORDERS, MAX_CHAINS, MAX_WATCHED, MAX_CLAIMS = 256, 128, 256, 256
#: Alerts of one packet: of its orders by side, and of structures for which it stands.
MAX_ALERTS_OF_PACKET = 8
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


class Judged(Struct, array_like=True):
    """A packet or a structure on which rules fired: what taking its hits back needs."""

    ts: int
    contract: str
    packet_id: str
    #: By what an alert's event was about: the ids of its hits.
    fired: dict[str, tuple[str, ...]]
    #: Under which name an order of a side was spoken of, and (`whole`) the packet as a whole: names that are kept.
    names: dict[str, str] = {}


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
    """An alert whose packet's contract is looked at again, and what it claimed."""

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
    #: Trade date of the packet, ordinal.
    day: int
    open_interest: int | None


class Memory(Struct, array_like=True):
    """What judging remembers of one underlying."""

    #: Packets that wait, scored and published.
    held: dict[str, FlowPacket] = {}
    #: By expiry and right: recent orders in the order of their judging, as their packets are now.
    orders: dict[str, list[Order]] = {}
    judged: dict[str, Judged] = {}
    alerts: dict[str, Kept] = {}
    #: By contract or structure and direction: the id of the newest alert.
    newest: dict[str, str] = {}
    #: By piece: the alert that it went into.
    alert_of: dict[str, str] = {}
    #: By packet, each of its alerts; the packet that was looked at longest ago comes first.
    watched: dict[str, list[Watched]] = {}
    claims: dict[str, Claim] = {}
    #: Times of new low alerts within the last minute.
    low: list[int] = msgspec.field(default_factory=list)


def trim(table: dict[str, _Value], limit: int) -> None:
    """Drops the oldest entries beyond a limit."""
    while len(table) > limit:
        del table[next(iter(table))]
