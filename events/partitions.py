"""Which partition an underlying belongs to: the same on every engine and for every topic (contract 20)."""

from __future__ import annotations

from functools import lru_cache
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
