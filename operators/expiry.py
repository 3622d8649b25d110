"""Expiry: which contracts the step by partition forgets, and when, so that its state does not grow with the calendar.

With the first event at or behind a session boundary, never by a watermark: that may run ahead of feeds that return, and
how often it is told is nobody's business. What is forgotten settled before the last session's own boundary, a day ago
at least, and nothing was heard of it since: the open interest of the morning after, late prints and cancels (at most a
day old) have come by then, and no packet of it is open. What comes later still begins again as a new contract's.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from events.sessions import BOUNDARY, NEW_YORK, minute_ns, next_boundary, session_before
from events.types import NS_PER_S
from operators.partition_state import Instrument

_BOUNDARY_MINUTE = BOUNDARY.hour * 60 + BOUNDARY.minute


def over_before(ts: int) -> int:
    """Returns the boundary of the session before that of the newest boundary at or before a time: what was over then is
    forgotten.
    """
    today = datetime.fromtimestamp(next_boundary(ts) // NS_PER_S, NEW_YORK).date() - timedelta(days=1)
    return minute_ns(session_before(today), _BOUNDARY_MINUTE)


def expired(instruments: dict[str, Instrument], before_ts: int) -> list[str]:
    """Returns contracts that settled before a time and of which nothing was heard since."""
    return [
        contract
        for contract, memory in instruments.items()
        if memory.settles < before_ts and memory.quote_ts < before_ts and memory.print_order_ts < before_ts
    ]
