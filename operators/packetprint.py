"""Packet print: what a packet keeps of a marked print, so that it can be summed up, and summed up again without it.

Packets are held for minutes, for cancels (contract 19), by the million: so it is flat, holds no more than a packet is
made of, and is its own form in a snapshot.
"""

from __future__ import annotations

from msgspec import Struct

from events.derived import MarkedPrint, SpotSource
from events.types import Placement
from operators.side import COUNTED_RULES


class PacketPrint(Struct, gc=False, array_like=True):
    """One print of a packet; fields of the same name are those of its mark."""

    id: str
    ts: int
    order_ts: int
    price: float
    size: int
    premium: float | None
    exchange: str | None
    intermarket_sweep: bool
    placement: Placement
    #: It has a placement against a usable quote, rather than the fault that took one from it.
    covered: bool
    #: 1 where it counts as a buy, -1 as a sell, 0 as neither.
    sign: int
    bid: float | None
    ask: float | None
    bid_size: int | None
    ask_size: int | None
    #: A rule has named a side, though it may not count.
    sided: bool
    #: Its quote was one venue's.
    venue_book: bool
    halted: bool
    volume: int
    delta_notional: float | None
    open_interest: int | None
    expiry_s: int | None
    spot: float | None
    spot_source: SpotSource | None
    moneyness: float | None
    iv: float | None
    delta: float | None


def packet_print(mark: MarkedPrint) -> PacketPrint:
    """Returns what a packet keeps of a mark."""
    rule = mark.side_rule
    covered = mark.position is not None
    # Positional, in the order of the type's fields: keywords would cost four times as much.
    return PacketPrint(
        mark.id,
        mark.ts,
        mark.order_ts,
        mark.price,
        mark.size,
        mark.premium,
        mark.exchange,
        mark.intermarket_sweep,
        mark.placement,
        covered,
        sign_of(mark.side, rule) if covered else 0,
        mark.bid,
        mark.ask,
        mark.bid_size,
        mark.ask_size,
        rule != "none",
        mark.book == "venue",
        mark.halted,
        mark.volume,
        mark.delta_notional,
        mark.open_interest,
        mark.expiry_s,
        mark.spot,
        mark.spot_source,
        mark.moneyness,
        mark.iv,
        mark.delta,
    )


def sign_of(side: str, rule: str) -> int:
    """Returns 1 for a buy, -1 for a sell, 0 where there is no side or the rule that named it does not count."""
    if rule not in COUNTED_RULES:
        return 0
    return 1 if side == "buy" else -1
