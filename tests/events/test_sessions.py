"""The exchange's calendar: its days as the library has them, trade dates without gaps, settlement to the second."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import holidays
from events.contracts import parse_contract
from events.sessions import (
    NEW_YORK,
    is_session,
    next_boundary,
    options_close,
    session_before,
    session_from,
    session_on,
    settlement,
    settles_at,
    trade_date,
)
from events.types import NS_PER_S
from tools import make_calendar

_SOME_NS = st.integers(
    int(datetime(2000, 1, 1, tzinfo=NEW_YORK).timestamp()), int(datetime(2039, 1, 1, tzinfo=NEW_YORK).timestamp())
).map(lambda s: s * NS_PER_S)


def _at(day: str, clock: str) -> int:
    moment = datetime.combine(date.fromisoformat(day), time.fromisoformat(clock), NEW_YORK)
    return int(moment.timestamp()) * NS_PER_S


def test_the_tables_are_what_the_calendar_library_says() -> None:
    assert Path(holidays.__file__).read_text() == make_calendar.page()


def test_every_day_of_three_years_opens_and_closes_as_in_the_library() -> None:
    known = make_calendar.sessions(2025, 2027)
    day = date(2025, 1, 1)
    while day.year <= 2027:
        assert is_session(day) == (day in known), day
        if day in known:
            opened, closed = known[day]
            session = session_on(day)
            local = [datetime.fromtimestamp(ns / NS_PER_S, NEW_YORK) for ns in (session.open_ns, session.close_ns)]
            assert [60 * at.hour + at.minute for at in local] == [opened, closed]
            assert session.half_day == (closed < 960)
        day += timedelta(days=1)


def test_days_around_thanksgiving() -> None:
    assert not is_session(date(2026, 11, 26))
    assert session_from(date(2026, 11, 26)) == date(2026, 11, 27)
    assert session_before(date(2026, 11, 27)) == date(2026, 11, 25)
    assert session_on(date(2026, 11, 27)).close_ns == _at("2026-11-27", "13:00")
    with pytest.raises(ValueError, match="2026-11-26 is no trading day"):
        session_on(date(2026, 11, 26))


@pytest.mark.parametrize(
    ("day", "underlying", "clock"),
    [
        ("2026-11-25", "SPY", "16:15"), ("2026-11-25", "SPX", "16:15"), ("2026-11-25", "AAPL", "16:00"),
        ("2026-11-27", "QQQ", "13:15"), ("2026-11-27", "AAPL", "13:00"),
    ],
)  # fmt: skip
def test_some_products_trade_a_quarter_of_an_hour_longer_on_half_days_too(
    day: str, underlying: str, clock: str
) -> None:
    assert options_close(date.fromisoformat(day), underlying) == _at(day, clock)


@pytest.mark.parametrize(
    ("contract", "day", "clock"),
    [
        # Third Friday: SPX settles on the opening, SPXW of the same day on the close.
        ("SPX260116C05000000", "2026-01-16", "09:30"), ("SPXW260116C05000000", "2026-01-16", "16:00"),
        ("NDX260116C15000000", "2026-01-16", "09:30"), ("NDXP260116C15000000", "2026-01-16", "16:00"),
        ("RUT260116C02000000", "2026-01-16", "09:30"), ("RUTW260116C02000000", "2026-01-16", "16:00"),
        ("VIX260121C00020000", "2026-01-21", "09:30"), ("VIXW260128C00020000", "2026-01-28", "09:30"),
        ("XSP260116C00500000", "2026-01-16", "16:00"), ("SPY260116C00450000", "2026-01-16", "16:00"),
        # A half day; what expires on a holiday or an old Saturday is of the session before, its opening or its close.
        ("AAPL261127C00200000", "2026-11-27", "13:00"), ("SPY260403C00450000", "2026-04-02", "16:00"),
        ("IBM140118C00190000", "2014-01-17", "16:00"), ("SPX140118C01800000", "2014-01-17", "09:30"),
        ("SPXW140118C01800000", "2014-01-17", "16:00"), ("SPX260403C05000000", "2026-04-02", "09:30"),
    ],
)  # fmt: skip
def test_a_contract_settles_on_the_opening_or_the_close_of_its_day(contract: str, day: str, clock: str) -> None:
    assert settlement(contract) == _at(day, clock)


def test_a_definition_says_when_a_contract_settles_unless_it_only_names_the_day() -> None:
    contract = parse_contract("SPY260116C00450000")
    midnight = int(datetime(2026, 1, 16, tzinfo=UTC).timestamp()) * NS_PER_S
    assert settles_at(contract, midnight) == _at("2026-01-16", "16:00")
    assert settles_at(contract, _at("2026-01-16", "12:30")) == _at("2026-01-16", "12:30")


@pytest.mark.parametrize(
    ("day", "clock", "underlying", "belongs", "interest"),
    [
        ("2026-01-15", "10:00", "AAPL", "2026-01-15", "2026-01-14"),
        ("2026-01-15", "20:30", "AAPL", "2026-01-15", "2026-01-14"),
        # Global hours: the evening is tomorrow's; 16:30 is still today's.
        ("2026-01-15", "16:30", "SPX", "2026-01-15", "2026-01-14"),
        ("2026-01-15", "20:30", "SPX", "2026-01-16", "2026-01-15"),
        ("2026-01-16", "03:00", "SPX", "2026-01-16", "2026-01-15"),
        # Friday evening and Sunday belong to Tuesday after a Monday holiday, whose interest is Friday's.
        ("2026-01-16", "20:30", "VIX", "2026-01-20", "2026-01-16"),
        ("2026-01-18", "20:30", "SPX", "2026-01-20", "2026-01-16"),
        ("2026-01-18", "20:30", "AAPL", "2026-01-20", "2026-01-16"),
    ],
)  # fmt: skip
def test_a_time_belongs_to_a_trade_date(day: str, clock: str, underlying: str, belongs: str, interest: str) -> None:
    found = trade_date(_at(day, clock), underlying)
    assert (found.day.isoformat(), found.interest_date) == (belongs, interest)


@given(_SOME_NS, st.sampled_from(("SPX", "AAPL")))
def test_trade_dates_follow_each_other_without_gap_or_overlap(ts: int, underlying: str) -> None:
    found = trade_date(ts, underlying)
    assert found.from_ns <= ts < found.until_ns
    after = trade_date(found.until_ns, underlying)
    assert after.from_ns == found.until_ns
    assert after.day > found.day
    assert after.interest_date == found.day.isoformat()


@given(_SOME_NS)
def test_a_boundary_is_at_three_in_the_morning_and_at_most_a_day_ahead(ts: int) -> None:
    boundary = next_boundary(ts)
    assert ts < boundary <= ts + 25 * 3600 * NS_PER_S
    assert datetime.fromtimestamp(boundary // NS_PER_S, NEW_YORK).time() == time(3, 0)
