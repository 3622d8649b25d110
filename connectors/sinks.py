"""The sink of derived topics: appends to the bus at once, flushed by its snapshot, without doubles after a restart.

Unit of parallelism: the partition. Exactly once in the log: on resume it reads the derived log behind its snapshot's
position and drops re-emissions whose (id, revision) stands there (contract 13). A snapshot that is taken before all of
them have come still points before them, for the next life emits the rest. Every append carries the flow's lease
epoch, and a holder that lost its lease is refused by the bus.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from msgspec import Struct

from connectors.bus.base import Batch, Bus
from connectors.telemetry import meters
from events.codec import ended_lines
from events.control import Control, encode_control
from events.topics import decoder
from events.types import NS_PER_S

_READ = 5000
Identity = tuple[str, int]
#: How far behind an anchor an emission may be known that is emitted again from it.
_MARGIN_NS = 60 * NS_PER_S


class _Written(Struct):
    """What tells an event of the derived log apart, and when it became known."""

    id: str
    revision: int = 0
    ts: int = 0
    order_ts: int = 0


_written = msgspec.json.Decoder(_Written)


@dataclass(slots=True)
class Emission:
    """Derived events for the topics of one partition, in order, and the watermark that they have reached."""

    #: Topic, key of each event, events.
    parts: list[tuple[str, Sequence[str], Sequence[Struct]]] = field(default_factory=list)
    watermark: int = 0
    #: Topic, key of each event, events as lines, a newline behind each: who makes very many encodes them while they are
    #: at hand.
    lines: list[tuple[str, Sequence[str], bytes]] = field(default_factory=list)

    def decoded(self) -> Emission:
        """Returns the same with its lines as events."""
        parts = [(topic, keys, decoder(topic).decode_lines(lines)) for topic, keys, lines in self.lines]
        return Emission([*parts, *self.parts], self.watermark)

    def of(self, topic: str) -> Iterator[tuple[Sequence[str], bytes]]:
        """Yields keys and lines of a topic's events, a newline behind each."""
        yield from ((keys, lines) for name, keys, lines in self.lines if name == topic)
        yield from ((keys, ended_lines(events)) for name, keys, events in self.parts if name == topic)


