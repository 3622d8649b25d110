"""What the underlying is worth at a print: its own quote placed as an option's is, else parity, else nothing; halts."""

from __future__ import annotations

import math
from typing import Any

import pytest

from events.contracts import parse_contract
from events.control import Control
from events.raw import EquityQuote, Reference
from events.sessions import settles_at
from events.types import NS_PER_S
from operators.merge import CONTROL_RANK
from operators.merge_state import Item
from operators.spot import YEAR_S
from tests.prints import T0, Partition, at, quote, trade

_CALL = "AAPL260220C00200000"
_INDEX = "SPXW260220"


def _stock(ms: float, bid: float | None = 199.9, ask: float | None = 200.1, **fields: Any) -> EquityQuote:
    return EquityQuote(ts=at(ms), symbol="AAPL", bid=bid, ask=ask, **fields)


def _seen(*events: Any, **rules: Any) -> tuple[float | None, str | None]:
    partition = Partition(**rules)
    mark = [partition(event) for event in events][-1].marks[0]
    return mark.spot, mark.spot_source


def _trade(ms: float, **fields: Any) -> Any:
    return trade(ms, 5.0, contract=_CALL, **fields)


@pytest.mark.parametrize(
    ("bid", "ask", "condition", "age_ms", "spot"),
    [
        (199.9, 200.1, None, 5000, 200.0), (199.9, 200.1, "R", 1, 200.0), (199.9, 200.1, None, 5000.000001, None),
        (200.1, 200.1, None, 1, None), (200.2, 200.1, None, 1, None), (None, 200.1, None, 1, None),
        (199.9, None, None, 1, None), (0.0, 200.1, None, 1, None), (199.9, 200.1, "N", 1, None),
        (199.9, 200.1, "L", 1, None), (199.9, 200.1, "P", 1, None),
    ],
)  # fmt: skip
def test_the_spot_is_the_mid_of_a_usable_quote(
    bid: float | None, ask: float | None, condition: str | None, age_ms: float, spot: float | None
) -> None:
    found = _seen(_stock(0, bid, ask, condition=condition), _trade(age_ms))
    assert found == (spot, None if spot is None else "equity")


def test_the_last_quote_before_the_print_decides_and_no_earlier_one() -> None:
    assert _seen(_stock(0), _stock(5, 201.0, 201.0), _trade(6)) == (None, None)
    assert _seen(_stock(0), _stock(5, 200.9, 201.1), _trade(6)) == (201.0, "equity")


#  ms   0    5
#       Q    P Q'      the quote of the print's own instant comes behind it
def test_a_quote_of_the_prints_own_instant_is_not_used() -> None:
    partition = Partition()
    items: list[Item] = [
        (at(0), 0, 4, "AAPL", 1, _stock(0)), (at(5), 0, 1, _CALL, 1, _trade(5)),
        (at(5), 0, 4, "AAPL", 2, _stock(5, 210, 211)),
    ]  # fmt: skip
    assert [mark.spot for mark in partition.step.step(items, at(6)).marks] == [200.0]


def test_a_late_quote_and_one_venues_book_do_not_replace_a_newer_national_best() -> None:
    partition = Partition()
    partition(_stock(10))
    partition(_stock(5, 190, 191), late_ms=11)
    partition(_stock(12, 150, 151, book="venue"))
    assert partition(_trade(13)).marks[0].spot == 200.0


def test_a_quote_that_stands_is_used_until_a_gap() -> None:
    partition = Partition()
    feed = Control(control="feed", ts=at(0), source="alpaca", quotes="every_change")
    partition.step.step([(at(0), 0, CONTROL_RANK + 4, "", 0, feed)], at(0))
    partition(_stock(1, source="alpaca"))
    assert partition(_trade(60_000)).marks[0].spot == 200.0
    gap = Control(control="gap", ts=at(60_001), from_ts=at(1), to_ts=at(2))
    partition.step.step([(at(60_001), 0, CONTROL_RANK + 4, "", 1, gap)], at(60_001))
    assert partition(_trade(60_002)).marks[0].spot is None


