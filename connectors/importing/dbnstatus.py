"""Databento's status records of stocks as halts and their ends; the numbers are those of databento_dbn's enums.

A stock is halted as soon as one venue of the file says so, and trades again when the last that said so takes it back.
That trading goes on ends no halt where the venue was trading before. As the first that a file says of a venue it does,
unless it came as scheduled: the halt may stand in an earlier piece. No record tells of a limit state.
"""

from __future__ import annotations

from typing import Literal

#: `StatusAction`: halted, paused and suspended; trading.
_HALTS, _TRADING = (8, 9, 10), 7
#: `StatusReason`: the change came as scheduled.
_SCHEDULED = 1


class Statuses:
    """What the venues of one file last said of each stock."""

    def __init__(self) -> None:
        self._halted: dict[str, dict[int, bool]] = {}

    def see(self, instrument: str, venue: int, action: int, reason: int) -> Literal["halt", "resume"] | None:
        """Takes a record; returns what it says of halts, None where it says nothing."""
        venues = self._halted.setdefault(instrument, {})
        if action in _HALTS:
            venues[venue] = True
            return "halt"
        if action != _TRADING:
            return None
        before, venues[venue] = venues.get(venue), False
        ends = before is True or (before is None and reason != _SCHEDULED)
        return "resume" if ends and not any(venues.values()) else None
