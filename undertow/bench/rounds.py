"""Rounds: the same work several times; the one of least CPU counts, since a busy machine only ever adds to it."""

from __future__ import annotations

import resource
from collections.abc import Callable
from time import perf_counter
from typing import Any, TypeVar

ROUNDS = 3

_Ready = TypeVar("_Ready")


def least(prepare: Callable[[], _Ready], do: Callable[[_Ready], int], per_s: str) -> dict[str, Any]:
    """Returns the best round: its rate, under the name `per_s`, and CPU-seconds per million of what `do` counts.

    What `prepare` does is not measured; `do` is given what it returns.
    """
    best: dict[str, Any] = {}
    for _ in range(ROUNDS):
        ready = prepare()
        began, cpu = perf_counter(), _cpu_s()
        count = do(ready)
        cpu_s, seconds = _cpu_s() - cpu, perf_counter() - began
        found = {per_s: round(count / seconds), "cpu_s_per_million": round(cpu_s / count * 1e6, 3)}
        if not best or found["cpu_s_per_million"] < best["cpu_s_per_million"]:
            best = found
    return best


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
