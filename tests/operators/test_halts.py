"""Halts and limit states: each source of one ends its own, and no end shortens the quiet that another asked for."""

from __future__ import annotations

from typing import Any

import pytest

from events.derived import FlowPacket
from events.raw import EquityQuote, OptionQuote, Reference
from operators.partition_state import UnderlyingsState
from operators.rules.common import trading_checks
from operators.underlyings import Underlyings
from tests.operators.rules.subjects import look_at, structure
from tests.packets import packet
from tests.prints import Partition, at, packets_in, quote, trade

_CALL = "AAPL260220C00200000"
_QUIET_MS = 1000


def _stock(ms: float, condition: str | None = None, limit_state: bool | None = None) -> EquityQuote:
    return EquityQuote(ts=at(ms), symbol="AAPL", bid=199.9, ask=200.1, condition=condition, limit_state=limit_state)


def _fact(ms: float, kind: Any, instrument: str = "AAPL") -> Reference:
    return Reference(ts=at(ms), kind=kind, instrument=instrument)


def _option(ms: float, condition: str | None = None, contract: str = _CALL, **fields: Any) -> OptionQuote:
    return quote(ms, contract=contract, condition=condition, **fields)


def _seen(*events: Any) -> list[tuple[bool, bool]]:
    """Returns what the marks of the prints among some events say, of halts and limit states; a number is a print."""
    partition = Partition(halt_quiet_ms=_QUIET_MS)
    found: list[tuple[bool, bool]] = []
    for event in events:
        one = trade(event, 5.0, contract=_CALL) if isinstance(event, int) else event
        marks = partition(one, late_ms=max(partition.offset, 1) * 100_000).marks
        found += [(mark.halted, mark.limit_state) for mark in marks]
    return found


def _halted(*events: Any) -> list[bool]:
    return [halted for halted, _ in _seen(*events)]


def _limited(*events: Any) -> list[bool]:
    """Returns what the prints say of limit states; none of them says that it is halted."""
    assert not any(_halted(*events))
    return [limited for _, limited in _seen(*events)]


@pytest.mark.parametrize("said", ["", "APL"])
def test_a_fact_about_a_contract_is_about_its_underlying_whatever_it_calls_it(said: str) -> None:
    fact = Reference(ts=at(0), kind="halt", instrument=_CALL, underlying=said)
    assert _halted(fact, 10) == [True]


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
        (_option(4000, "T"), _option(5000), _fact(4000, "resume")),
        (_fact(0, "halt"), _option(4500, "T"), _option(5000), _fact(4000, "resume")),
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


#  ms   0 T          1000 quiet would be over          6000 plain     7000
def test_an_option_whose_quote_says_halted_is_halted_until_its_next_quote_and_for_a_time_behind_it() -> None:
    assert _halted(_option(0, "T"), 999, 5000, _option(6000), 6999, 7000) == [True, True, True, False]


@pytest.mark.parametrize(
    "other",
    [
        _option(6000, contract="AAPL260220P00200000"), _option(-1), _option(6000, book="venue"), _option(6000, "T"),
        _stock(6000), _fact(6000, "resume"),
    ],
    ids=["of another option", "late", "of one venue", "halted still", "of the stock", "a fact"],
)  # fmt: skip
def test_nothing_but_its_own_next_quote_ends_what_an_option_said(other: Any) -> None:
    assert _halted(_option(0, "T"), other, 7000, 90_000) == [True, True]


@pytest.mark.parametrize("contract", [_CALL, "AAPL260220P00200000"])
def test_a_halt_of_options_is_over_with_the_last_of_them(contract: str) -> None:
    put = "AAPL260220P00200000"
    first = put if contract == _CALL else _CALL
    halted = (_option(0, "T"), _option(1, "T", put))
    ended = (_option(2000, None, first), 3500, _option(4000, None, contract), 4999, 5000)
    assert _halted(*halted, *ended) == [True, True, False]


def test_a_late_word_of_a_halt_that_is_over_asks_for_quiet_and_no_more() -> None:
    assert _halted(_option(500), _option(400, "T"), 1399, 1400) == [True, False]


