"""Packet: the burst of one contract within a time window of its first print, closed by the watermark.

Late, out-of-sequence and volume-only prints never join; prints of another flag (auction, cross, floor, complex,
stock-tied, extended hours) form packets of their own.
"""

from __future__ import annotations

from heapq import heappop, heappush

from msgspec import Struct

from events.derived import Flag, FlowPacket, MarkedPrint
from events.ids import packet_id
from events.types import NS_PER_MS
from operators.side import COUNTED_RULES
from operators.units import MICRO, dollars, micro, ratio, six

_NEVER_JOIN: frozenset[Flag] = frozenset(("late", "volume_only", "cancel", "correction"))


class OpenPacket(Struct, gc=False, array_like=True):
    """A packet that still takes prints; money in integer millionths of a dollar."""

    contract: str
    underlying: str
    flag: Flag
    start_ts: int
    due_ts: int
    end_ts: int
    members: list[str]
    price_first: float
    price_last: float
    price_low: float
    price_high: float
    multiplier: int | float | None
    size: int = 0
    notional: int = 0
    buy_size: int = 0
    sell_size: int = 0
    above_ask: int = 0
    ask: int = 0
    inside: int = 0
    bid: int = 0
    below_bid: int = 0
    spread_notional: int = 0
    venues: list[str] = []
    sweeps: int = 0
    venue_book: bool = False


class PacketState(Struct):
    """Open packets by contract (and flag, unless regular), and when each is due."""

    open: dict[str, OpenPacket] = {}
    #: (due time, packet id, key in `open`), a heap.
    due: list[tuple[int, str, str]] = []


def joins(marked: MarkedPrint) -> bool:
    """Tells whether a print may belong to a packet at all."""
    return not marked.arrived_late and not marked.reported_late and marked.flag not in _NEVER_JOIN


def join(
    state: PacketState, marked: MarkedPrint, notional: int, multiplier: int | float | None, window_ms: int
) -> None:
    """Adds a print to the open packet of its contract and flag, or opens one with it.

    `notional` is price times size without the multiplier, in millionths of a dollar.
    """
    flag = marked.flag
    key = marked.contract if flag == "regular" else f"{marked.contract}/{flag}"
    price, size, ts = marked.price, marked.size, marked.ts
    packet = state.open.get(key)
    if packet is None:
        due = ts + window_ms * NS_PER_MS
        packet = OpenPacket(
            marked.contract, marked.underlying, flag, ts, due, ts, [], price, price, price, price, multiplier
        )
        state.open[key] = packet
        heappush(state.due, (due, packet_id(marked.id), key))
    elif price < packet.price_low:
        packet.price_low = price
    elif price > packet.price_high:
        packet.price_high = price
    packet.members.append(marked.id)
    packet.end_ts = ts
    packet.price_last = price
    packet.size += size
    packet.notional += notional
    placement = marked.placement
    if marked.position is not None:
        _count_placement(packet, placement, size)
        packet.spread_notional += micro(marked.ask - marked.bid) * size  # type: ignore[operator]
        if marked.side_rule in COUNTED_RULES:
            if marked.side == "buy":
                packet.buy_size += size
            else:
                packet.sell_size += size
        if marked.book == "venue":
            packet.venue_book = True
    venue = marked.exchange
    if venue is not None and venue not in packet.venues:
        packet.venues.append(venue)
    if marked.intermarket_sweep:
        packet.sweeps += 1


def _count_placement(packet: OpenPacket, placement: str, size: int) -> None:
    if placement == "ask":
        packet.ask += size
    elif placement == "bid":
        packet.bid += size
    elif placement == "inside":
        packet.inside += size
    elif placement == "above_ask":
        packet.above_ask += size
    else:
        packet.below_bid += size


def close_due(state: PacketState, before_ts: int, out: list[FlowPacket]) -> None:
    """Closes every packet due strictly before `before_ts`, in (due time, id) order (contract 7)."""
    due = state.due
    while due and due[0][0] < before_ts:
        _, ident, key = heappop(due)
        out.append(_closed(ident, state.open.pop(key)))


def _closed(ident: str, packet: OpenPacket) -> FlowPacket:
    covered = packet.above_ask + packet.ask + packet.inside + packet.bid + packet.below_bid
    size, multiplier = packet.size, packet.multiplier
    # Positional, in the order of the type's fields, for speed as in the mark.
    return FlowPacket(
        ident,
        packet.due_ts,
        packet.contract,
        packet.underlying,
        packet.flag,
        packet.start_ts,
        packet.end_ts,
        (packet.due_ts - packet.start_ts) // NS_PER_MS,
        len(packet.members),
        size,
        None if multiplier is None else dollars(round(packet.notional * multiplier)),
        packet.price_first,
        packet.price_last,
        packet.price_low,
        packet.price_high,
        six(packet.notional / size / MICRO),
        packet.buy_size,
        packet.sell_size,
        covered,
        ratio(covered, size),
        tuple(packet.members),
        packet.above_ask,
        packet.ask,
        packet.inside,
        packet.bid,
        packet.below_bid,
        tuple(packet.venues),
        packet.sweeps,
        six(packet.spread_notional / covered / MICRO) if covered else None,
        packet.venue_book,
    )
