"""Vicinity: what the step by partition remembers of one underlying, for minutes at most (contract 10)."""

from __future__ import annotations

from typing import Final

from events.derived import MarkedPrint
from events.verdicts import Structure
from operators.partition_state import Burst, PacketPrint, Vicinity

#: Stock prints that may be a leg's hedge are remembered so long, and so many of them.
STOCK_NS: Final = 10_000_000_000
MOST_STOCK: Final = 256


def take_stock(vicinity: Vicinity, ts: int, shares: float, price: float) -> None:
    """Remembers an equity print that was tied to options."""
    stock = vicinity.stock
    stock.append((ts, shares, price))
    while stock[0][0] < ts - STOCK_NS or len(stock) > MOST_STOCK:
        stock.pop(0)


def take_loose(vicinity: Vicinity, marked: MarkedPrint, kept: PacketPrint) -> None:
    """Remembers a print that joins no packet: a cancel may mean it rather than one that did."""
    ts = marked.order_ts
    vicinity.closed.append(Burst("", marked.contract, marked.underlying, marked.flag, ts, ts, [kept]))


def take_structures(vicinity: Vicinity, structures: list[Structure], before_ts: int) -> None:
    """Remembers structures, and forgets those found before a time."""
    known = vicinity.structures
    known += structures
    while known and known[0].ts < before_ts:
        known.pop(0)
