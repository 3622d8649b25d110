"""Whole states and waiting changes are written apart from each other and from the snapshot's pause."""

from __future__ import annotations

from itertools import pairwise

import pytest

from connectors.pacing import Pace

_TOOK = 0.03
_EPOCH = 5.0


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _snapshots(pace: Pace, clock: _Clock, keys: int) -> None:
    for _ in range(keys):
        pace.snapshot()
        clock.now += 0.0005


@pytest.mark.parametrize(("overdue", "share"), [(1.5, 0.1), (9.0, 0.25)])
def test_keys_that_are_due_together_are_written_whole_apart(overdue: float, share: float) -> None:
    clock = _Clock()
    pace = Pace(clock)
    begun: list[float] = []
    while len(begun) < 8:
        if pace.may_rewrite(overdue):
            begun.append(clock.now)
            clock.now += _TOOK
            pace.rewritten(_TOOK)
        else:
            clock.now += 0.001
    assert begun[0] == 100.0
    assert all(after - before >= _TOOK / share - 1e-6 for before, after in pairwise(begun))
    assert begun[-1] - begun[0] < 8 * _TOOK / share + 0.1, "all of them have their turn"
    assert not pace.may_rewrite(0.9)


@pytest.mark.parametrize("epoch", [_EPOCH, 1.0, 0.2])
def test_no_whole_state_is_written_beside_a_snapshots_pause_and_the_time_between_is_used(epoch: float) -> None:
    clock = _Clock()
    pace = Pace(clock)
    pauses, written = [], []
    for _ in range(10):
        pauses.append(clock.now)
        _snapshots(pace, clock, 40)
        while clock.now < pauses[-1] + epoch:
            if pace.may_rewrite(1):
                written.append(clock.now)
                pace.rewritten(0.001)
            clock.now += 0.001
    pauses.append(clock.now)
    # How long an epoch is, is known from the second pause on.
    known = [at for at in written if at > pauses[2]]
    clear = min(0.15, epoch * 0.2)
    nearest = min(abs(at - pause) for at in known for pause in pauses)
    assert nearest >= clear - 0.03
    assert all(any(begin < at < end for at in known) for begin, end in pairwise(pauses[2:])), "every epoch has its time"


def test_a_snapshot_that_does_not_come_holds_nothing_up_for_long() -> None:
    clock = _Clock()
    pace = Pace(clock)
    for _ in range(3):
        _snapshots(pace, clock, 4)
        clock.now += _EPOCH
    assert not pace.may_rewrite(5)
    clock.now += 1.0
    assert pace.may_rewrite(5)


def test_changes_are_written_for_their_age_one_key_after_the_other() -> None:
    clock = _Clock()
    pace = Pace(clock)
    assert not pace.may_spill(clock.now - 0.1), "they may wait"
    waited = [clock.now - 1.0] * 5
    at = []
    for _ in range(200):
        for key, since in enumerate(waited):
            if pace.may_spill(since):
                waited[key] = clock.now
                at.append((clock.now, key))
        clock.now += 0.001
    assert [key for _, key in at] == [0, 1, 2, 3, 4]
    assert all(after[0] - before[0] >= 0.01 for before, after in pairwise(at))
