"""What the gateway answers from the cache where there is one: baselines, and the newest alerts and packets.

Without a cache, or while it is away or empty, None says that the archive or the log is to be asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from api.newest import SCAN_EVENTS, backwards, stamp
from api.params import Param
from connectors.bus.base import Bus
from connectors.cache.keys import HOT_MESSAGES, HOT_TOPICS, CacheError, Keys, connect
from connectors.cache.reader import CacheReader
from connectors.dataset import Dataset
from connectors.store.base import StoreError
from connectors.store.owner import owner_of
from events.settings import Cache

NEWEST_PARAMS = (Param("limit", "int", "messages, the newest first", 200, 1, HOT_MESSAGES),)
#: How far back a partition is read beyond what is asked for, at a time.
_DISORDER_EVENTS = 2000
T = TypeVar("T")


class Cached:
    """Asks the cache in threads; never raises because of it."""

    def __init__(self, dataset: Dataset, settings: Cache) -> None:
        """Raises StoreError, in one line, for an address that is none of Redis."""
        self._reader: CacheReader | None = None
        if settings.redis_url:
            try:
                self._reader = CacheReader(connect(settings), Keys(owner_of(dataset.path)))
            except CacheError as error:
                raise StoreError(str(error)) from None

    async def baselines(self, asked: Mapping[str, Any]) -> dict[str, Any] | None:
        """Returns the answer of `/api/baselines`."""
        if self._reader is None:
            return None
        underlying = asked["underlying"]
        rows = await asyncio.to_thread(self._reader.baselines, underlying, asked["contract"], asked["limit"])
        if rows is None:
            return None
        return {
            "underlying": underlying,
            "source": "the cache: the baseline that each contract's newest packet was compared with",
            "baselines": [
                {name: getattr(row, name) for name in row.__struct_fields__ if name != "revision"} for row in rows
            ],
        }

    async def newest(self, topic: str, limit: int) -> list[bytes] | None:
        """Returns a topic's newest messages by event time, the newest first."""
        if self._reader is None or topic not in HOT_TOPICS:
            return None
        return await asyncio.to_thread(self._reader.newest, topic, limit)

    def close(self) -> None:
        """Hangs up."""
        if self._reader is not None:
            self._reader.close()


def newest_of_log(bus: Bus, topic: str, limit: int) -> list[bytes]:
    """Returns a topic's newest messages by event time, the newest first, out of the log itself.

    Only an underlying's events stand in order of time, those of its neighbours somewhere between: a partition is read
    back until a whole block of it brings nothing newer than what was found.
    """
    found: list[bytes] = []
    for partition, head in enumerate(bus.heads(topic)):
        mine: list[bytes] = []
        for block in batched(backwards(bus, topic, partition, head.next, SCAN_EVENTS), limit + _DISORDER_EVENTS):
            before, mine = mine, by_time([*mine, *(message for _, message in block)])[:limit]
            if mine == before:
                break
        found += mine
    return by_time(found)[:limit]


def batched(items: Iterator[T], count: int) -> Iterator[list[T]]:
    """Yields lists of up to `count` items."""
    while block := list(islice(items, count)):
        yield block


def by_time(messages: Iterable[bytes]) -> list[bytes]:
    """Returns messages sorted by event time, the newest first; equal ones by their bytes, so by no chance."""
    return sorted(messages, key=lambda message: (stamp(message), message), reverse=True)
