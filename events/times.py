"""Event times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

from events.types import MAX_TS_NS, MIN_TS_NS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_of(text: str) -> int:
    """Reads an ISO date or time, UTC unless it says otherwise, or nanoseconds since 1970; raises ValueError."""
    if text.isascii() and text.isdecimal():
        ts = int(text)
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{text!r} is no ISO time such as 2026-01-16T14:30 and no nanoseconds") from None
        since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
        ts = (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000
    if not MIN_TS_NS <= ts <= MAX_TS_NS:
        raise ValueError(f"{text!r} is no time of 1990 to 2100; a date is written 2026-01-16")
    return ts
