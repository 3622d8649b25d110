"""What an underlying's earlier sessions say: a quantile of premium and a time of day, of finished sessions only."""

from __future__ import annotations

from datetime import date, datetime, time
from math import ceil
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.contracts import parse_contract
from events.sessions import NEW_YORK
from events.settings import Rules
from events.types import NS_PER_S
from operators.baseline import BaselineConfig, Baselines, earlier_of, samples_of, warming
from operators.habits import MIN_PACKETS, Habits, HabitsConfig, step_of, upper_edge
from operators.judging import Verdicts
from operators.shard_step import ShardStep
from tests.packets import CALL, T0, packet

_DAY_S = 86_400
#: 26 January 2026, 10:00 New York: the first of five sessions in a row.
_MONDAY = T0 + 11 * _DAY_S * NS_PER_S
_CONFIG = HabitsConfig(quantile=0.99, floor_days=5, shape_days=3)


@given(st.integers(0, 10**15))
def test_a_step_holds_its_numbers_and_is_an_eighth_wide_at_most(value: int) -> None:
    step = step_of(value)
    assert value < upper_edge(step)
    assert step == 0 or upper_edge(step - 1) <= value
    assert upper_edge(step) - value <= max(value / 8, 1)


@pytest.mark.parametrize("seed", range(10))
def test_the_floor_is_the_quantile_of_the_trailing_sessions_and_at_most_an_eighth_above(seed: int) -> None:
    chance, habits = Random(seed), Habits(_CONFIG)
    sessions: list[list[int]] = []
    for day in range(1, 10):
        sessions.append([int(chance.lognormvariate(8, 1.5)) for _ in range(chance.randint(80, 300))])
        for value in sessions[-1]:
            habits.add(day, 20, value, 5)
        known = sorted(value for session in sessions[:-1][-5:] for value in session)
        if len(known) < MIN_PACKETS:
            assert habits.floor is None
        else:
            exact = known[ceil(0.99 * len(known)) - 1]
            assert habits.floor is not None
            assert exact < habits.floor <= exact * 1.125 + 1


def test_nothing_of_today_is_in_todays_floor_and_before_a_session_the_setting_stands_alone() -> None:
    config = BaselineConfig.of(Rules())
    baselines = Baselines(config)
    for number in range(MIN_PACKETS):
        baselines.remember((CALL, "C0", T0, 50_000 * 1_000_000, 5, None, ""), config)
        assert baselines.premium_floor(40_000.0) == 40_000.0, number
    baselines.remember((CALL, "C0", T0 + _DAY_S * NS_PER_S, 1_000_000, 5, None, ""), config)
    assert 50_000 < baselines.premium_floor(40_000.0) <= 57_344
    assert baselines.premium_floor(90_000.0) == 90_000.0


def test_a_late_packet_of_the_day_before_does_not_end_today() -> None:
    habits = Habits(_CONFIG)
    for day in (2, 1, 2):
        habits.add(day, 20, 100, 1)
    assert [session.day for session in habits.sessions] == [2]


def _new_york(day: int, clock: str) -> int:
    """Returns a time of a day of January 2026, ns."""
    return int(datetime.combine(date(2026, 1, day), time.fromisoformat(clock), NEW_YORK).timestamp()) * NS_PER_S


#: Friday, the evening of Sunday, Monday, its evening, Tuesday: packets in order.
_WEEKEND = [(9, "11:00"), (11, "20:30"), (12, "11:00"), (12, "20:30"), (13, "11:00")]


@pytest.mark.parametrize(
    ("contract", "sessions"),
    [
        ("SPXW260130C06900000", {9: 1, 12: 2, 13: 2}), ("XSP260130C00690000", {9: 1, 12: 2, 13: 2}),
        ("SPY260130C00690000", {9: 1, 12: 3, 13: 1}),
    ],
)  # fmt: skip
def test_an_evening_in_global_hours_is_of_the_session_that_follows(contract: str, sessions: dict[int, int]) -> None:
    config = BaselineConfig.of(Rules())
    taken, remembered = Baselines(config), Baselines(config)
    for day, clock in _WEEKEND:
        each = packet(contract=contract, start_ts=_new_york(day, clock))
        remembered.remember(taken.take(each, parse_contract(contract), config, {}), config)
    assert taken.dump() == remembered.dump()
    found = taken.dump().habits.sessions
    assert {date.fromordinal(each.day).day: sum(each.premiums.values()) for each in found} == sessions


