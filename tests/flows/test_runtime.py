"""A flow's process under a wall clock that somebody sets."""

from __future__ import annotations

import threading

from flows.runtime import BEGIN_AGAIN, watch_clock


def ends_after(jumps: list[float]) -> int | None:
    """Returns the status that the process ends with, None when it lives on, the clock jumping by so many seconds."""
    ended: list[int] = []
    steps, over = iter(jumps), threading.Event()

    def jump() -> float:
        found = next(steps, None)
        if found is None:
            over.set()
            return jumps[-1]
        return found

    watcher = watch_clock(jump, ended.append)
    watcher.join(len(jumps) + 2)
    assert over.is_set() or not watcher.is_alive()
    return ended[0] if ended else None


def test_a_clock_that_is_set_back_ends_the_process_that_would_stand_still() -> None:
    assert ends_after([100.0, 100.0, 40.0]) == BEGIN_AGAIN
    assert ends_after([100.0, 3700.0, 100.0]) == BEGIN_AGAIN


def test_a_clock_that_is_set_forward_ends_the_process_that_may_sleep_for_as_long() -> None:
    assert ends_after([100.0, 100.0, 3700.0]) == BEGIN_AGAIN


def test_a_clock_that_is_trimmed_does_not() -> None:
    assert ends_after([100.0, 101.5, 100.0, 101.0]) is None
    assert ends_after([100.0, 101.5, 103.0, 104.5]) is None, "bit by bit it sleeps no longer than a bit"
