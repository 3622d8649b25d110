"""Whether this process does its work: each loop that must not stand still beats, and has a longest pause."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

#: A loop that is idle still turns; one that has not for so long is stuck, or waits for a server that is away.
LONGEST_PAUSE_S = 30.0


class Pulse:
    """One loop's sign of life; `at` is when it last turned, on the monotonic clock."""

    def __init__(self, longest_pause_s: float) -> None:
        self.longest_pause_s = longest_pause_s
        self.at = time.monotonic()

    def beat(self) -> None:
        """Says that the loop has turned."""
        self.at = time.monotonic()

    def state(self) -> tuple[bool, str]:
        """Returns whether the loop turns, in words."""
        since_s = time.monotonic() - self.at
        return since_s <= self.longest_pause_s, f"turned {since_s:.1f} s ago"


_checks: dict[str, Callable[[], tuple[bool, str]]] = {}


def pulse(name: str, longest_pause_s: float = LONGEST_PAUSE_S) -> Pulse:
    """Returns a new sign of life for a loop of this process; one of the same name is replaced."""
    made = Pulse(longest_pause_s)
    _checks[name] = made.state
    return made


def beating(name: str, stopping: Callable[[], bool]) -> Callable[[], bool]:
    """Returns `stopping` so that it beats whenever it is asked: every loop of ours asks it on each turn."""
    sign = pulse(name)

    def asked() -> bool:
        sign.beat()
        return stopping()

    return asked


def check(name: str, look: Callable[[], tuple[bool, str]]) -> None:
    """Adds something else that must hold: `look` returns whether it does, and what it saw."""
    _checks[name] = look


def state() -> tuple[bool, dict[str, Any]]:
    """Returns whether everything holds, and each by name; a process that checks nothing yet has not begun its work."""
    found = {name: look() for name, look in list(_checks.items())}
    ok = bool(found) and all(good for good, _ in found.values())
    return ok, {"ok": ok, "checks": {name: {"ok": good, "seen": seen} for name, (good, seen) in found.items()}}
