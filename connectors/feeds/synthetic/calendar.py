"""Sessions and expiries of the simulated exchange: the New York calendar, by library, no wall clock."""

from __future__ import annotations

import warnings
from bisect import bisect_left
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from events.sessions import NEW_YORK
from events.types import NS_PER_S

OPEN = time(9, 30)
CLOSE = time(16, 0)
#: Options on the index and its funds trade on for so long after a session's close, seconds.
LATE_S = 900


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day; times are ns."""

    day: date
    open_ns: int
    close_ns: int

    @property
    def seconds(self) -> int:
        """Returns the session's length."""
        return (self.close_ns - self.open_ns) // NS_PER_S


def at(day: date, moment: time) -> int:
    """Returns a New York time of a day, ns."""
    return int(datetime.combine(day, moment, NEW_YORK).timestamp()) * NS_PER_S


@lru_cache(maxsize=32)
def _year(year: int) -> tuple[Session, ...]:
    # Imported here: it brings pandas along, which only a process that makes a market needs.
    import exchange_calendars

    with warnings.catch_warnings():
        # The library meets newer pandas with its deprecations; nothing of ours does.
        warnings.simplefilter("ignore")
        calendar = exchange_calendars.get_calendar("XNYS", start=f"{year}-01-01", end=f"{year}-12-31")
        schedule = calendar.schedule
    opens, closes = (
        schedule[name].astype("datetime64[ns, UTC]").astype("int64").tolist() for name in ("open", "close")
    )
    days = [stamp.date() for stamp in schedule.index]
    return tuple(Session(*row) for row in zip(days, opens, closes, strict=True))


def session_from(day: date) -> Session:
    """Returns the first session on or after a day."""
    for year in (day.year, day.year + 1):
        sessions = _year(year)
        at_day = bisect_left(sessions, day, key=lambda session: session.day)
        if at_day < len(sessions):
            return sessions[at_day]
    raise AssertionError("a year without a session")


def session_before(day: date) -> Session:
    """Returns the last session strictly before a day."""
    sessions = [session for session in (*_year(day.year - 1), *_year(day.year)) if session.day < day]
    return sessions[-1]


def next_session(session: Session) -> Session:
    """Returns the session after this one."""
    return session_from(session.day + timedelta(days=1))


def session_at(ts: int) -> Session:
    """Returns the session that is open at a time, else the next one to open."""
    session = session_from(datetime.fromtimestamp(ts // NS_PER_S, NEW_YORK).date())
    return next_session(session) if ts >= session.close_ns else session


def next_open(ts: int) -> int:
    """Returns the first opening at or after a time, ns."""
    session = session_at(ts)
    return session.open_ns if session.open_ns >= ts else next_session(session).open_ns


def _is_monthly(day: date) -> bool:
    return day.weekday() == 4 and 15 <= day.day <= 21


def _observed(day: date) -> date:
    """Returns the session an expiry falls on: its day, or the session before where that is a holiday."""
    return day if session_from(day).day == day else session_before(day).day


def expiries(day: date, *, dailies: int, weeklies: int, monthlies: int) -> list[tuple[date, bool]]:
    """Returns (expiry, is monthly) in order: the next sessions, the next Fridays, the next third Fridays."""
    found: dict[date, bool] = {}
    session = session_from(day)
    for _ in range(dailies):
        found[session.day] = False
        session = next_session(session)
    friday = day + timedelta(days=(4 - day.weekday()) % 7)
    week = month = 0
    while week < weeklies or month < monthlies:
        monthly, observed = _is_monthly(friday), _observed(friday)
        if observed >= day:
            if monthly and month < monthlies:
                found[observed] = True
                month += 1
            elif week < weeklies:
                found.setdefault(observed, False)
            week += 1
        friday += timedelta(days=7)
    return sorted(found.items())
