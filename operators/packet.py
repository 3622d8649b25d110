"""Packet: the burst of one contract within a time window of its first print, closed by the watermark.

Late, out-of-sequence and volume-only prints never join; prints of another flag (auction, cross, floor, complex,
stock-tied, extended hours) form packets of their own. What a packet says is computed from its prints when it closes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from events.derived import Flag, FlowPacket, MarkedPrint, Parent
from events.ids import packet_id, parent_id
from events.types import NS_PER_MS, Placement, Side
from operators.parents import OF_ORDERS, by_side
from operators.parting import part
from operators.partition_state import Burst, PacketPrint
from operators.units import ratio, six

_NEVER_JOIN: frozenset[Flag] = frozenset(("late", "volume_only", "cancel", "correction"))


@dataclass(frozen=True, slots=True)
class PacketConfig:
    """What packets read of the settings."""

    window_ns: int
    parent_gap_ns: int
    parent_side_share: float


def joins(marked: MarkedPrint) -> bool:
    """Tells whether a print may belong to a packet at all."""
    return not marked.arrived_late and not marked.reported_late and marked.flag not in _NEVER_JOIN


def key_of(marked: MarkedPrint) -> str:
    """Returns under which name a print's packet is open: its contract, and its flag unless regular."""
    return marked.contract if marked.flag == "regular" else f"{marked.contract}/{marked.flag}"


def new_burst(contract: str, underlying: str, flag: Flag, kept: PacketPrint, window_ns: int) -> Burst:
    """Returns the packet that a print opens."""
    ts = kept.ts
    return Burst(packet_id(kept.id), contract, underlying, flag, ts, ts + window_ns, [kept])


#: What prints add up to: size, premium, vwap, low, high; size bought, sold and covered; above the ask, at the ask,
#: inside, at the bid, below the bid; mean spread, whether one venue's book told the side; venues, prints with a sweep
#: flag, delta notional, whether any was halted or in a limit state. Sums over an unknown part are unknown.
Sums = tuple[
    int, float | None, float, float, float, int, int, int, int, int, int, int, int, float | None, bool, tuple[str, ...],
    int, float | None, bool, bool,
]  # fmt: skip


class _Placed:
    """What prints with a usable quote add up to: size by placement and by side that counts, spread by size."""

    __slots__ = ("above", "ask", "below", "bid", "bought", "covered", "inside", "sold", "spread", "venue_book")

    def __init__(self) -> None:
        self.above = self.ask = self.inside = self.bid = self.below = 0
        self.bought = self.sold = self.covered = 0
        self.spread = 0.0
        self.venue_book = False

    def add(self, mark: Any, size: int) -> None:
        """Adds one print, of which `size` is known already."""
        bid: float = mark.bid
        ask: float = mark.ask
        sign: int = mark.sign
        placement: Placement = mark.placement
        self.covered += size
        self.spread += (ask - bid) * size
        self.venue_book = self.venue_book or bool(mark.venue_book)
        if sign > 0:
            self.bought += size
        elif sign < 0:
            self.sold += size
        if placement == "ask":
            self.ask += size
        elif placement == "bid":
            self.bid += size
        elif placement == "inside":
            self.inside += size
        elif placement == "above_ask":
            self.above += size
        else:
            self.below += size


def _sum(marks: Sequence[PacketPrint]) -> Sums:
    """Adds prints up, most packets having few."""
    # Named types are added without boxes where this is compiled.
    whole = sweeps = 0
    notional = premium = delta = 0.0
    unknown_premium = unknown_delta = halted = limit_state = False
    placed = _Placed()
    venues: list[str] = []
    low: float = marks[0].price
    high = low
    mark: Any
    for mark in marks:
        price: float = mark.price
        size: int = mark.size
        of_premium: float | None = mark.premium
        of_delta: float | None = mark.delta_notional
        venue: str | None = mark.exchange
        whole += size
        notional += price * size
        low = price if price < low else low
        high = price if price > high else high
        sweeps += 1 if mark.intermarket_sweep else 0
        halted = halted or bool(mark.halted)
        limit_state = limit_state or bool(mark.limit_state)
        if of_premium is None:
            unknown_premium = True
        else:
            premium += of_premium
        if of_delta is None:
            unknown_delta = True
        else:
            delta += of_delta
        if venue is not None and venue not in venues:
            venues.append(venue)
        if mark.covered:
            placed.add(mark, size)
    covered = placed.covered
    return (
        whole, None if unknown_premium else six(premium), six(notional / whole), low, high, placed.bought, placed.sold,
        covered, placed.above, placed.ask, placed.inside, placed.bid, placed.below,
        six(placed.spread / covered) if covered else None, placed.venue_book, tuple(venues), sweeps,
        None if unknown_delta else six(delta), halted, limit_state,
    )  # fmt: skip


def _share(bought: int, sold: int, covered: int) -> float:
    """Share of the covered size on the side that has more of it."""
    return max(bought, sold) / (covered or 1)


def packet_of(burst: Burst, config: PacketConfig) -> FlowPacket:
    """Returns the packet as its prints are now, without a baseline; notes the sizes of its parents."""
    marks = burst.marks
    if not marks:
        return _emptied(burst)
    return _single(burst, marks[0]) if len(marks) == 1 else _of_several(burst, config)


