"""The exchange's time as plain numbers: session boundaries, sessions, trade dates and settlement instants (New York).

Days and their hours are data (`events/holidays.py`, made from the calendar library); nothing here asks a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from events.contracts import Contract, parse_contract
from events.holidays import CLOSED, EARLY_CLOSES, LATE_OPENS
from events.types import NS_PER_S

NEW_YORK = ZoneInfo("America/New_York")
BOUNDARY = time(3, 0)
_HOUR_NS = 3600 * NS_PER_S
OPEN_MINUTE, CLOSE_MINUTE = 9 * 60 + 30, 16 * 60
#: Options on broad indices and on some funds and notes trade a quarter of an hour longer than the rest (brokers' lists
#: of products that trade to 16:15, as of 2025; the exchanges may change them). What expires that day does not.
LATE_CLOSE_MINUTES = 15
LATE_CLOSE_UNDERLYINGS = frozenset((
    "DJX", "MRUT", "NDX", "OEX", "RUT", "SPX", "VIX", "XEO", "XND", "XSP",
    "DBA", "DBB", "DBC", "DBO", "DIA", "EEM", "EFA", "FXI", "IWM", "IWN", "IWO", "IWV", "IYR", "KBE", "KRE", "LQD",
    "MDY", "MOO", "OEF", "QQQ", "SLX", "SPY", "SVIX", "SVXY", "TLT", "UNG", "UUP", "UVIX", "UVXY", "VIXM", "VIXY",
    "VXX", "VXZ", "XHB", "XLB", "XLC", "XLE", "XLF", "XLI", "XLK", "XLP", "XLRE", "XLU", "XLV", "XLY", "XME", "XRT",
))  # fmt: skip
#: Options that trade in global hours (20:15 to 9:25) and after 16:15 until 17:00: what trades from 17:00 on belongs to
#: the next trade date (Cboe).
GLOBAL_HOURS_UNDERLYINGS = frozenset(("SPX", "VIX", "XSP"))
GLOBAL_DAY_ENDS_MINUTE = 17 * 60
#: Roots that settle on the opening of their last day; every other root settles on its close.
AM_SETTLED_ROOTS = frozenset(("SPX", "NDX", "RUT", "VIX", "VIXW", "DJX", "MXEA", "MXEF"))


@lru_cache(maxsize=4096)
def _boundary_after_day(day_s: int) -> tuple[int, int]:
    local = datetime.fromtimestamp(day_s, UTC).astimezone(NEW_YORK)
    first = datetime.combine(local.date(), BOUNDARY, NEW_YORK)
    second = datetime.combine(local.date() + timedelta(days=1), BOUNDARY, NEW_YORK)
    return int(first.timestamp()) * NS_PER_S, int(second.timestamp()) * NS_PER_S


def next_boundary(ts: int) -> int:
    """Returns the first session boundary (03:00 New York) strictly after `ts`, both ns."""
    day_s = ts // (86_400 * NS_PER_S) * 86_400
    for boundary in _boundary_after_day(day_s) + _boundary_after_day(day_s + 86_400):
        if boundary > ts:
            return boundary
    raise AssertionError("a boundary lies within any two days")


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day of the exchange; times are ns."""

    day: date
    open_ns: int
    close_ns: int
    #: The exchange closes before 16:00.
    half_day: bool


@dataclass(frozen=True, slots=True)
class TradeDate:
    """The span of time whose trades count for one session, from its first to behind its last ns."""

    day: date
    from_ns: int
    until_ns: int
    #: The session before: the day of the open interest that is known on this one, as YYYY-MM-DD.
    interest_date: str


def is_session(day: date) -> bool:
    """Tells whether the exchange is open on a day; years that the tables do not hold have no holidays."""
    return day.weekday() < 5 and _number(day) not in CLOSED


def session_on(day: date) -> Session:
    """Returns the session of a day; raises ValueError where there is none."""
    if not is_session(day):
        raise ValueError(f"{day} is no trading day")
    number = _number(day)
    closes = EARLY_CLOSES.get(number, CLOSE_MINUTE)
    opened = LATE_OPENS.get(number, OPEN_MINUTE)
    return Session(day, minute_ns(day, opened), minute_ns(day, closes), closes < CLOSE_MINUTE)


def session_from(day: date) -> date:
    """Returns the first trading day on or after a day."""
    while not is_session(day):
        day += timedelta(days=1)
    return day


def session_before(day: date) -> date:
    """Returns the last trading day strictly before a day."""
    day -= timedelta(days=1)
    while not is_session(day):
        day -= timedelta(days=1)
    return day


@lru_cache(maxsize=4096)
def options_close(day: date, underlying: str) -> int:
    """Returns when options on an underlying stop trading on a trading day, ns; those that expire stop at its close."""
    extra = LATE_CLOSE_MINUTES * 60 if underlying in LATE_CLOSE_UNDERLYINGS else 0
    return session_on(day).close_ns + extra * NS_PER_S


def trade_date(ts: int, underlying: str) -> TradeDate:
    """Returns the trade date to which a time belongs, for options on an underlying.

    It lasts from midnight to midnight New York, or 17:00 to 17:00 where global hours are traded; nights, weekends
    and holidays belong to the session that follows.
    """
    return trade_date_of(ts, underlying in GLOBAL_HOURS_UNDERLYINGS)


def trade_date_of(ts: int, global_hours: bool) -> TradeDate:
    """Returns the trade date to which a time belongs, for options that trade in global hours or for those that do not.

    Of half an hour it is one and the same.
    """
    ends_minute = GLOBAL_DAY_ENDS_MINUTE if global_hours else 24 * 60
    found = _trade_date(_session_from(ts // _HOUR_NS), ends_minute)
    return found if ts < found.until_ns else _trade_date(session_from(found.day + timedelta(days=1)), ends_minute)


@lru_cache(maxsize=1024)
def _session_from(hour: int) -> date:
    """Returns the first trading day on or after the New York day of an hour; days begin on whole hours there."""
    return session_from(datetime.fromtimestamp(hour * (_HOUR_NS // NS_PER_S), NEW_YORK).date())


@lru_cache(maxsize=256)
def _trade_date(day: date, ends_minute: int) -> TradeDate:
    before = session_before(day)
    return TradeDate(day, minute_ns(before, ends_minute), minute_ns(day, ends_minute), before.isoformat())


def settles_at(contract: Contract, expiry_ts: int | None = None) -> int:
    """Returns the instant at which a contract's settlement value is found, ns.

    `expiry_ts` is a definition's, used unless it is a midnight UTC, which names a day and no time. Else the opening or
    the close of the expiry day by root; an expiry on no trading day (a Saturday, until 2015) is of the session before.
    """
    if expiry_ts and expiry_ts % (86_400 * NS_PER_S):
        return expiry_ts
    return _settles(contract.expiry, contract.root in AM_SETTLED_ROOTS)


@lru_cache(maxsize=4096)
def _settles(day: date, on_open: bool) -> int:
    session = session_on(day if is_session(day) else session_before(day))
    return session.open_ns if on_open else session.close_ns


def settlement(contract_id: str) -> int:
    """Returns the settlement instant of a compact OCC id, ns; raises ValueError that names it when it is none."""
    return settles_at(parse_contract(contract_id))


@lru_cache(maxsize=8192)
def minute_ns(day: date, minute: int) -> int:
    """Returns a minute after midnight of a day in New York as ns; from 24 hours on it lies on the day after."""
    day += timedelta(days=minute // 1440)
    return int(datetime.combine(day, time(minute % 1440 // 60, minute % 60), NEW_YORK).timestamp()) * NS_PER_S


def _number(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day
