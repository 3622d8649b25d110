"""`bench scale` runs the same log by one process and by two, and says whether they left the same."""

from __future__ import annotations

from collections import Counter

from events.partitions import partition_of
from undertow.bench.pipeline import PARTITIONS
from undertow.bench.scale import Job, balanced_names, run


def test_its_tape_is_balanced() -> None:
    names = balanced_names()
    assert len(set(names)) == len(names)
    assert set(Counter(partition_of(name, PARTITIONS) for name in names).values()) == {len(names) // PARTITIONS}


def test_one_process_and_three_leave_the_same() -> None:
    result = run(Job(prints=4000, contracts=192, processes=3, rounds=1))
    assert result["equal"] == 1
    assert len(set(result["digests"].values())) > 3
    assert len(result["subsets"]) == 3
