"""Packet: the burst of one contract within a time window of its first print, closed by the watermark.

Late, out-of-sequence and volume-only prints never join; prints of another flag (auction, cross, floor, complex,
stock-tied, extended hours) form packets of their own. What a packet says is computed from its prints when it closes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import Struct

from events.derived import Flag, FlowPacket, MarkedPrint, Parent
from events.ids import packet_id, parent_id
from events.types import NS_PER_MS, Side
from operators.packetprint import packet_print
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


def new_burst(marked: MarkedPrint, window_ns: int) -> Burst:
    """Returns the packet that a print opens."""
    ts = marked.ts
    return Burst(
        packet_id(marked.id), marked.contract, marked.underlying, marked.flag, ts, ts + window_ns,
        [packet_print(marked)],
    )  # fmt: skip


class _Sums(Struct, gc=False):
    """What prints add up to; sums over an unknown part are unknown."""

    size: int
    premium: float | None
    vwap: float
    low: float
    high: float
    buy_size: int
    sell_size: int
    covered: int
    above_ask: int
    ask: int
    inside: int
    bid: int
    below_bid: int
    spread: float | None
    venue_book: bool
    venues: tuple[str, ...]
    sweeps: int
    delta_notional: float | None
    halted: bool
    limit_state: bool

    @property
    def share(self) -> float:
        """Share of the covered size on the side that has more of it."""
        return max(self.buy_size, self.sell_size) / (self.covered or 1)


def _sum(marks: Sequence[PacketPrint]) -> _Sums:
    """Adds prints up, most packets having few."""
    whole = sweeps = 0
    notional = premium = delta = 0.0
    unknown_premium = unknown_delta = halted = limit_state = False
    venues: list[str] = []
    low = high = marks[0].price
    for mark in marks:
        size, price, venue = mark.size, mark.price, mark.exchange
        whole += size
        notional += price * size
        low = price if price < low else low
        high = price if price > high else high
        if mark.premium is None:
            unknown_premium = True
        else:
            premium += mark.premium
        if mark.delta_notional is None:
            unknown_delta = True
        else:
            delta += mark.delta_notional
        if venue is not None and venue not in venues:
            venues.append(venue)
        sweeps += mark.intermarket_sweep
        halted |= mark.halted
        limit_state |= mark.limit_state
    return _Sums(
        whole, None if unknown_premium else six(premium), six(notional / whole), low, high, *_covered(marks),
        tuple(venues), sweeps, None if unknown_delta else six(delta), halted, limit_state,
    )  # fmt: skip


def _covered(
    marks: Sequence[PacketPrint],
) -> tuple[int, int, int, int, int, int, int, int, float | None, bool]:
    """Adds up the prints that have a placement: bought, sold, covered, by placement, spread, on one venue's book."""
    by_placement = {"above_ask": 0, "ask": 0, "inside": 0, "bid": 0, "below_bid": 0}
    bought = sold = covered = 0
    spread, venue_book = 0.0, False
    for mark in marks:
        if mark.covered:
            size, sign = mark.size, mark.sign
            covered += size
            by_placement[mark.placement] += size
            spread += (mark.ask - mark.bid) * size  # type: ignore[operator]
            if sign > 0:
                bought += size
            elif sign < 0:
                sold += size
            venue_book |= mark.venue_book
    above, ask, inside, bid, below = by_placement.values()
    mean = six(spread / covered) if covered else None
    return bought, sold, covered, above, ask, inside, bid, below, mean, venue_book