@pytest.mark.parametrize("fields", [{"conditions": ("B",)}, {"conditions": ("t",)}, {"kind": "cancel"}])
def test_a_print_whose_price_is_not_of_its_instant_has_no_values(fields: dict[str, Any]) -> None:
    assert _seen(_stock(0), _trade(1, **fields)) == (None, None)


def test_a_print_that_arrived_late_has_no_values() -> None:
    partition = Partition()
    partition(_stock(0))
    mark = partition(_trade(1), late_ms=50).marks[0]
    assert (mark.arrived_late, mark.spot, mark.iv) == (True, None, None)


def _pairs(forward: float, ms: float = 0, half: float = 0.2, skip: tuple[int, ...] = ()) -> list[Any]:
    """Quotes of calls and puts that hold parity at a forward, one ms apart."""
    years = (settles_at(parse_contract(f"{_INDEX}C05000000")) - at(ms)) / NS_PER_S / YEAR_S
    events = []
    for number, strike in enumerate(range(4900, 5101, 25)):
        for right in "CP":
            if strike in skip and right == "P":
                continue
            call = 40 + max(forward - strike, 0)
            worth = call if right == "C" else call - (forward - strike) * math.exp(-0.04 * years)
            contract = f"{_INDEX}{right}{strike * 1000:08d}"
            events.append(quote(ms + number / 100, worth - half, worth + half, contract=contract))
    return events


def _index_trade(ms: float) -> Any:
    return trade(ms, 45.0, contract=f"{_INDEX}C05000000")


def test_an_index_has_the_forward_that_its_near_strikes_imply() -> None:
    spot, source = _seen(*_pairs(5012.5), _index_trade(10))
    assert source == "parity"
    assert spot == pytest.approx(5012.5, abs=0.01)


def test_one_broken_pair_does_not_move_the_forward() -> None:
    broken = quote(5, 140.0, 140.4, contract=f"{_INDEX}C05000000")
    spot, _ = _seen(*_pairs(5012.5), broken, _index_trade(10))
    assert spot == pytest.approx(5012.5, abs=0.01)


@pytest.mark.parametrize(
    ("pairs", "at_ms"),
    [
        (_pairs(5012.5, skip=tuple(range(4900, 5101, 25))), 10),  # calls alone
        (_pairs(5012.5), 5200),  # too old
        (_pairs(5012.5, half=30.0), 10),  # too wide to say anything
        ([], 10),
    ],
)
def test_without_usable_pairs_there_is_no_spot(pairs: list[Any], at_ms: float) -> None:
    assert _seen(*pairs, _index_trade(at_ms)) == (None, None)


def test_the_forward_follows_the_quotes_and_survives_a_restart() -> None:
    partition = Partition()
    for event in _pairs(5000.0):
        partition(event)
    first = partition(_index_trade(10)).marks[0].spot
    for event in _pairs(5020.0, 20):
        partition(event)
    soon, later = (partition(_index_trade(ms)).marks[0].spot for ms in (50, 200))
    assert first == soon == pytest.approx(5000.0, abs=0.01)
    assert later == pytest.approx(5020.0, abs=0.01)


def test_a_stock_quote_that_cannot_be_used_leaves_it_to_parity() -> None:
    pairs = [
        quote(0, 6.9, 7.1, contract="AAPL260220C00200000"), quote(0, 5.9, 6.1, contract="AAPL260220P00200000"),
    ]  # fmt: skip
    spot, source = _seen(*pairs, _stock(1, 200.0, 200.0), _trade(2))
    assert source == "parity"
    assert spot == pytest.approx(201.0, abs=0.01)


def _fact(ms: float, kind: Any, **fields: Any) -> Reference:
    return Reference(ts=at(ms), kind=kind, instrument=fields.pop("instrument", "AAPL"), **fields)