#  Thursday 10:00 T      24:00      Friday 10:00 plain
def test_what_an_option_said_is_over_with_its_trade_date_for_it_may_have_no_next_quote() -> None:
    midnight, friday = 14 * 3_600_000, 24 * 3_600_000
    before = (_option(0, "T"), _option(1, "T", "AAPL260220P00200000"), midnight - 1, midnight)
    assert _halted(*before) == [True, False]
    # The first quote of the next is where trading goes on; those that come later in the day end nothing.
    after = (_option(friday), friday + 999, friday + 1000, _option(friday + 2000, None, "AAPL260220P00200000"))
    assert _halted(*before, *after, friday + 2001) == [True, False, True, False, False]


@pytest.mark.parametrize("kind", ["definition", "open_interest"])
def test_a_fact_of_another_kind_is_no_end_of_a_halt(kind: str) -> None:
    underlyings = Underlyings(UnderlyingsState(), {})
    underlyings.fact(_fact(0, "halt"), 0)
    underlyings.fact(_fact(1, kind), 0)
    assert list(underlyings.state.by_symbol["AAPL"].halts_told) == ["AAPL"]


#  ms   0 limit state       5000 no word       6000
@pytest.mark.parametrize("after", [None, False])
def test_a_limit_state_that_a_quote_says_stands_until_another_and_is_no_halt(after: bool | None) -> None:
    events = (_stock(0, limit_state=True), 1, 4999, _stock(5000, limit_state=after), 5999, 6000)
    assert _limited(*events) == [True, True, True, False]


def test_a_limit_state_told_as_a_fact_stands_until_its_end_is_told() -> None:
    events = (_fact(0, "limit_state"), 1, _stock(10, limit_state=True), _stock(20), 4999)
    assert _limited(*events, _fact(5000, "limit_state_end"), 5999, 6000) == [True, True, True, False]


def test_what_ends_a_halt_ends_no_limit_state() -> None:
    events = (_fact(0, "limit_state"), _fact(1, "resume"), 5000, _fact(5001, "limit_state_end"), 7000)
    assert _limited(*events) == [True, False]


#  ms   0 limit state ---- 15 paused ------------ 5000 trades again ---- 6000
def test_a_limit_state_that_was_told_ends_where_the_pause_that_it_leads_to_is_told() -> None:
    events = (_fact(0, "limit_state"), 10, _fact(15, "halt"), 20, 2000, _fact(5000, "resume"), 5999, 6000)
    assert _seen(*events) == [(False, True), (True, True), (True, False), (True, False), (False, False)]


def test_an_earlier_end_of_a_limit_state_ends_none_of_a_later_time_and_shortens_no_quiet() -> None:
    told = (_fact(5000, "limit_state"), _fact(4000, "limit_state_end"), 8000)
    assert _limited(*told, _fact(9000, "limit_state_end"), _fact(8500, "limit_state_end"), 9999, 10_000) == [
        True, True, False,
    ]  # fmt: skip


def test_a_late_quote_says_nothing_of_a_limit_state() -> None:
    assert _limited(_stock(10, limit_state=True), _stock(5), 11, _stock(20), _stock(15, limit_state=True), 5000) == [
        True, False,
    ]  # fmt: skip


def test_a_packet_is_in_a_limit_state_where_one_of_its_prints_is() -> None:
    partition = Partition(halt_quiet_ms=_QUIET_MS)
    packets: list[FlowPacket] = []
    for event in (
        trade(0), trade(100), EquityQuote(ts=at(150), symbol="SPY", bid=1, ask=2, limit_state=True),
        trade(200), EquityQuote(ts=at(300), symbol="SPY", bid=1, ask=2), trade(1000), trade(3000), trade(9000),
    ):  # fmt: skip
        packets += packets_in(partition(event))
    assert [(each.count, each.halted, each.limit_state) for each in packets] == [
        (3, False, True), (1, False, True), (1, False, False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "said"), [({"halted": True}, ["halted"]), ({"limit_state": True}, ["limit state"]), ({}, [])]
)
def test_explain_calls_a_limit_state_by_its_name_and_speaks_of_none_that_nobody_told(
    fields: dict[str, Any], said: list[str]
) -> None:
    """The checks are what `undertow explain` shows."""
    about = (packet(**fields), structure(**fields), look_at(**fields).look)
    checks = [each for one in about for each in trading_checks(one)]
    assert [each.name for each in checks if not each.passed] == 3 * said
    assert {each.name for each in checks} == {"halted", *said}