def packet_of(burst: Burst, config: PacketConfig) -> FlowPacket:
    """Returns the packet as its prints are now, without a baseline; notes the sizes of its parents."""
    marks = burst.marks
    if len(marks) == 1:
        return _single(burst, marks[0])
    if not marks:
        return _emptied(burst)
    last, first = marks[-1], marks[0]
    sums = _sum(marks)
    parents: tuple[Parent, ...] = ()
    # Most packets neither pause nor change their price or their flag: nothing cuts them in time.
    brief = last.ts - first.ts <= config.parent_gap_ns and (
        sums.low == sums.high or sums.sweeps == 0 or sums.sweeps == len(marks)
    )
    if not brief or (sums.buy_size and sums.sell_size):
        parents = _parents(burst, brief, config)
    mixed = not parents and sums.covered > 0 and sums.share < config.parent_side_share
    size, covered = sums.size, sums.covered
    burst.sizes = tuple([parent.size for parent in parents]) or (size,)
    # Positional, in the order of the type's fields: keywords would cost as much as the rest.
    return FlowPacket(
        burst.id,
        burst.due_ts,
        burst.contract,
        burst.underlying,
        burst.flag,
        first.ts,
        last.ts,
        (burst.due_ts - burst.start_ts) // NS_PER_MS,
        len(marks),
        size,
        sums.premium,
        first.price,
        last.price,
        sums.low,
        sums.high,
        sums.vwap,
        sums.buy_size,
        sums.sell_size,
        covered,
        ratio(covered, size),
        tuple([mark.id for mark in marks]),
        sums.above_ask,
        sums.ask,
        sums.inside,
        sums.bid,
        sums.below_bid,
        sums.venues,
        sums.sweeps,
        sums.spread,
        sums.venue_book,
        burst.revision,
        None,
        0,
        None,
        None,
        None,
        None,
        None,
        parents,
        mixed,
        burst.suspects != () and any([mark.id in burst.suspects for mark in marks]),
        burst.conditions_known,
        sums.halted,
        sums.limit_state,
        burst.struck,
        last.volume,
        last.open_interest,
        last.spot,
        last.spot_source,
        last.moneyness,
        last.expiry_s,
        last.iv,
        first.iv,
        last.delta,
        sums.delta_notional,
    )


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
    size, price, sign, placement = mark.size, mark.price, mark.sign, mark.placement
    covered, spread = 0, None
    if mark.covered:
        covered = size
        spread = six(mark.ask - mark.bid)  # type: ignore[operator]
    burst.sizes = (size,)
    venue = mark.exchange
    return FlowPacket(
        burst.id,
        burst.due_ts,
        burst.contract,
        burst.underlying,
        burst.flag,
        mark.ts,
        mark.ts,
        (burst.due_ts - burst.start_ts) // NS_PER_MS,
        1,
        size,
        mark.premium,
        price,
        price,
        price,
        price,
        six(price),
        size if sign > 0 else 0,
        size if sign < 0 else 0,
        covered,
        1.0 if covered else 0.0,
        (mark.id,),
        size if placement == "above_ask" else 0,
        size if placement == "ask" else 0,
        size if placement == "inside" else 0,
        size if placement == "bid" else 0,
        size if placement == "below_bid" else 0,
        () if venue is None else (venue,),
        1 if mark.intermarket_sweep else 0,
        spread,
        mark.venue_book and covered > 0,
        burst.revision,
        None,
        0,
        None,
        None,
        None,
        None,
        None,
        (),
        False,
        bool(burst.suspects) and mark.id in burst.suspects,
        burst.conditions_known,
        mark.halted,
        mark.limit_state,
        burst.struck,
        mark.volume,
        mark.open_interest,
        mark.spot,
        mark.spot_source,
        mark.moneyness,
        mark.expiry_s,
        mark.iv,
        mark.iv,
        mark.delta,
        mark.delta_notional,
    )


def _parent(burst: Burst, marks: Sequence[PacketPrint], least_share: float) -> Parent:
    sums = _sum(marks)
    first = marks[0]
    side: Side = "none"
    if sums.covered and sums.share >= least_share:
        side = "buy" if sums.buy_size > sums.sell_size else "sell"
    return Parent(
        id=burst.aliases.get(first.id, parent_id(first.id)),
        start_ts=first.ts, end_ts=marks[-1].ts, count=len(marks), size=sums.size,
        premium=sums.premium, side=side,
        buy_size=sums.buy_size, sell_size=sums.sell_size, covered_size=sums.covered,
        price_first=first.price, price_last=marks[-1].price, price_low=sums.low, price_high=sums.high,
        vwap=sums.vwap, members=tuple(mark.id for mark in marks),
        above_ask_size=sums.above_ask, ask_size=sums.ask, inside_size=sums.inside, bid_size=sums.bid,
        below_bid_size=sums.below_bid, venues=sums.venues, intermarket_sweeps=sums.sweeps,
        delta_notional=sums.delta_notional,
    )  # fmt: skip


def _emptied(burst: Burst) -> FlowPacket:
    """All prints of the packet were struck out: what is left says so."""
    burst.sizes = ()
    return FlowPacket(
        id=burst.id, ts=burst.due_ts, contract=burst.contract, underlying=burst.underlying, flag=burst.flag,
        start_ts=burst.start_ts, end_ts=burst.start_ts, window_ms=(burst.due_ts - burst.start_ts) // NS_PER_MS,
        count=0, size=0, premium=0.0, price_first=0.0, price_last=0.0, price_low=0.0, price_high=0.0, vwap=0.0,
        buy_size=0, sell_size=0, covered_size=0, coverage=0.0, members=(), revision=burst.revision,
        conditions_known=burst.conditions_known, struck=burst.struck,
    )  # fmt: skip
