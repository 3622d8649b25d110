"""What the step by partition hands to the step by shard, in order: packets, and what was found out about them later.

A packet that may be a leg of a structure is handed on as it closes, scored and published, and judged when its
neighbours have closed too: `Waiting` now, a `Decision` that names it later. So the path only leads forward.
"""

from __future__ import annotations

from typing import final

from msgspec import Struct

from events.derived import FlowPacket
from events.verdicts import Structure


@final
class Waiting(Struct):
    """A closed packet whose neighbours are still open: to score and publish, not yet to judge."""

    packet: FlowPacket


@final
class Decision(Struct):
    """What packets that waited turned out to be, `ts` being when that became known (event time, ns).

    Packets in no structure are judged alone; the parents of a structure's legs are not single-leg evidence.
    """

    ts: int
    underlying: str
    packets: tuple[str, ...]
    structures: tuple[Structure, ...] = ()


@final
class Revised(Struct):
    """A closed packet without a print that was struck out, and its structures revised with it (contract 19).

    `ts` is when that became known; the packet's own is still its window's end, as it was first judged.
    """

    packet: FlowPacket
    ts: int
    structures: tuple[Structure, ...] = ()
    #: Its parents that structures have taken.
    taken: tuple[str, ...] = ()


@final
class Look(Struct):
    """A look at a packet's contract and underlying some time after it, for the outcome of its alert if it has one."""

    packet_id: str
    underlying: str
    ts: int
    after_s: int
    mark_then: float | None
    mark_now: float | None
    mark_high: float | None
    mark_low: float | None
    spot_then: float | None
    spot_now: float | None
    spot_high: float | None
    spot_low: float | None
    final: bool = False
    #: The underlying is halted or in a limit state at the look, or was within the minutes before.
    halted: bool = False
    limit_state: bool = False
    #: The underlying's own quantile of packet premium as known then, dollars; the step by shard knows it.
    premium_floor: float | None = None


@final
class Interest(Struct):
    """A new open interest of a contract that packets of interest traded on the trading date before."""

    contract: str
    underlying: str
    ts: int
    #: The trading date that the figure belongs to, YYYY-MM-DD.
    for_date: str
    before: int | None
    after: int


@final
class Warmed(Struct):
    """Earlier packets of one underlying that a warm start brings: `Earlier` by contract (contract 8)."""

    underlying: str
    contracts: dict[str, list[list[int]]]


class Shipped(Struct):
    """Shipped buckets of a cold start, for every underlying: `Earlier` by bucket (contract 8)."""

    buckets: dict[str, list[list[int]]]


Work = FlowPacket | Waiting | Decision | Revised | Look | Interest | Warmed

#: What every shard hears of.
Said = dict[str, int | float | str | bool] | Shipped
