"""Parents of a packet as rules and structures read them: those that could be told apart, else the packet as one."""

from __future__ import annotations

from events.derived import FlowPacket, Parent
from events.ids import parent_id
from events.types import Side


def parents_of(packet: FlowPacket) -> tuple[Parent, ...]:
    """Returns the packet's parents, the packet as a whole where they were not told apart; none when it is empty."""
    if packet.parents or not packet.members:
        return packet.parents
    return (
        Parent(
            # As the packet, it keeps its id when the print that gave it is struck out (contract 19).
            id=parent_id(packet.id.removeprefix("pk:")),
            start_ts=packet.start_ts,
            end_ts=packet.end_ts,
            count=packet.count,
            size=packet.size,
            premium=packet.premium,
            side=_side(packet),
            buy_size=packet.buy_size,
            sell_size=packet.sell_size,
            covered_size=packet.covered_size,
            price_first=packet.price_first,
            price_last=packet.price_last,
            price_low=packet.price_low,
            price_high=packet.price_high,
            vwap=packet.vwap,
            members=packet.members,
            above_ask_size=packet.above_ask_size,
            ask_size=packet.ask_size,
            inside_size=packet.inside_size,
            bid_size=packet.bid_size,
            below_bid_size=packet.below_bid_size,
            venues=packet.venues,
            intermarket_sweeps=packet.intermarket_sweeps,
            delta_notional=packet.delta_notional,
        ),
    )


def _side(packet: FlowPacket) -> Side:
    """A mixed packet has no side; else the one with more size."""
    if packet.mixed or packet.buy_size == packet.sell_size:
        return "none"
    return "buy" if packet.buy_size > packet.sell_size else "sell"
