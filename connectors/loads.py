"""How busy each partition of a data set is, and how to split them over processes of about equal work (contract 16)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from connectors.bus.base import Bus, Head
from events.partitions import balanced_subsets
from events.types import NS_PER_S

#: What the options flow spends its time on.
_WORK = ("options.prints", "options.quotes")
#: Newest events of a partition and topic that its rate is measured over.
_LOOK = 5000


class _Stamp(msgspec.Struct):
    ts: int


_stamp = msgspec.json.Decoder(_Stamp)


@dataclass(frozen=True, slots=True)
class Load:
    """What one partition holds and takes."""

    partition: int
    #: Option prints and quotes that its log holds, control records included.
    records: int
    #: Its newest events per second of event time, up to 5000 of each topic; 0 where there are none.
    per_s: float
    #: Its share of all partitions' records.
    share: float


def loads(bus: Bus) -> list[Load]:
    """Returns what each partition holds, by number."""
    heads = [bus.heads(topic) for topic in _WORK]
    records = [sum(of_topic[part].next - of_topic[part].start for of_topic in heads) for part in range(bus.partitions)]
    total = sum(records) or 1
    rates = [
        sum(_rate(bus, topic, part, of_topic[part]) for topic, of_topic in zip(_WORK, heads, strict=True))
        for part in range(bus.partitions)
    ]
    return [Load(part, count, round(rates[part], 1), round(count / total, 4)) for part, count in enumerate(records)]


def subsets(found: Sequence[Load], count: int, among: Sequence[int] | None = None) -> list[tuple[int, ...]]:
    """Splits partitions into subsets of about equal work for so many processes; raises ValueError for too many."""
    wanted = range(len(found)) if among is None else among
    if count > len(wanted):
        raise ValueError(f"{len(wanted)} partitions cannot be split over {count} processes")
    # One record more each: partitions of an empty log are spread by number.
    return balanced_subsets({part: found[part].records + 1 for part in wanted}, count)


def _rate(bus: Bus, topic: str, partition: int, head: Head) -> float:
    stamps = [
        stamp.ts
        for batch in bus.read_back(topic, partition, head.next, _LOOK)
        for stamp in _stamp.decode_lines(batch.payload)
    ]
    span_s = (max(stamps) - min(stamps)) / NS_PER_S if stamps else 0.0
    return len(stamps) / span_s if span_s > 0 else 0.0