def _of_several(burst: Burst, config: PacketConfig) -> FlowPacket:
    marks = burst.marks
    # What is only handed on stays untyped, so that it is shared and not boxed anew.
    own: Any = burst
    first: Any = marks[0]
    last: Any = marks[-1]
    (
        size, premium, vwap, low, high, bought, sold, covered, above, ask, inside, bid, below, spread, venue_book,
        venues, sweeps, delta_notional, halted, limit_state,
    ) = _sum(marks)  # fmt: skip
    parents: tuple[Parent, ...] = ()
    # Most packets neither pause nor change their price or their flag: nothing cuts them in time.
    lasted = marks[-1].ts - marks[0].ts
    brief = lasted <= config.parent_gap_ns and (low == high or sweeps == 0 or sweeps == len(marks))
    if not brief or (bought and sold):
        parents = _parents(burst, brief, config)
    mixed = not parents and covered > 0 and _share(bought, sold, covered) < config.parent_side_share
    whole: Any = size
    burst.sizes = tuple([parent.size for parent in parents]) or (whole,)
    members = tuple([mark.id for mark in marks])
    suspected = burst.suspects != () and _any_suspected(burst, members)
    # Positional, in the order of the type's fields: keywords would cost as much as the rest.
    return FlowPacket(
        own.id, own.due_ts, own.contract, own.underlying, own.flag, first.ts, last.ts, _window_ms(burst), len(marks),
        whole, premium, first.price, last.price, low, high, vwap, bought, sold, covered, ratio(covered, size), members,
        above, ask, inside, bid, below, venues, sweeps, spread, venue_book, own.revision, None, 0, None, None, None,
        None, None, parents, mixed, suspected, own.conditions_known, halted, limit_state, own.struck, last.volume,
        last.open_interest, last.spot, last.spot_source, last.moneyness, last.expiry_s, last.iv, first.iv, last.delta,
        delta_notional,
    )  # fmt: skip


def _window_ms(burst: Burst) -> int:
    return (burst.due_ts - burst.start_ts) // NS_PER_MS


def _any_suspected(burst: Burst, members: tuple[str, ...]) -> bool:
    return any([ident in members for ident, _ in burst.suspects])


def _parents(burst: Burst, brief: bool, config: PacketConfig) -> tuple[Parent, ...]:
    """Returns the parents that can be told apart; none when the packet is one as a whole."""
    marks, share = burst.marks, config.parent_side_share
    parts = part(marks, [mark.sign for mark in marks], brief, config.parent_gap_ns, share)
    if len(parts) == 1:
        return ()
    parents = tuple([_parent(burst, [marks[place] for place in places], share) for places in parts])
    if burst.flag in OF_ORDERS:
        parents = by_side(parents)
    return parents if len(parents) > 1 else ()


def _single(burst: Burst, mark: PacketPrint) -> FlowPacket:
    """What `packet_of` says of one print, without sums: most packets are one print."""
    # What is only handed on stays untyped, so that it is shared and not boxed anew.
    own: Any = burst
    kept: Any = mark
    ts: Any = kept.ts
    size: Any = kept.size
    price: Any = kept.price
    venue: Any = kept.exchange
    iv: Any = kept.iv
    due_ts: Any = own.due_ts
    placement: str = kept.placement
    sign: int = kept.sign
    is_covered: bool = kept.covered
    spread: float | None = None
    if is_covered:
        bid: float = kept.bid
        ask: float = kept.ask
        spread = six(ask - bid)
    burst.sizes, members = (size,), (kept.id,)
    # Positional, in the order of the type's fields: keywords would cost as much as the rest.
    return FlowPacket(
        own.id, due_ts, own.contract, own.underlying, own.flag, ts, ts, _window_ms(burst), 1, size, kept.premium, price,
        price, price, price, six(price), size if sign > 0 else 0, size if sign < 0 else 0, size if is_covered else 0,
        1.0 if is_covered else 0.0, members, size if placement == "above_ask" else 0,
        size if placement == "ask" else 0, size if placement == "inside" else 0, size if placement == "bid" else 0,
        size if placement == "below_bid" else 0, () if venue is None else (venue,), 1 if kept.intermarket_sweep else 0,
        spread, is_covered and kept.venue_book, own.revision, None, 0, None, None, None, None, None, (), False,
        burst.suspects != () and _any_suspected(burst, members), own.conditions_known, kept.halted, kept.limit_state,
        own.struck, kept.volume, kept.open_interest, kept.spot, kept.spot_source, kept.moneyness, kept.expiry_s, iv, iv,
        kept.delta, kept.delta_notional,
    )  # fmt: skip


def _parent(burst: Burst, marks: Sequence[PacketPrint], least_share: float) -> Parent:
    (
        size, premium, vwap, low, high, bought, sold, covered, above, ask, inside, bid, below, _spread, _venue_book,
        venues, sweeps, delta_notional, _halted, _limit_state,
    ) = _sum(marks)  # fmt: skip
    first, last = marks[0], marks[-1]
    side: Side = "none"
    if covered and _share(bought, sold, covered) >= least_share:
        side = "buy" if bought > sold else "sell"
    return Parent(
        burst.aliases.get(first.id) or parent_id(first.id), first.ts, last.ts, len(marks), size, premium, side, bought,
        sold, covered, first.price, last.price, low, high, vwap, tuple([mark.id for mark in marks]), above, ask, inside,
        bid, below, venues, sweeps, delta_notional,
    )  # fmt: skip


def _emptied(burst: Burst) -> FlowPacket:
    """All prints of the packet were struck out: what is left says so."""
    burst.sizes = ()
    return FlowPacket(
        id=burst.id, ts=burst.due_ts, contract=burst.contract, underlying=burst.underlying, flag=burst.flag,
        start_ts=burst.start_ts, end_ts=burst.start_ts, window_ms=_window_ms(burst),
        count=0, size=0, premium=0.0, price_first=0.0, price_last=0.0, price_low=0.0, price_high=0.0, vwap=0.0,
        buy_size=0, sell_size=0, covered_size=0, coverage=0.0, members=(), revision=burst.revision,
        conditions_known=burst.conditions_known, struck=burst.struck,
    )  # fmt: skip
