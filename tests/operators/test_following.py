"""What became of packets of interest: looks by event time, and the next open interest of what they traded."""

from __future__ import annotations

from datetime import date, datetime
from random import Random
from typing import Any, get_args

import pytest

from events.derived import Flag
from events.raw import EquityQuote, Reference
from events.sessions import NEW_YORK
from events.settings import Rules
from events.types import NS_PER_S
from operators.following import (
    LOOKS_S,
    MOST_DATES,
    MOST_WATCHED,
    READ_ALONE,
    Lead,
    begin,
    check,
    end,
    follow,
    look,
    see,
    since,
)
from operators.following import trade as trade_of
from operators.judging import Verdicts
from operators.merge_state import Item
from operators.partition_state import Course, Followed, PartitionState
from operators.partition_step import PartitionStep, load
from operators.rules import ALL
from operators.rules.subject import orders_of, whole_of
from operators.shard_step import ShardStep
from operators.work import Interest, Look, Work
from tests.packets import packet
from tests.prints import RANKS, SPY, T0, Partition, at, quote, trade

_RANKS = RANKS | {"EquityPrint": 2, "EquityQuote": 4}
#: 15 January 2026: T0 is 10:00 New York, options on SPY trade until 16:15.
_CLOSE = int(datetime(2026, 1, 15, 16, 15, tzinfo=NEW_YORK).timestamp()) * NS_PER_S
_DAY_MS = 86_400_000


def _work(*events: Any, until_ms: float = _DAY_MS / 2, cut: int = 1, **rules: Any) -> list[Work]:
    partition = Partition(**rules)
    items: list[Item] = [(e.ts, 0, _RANKS[type(e).__name__], "", n, e) for n, e in enumerate(events)]
    work: list[Work] = []
    for start in range(0, len(items), cut):
        batch = items[start : start + cut]
        work += partition.step.step(batch, batch[-1][0]).work
    return work + partition.step.step([], at(until_ms)).work


def _looks(*events: Any, **rules: Any) -> list[Look]:
    return [each for each in _work(*events, **rules) if isinstance(each, Look)]


def _spot(ms: float, price: float) -> EquityQuote:
    return EquityQuote(ts=at(ms), symbol="SPY", bid=price - 0.01, ask=price + 0.01)


