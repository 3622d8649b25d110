"""Where the newest events of a topic begin: the cursors of a snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import nlargest

import msgspec

from api.chunks import Keys
from connectors.bus.base import Bus, StoredBatch

#: Events looked at for a snapshot by key, over all partitions; a key rarer than that begins further on.
SCAN_EVENTS = 200_000
_BLOCK = 2000


class _Stamp(msgspec.Struct):
    ts: int = 0


_decoder = msgspec.json.Decoder(_Stamp)


def stamp(message: bytes) -> int:
    """Returns a message's event time, ns; 0 where it has none."""
    try:
        return _decoder.decode(message).ts
    except msgspec.MsgspecError:
        return 0


def cursors_of_newest(bus: Bus, topic: str, count: int, keys: Keys) -> list[int]:
    """Returns cursors behind which lie the newest `count` events with these keys, over all partitions.

    Newest by event time; inside a partition by offset, so that what lies behind a cursor is exactly what was counted.
    """
    heads = bus.heads(topic)
    found: list[tuple[int, int, int]] = []
    for partition, head in enumerate(heads):
        latest = 0
        for ts, offset in _newest_of(bus, topic, partition, head.next, count, keys, SCAN_EVENTS // len(heads)):
            latest = max(latest, ts)
            found.append((latest, partition, offset))
    cursors = [head.next for head in heads]
    for _, partition, offset in nlargest(count, found):
        cursors[partition] = min(cursors[partition], offset)
    return cursors


def _newest_of(
    bus: Bus, topic: str, partition: int, end: int, count: int, keys: Keys, scan: int
) -> list[tuple[int, int]]:
    """Returns (event time, offset) of the last `count` events with these keys, in log order."""
    found: list[tuple[int, int]] = []
    for offset, message in backwards(bus, topic, partition, end, scan, keys, min(count, _BLOCK)):
        found.append((stamp(message), offset))
        if len(found) == count:
            break
    return found[::-1]


def backwards(
    bus: Bus, topic: str, partition: int, end: int, scan: int, keys: Keys = None, block: int = _BLOCK
) -> Iterator[tuple[int, bytes]]:
    """Yields (offset, message) of the last events before `end` with these keys, newest first, `scan` looked at."""
    while scan > 0:
        batches = bus.read_back(topic, partition, end, min(block, scan))
        if not batches:
            return
        for batch in batches:
            yield from _of_batch(batch, end, keys)
            scan -= batch.count
        end = batches[-1].first


def _of_batch(batch: StoredBatch, end: int, keys: Keys) -> Iterator[tuple[int, bytes]]:
    of_batch = batch.keys() if keys is not None else []
    if keys is not None and keys.isdisjoint(of_batch):
        return
    lines = batch.lines()
    for index in range(min(batch.count, end - batch.first) - 1, -1, -1):
        if keys is None or of_batch[index] in keys:
            yield batch.first + index, lines[index]
