"""A kept state comes back as it stood at its snapshot, whenever changes and whole states were written besides."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from connectors.journal import Journals
from events.settings import Rules
from events.types import NS_PER_MS
from flows.keeping import Kept, Snapshot
from operators.partition_state import PartitionState
from operators.partition_step import PartitionStep, load
from tests.packets import CALL, PUT, T0
from tests.prints import RANKS, quote, trade

_CONTRACTS = (CALL, PUT, *(f"SPY260116C00{strike}000" for strike in range(451, 551)))


def _work(step: PartitionStep, chance: Random, number: int) -> None:
    contract = chance.choice(_CONTRACTS)
    ms = number * 20
    event = quote(ms, 1.0, 1.2, contract=contract) if chance.random() < 0.6 else trade(ms, contract=contract, size=7)
    ts = T0 + ms * NS_PER_MS
    step.step([(ts, 0, RANKS[type(event).__name__], "", number, event)], ts)


@pytest.mark.parametrize("seed", range(20))
def test_a_kept_state_killed_anywhere_comes_back_as_at_its_last_snapshot(tmp_path: Path, seed: int) -> None:
    chance, now = Random(seed), 100.0
    journals = Journals(tmp_path, clock=lambda: now)
    step = PartitionStep(PartitionState(), Rules())
    kept = Kept(journals, "3", None, b"", share=0.01)
    committed: tuple[Snapshot, bytes] = kept.snapshot(step), step.dump()
    generations, kills = set(), 0
    for number in range(1500):
        now += chance.choice((0.001, 0.02, 0.6))
        _work(step, chance, number)
        what = chance.random()
        if what < 0.5:
            kept.tend(step)
        elif what < 0.6:
            committed = kept.snapshot(step), step.dump()
        elif what < 0.61:
            # As after kill -9: the state is gone, and what was written behind the mark counts for nothing.
            mark, expected = committed
            kept = Kept(journals, "3", mark, b"", share=0.01)
            step = PartitionStep(load(kept.state, kept.changes), Rules())
            kept.began()
            assert step.dump() == expected
            kills += 1
        generations.add(committed[0][1])
    assert len(generations) > 3, "whole states were written meanwhile"
    assert kills > 3


def test_what_waits_is_written_for_its_age_and_adds_nothing_to_the_snapshot(tmp_path: Path) -> None:
    now = 100.0
    journals = Journals(tmp_path, clock=lambda: now)
    step = PartitionStep(PartitionState(), Rules())
    kept = Kept(journals, "3", None, b"", share=1.0)
    kept.snapshot(step)
    _work(step, Random(1), 1)
    kept.tend(step)
    assert step.pending > 0, "a moment later it may wait"
    now += 1.0
    kept.tend(step)
    assert step.pending == 0
