"""Packet print: what a packet keeps of a marked print, so that it can be summed up, and summed up again without it.

Packets are held for minutes, for cancels (contract 19), by the million: so it is flat, holds no more than a packet is
made of, and is its own form in a snapshot.
"""

from __future__ import annotations

from events.derived import MarkedPrint
from operators.partition_state import PacketPrint
from operators.side import COUNTED_RULES


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
        mark.limit_state,
    )


def sign_of(side: str, rule: str) -> int:
    """Returns 1 for a buy, -1 for a sell, 0 where there is no side or the rule that named it does not count."""
    if rule not in COUNTED_RULES:
        return 0
    return 1 if side == "buy" else -1
