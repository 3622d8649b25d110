"""What no raw event may say though its type allows it: checked once, where input comes in."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from events.raw import Reference
from events.types import NS_PER_S

#: A source stands in ids, which are URL-safe; an instrument or underlying is a key, and keys stand on lines.
_SOURCE = re.compile(r"[A-Za-z0-9._-]{1,32}")
_NAME = re.compile(r"[ -~]*")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAY_NS = 86_400 * NS_PER_S


def refuse_implausible(event: Any) -> None:
    """Raises ValueError that says what an event may not say, and where."""
    if not _is_source(event.source):
        raise ValueError(f"{event.source!r} is no name of letters, digits, dots and dashes - at `$.source`")
    if isinstance(event, Reference):
        _refuse_name("instrument", event.instrument)
        _refuse_name("underlying", event.underlying or "")
        if event.for_date is not None and not is_date_of(event.for_date, event.ts):
            raise ValueError(f"{event.for_date!r} is no date up to a day after the fact's own - at `$.for_date`")
    elif hasattr(event, "symbol"):
        _refuse_name("symbol", event.symbol)


def is_date_of(text: str, ts: int) -> bool:
    """Tells whether a text is a calendar date, YYYY-MM-DD, to which a fact of a time can belong."""
    number = _ordinal(text)
    return number is not None and number <= _ordinal_at(ts // _DAY_NS) + 1


@lru_cache(maxsize=1024)
def _ordinal(text: str) -> int | None:
    try:
        return date.fromisoformat(text).toordinal() if _DATE.fullmatch(text) else None
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def _ordinal_at(day: int) -> int:
    return datetime.fromtimestamp(day * 86_400, UTC).date().toordinal()


@lru_cache(maxsize=1024)
def _is_source(name: str) -> bool:
    return _SOURCE.fullmatch(name) is not None


@lru_cache(maxsize=65_536)
def _is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def _refuse_name(field: str, text: str) -> None:
    if not _is_name(text):
        raise ValueError(f"{text!r} holds what is no printable ASCII - at `$.{field}`")
