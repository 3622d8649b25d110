"""Session boundaries: 03:00 New York, in event time (contract, Anchor)."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from events.types import NS_PER_S

NEW_YORK = ZoneInfo("America/New_York")
BOUNDARY = time(3, 0)


@lru_cache(maxsize=4096)
def _boundary_after_day(day_s: int) -> tuple[int, int]:
    local = datetime.fromtimestamp(day_s, UTC).astimezone(NEW_YORK)
    first = datetime.combine(local.date(), BOUNDARY, NEW_YORK)
    second = datetime.combine(local.date() + timedelta(days=1), BOUNDARY, NEW_YORK)
    return int(first.timestamp()) * NS_PER_S, int(second.timestamp()) * NS_PER_S


def next_boundary(ts: int) -> int:
    """Returns the first session boundary strictly after `ts`, both ns."""
    day_s = ts // (86_400 * NS_PER_S) * 86_400
    for boundary in _boundary_after_day(day_s) + _boundary_after_day(day_s + 86_400):
        if boundary > ts:
            return boundary
    raise AssertionError("a boundary lies within any two days")
