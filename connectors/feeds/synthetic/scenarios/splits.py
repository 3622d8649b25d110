"""Which seeds thresholds may be tuned on, and which judge them: fixed lists, so that nobody can choose afterwards."""

from __future__ import annotations

TUNE_SEEDS: tuple[int, ...] = (101, 102, 103, 104, 105, 106, 107, 108)
#: Never looked at while a threshold, a scenario or a rule is changed.
TEST_SEEDS: tuple[int, ...] = (201, 202, 203, 204, 205, 206, 207, 208)


def split_of(seed: int) -> str:
    """Returns 'tune', 'test' or, for seeds of neither list, 'none'."""
    return "tune" if seed in TUNE_SEEDS else "test" if seed in TEST_SEEDS else "none"