#  The packet of 103 at 1.20 is decided on at 501 ms; what is before it does not count.
def test_a_packet_is_looked_at_from_its_decision_to_the_close() -> None:
    looks = _looks(quote(0), trade(1, 1.2, 103))
    assert [each.after_s for each in looks] == [*LOOKS_S, (_CLOSE - at(501)) // NS_PER_S]
    assert [each.final for each in looks] == [False] * len(LOOKS_S) + [True]
    assert [each.ts for each in looks[:2]] == [at(10_501), at(60_501)]
    assert looks[-1].ts == _CLOSE


def test_a_look_tells_where_mark_and_spot_are_and_were() -> None:
    looks = _looks(
        _spot(0, 440.0), quote(0, 1.0, 1.2), trade(1, 1.2, 103), quote(400, 3.0, 3.2), quote(450, 1.0, 1.2),
        _spot(2000, 445.0), quote(2000, 1.4, 1.6), _spot(3000, 439.0), quote(3000, 0.8, 1.0), quote(11_000, 2.0, 2.2),
    )  # fmt: skip
    first, second = looks[:2]
    assert (first.mark_then, first.mark_now, first.mark_high, first.mark_low) == (1.1, 0.9, 1.5, 0.9)
    assert (first.spot_then, first.spot_now, first.spot_high, first.spot_low) == (440.0, 439.0, 445.0, 439.0)
    assert (second.mark_now, second.mark_high, second.mark_low) == (2.1, 2.1, 0.9)


#  s    0.5 decided   10.5        30 limit state  60.5    100 none    300.5    400    900.5    no more quiet
def test_a_look_tells_of_the_halt_or_limit_state_that_it_falls_into() -> None:
    limited = EquityQuote(ts=at(30_000), symbol="SPY", bid=440.0, ask=440.1, limit_state=True)
    halt = Reference(ts=at(200_000), kind="halt", instrument="SPY")
    resume = Reference(ts=at(310_000), kind="resume", instrument="SPY")
    looks = _looks(quote(0), trade(1, 1.2, 103), limited, _spot(100_000, 440.0), halt, resume)
    assert [(each.after_s, each.halted, each.limit_state) for each in looks[:4]] == [
        (10, False, False), (60, False, True), (300, True, True), (900, False, False),
    ]  # fmt: skip


@pytest.mark.parametrize("bad", [{"bid": None}, {"bid": 9.0}, {"condition": "F", "bid": 1.1}], ids=str)
def test_a_quote_that_cannot_be_used_moves_nothing(bad: dict[str, Any]) -> None:
    looks = _looks(quote(0, 1.0, 1.2), trade(1, 1.2, 103), quote(2000, ask=1.2, **bad))
    assert (looks[0].mark_now, looks[0].mark_high, looks[0].mark_low) == (1.1, 1.1, 1.1)


@pytest.mark.parametrize(("size", "followed"), [(83, False), (84, True)])
def test_packets_from_the_least_premium_on_are_followed(size: int, followed: bool) -> None:
    assert bool(_looks(quote(0), trade(1, 1.2, size))) is followed
    assert bool(_looks(quote(0), trade(1, 1.2, 84), alert_look_min_premium=10_081)) is False


def test_the_leg_that_stands_for_a_structure_is_followed_whatever_its_own_premium_and_no_other() -> None:
    """No rule reads the other legs by themselves."""
    upper = "SPY260116C00455000"
    legs = [trade(1, 0.02, 103, conditions=("f",)), trade(4, 1.2, 103, contract=upper, conditions=("f",))]
    looks = _looks(quote(0), quote(0, contract=upper), *legs)
    assert {each.packet_id for each in looks} == {"pk:p1"}


def test_the_leg_that_is_followed_is_the_one_that_a_structures_hits_name() -> None:
    """A debit spread whose cheap upper leg prints first: legs stand in the order of their strikes."""
    upper = "SPY260116C00455000"
    legs = [
        trade(100, 0.05, 1000, contract=upper, exchange="C", conditions=("f",)),
        trade(120, 10.1, 1000, exchange="C", conditions=("f",)),
    ]
    work, out = _work(quote(0, 9.9, 10.1), quote(0, 0.05, 0.07, contract=upper), *legs), Verdicts()
    ShardStep(Rules()).step(work, out)
    (structure,) = out.structures
    assert [leg.packet_id for leg in structure.legs] == ["pk:p120", "pk:p100"]
    assert {hit.packet_id for hit in out.hits} == {"pk:p100"}
    assert [each.after_s for each in out.outcomes] == [*LOOKS_S, (_CLOSE - at(620)) // NS_PER_S]


def test_who_is_decided_on_shortly_before_the_close_is_looked_at_last_at_the_close() -> None:
    late = (_CLOSE - at(0)) / 1e6 - 30_000
    looks = _looks(quote(late), trade(late + 1, 1.2, 103))
    assert [(each.after_s, each.final) for each in looks] == [(10, False), (29, True)]
    after = (_CLOSE - at(0)) / 1e6 + 60_000
    looks = _looks(quote(after), trade(after + 1, 1.2, 103))
    assert [each.after_s for each in looks] == list(LOOKS_S)
    assert [each.final for each in looks] == [False] * 4 + [True]


#  SPY trades until 16:15; what expires that day stops at the session's close, a quarter of an hour before.
def test_a_contract_that_expires_today_is_looked_at_last_when_it_settles() -> None:
    settles = _CLOSE - 900 * NS_PER_S
    late, contract = (settles - at(0)) / 1e6 - 90_000, "SPY260115C00450000"
    looks = _looks(quote(late, contract=contract), trade(late + 1, 1.2, 103, contract=contract))
    assert [(each.after_s, each.final) for each in looks] == [(10, False), (60, False), (89, True)]
    assert looks[-1].ts == settles


@pytest.mark.parametrize("seed", range(20))
def test_highs_and_lows_are_those_of_all_values_since(seed: int) -> None:
    """The shared stretches against a list of values for each beginning."""
    chance = Random(seed)
    course = Course()
    all_values: list[float] = []
    open_ones: list[tuple[int, int, float | None]] = []
    for _ in range(400):
        action = chance.random()
        if action < 0.6:
            value = round(chance.uniform(0, 10), 2)
            see(course, value)
            all_values.append(value)
        elif action < 0.8:
            open_ones.append((begin(course), len(all_values), course.now))
        elif open_ones:
            number, _, _ = open_ones.pop(chance.randrange(len(open_ones)))
            end(course, number)
        assert len(course.numbers) <= len(open_ones)
        for number, first, then in open_ones:
            values = [value for value in [then, *all_values[first:]] if value is not None]
            assert since(course, number) == ((max(values), min(values)) if values else (None, None))
    for number, _, _ in open_ones:
        end(course, number)
    assert course.numbers == course.highs == course.lows == course.begun == []


@pytest.mark.parametrize("flag", sorted(set(get_args(Flag)) - READ_ALONE))
def test_no_rule_reads_a_packet_by_itself_that_is_not_followed(flag: str) -> None:
    made = packet(flag=flag)
    whole, (alone,) = whole_of(made, frozenset(), Rules()), orders_of(made, frozenset(), Rules())
    for rule in ALL:
        if rule.reads in ("order", "packet"):
            checks = rule.judge(alone if rule.reads == "order" else whole).checks
            assert "flag" in {each.name for each in checks if each.required and not each.passed}, rule.id


@pytest.mark.parametrize(("condition", "followed"), [("a", False), ("f", False), ("I", True)])
def test_what_no_rule_reads_by_itself_is_not_followed(condition: str, followed: bool) -> None:
    assert bool(_looks(quote(0), trade(1, 1.2, 103, conditions=(condition,)))) is followed


def _lead(number: int, premium: float, ts: int) -> Lead:
    return Lead(f"pk:{number}", SPY, premium, None, ts)


def test_what_waits_for_the_close_takes_no_place_from_what_has_just_come() -> None:
    """A morning's large packets, then a small one: it is let go by larger ones of its own age alone."""
    followed, now = Followed(), T0 + 3600 * NS_PER_S
    for number in range(MOST_WATCHED):
        follow(followed, _lead(number, 150_000.0, T0), _CLOSE, T0, 1.0)
        for after_s in LOOKS_S:
            assert look(followed, f"pk:{number}", "SPY", T0 + after_s * NS_PER_S) is not None
    follow(followed, _lead(1000, 100_000.0, now), _CLOSE, now, 1.0)
    assert look(followed, "pk:1000", "SPY", now + 10 * NS_PER_S) is not None
    assert look(followed, "pk:0", "SPY", _CLOSE) is not None


@pytest.mark.parametrize("large_first", [True, False])
def test_small_packets_take_no_place_from_a_large_one(large_first: bool) -> None:
    followed = Followed()
    premiums = [500_000.0] + [20_000.0] * 2 * MOST_WATCHED
    for number, premium in enumerate(premiums if large_first else premiums[::-1]):
        follow(followed, _lead(number, premium, T0), _CLOSE, T0 + number, 1.0)
    large = 0 if large_first else len(premiums) - 1
    for after_s in LOOKS_S:
        assert look(followed, f"pk:{large}", "SPY", T0 + large + after_s * NS_PER_S) is not None
    found = look(followed, f"pk:{large}", "SPY", _CLOSE)
    assert found is not None
    assert found[0].final


def test_a_structures_leg_is_let_go_by_the_premium_of_the_whole() -> None:
    upper = "SPY260116C00455000"
    legs = [
        trade(100, 0.05, 1000, contract=upper, exchange="C", conditions=("f",)),
        trade(120, 10.1, 1000, exchange="C", conditions=("f",)),
    ]
    others = [trade(700 + number / 10, 1.1, 100, contract=f"SPY260116P00{number:03}000") for number in range(200)]
    quotes = [quote(0, contract=each.contract) for each in others]
    looks = _looks(quote(0, 9.9, 10.1), quote(0, 0.05, 0.07, contract=upper), *quotes, *legs, *others)
    assert [each.final for each in looks if each.packet_id == "pk:p100"] == [False] * len(LOOKS_S) + [True]
    assert len({each.packet_id for each in looks}) == MOST_WATCHED


def test_what_is_followed_is_bounded_and_the_smallest_is_let_go() -> None:
    followed = Followed()
    for number in range(MOST_WATCHED + 5):
        follow(followed, Lead(f"pk:{number}", SPY, 1000.0 - number % 7, None, T0), _CLOSE, T0, 1.0)
    assert len(followed.watches[0]) == MOST_WATCHED
    assert "pk:6" not in followed.watches[0]
    assert look(followed, "pk:6", "SPY", T0 + 10 * NS_PER_S) is None
    assert follow(followed, Lead("pk:0", SPY, 1000.0, None, T0), _CLOSE, T0, 1.0) == 0


def _interest(day: float, value: int, for_date: str) -> Reference:
    return Reference(
        ts=at(day * _DAY_MS), kind="open_interest", instrument=SPY, open_interest=value, for_date=for_date
    )  # fmt: skip


def test_the_next_open_interest_of_what_was_traded_is_handed_on_once() -> None:
    events = (
        _interest(-1, 700, "2026-01-14"), quote(0), trade(1, 1.2, 103), _interest(0.5, 650, "2026-01-13"),
        _interest(1, 900, "2026-01-15"), _interest(1.1, 901, "2026-01-15"),
    )  # fmt: skip
    found = [each for each in _work(*events, until_ms=2 * _DAY_MS) if isinstance(each, Interest)]
    assert found == [Interest(SPY, "SPY", at(_DAY_MS), "2026-01-15", 700, 900)]
    small = (events[0], events[1], trade(1, 1.2, 3), *events[3:])
    assert not [each for each in _work(*small, until_ms=2 * _DAY_MS) if isinstance(each, Interest)]


_INDEX = "SPXW260130C06900000"


def _figures(*events: Any) -> list[tuple[str, int | None, int]]:
    """Returns (date, before, after) of what is handed on of the index's contract."""
    work = _work(*sorted(events, key=lambda each: each.ts), until_ms=5 * _DAY_MS)
    return [(each.for_date, each.before, each.after) for each in work if isinstance(each, Interest)]


def _index_trades(day: float) -> tuple[Any, Any]:
    ms = day * _DAY_MS
    return quote(ms, contract=_INDEX), trade(ms + 1, 1.2, 103, contract=_INDEX)


def _index_interest(day: float, value: int, for_date: str) -> Reference:
    return Reference(
        ts=at(day * _DAY_MS), kind="open_interest", instrument=_INDEX, open_interest=value, for_date=for_date
    )  # fmt: skip


#  Thursday 10:00, and 20:30: already Friday's trade date; figures come at 6:30.
def test_what_trades_in_the_night_leaves_the_figure_of_the_day_waited_for() -> None:
    assert _figures(
        *_index_trades(0), *_index_trades(10.5 / 24), _index_interest(20.5 / 24, 900, "2026-01-15"),
        _index_interest(4 + 20.5 / 24, 950, "2026-01-16"),
    ) == [("2026-01-15", None, 900), ("2026-01-16", None, 950)]  # fmt: skip


def test_figures_that_lag_by_two_days_find_the_date_that_they_are_of() -> None:
    events = [*_index_trades(-2), *_index_trades(-1), *_index_trades(0), *_index_trades(1)]
    figures = [_index_interest(day + 0.3, 100 + day, f"2026-01-{13 + day}") for day in range(3)]
    assert [each[0] for each in _figures(*events, *figures)] == ["2026-01-13", "2026-01-14", "2026-01-15"]


def test_a_packet_decided_on_behind_the_end_of_its_trade_date_counts_for_it() -> None:
    end = 7 / 24 * _DAY_MS
    prints = quote(end - 200, contract=_INDEX), trade(end - 100, 1.2, 103, contract=_INDEX)
    assert _figures(*prints, _index_interest(20.5 / 24, 900, "2026-01-15")) == [("2026-01-15", None, 900)]


def test_dates_that_are_waited_for_are_bounded_and_the_earliest_goes() -> None:
    followed = Followed()
    for day in range(1, MOST_DATES + 2):
        trade_of(followed, SPY, date(2026, 1, day), day)
    assert list(followed.traded[SPY]) == [f"2026-01-0{day}" for day in range(2, MOST_DATES + 2)]
    assert check(followed, SPY, "SPY", "2026-01-01", 9, T0) is None
    found = check(followed, SPY, "SPY", "2026-01-03", 9, T0)
    assert found == Interest(SPY, "SPY", T0, "2026-01-03", 3, 9)
    assert list(followed.traded[SPY]) == ["2026-01-04", "2026-01-05"]


@pytest.mark.parametrize("seed", range(4))
def test_no_cut_of_batches_changes_a_look(seed: int) -> None:
    chance = Random(seed)
    ms, events = 0.0, []
    for number in range(500):
        ms += chance.choice((1.0, 100.0, 3000.0, 20_000.0))
        bid = round(chance.uniform(0.5, 3), 2)
        event: Any = chance.choice((quote(ms, bid, bid + 0.1), trade(ms, bid, 400), _spot(ms, 440 + bid)))
        event.id = f"e{number}"
        events.append(event)
    expected = _work(*events, until_ms=ms + _DAY_MS)
    assert len([each for each in expected if isinstance(each, Look)]) > 500
    for cut in (3, 50, len(events)):
        assert _work(*events, until_ms=ms + _DAY_MS, cut=cut) == expected
    assert _restarted(events, ms + _DAY_MS) == expected


def _restarted(events: list[Any], until_ms: float) -> list[Work]:
    """Returns the work of a partition that is made again of its changes now and then."""
    step, changes, work = PartitionStep(PartitionState(), Rules()), list[bytes](), list[Work]()
    for number, event in enumerate(events):
        work += step.step([(event.ts, 0, _RANKS[type(event).__name__], "", number, event)], event.ts).work
        if number % 40 == 0:
            changes.append(step.changes())
            step = PartitionStep(load(b"", changes), Rules())
    return work + step.step([], at(until_ms)).work
