"""Prints and quotes of one contract around one time, and a partition to step them through."""

from __future__ import annotations

from typing import Any

from events.derived import FlowPacket, MarkedPrint
from events.raw import OptionPrint, OptionQuote
from events.settings import Rules
from events.types import NS_PER_MS
from operators.merge import CONTROL_RANK
from operators.merge_state import Item
from operators.partition_state import PartitionState
from operators.partition_step import PartitionStep, Stepped, dump, load
from operators.work import Revised, Waiting

T0 = 1_768_489_200_000_000_000
SPY, ADJUSTED = "SPY260116C00450000", "MSFT1260116C00400000"
_FACT, _PRINT, _QUOTE = 0, 1, 3
#: Ranks of the raw topics, by the type that travels in them.
RANKS = {"Reference": _FACT, "OptionPrint": _PRINT, "EquityPrint": 2, "OptionQuote": _QUOTE, "EquityQuote": 4}


def at(ms: float) -> int:
    """Returns a time of the tests, ns."""
    return T0 + round(ms * NS_PER_MS)


def quote(ms: float, bid: float | None = 1.0, ask: float | None = 1.2, **fields: Any) -> OptionQuote:
    """Returns a quote of 1.00 to 1.20."""
    return OptionQuote(ts=at(ms), contract=fields.pop("contract", SPY), bid=bid, ask=ask, **fields)


def trade(ms: float, price: float = 1.2, size: int = 3, **fields: Any) -> OptionPrint:
    """Returns a print of 3 at 1.20."""
    return OptionPrint(id=f"p{ms}", ts=at(ms), contract=fields.pop("contract", SPY), price=price, size=size, **fields)


def packets_in(stepped: Stepped) -> list[FlowPacket]:
    """Returns the packets among what a step hands on, those that wait too."""
    return [
        work.packet if isinstance(work, Waiting | Revised) else work
        for work in stepped.work
        if isinstance(work, FlowPacket | Waiting | Revised)
    ]


class Partition:
    """A partition whose events come in tape order; `late_ms` gives an event a later order time than its own."""

    def __init__(self, **rules: Any) -> None:
        self.step = PartitionStep(PartitionState(), Rules(**rules))
        self.offset = 0

    def __call__(self, event: Any, late_ms: float | None = None) -> Stepped:
        rank = RANKS.get(type(event).__name__, CONTROL_RANK + _QUOTE)
        order_ts = event.ts if late_ms is None else at(late_ms)
        self.offset += 1
        item: Item = (order_ts, 0, rank, "", self.offset, event)
        # Between any two events the state goes through its bytes, as in a restart.
        self.step.state = load(dump(self.step.state))
        return self.step.step([item], order_ts)


def marked(*events: Any, **rules: Any) -> MarkedPrint:
    """Returns the mark of the last event, a print."""
    partition = Partition(**rules)
    return [partition(event) for event in events][-1].marks[0]
