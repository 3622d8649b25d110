"""Parents of a packet as rules and structures read them: those that could be told apart, else the packet as one."""

from __future__ import annotations

from collections.abc import Sequence

from events.derived import FlowPacket, Parent
from events.ids import parent_id
from events.types import Side
from operators.units import micro, ratio, total

#: Flags of legs: what prints under them belongs to an order by its condition.
OF_ORDERS = ("complex", "stock_tied")


def parents_of(packet: FlowPacket) -> tuple[Parent, ...]:
    """Returns the packet's parents, the packet as a whole where they were not told apart; none when it is empty."""
    if packet.parents or not packet.members:
        return packet.parents
    return (
        # Positional, in the order of the type's fields. As the packet, it keeps its id when the print that gave it is
        # struck out (contract 19).
        Parent(
            parent_id(packet.id.removeprefix("pk:")),
            packet.start_ts,
            packet.end_ts,
            packet.count,
            packet.size,
            packet.premium,
            _side(packet),
            packet.buy_size,
            packet.sell_size,
            packet.covered_size,
            packet.price_first,
            packet.price_last,
            packet.price_low,
            packet.price_high,
            packet.vwap,
            packet.members,
            packet.above_ask_size,
            packet.ask_size,
            packet.inside_size,
            packet.bid_size,
            packet.below_bid_size,
            packet.venues,
            packet.intermarket_sweeps,
            packet.delta_notional,
        ),
    )


def _side(packet: FlowPacket) -> Side:
    """A mixed packet has no side; else the one with more size."""
    if packet.mixed or packet.buy_size == packet.sell_size:
        return "none"
    return "buy" if packet.buy_size > packet.sell_size else "sell"


def by_side(parents: Sequence[Parent]) -> tuple[Parent, ...]:
    """Joins parents of one side: fills of a complex order pause as they please, and stay one leg."""
    sides: dict[Side, list[Parent]] = {}
    for parent in parents:
        sides.setdefault(parent.side, []).append(parent)
    return tuple(each[0] if len(each) == 1 else as_one(each) for each in sides.values())


def as_one(parents: Sequence[Parent]) -> Parent:
    """Adds parents up; money in integers, so that the order of adding does not show."""
    first, last = parents[0], parents[-1]
    size = sum(p.size for p in parents)
    premiums, deltas = [p.premium for p in parents], [p.delta_notional for p in parents]
    buy, sell = sum(p.buy_size for p in parents), sum(p.sell_size for p in parents)
    return Parent(
        id=first.id, start_ts=min(p.start_ts for p in parents), end_ts=max(p.end_ts for p in parents),
        count=sum(p.count for p in parents), size=size,
        premium=None if None in premiums else total(p or 0.0 for p in premiums),
        side="none" if buy == sell else "buy" if buy > sell else "sell", buy_size=buy, sell_size=sell,
        covered_size=sum(p.covered_size for p in parents), price_first=first.price_first, price_last=last.price_last,
        price_low=min(p.price_low for p in parents), price_high=max(p.price_high for p in parents),
        vwap=ratio(sum(micro(p.vwap) * p.size for p in parents), size * 1_000_000),
        members=tuple(member for p in parents for member in p.members),
        above_ask_size=sum(p.above_ask_size for p in parents), ask_size=sum(p.ask_size for p in parents),
        inside_size=sum(p.inside_size for p in parents), bid_size=sum(p.bid_size for p in parents),
        below_bid_size=sum(p.below_bid_size for p in parents),
        venues=tuple(sorted({venue for p in parents for venue in p.venues})),
        intermarket_sweeps=sum(p.intermarket_sweeps for p in parents),
        delta_notional=None if None in deltas else total(d or 0.0 for d in deltas),
    )  # fmt: skip
