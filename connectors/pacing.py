"""Pacing: when the journals' work that no snapshot waits for is done, so that its pauses add up to none that is long.

All keys of a process are written down by one thread, begin together and are due together. So whole states are written
one at a time with batches released between them, and neither just behind a snapshot's pause nor just before the next;
and changes that have waited for a while are written before the snapshot, one key after the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable

#: Writing whole states takes at most this share of the time, and the larger one where one is overdue by this factor.
_SHARE, _LARGER_SHARE, _OVERDUE = 0.1, 0.25, 4
#: What is released between two whole states at least, s.
_LEAST_REST_S = 0.02
#: How far from a snapshot no whole state is written, s, and as a share of the time between snapshots at most.
_CLEAR_S, _CLEAR_SHARE = 0.15, 0.2
#: Snapshots of the keys that are taken within this time are one pause, s.
_ONE_PAUSE_S = 0.5
#: How long changes wait at least before they are written for their age, and how far apart two keys are, s.
_AGE_S, _APART_S = 0.5, 0.01


class Pace:
    """The pace of one process's journals; `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        #: When the last whole state had been written, and how long that took; when changes were last written for age.
        self._rewritten = self._took = self._spilled = 0.0
        #: When the last pause for snapshots began and its last snapshot was taken, and the time between two pauses.
        self._paused = self._snapshot = self._between = 0.0

    def snapshot(self) -> None:
        """Notes that a key's snapshot is taken."""
        now = self.clock()
        if now - self._snapshot > min(_ONE_PAUSE_S, self._between / 2 or _ONE_PAUSE_S):
            self._between = now - self._paused if self._paused else 0.0
            self._paused = now
        self._snapshot = now

    def may_rewrite(self, overdue: float) -> bool:
        """Tells whether a whole state, so many times overdue, should be written now."""
        if overdue < 1:
            return False
        now = self.clock()
        share = _LARGER_SHARE if overdue >= _OVERDUE else _SHARE
        rest = max(self._took * (1 / share - 1), _LEAST_REST_S) if self._took else 0.0
        return now >= self._rewritten + rest and self._is_clear(now)

    def rewritten(self, seconds: float) -> None:
        """Notes that writing one took so long."""
        self._rewritten, self._took = self.clock(), seconds

    def may_spill(self, waited_since: float) -> bool:
        """Tells whether changes that have waited since a time should be written now, for their age."""
        now = self.clock()
        if now < waited_since + _AGE_S or now < self._spilled + _APART_S:
            return False
        self._spilled = now
        return True

    def _is_clear(self, now: float) -> bool:
        clear = min(_CLEAR_S, self._between * _CLEAR_SHARE)
        # A snapshot that does not come when it should, holds nothing up for long.
        return now >= self._snapshot + clear and not -clear < now - (self._paused + self._between) < clear
