"""Simulated time against the wall clock: it runs at a speed, stands still while the process does, and never leaps."""

from __future__ import annotations

import time
from collections.abc import Callable

from events.types import FOREVER_NS, NS_PER_S

#: A process that was not asked for so long was stopped or overloaded: simulated time does not catch up.
STALL_S = 1.0


class Pace:
    """Says up to which event time the feed may speak; speed 0 is as fast as possible."""

    def __init__(self, speed: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.speed = speed
        self._clock = clock
        self._event_ns = 0
        self._wall_s = clock()

    def set(self, event_ns: int) -> None:
        """Says where simulated time stands now."""
        self._event_ns, self._wall_s = event_ns, self._clock()

    def now(self) -> int:
        """Returns the event time that has been reached, ns."""
        if self.speed == 0:
            return FOREVER_NS
        wall_s = self._clock()
        passed_s = min(wall_s - self._wall_s, STALL_S)
        self._event_ns += round(passed_s * self.speed * NS_PER_S)
        self._wall_s = wall_s
        return self._event_ns
