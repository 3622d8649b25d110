"""Subjects of cases: what a rule reads, made of what differs from a plain one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from events.derived import FlowPacket, Parent
from events.settings import Rules
from events.types import NS_PER_MS, NS_PER_S, Side
from events.verdicts import Leg, Structure
from operators.memory import Order
from operators.rules.subject import LookSubject, StructureSubject, orders_of, whole_of
from operators.work import Look
from tests.packets import T0, packet

Fields = dict[str, Any]
#: By the check that must fail: what just passes it, and what just does not.
Edges = dict[str, tuple[Fields, Fields]]
#: Seconds before the packet, strike, side, premium.
Row = tuple[float, float, str, float]


@dataclass(frozen=True, slots=True)
class Cases:
    """The cases of one rule."""

    rule: str
    true: Fields
    look_alikes: dict[str, Fields]
    edges: Edges = field(default_factory=dict)


def subject_of(reads: str, fields: Fields) -> Any:
    """Returns the subject that fields make, for a rule that reads such."""
    if reads == "structure":
        return StructureSubject(structure(**fields), Rules())
    if reads == "look":
        return look_at(**fields)
    fields = dict(fields)
    recent, taken = fields.pop("recent", ()), frozenset(fields.pop("taken", ()))
    each = _packet(**fields)
    if reads == "packet":
        return whole_of(each, taken, Rules())
    return orders_of(each, taken, Rules(), recent)[0]


def _packet(*, beside: int = 0, unsided: bool = False, **fields: Any) -> FlowPacket:
    """Returns a packet; `beside` contracts of it belong to a stranger on the other side.

    `unsided`: its order has too little on one side to have any, and one contract beside it is a stranger's.
    """
    each = packet(**{"spread": 0.1, "venues": ("C",)} | fields)
    if unsided:
        order, stranger = _parent(each, "pa:1", "none", each.size, each.premium), _parent(each, "pa:2", "buy", 1, 1.0)
        order.buy_size, order.sell_size, order.covered_size = each.buy_size, each.sell_size, each.covered_size
        order.ask_size, order.bid_size = each.ask_size, each.bid_size
        each.parents = (order, stranger)
    if beside:
        own: Side = "sell" if each.sell_size else "buy"
        other: Side = "buy" if own == "sell" else "sell"
        each.parents = (
            _parent(each, "pa:1", own, each.size, each.premium), _parent(each, "pa:2", other, beside, 1.0)
        )  # fmt: skip
        each.size, each.covered_size = each.size + beside, each.covered_size + beside
        each.buy_size += beside * (other == "buy")
        each.sell_size += beside * (other == "sell")
    return each


def _parent(of: FlowPacket, ident: str, side: Side, size: int, premium: float | None) -> Parent:
    bought = side == "buy"
    return Parent(
        id=ident, start_ts=of.start_ts, end_ts=of.end_ts, count=of.count, size=size, premium=premium, side=side,
        buy_size=size * bought, sell_size=size * (not bought), covered_size=size, price_first=of.vwap,
        price_last=of.vwap, price_low=of.vwap, price_high=of.vwap, vwap=of.vwap, members=(ident,),
        ask_size=size * bought, bid_size=size * (not bought), venues=of.venues,
        intermarket_sweeps=of.intermarket_sweeps,
    )  # fmt: skip


def orders(*rows: Row, contract: str = "SPY260116C00450000") -> tuple[Order, ...]:
    """Returns orders by (seconds before the packet, strike, side, premium)."""
    now = T0 + 500 * NS_PER_MS
    return tuple(
        Order(now - round(ago * NS_PER_S), contract, strike, side, premium, 20, 2, f"pk:{number}")  # type: ignore[arg-type]
        for number, (ago, strike, side, premium) in enumerate(rows)
    )  # fmt: skip


def structure(
    kind: str = "straddle", name: str = "long straddle", legs: tuple[tuple[str, Side], ...] = (), **fields: Any
) -> Structure:
    """Returns a structure under complex conditions; legs are (contract, side)."""
    wanted = legs or (("SPY260116C00450000", "buy"), ("SPY260116P00450000", "buy"))
    made = tuple(
        Leg(f"pa:{n}", f"pk:{n}", contract, side, 100, 1, 10.0, 100_000.0) for n, (contract, side) in enumerate(wanted)
    )
    plain: Fields = {
        "id": "st:pa:0", "ts": T0, "underlying": "SPY", "kind": kind, "name": name, "legs": made, "start_ts": T0,
        "end_ts": T0, "size": 100, "net_premium": 200_000.0, "gross_premium": 200_000.0, "payer": "debit",
        "confidence": 0.95, "evidence": "conditions",
    }  # fmt: skip
    return Structure(**plain | fields)


def look_at(
    *, direction: Any = "bullish", premium: float | None = 100_000.0, iv: float | None = 0.2, **fields: Any
) -> Any:
    plain: Fields = {
        "packet_id": "pk:p1", "underlying": "SPY", "ts": T0 + 300 * NS_PER_S, "after_s": 300, "mark_then": 10.0,
        "mark_now": 9.0, "mark_high": 10.0, "mark_low": 9.0, "spot_then": 100.0, "spot_now": 99.0, "spot_high": 100.0,
        "spot_low": 99.0,
    }  # fmt: skip
    return LookSubject(Look(**plain | fields), direction, premium, iv, Rules())
