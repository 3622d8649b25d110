"""Event times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from events.types import FOREVER_NS, MAX_TS_NS, MIN_TS_NS, NS_PER_S

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Digits of the largest time, ns; Python refuses to read several thousand. How much of a text a message shows.
_MAX_DIGITS, _SHOWN = len(str(FOREVER_NS)), 64


def read_time(text: str) -> int:
    """Reads an ISO date or time, UTC unless it says otherwise, or nanoseconds since 1970, of whatever year.

    Raises ValueError for what is neither.
    """
    if text.isascii() and text.isdecimal():
        return int(text) if len(text) <= _MAX_DIGITS else FOREVER_NS
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:_SHOWN]!r} is no ISO time such as 2026-01-16T14:30 and no nanoseconds") from None
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


def time_of(text: str) -> int:
    """Reads a time as `read_time`; raises ValueError for one that is outside 1990 to 2100 too."""
    ts = read_time(text)
    if not MIN_TS_NS <= ts <= MAX_TS_NS:
        raise ValueError(f"{text[:_SHOWN]!r} is no time of 1990 to 2100; a date is written 2026-01-16")
    return ts


def utc(ts: int) -> str:
    """Returns a time of ns since 1970 as people read it, to the second: 2026-01-16T14:30:00Z."""
    return (_EPOCH + timedelta(seconds=ts // NS_PER_S)).strftime("%Y-%m-%dT%H:%M:%SZ")
