"""Which ids a topic's log already holds within a span of time, found by the promises that only rise."""

from __future__ import annotations

import msgspec

from connectors.bus.base import Bus
from connectors.feeds.writer import on_grid
from events.control import decode_control
from events.types import NS_PER_S

#: No feed's disorder is longer: an event stands behind the place where the promise passes its time less this.
MAX_DISORDER_NS = 60 * NS_PER_S
_READ = 20_000


class _Id(msgspec.Struct):
    """The part of an event that tells whether it is the same."""

    id: str
    ts: int


_decoder = msgspec.json.Decoder(_Id)


def held_ids(bus: Bus, topic: str, from_ts: int, to_ts: int) -> set[str]:
    """Returns the ids of a topic's events with from_ts <= ts <= to_ts."""
    found: set[str] = set()
    for partition, head in enumerate(bus.heads(topic)):
        at = _first_place(bus, topic, partition, head.start, head.next, on_grid(from_ts - MAX_DISORDER_NS))
        while batches := bus.read(topic, partition, at, _READ):
            at = batches[-1].next
            for batch in batches:
                if not batch.control:
                    events = map(_decoder.decode, batch.lines())
                    found.update(event.id for event in events if from_ts <= event.ts <= to_ts)
    return found


def held_gaps(bus: Bus, topic: str, from_ts: int) -> set[tuple[int, int]]:
    """Returns the gaps that a topic tells of from a time on; each stands in every partition."""
    found: set[tuple[int, int]] = set()
    head = bus.heads(topic)[0]
    at = _first_place(bus, topic, 0, head.start, head.next, on_grid(from_ts - MAX_DISORDER_NS))
    while batches := bus.read(topic, 0, at, _READ):
        at = batches[-1].next
        records = [decode_control(batch.payload) for batch in batches if batch.control]
        found.update((each.from_ts or 0, each.to_ts or 0) for each in records if each.control == "gap")
    return found


def _first_place(bus: Bus, topic: str, partition: int, low: int, high: int, promise: int) -> int:
    """Returns the last offset before which no promise had reached `promise`, by bisection between two offsets."""
    while high - low > _READ:
        middle = (low + high) // 2
        batches = bus.read(topic, partition, middle, 1)
        if batches and batches[0].promises[0][1] < promise:
            low = middle
        else:
            high = middle
    return low