class DerivedPartition(StatefulSinkPartition[Emission, dict[str, int]]):
    """One partition of the derived topics; its snapshot is the offset behind which it does not know each topic."""

    def __init__(
        self, bus: Bus, partition: int, topics: Sequence[str], epoch: int, resume: dict[str, int] | None, since: int = 0
    ) -> None:
        """`since` is the anchor that the partition begins at, where it does not resume: nothing before is emitted."""
        self._bus, self._partition, self._topics, self._epoch = bus, partition, topics, epoch
        self._watermark = 0
        #: What stands in each topic and may be emitted again: where it begins, and when the last of it was known.
        self._written: dict[str, set[Identity]] = {}
        self._begins: dict[str, int] = {}
        self._known_to: dict[str, int] = {}
        #: Where each topic goes on behind what we wrote, and what was promised in it.
        self._next: dict[str, int] = {}
        self._promised: dict[str, int] = {}
        for topic in topics:
            if _is_ours(topic):
                bus.fence(topic, [partition], epoch)
            known_from = 0 if resume or not _is_ours(topic) else since - _MARGIN_NS
            head = bus.heads(topic)[partition]
            self._next[topic], self._promised[topic] = head.next, head.promise
            self._begins[topic] = (resume or {}).get(topic, 0)
            self._written[topic] = self._behind(topic, self._begins[topic], head.next, known_from)

    def write_batch(self, values: list[Emission]) -> None:
        """Appends the emissions' events, one record batch per topic; drops what the log already holds."""
        for topic in self._topics:
            pieces: list[bytes] = []
            keys: list[str] = []
            for value in values:
                for part_keys, lines in value.of(topic):
                    keys += part_keys
                    pieces.append(lines)
            if pieces:
                pieces[-1] = pieces[-1][:-1]
            payload = b"".join(pieces)
            if keys and self._written[topic]:
                made = len(keys)
                payload, keys = self._without_written(topic, payload, keys)
                meters.FLOW_REPEATED.labels(topic).inc(made - len(keys))
            if keys:
                self._append(topic, Batch(count=len(keys), payload=payload, keys=keys))
                meters.FLOW_EVENTS.labels(topic).inc(len(keys))
        self._watermark = max(self._watermark, *(value.watermark for value in values))

    @meters.timed("derived_topics")
    def snapshot(self) -> dict[str, int]:
        """Says how far the topics are complete and returns how far they are known; everything was appended before."""
        for topic in self._topics:
            if _is_ours(topic) and self._promised[topic] < self._watermark:
                self._append(topic, heartbeat(self._watermark))
                self._promised[topic] = self._watermark
            if self._known_to[topic] < self._watermark:
                # Nothing that was known by then is emitted from here on.
                self._written[topic].clear()
        # Nobody is asked where the topics end: what others write behind us into `deadletter` may be read again.
        return {topic: self._begins[topic] if self._written[topic] else self._next[topic] for topic in self._topics}

    def _append(self, topic: str, batch: Batch) -> None:
        first = self._bus.append(topic, {self._partition: batch}, self._epoch if _is_ours(topic) else 0)
        self._next[topic] = first[self._partition] + batch.count

    def _behind(self, topic: str, offset: int, end: int, known_from: int) -> set[Identity]:
        found: set[Identity] = set()
        self._known_to[topic] = 0
        while offset < end:
            for batch in self._bus.read(topic, self._partition, offset, _READ):
                offset = batch.next
                for each in () if batch.control else _written.decode_lines(batch.payload):
                    known = max(each.ts, each.order_ts)
                    if known >= known_from:
                        found.add((each.id, each.revision))
                        self._known_to[topic] = max(self._known_to[topic], known)
        return found

    def _without_written(self, topic: str, payload: bytes, keys: list[str]) -> tuple[bytes, list[str]]:
        written = self._written[topic]
        made = [(each.id, each.revision) for each in _written.decode_lines(payload)]
        kept = [
            (line, key)
            for identity, line, key in zip(made, payload.split(b"\n"), keys, strict=True)
            if identity not in written
        ]
        written.difference_update(made)
        return b"\n".join([line for line, _ in kept]), [key for _, key in kept]


def _is_ours(topic: str) -> bool:
    """Tells whether the flow is the topic's only writer; feeds write dead letters too."""
    return topic != "deadletter"


def heartbeat(promise: int) -> Batch:
    """Returns a lone heartbeat: after it, nothing below the promise follows."""
    record = encode_control(Control(control="heartbeat", ts=promise))
    return Batch(count=1, payload=record, promises=[(1, promise)], control=True)


class DerivedSink(FixedPartitionedSink[Emission, dict[str, int]]):
    """See the module's first lines; items are (partition as text, Emission)."""

    def __init__(
        self, bus: Bus, topics: Sequence[str], epoch: int, partitions: Sequence[int] | None = None,
        since: Mapping[int, int] | None = None,
    ) -> None:  # fmt: skip
        self._bus, self._topics, self._epoch, self._since = bus, topics, epoch, since or {}
        self._partitions = list(range(bus.partitions)) if partitions is None else list(partitions)

    def list_parts(self) -> list[str]:
        """Returns the partitions' numbers as text."""
        return [str(partition) for partition in self._partitions]

    def part_fn(self, item_key: str) -> int:
        """Returns the place of the item's partition in the sorted list of parts."""
        return sorted(self.list_parts()).index(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: dict[str, int] | None) -> DerivedPartition:
        """Builds one partition behind its snapshot's position."""
        partition = int(for_part)
        since = self._since.get(partition, 0)
        return DerivedPartition(self._bus, partition, self._topics, self._epoch, resume_state, since)
