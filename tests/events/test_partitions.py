"""Partitions named in a text, and split into subsets of about equal weight."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.partitions import balanced_subsets, subset_of, subset_text


@given(st.sets(st.integers(0, 40), min_size=1))
def test_a_subset_reads_as_it_is_written(partitions: set[int]) -> None:
    assert subset_of(subset_text(partitions), 41) == tuple(sorted(partitions))


@pytest.mark.parametrize(
    ("text", "expected"), [("", (0, 1, 2, 3)), ("0-3", (0, 1, 2, 3)), ("3, 0", (0, 3)), ("1,1-2", (1, 2))]
)
def test_what_a_text_names(text: str, expected: tuple[int, ...]) -> None:
    assert subset_of(text, 4) == expected


@pytest.mark.parametrize("text", ["4", "0-4", "3-1", "a", "0-", "-1", "0,,1"])
def test_what_names_no_partition_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=f"^'{text}' ") as refused:
        subset_of(text, 4)
    assert len(str(refused.value).splitlines()) == 1


def test_a_busy_partition_stands_alone() -> None:
    assert balanced_subsets({0: 100, 1: 30, 2: 30, 3: 30}, 2) == [(0,), (1, 2, 3)]


@given(st.dictionaries(st.integers(0, 15), st.floats(0, 1e6), min_size=1), st.integers(1, 6))
def test_every_partition_is_in_one_subset_and_none_is_empty(weights: dict[int, float], count: int) -> None:
    subsets = balanced_subsets(weights, count)
    assert sorted(p for subset in subsets for p in subset) == sorted(weights)
    assert len(subsets) == min(count, len(weights))
    assert all(subsets)
    # Graham: no subset is heavier than a fair share and the heaviest partition.
    fair = sum(weights.values()) / len(subsets)
    assert max(sum(weights[p] for p in subset) for subset in subsets) <= fair + max(weights.values()) + 1e-6
