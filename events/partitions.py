"""Which partition an underlying belongs to: the same on every engine and for every topic (contract 20)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from zlib import crc32

#: Bumped when the table below changes; a data set remembers the version it was made with.
TABLE_VERSION = 1
#: The twenty busiest underlyings, spread by hand so that no two of the busiest eight share one of eight partitions.
BUSIEST = (
    "SPX", "SPY", "QQQ", "NVDA", "TSLA", "IWM", "AAPL", "AMZN",
    "META", "AMD", "MSFT", "PLTR", "GOOGL", "MSTR", "COIN", "VIX",
    "NFLX", "AVGO", "NDX", "SMCI",
)  # fmt: skip
_TABLE = {underlying: slot for slot, underlying in enumerate(BUSIEST)}
#: Labels of the second step in all (contract 10 allows 512): each costs microseconds per activation, while a snapshot
#: writes only those that were active. A label never spans two partitions.
MAX_LABELS = 128


@lru_cache(maxsize=65_536)
def partition_of(underlying: str, partitions: int) -> int:
    """Returns the partition of an underlying among `partitions`."""
    slot = _TABLE.get(underlying)
    return (crc32(underlying.encode()) if slot is None else slot) % partitions


@lru_cache(maxsize=65_536)
def shard_of(underlying: str, partition: int, partitions: int) -> str:
    """Returns the label under which the second step keeps an underlying; state itself is kept per underlying."""
    shards = max(MAX_LABELS // partitions, 1)
    return f"{partition}-{crc32(underlying.encode()) % shards}"


def labels_of(partition: int, partitions: int) -> list[str]:
    """Returns every shard label of a partition."""
    return [f"{partition}-{shard}" for shard in range(max(MAX_LABELS // partitions, 1))]


_SUBSET = re.compile(r"(\d+)(?:-(\d+))?")


def subset_of(text: str, partitions: int) -> tuple[int, ...]:
    """Returns the partitions that a text such as `0-3` or `0,2,5-7` names, in order; all for an empty one.

    Raises ValueError, in one line, for what names no partition or one that is not there.
    """
    found: set[int] = set()
    for part in text.replace(" ", "").split(",") if text.strip() else [f"0-{partitions - 1}"]:
        match = _SUBSET.fullmatch(part)
        if match is None:
            raise ValueError(f"{text!r} names no partitions: write 0-3 or 0,2,5-7")
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last or last >= partitions:
            raise ValueError(f"{text!r} is not among the partitions 0-{partitions - 1}")
        found.update(range(first, last + 1))
    return tuple(sorted(found))


def subset_text(partitions: Iterable[int]) -> str:
    """Returns the text that names partitions: what `subset_of` reads."""
    ordered = sorted(partitions)
    starts = [p for i, p in enumerate(ordered) if i == 0 or p != ordered[i - 1] + 1]
    ends = [a for a, b in pairwise([*ordered, -1]) if b != a + 1]
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))


def balanced_subsets(weights: Mapping[int, float], count: int) -> list[tuple[int, ...]]:
    """Splits partitions into at most `count` subsets of about equal weight: the heaviest first, each to the lightest.

    Its heaviest subset weighs at most a third more than that of the best split (Graham's bound).
    """
    subsets: list[list[int]] = [[] for _ in range(min(count, len(weights)))]
    loads = [0.0] * len(subsets)
    for partition in sorted(weights, key=lambda p: (-weights[p], p)):
        lightest = min(range(len(subsets)), key=lambda n: (loads[n], len(subsets[n]), n))
        subsets[lightest].append(partition)
        loads[lightest] += weights[partition]
    return sorted(tuple(sorted(subset)) for subset in subsets)
