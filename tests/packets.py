"""Packets made by hand, for what judges them."""

from __future__ import annotations

from typing import Any

from events.contracts import parse_contract
from events.derived import FlowPacket
from events.settings import Rules
from events.types import NS_PER_MS
from operators.rules.subject import Subject, orders_of, whole_of

T0 = 1_768_489_200_000_000_000
CALL, PUT = "SPY260116C00450000", "SPY260116P00450000"


def packet(**fields: Any) -> FlowPacket:
    """Returns a bought, fully covered packet of one call without a baseline, changed as asked."""
    contract = fields.get("contract", CALL)
    size = fields.get("size", 100)
    plain: dict[str, Any] = {
        "id": "pk:p1", "ts": T0 + 500 * NS_PER_MS, "contract": contract, "flag": "regular", "start_ts": T0,
        "underlying": parse_contract(contract).underlying, "end_ts": T0 + 40 * NS_PER_MS, "window_ms": 500, "count": 5,
        "size": size, "premium": 100_000.0, "price_first": 10.0, "price_last": 10.0, "price_low": 10.0,
        "price_high": 10.0, "vwap": 10.0, "buy_size": size, "sell_size": 0, "covered_size": size, "coverage": 1.0,
        "members": ("p1",),
        "ask_size": fields.get("buy_size", size), "bid_size": fields.get("sell_size", 0),
    }  # fmt: skip
    return FlowPacket(**plain | fields)


def order(rules: Rules | None = None, recent: Any = (), **fields: Any) -> Subject:
    """Returns the packet's only order, as rules read it."""
    (subject,) = orders_of(packet(**fields), frozenset(), rules or Rules(), recent)
    return subject


def whole(rules: Rules | None = None, **fields: Any) -> Subject:
    """Returns the packet as a whole, as rules read it."""
    subject = whole_of(packet(**fields), frozenset(), rules or Rules())
    assert subject is not None
    return subject