def test_the_floor_of_an_evening_in_global_hours_knows_the_session_that_ended_at_five() -> None:
    step, judged = ShardStep(Rules()), Verdicts()
    contract = "SPXW260130C06900000"
    busy = [packet(contract=contract, premium=1000.0, start_ts=_new_york(12, "11:00")) for _ in range(MIN_PACKETS)]
    late = [packet(contract=contract, start_ts=_new_york(12, clock)) for clock in ("16:45", "20:30")]
    step.step([*busy, *late], judged)
    assert [each.premium_floor is None for each in judged.packets[-2:]] == [True, False]


@pytest.mark.parametrize(("clock", "bucket"), [("16:45", "C1"), ("20:30", "C0")])
def test_days_to_expiry_are_counted_from_the_trade_date(clock: str, bucket: str) -> None:
    config, contract = BaselineConfig.of(Rules()), parse_contract("SPXW260113C06900000")
    each = packet(contract=contract.id, start_ts=_new_york(12, clock))
    assert Baselines(config).take(each, contract, config, {})[1] == bucket
    assert samples_of({contract.id: [earlier_of(each)]})[0][1] == bucket


def _busy_open(days: int, rules: Rules) -> tuple[ShardStep, int]:
    """Sessions whose first half hour sees four times the premium and size of the later ones."""
    step = ShardStep(rules)
    # 10:00 New York; the open is half an hour before.
    for day in range(days):
        for number in range(80):
            first = number < 40
            start = _MONDAY + day * _DAY_S * NS_PER_S + (number * 10 - (1800 if first else 0)) * NS_PER_S
            size = (40 if first else 10) + number % 2
            step.step([packet(size=size, premium=100.0 * size, start_ts=start)], Verdicts())
    return step, _MONDAY + days * _DAY_S * NS_PER_S


@pytest.mark.parametrize(("days", "counted"), [(2, 0), (3, 3), (4, 4)])
def test_once_days_are_known_an_opening_packet_is_held_against_opening_packets(days: int, counted: int) -> None:
    step, today = _busy_open(days, Rules(rolling_window_size=20))
    judged = Verdicts()
    step.step([packet(size=41, premium=4100.0, start_ts=today - 1800 * NS_PER_S)], judged)
    (opening,) = judged.packets
    assert opening.time_of_day_sessions == counted
    assert opening.size_z is not None
    if days == 3:
        # The first day by the time of day: the window still holds packets taken as they were.
        return
    if counted:
        # Its window holds the small packets of the day before's later half hour, at their time of day.
        assert abs(opening.size_z) < 2
        assert opening.size_mean == pytest.approx(41, rel=0.05)
        assert opening.premium_mean == pytest.approx(4100, rel=0.05)
    else:
        assert opening.size_z > 20
        assert opening.size_mean == pytest.approx(10.5)


def test_without_a_time_of_day_asked_for_none_is_used() -> None:
    step, today = _busy_open(6, Rules(baseline_shape_days=0))
    judged = Verdicts()
    step.step([packet(start_ts=today)], judged)
    assert judged.packets[0].time_of_day_sessions == 0


def test_words_say_whose_baseline_it_is_and_how_far_it_has_warmed() -> None:
    assert warming(packet(baseline=None, baseline_samples=5), 12) == "warming, 5 of 12"
    assert warming(packet(baseline="contract", baseline_samples=50), 12) == "50 earlier packets of the contract"
    by_day = packet(baseline="bucket", baseline_samples=30, time_of_day_sessions=4)
    assert warming(by_day, 12) == "30 earlier packets of contracts like it, for the time of day by 4 sessions"


def test_a_packet_of_interest_carries_medians_and_the_underlyings_floor_and_a_small_one_does_not() -> None:
    step, judged = ShardStep(Rules()), Verdicts()
    for number in range(MIN_PACKETS + 1):
        step.step([packet(size=10, premium=1000.0 + number % 3, start_ts=T0)], judged)
    tomorrow = T0 + _DAY_S * NS_PER_S
    step.step([packet(premium=9999.0, start_ts=tomorrow), packet(premium=50_000.0, start_ts=tomorrow)], judged)
    small, large = judged.packets[-2:]
    assert (small.premium_median, small.size_mad, small.premium_floor) == (None, None, None)
    assert (large.premium_median, large.size_median, large.size_mad) == (1001.0, 10.0, 0.0)
    assert large.premium_floor == upper_edge(step_of(1002))
