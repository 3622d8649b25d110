"""New York's calendar day and clock of an event time: what rules mean by a day, an open and an expiry."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from events.sessions import NEW_YORK
from events.types import NS_PER_S

_HOUR_S = 3600
#: The regular session's open, seconds after midnight.
OPEN_S = 9 * _HOUR_S + 1800


@lru_cache(maxsize=64)
def _hour(hour: int) -> tuple[int, int]:
    local = datetime.fromtimestamp(hour * _HOUR_S, UTC).astimezone(NEW_YORK)
    return local.toordinal(), local.hour * _HOUR_S + local.minute * 60


def day_of(ts: int) -> int:
    """Returns the New York date of a time (ns) as an ordinal."""
    return _hour(ts // (_HOUR_S * NS_PER_S))[0]


def since_open_s(ts: int) -> int:
    """Returns seconds since 9:30 New York of the time's date; negative before it."""
    seconds = ts // NS_PER_S
    return _hour(seconds // _HOUR_S)[1] + seconds % _HOUR_S - OPEN_S
