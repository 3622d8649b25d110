"""Halts: each source of one ends its own, and no end shortens the quiet that another asked for."""

from __future__ import annotations

from typing import Any

import pytest

from events.raw import EquityQuote, Reference
from operators.partition_state import UnderlyingsState
from operators.underlyings import Underlyings
from tests.prints import Partition, at, quote, trade

_CALL = "AAPL260220C00200000"
_QUIET_MS = 1000


def _stock(ms: float, condition: str | None = None) -> EquityQuote:
    return EquityQuote(ts=at(ms), symbol="AAPL", bid=199.9, ask=200.1, condition=condition)


def _fact(ms: float, kind: Any, instrument: str = "AAPL") -> Reference:
    return Reference(ts=at(ms), kind=kind, instrument=instrument)


def _halted(*events: Any) -> list[bool]:
    """Returns what the marks of the prints among some events say; a time alone is a print of that ms."""
    partition = Partition(halt_quiet_ms=_QUIET_MS)
    found: list[bool] = []
    for event in events:
        one = trade(event, 5.0, contract=_CALL) if isinstance(event, int) else event
        found += [mark.halted for mark in partition(one, late_ms=max(partition.offset, 1) * 100_000).marks]
    return found


#  ms   0 told   10 P   20 plain      1500       2000 told to trade     3000
def test_a_quote_that_clears_its_condition_ends_no_halt_that_was_told_as_a_fact() -> None:
    events = (_fact(0, "halt"), _stock(10, "P"), _stock(20), 1500, _fact(2000, "resume"), 2999, 3000)
    assert _halted(*events) == [True, True, False]


def test_a_fact_that_trading_resumed_ends_no_halt_that_the_quote_still_says() -> None:
    events = (_stock(0, "P"), _fact(10, "halt"), _fact(20, "resume"), 5000, _stock(6000), 6999, 7000)
    assert _halted(*events) == [True, True, False]


@pytest.mark.parametrize(
    "events",
    [
        (_stock(0, "P"), _stock(5000), _fact(4000, "resume")),
        (_fact(0, "halt"), _fact(5000, "resume"), _fact(4000, "resume")),
        (quote(5000, contract=_CALL, condition="T"), _fact(4000, "resume")),
        (_fact(0, "halt"), quote(5000, contract=_CALL, condition="T"), _fact(4000, "resume")),
        (_fact(0, "halt"), _fact(5000, "resume"), _stock(3000, "P"), _stock(4000)),
    ],
)
def test_an_earlier_end_does_not_shorten_the_quiet_behind_a_later_one(events: tuple[Any, ...]) -> None:
    assert _halted(*events, 5999, 6000) == [True, False]


def test_the_end_of_a_halt_before_does_not_end_the_one_in_force() -> None:
    assert _halted(_fact(5000, "halt"), _fact(4000, "resume"), 8000, _fact(9000, "resume"), 10_000) == [True, False]


def test_a_contract_that_trades_again_ends_no_halt_of_its_stock() -> None:
    events = (_fact(0, "halt"), _fact(1, "halt", _CALL), _fact(2, "resume", _CALL), 5000, _fact(6000, "resume"), 7000)
    assert _halted(*events) == [True, False]


@pytest.mark.parametrize("kind", ["definition", "open_interest"])
def test_a_fact_of_another_kind_is_no_end_of_a_halt(kind: str) -> None:
    underlyings = Underlyings(UnderlyingsState(), {})
    underlyings.fact(_fact(0, "halt"), 0)
    underlyings.fact(_fact(1, kind), 0)
    assert list(underlyings.state.by_symbol["AAPL"].halts_told) == ["AAPL"]