def test_prints_within_a_halt_and_five_minutes_after_it_say_so() -> None:
    partition = Partition()
    halted = []
    for event in (
        _trade(0), _fact(1, "halt"), _trade(2), _trade(900_000), _fact(900_001, "resume"), _trade(1_200_000),
        _trade(1_200_001), trade(1_200_002),
    ):  # fmt: skip
        halted += [mark.halted for mark in partition(event).marks]
    assert halted == [False, True, True, True, False, False]


def test_a_halted_options_quote_keeps_an_underlying_quiet() -> None:
    partition = Partition(halt_quiet_ms=1000)
    partition(quote(0, contract=_CALL, condition="T"))
    assert [partition(_trade(ms)).marks[0].halted for ms in (999, 1000)] == [True, True]
    assert not partition(trade(1000)).marks[0].halted


#  ms   0 halted ------------------ 5000 plain ------- 6000
def test_a_halted_stocks_quote_stands_until_another_and_a_time_behind_it_is_quiet_too() -> None:
    partition = Partition(halt_quiet_ms=1000)
    halted = []
    for event in (_stock(0, condition="P"), _trade(1), _trade(4999), _stock(5000), _trade(5999), _trade(6000)):
        halted += [mark.halted for mark in partition(event).marks]
    assert halted == [True, True, True, False]
    assert not partition(trade(6000)).marks[0].halted


_EVENING = {"instrument": _CALL, "underlying": "AAPL"}


def test_open_interest_is_of_the_session_before_the_print_and_of_no_other() -> None:
    # T0 is a Thursday, 15 January 2026.
    partition = Partition()
    partition(_fact(0, "open_interest", open_interest=70, for_date="2026-01-13", **_EVENING))
    assert partition(_trade(1)).marks[0].open_interest is None
    partition(_fact(2, "open_interest", open_interest=80, for_date="2026-01-14", **_EVENING))
    assert partition(_trade(3)).marks[0].open_interest == 80
    # Tonight's, reported early, is tomorrow's figure; a figure without a date is the evening's before.
    partition(_fact(4, "open_interest", open_interest=90, for_date="2026-01-15", **_EVENING))
    assert partition(_trade(5)).marks[0].open_interest == 80
    day_ms = 86_400_000
    assert partition(_trade(day_ms)).marks[0].open_interest == 90
    partition(_fact(day_ms + 1, "open_interest", open_interest=95, **_EVENING))
    assert partition(_trade(day_ms + 2)).marks[0].open_interest == 95


def test_volume_counts_a_trade_date_with_what_is_volume_only_and_without_what_was_cancelled() -> None:
    partition = Partition()
    day_ms = 86_400_000
    volumes = [
        partition(event).marks[0].volume
        for event in (
            _trade(0, size=3), _trade(1, size=4, conditions=("t",)), _trade(2, size=5, conditions=("B",)),
            _trade(3, size=4, conditions=("A",)), _trade(4, size=3, kind="cancel"), trade(5, size=9),
            _trade(day_ms, size=2),
        )
    ]  # fmt: skip
    assert volumes == [3, 7, 12, 8, 5, 9, 2]


def test_interest_of_expired_contracts_is_forgotten() -> None:
    partition = Partition()
    for day, contract in enumerate(("AAPL260113C00200000", _CALL, _CALL, _CALL), 12):
        fact = {"instrument": contract, "underlying": "AAPL", "for_date": f"2026-01-{day}", "open_interest": day}
        partition(_fact(day, "open_interest", **fact))
    assert list(partition.step.state.underlyings.interests) == [_CALL]


def test_seconds_to_expiry_run_to_the_settlement_instant_and_a_definition_may_move_it() -> None:
    partition = Partition()
    mark = partition(_trade(500)).marks[0]
    assert mark.expiry_s == (settles_at(parse_contract(_CALL)) - at(500)) // NS_PER_S
    settles = T0 + 3600 * NS_PER_S
    partition(_fact(501, "definition", expiry_ts=settles, **_EVENING))
    assert partition(_trade(600)).marks[0].expiry_s == 3599
