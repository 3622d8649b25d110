"""The tape: a Bytewax source whose partition p merges partition p of every raw topic (contract 1 to 8, 11, 14).

Unit of parallelism: the partition. Resumes from its own snapshot; what it releases is a function of the logs alone.
Live, replay and `compute` are this one source with different bounds.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.bus.base import Bus, StoredBatch
from connectors.telemetry import meters
from events.control import Control, decode_control
from events.deadletters import dead_letter
from events.derived import DeadLetter
from events.reading import lines_reader
from events.sessions import next_boundary
from events.topics import RAW_TOPICS, TOPICS, decoder
from events.types import FOREVER_NS, MIN_TS_NS
from operators.merge import Merge
from operators.merge_state import Item, MergeState


class TapeState(MergeState):
    """The tape's snapshot: the merge's, and the boundary at which the next anchor stands (0: the next event says)."""

    boundary: int = 0


_state_encoder = msgspec.json.Encoder()
_state_decoder = msgspec.json.Decoder(TapeState)
#: What a decoder raises on bytes that are no event: broken JSON, broken text, nesting without end.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(slots=True)
class Released:
    """What one poll of a partition released: items in order, then the watermark they stand below.

    `anchor` asks every step to write its state before these items: (boundary, the tape's snapshot at it as JSON).
    """

    partition: int
    items: list[Item]
    watermark: int
    anchor: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """The part of the log to read: from anchors or the start, to given ends or for ever.

    `ends` holds the offset behind the last record to read, per topic and partition; `supply_end` closes what is
    still open there, as if the feeds had written an end.
    """

    ends: Mapping[str, Sequence[int]] | None = None
    supply_end: bool = False
    #: Tape snapshots to begin with, by partition, and the boundary each was taken at.
    anchors: Mapping[int, tuple[int, str]] = field(default_factory=dict)


def heads_as_ends(bus: Bus, topics: Sequence[str] = RAW_TOPICS) -> dict[str, list[int]]:
    """Returns the present end of every partition of the topics, for a bounded span."""
    return bus.ends(topics)


def beyond_log(bus: Bus, partition: int, snapshot: str) -> str | None:
    """Returns the topic in which a tape's snapshot stands beyond the log's end, as after a power cut, or None."""
    for topic, state in _state_decoder.decode(snapshot).topics.items():
        if state.position > bus.ends([topic])[topic][partition]:
            return topic
    return None


def begins_before_log(bus: Bus, partition: int, snapshot: str) -> str | None:
    """Returns the topic whose first kept record stands behind where a tape's snapshot reads on, or None."""
    for topic, state in _state_decoder.decode(snapshot).topics.items():
        if state.position < bus.heads(topic)[partition].start:
            return topic
    return None


def newest_released(snapshot: str) -> int:
    """Returns the order time of the last event that a tape's snapshot has released, ns; 0 before the first."""
    last = _state_decoder.decode(snapshot).last
    return last[0] if last else 0


_Look = dict[str, list[int]]


class _Heads:
    """Two looks at every topic's heads, shared by the partitions of one process.

    Members are read up to the first look and absent topics up to the second, so that a member record which stood in
    the log before a promise was written is seen before that promise is used.
    """

    def __init__(self, bus: Bus, interval_s: float) -> None:
        self._bus = bus
        self._interval_s = interval_s
        self._taken = -1.0
        self._looks: tuple[_Look, _Look] = ({}, {})

    def looks(self) -> tuple[_Look, _Look]:
        """Returns both looks, taken anew when they are old; a pair stays one, whoever else is looking."""
        now = time.monotonic()
        if now - self._taken >= self._interval_s:
            first = self._bus.ends(RAW_TOPICS)
            self._looks = first, self._bus.ends(RAW_TOPICS)
            self._taken = now
        return self._looks

    def seen(self, topic: str, partition: int) -> int:
        """Returns where a partition ended at the newest look, 0 before any; asks nobody."""
        ends = self._looks[1].get(topic)
        return ends[partition] if ends else 0


class TapePartition(StatefulSourcePartition[tuple[str, Released], str]):
    """One partition of the tape; its snapshot is the merge's state as JSON."""

    def __init__(
        self, bus: Bus, heads: _Heads, partition: int, span: Span, batch: int, poll: timedelta,
        stopping: Callable[[], bool], resume_state: str | None,
    ) -> None:  # fmt: skip
        self._bus, self._heads, self._partition, self._span = bus, heads, partition, span
        self._batch, self._poll, self._stopping = batch, poll, stopping
        anchor = span.anchors.get(partition)
        start = resume_state or (anchor[1] if anchor else None)
        state = _state_decoder.decode(start) if start else TapeState()
        self._merge = Merge(state)
        self._decoders = {topic: decoder(topic) for topic in RAW_TOPICS}
        self._readers = {topic: lines_reader(TOPICS[topic].type) for topic in RAW_TOPICS}
        self._last = state.last
        self._boundary = state.boundary
        self._watermark = -1
        self._awake: datetime | None = None
        self._turned_s = time.monotonic()
        self._count_released = meters.TAPE_RELEASED.labels(partition).inc

    def next_batch(self) -> list[tuple[str, Released]]:
        """Reads what holds the watermark back and returns what that completes; StopIteration at the span's end."""
        if self._stopping():
            raise StopIteration
        before_s, self._turned_s = self._turned_s, time.monotonic()
        meters.TAPE_GAP.observe(self._turned_s - before_s)
        grew = self._read(*self._heads.looks())
        items = self._merge.release()
        self._count_released(len(items))
        watermark = self._merge.stands_at()
        out = self._cut(items, watermark) if items or watermark > self._watermark else []
        self._watermark = watermark
        if not grew and not items:
            if self._span.ends is not None:
                if not out:
                    raise StopIteration
            else:
                self._awake = datetime.now(UTC) + self._poll
        else:
            self._awake = None
        return out

    def next_awake(self) -> datetime | None:
        """Returns when to poll again; None is at once."""
        return self._awake

    @meters.timed("tape")
    def snapshot(self) -> str:
        """Returns the merge's state (contract 11)."""
        return self._encoded(self._merge.state())

    @property
    def watermark(self) -> int:
        """The event time below which everything was released, ns; asked by whoever watches, from another thread."""
        return max(self._watermark, 0)

    def behind(self, topic: str) -> int:
        """Returns how many records of a topic the newest look saw and the tape has not read; as `watermark`."""
        return max(self._heads.seen(topic, self._partition) - self._merge.next_offset(topic), 0)

    def _read(self, first: _Look, second: _Look) -> bool:
        """Reads one chunk of each topic that lags; tells whether anything was read or ended."""
        grew = False
        for topic in self._merge.lagging():
            member = self._merge.is_member(topic)
            end = self._end(topic, first if member else second)
            while self._merge.next_offset(topic) < end:
                grew |= self._read_chunk(topic, end)
                if member or self._merge.is_member(topic):
                    break
            if self._merge.next_offset(topic) < end:
                continue
            if self._span.ends is not None and self._span.supply_end:
                grew |= member
                self._merge.finish(topic)
            elif not member and not self._merge.is_member(topic):
                # One that left just now was read to the first look only: its turn comes with the next.
                self._merge.reached_head(topic)
        return grew

    def _end(self, topic: str, look: _Look) -> int:
        end = look[topic][self._partition]
        if self._span.ends is not None:
            end = min(end, self._span.ends.get(topic, [0] * self._bus.partitions)[self._partition])
        return end

    def _read_chunk(self, topic: str, end: int) -> bool:
        read = False
        for batch in self._bus.read(topic, self._partition, self._merge.next_offset(topic), self._batch):
            if batch.first >= end:
                break
            read = True
            if batch.control:
                self._feed_controls(topic, batch)
            else:
                self._feed_events(topic, batch)
        if not read:
            raise RuntimeError(f"{topic}/{self._partition} has a hole at {self._merge.next_offset(topic)} below {end}")
        return read

    def _feed_events(self, topic: str, batch: StoredBatch) -> None:
        try:
            events = self._readers[topic](batch.payload)
        except _UNREADABLE:
            events = []
        if len(events) == batch.count:
            self._merge.feed_events(topic, batch.first, events, batch.promises)
            return
        for place, line in enumerate(batch.lines()):
            before, after = _promises_around(batch, place)
            try:
                event = self._decoders[topic].decode(line)
            except _UNREADABLE as error:
                poison = self._poison(topic, batch.first + place, str(error), line, before[1])
                self._merge.feed_record(topic, batch.first + place, poison, [before, after])
            else:
                self._merge.feed_events(topic, batch.first + place, [event], [before, after])

    def _feed_controls(self, topic: str, batch: StoredBatch) -> None:
        for place, line in enumerate(batch.lines()):
            before, after = _promises_around(batch, place)
            record: Control | DeadLetter
            try:
                record = decode_control(line)
            except _UNREADABLE as error:
                record = self._poison(topic, batch.first + place, str(error), line, before[1])
            self._merge.feed_record(topic, batch.first + place, record, [before, after])

    def _poison(self, topic: str, offset: int, reason: str, line: bytes, promise: int) -> DeadLetter:
        return dead_letter(topic, "bus", f"{self._partition}:{offset}", reason, line, promise)

    def _cut(self, items: list[Item], watermark: int) -> list[tuple[str, Released]]:
        """Wraps what was released; where it passes a session boundary, an anchor stands between the two parts.

        The boundary is the first after an event, so that neither batches nor silence decide which anchors there are;
        it is passed by an event at or behind it or by a promise.
        """
        out: list[tuple[str, Released]] = []
        anchor: tuple[int, str] | None = None
        while boundary := self._next_boundary(items):
            if not (items and items[-1][0] >= boundary or boundary <= watermark < FOREVER_NS):
                break
            at = bisect_left(items, (boundary,))
            before, items = items[:at], items[at:]
            out.append(self._released(before, boundary, anchor))
            self._boundary = 0
            anchor = boundary, self._encoded(self._merge.state(items, self._last))
        out.append(self._released(items, watermark, anchor))
        return out

    def _next_boundary(self, items: list[Item]) -> int:
        """Returns the boundary to anchor at; records of order time 0 stand before every session and set none."""
        if not self._boundary:
            self._boundary = next((next_boundary(item[0]) for item in items if item[0] >= MIN_TS_NS), 0)
        return self._boundary

    def _released(self, items: list[Item], watermark: int, anchor: tuple[int, str] | None) -> tuple[str, Released]:
        if items:
            self._last = items[-1][:5]
        return str(self._partition), Released(self._partition, items, watermark, anchor)

    def _encoded(self, state: MergeState) -> str:
        return _state_encoder.encode(TapeState(state.topics, state.last, self._boundary)).decode()


def _promises_around(batch: StoredBatch, place: int) -> tuple[tuple[int, int], tuple[int, int]]:
    before = max(promise for index, promise in batch.promises if index <= place)
    after = max(promise for index, promise in batch.promises if index <= place + 1)
    return (0, before), (1, after)


class TapeSource(FixedPartitionedSource[tuple[str, Released], str]):
    """See the module's first lines; `partitions` is the subset of partitions that this process reads."""

    def __init__(
        self, bus: Bus, span: Span, *, batch: int, poll_ms: int, partitions: Sequence[int] | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        self._bus, self._span, self._batch, self._stopping = bus, span, batch, stopping
        self._poll = timedelta(milliseconds=poll_ms)
        self._partitions = list(range(bus.partitions)) if partitions is None else list(partitions)
        self._heads = _Heads(bus, poll_ms / 2000)

    def list_parts(self) -> list[str]:
        """Returns the partitions' numbers as text."""
        return [str(partition) for partition in self._partitions]

    def build_part(self, step_id: str, for_part: str, resume_state: str | None) -> TapePartition:
        """Builds one partition, from its snapshot if there is one, else from the span's anchor or the start."""
        part = TapePartition(
            self._bus, self._heads, int(for_part), self._span, self._batch, self._poll, self._stopping, resume_state
        )
        _watch(part, for_part)
        return part


def _watch(part: TapePartition, number: str) -> None:
    """Lets the metrics read where a partition stands, when they are asked for."""
    meters.TAPE_WATERMARK.labels(number).set_function(lambda: meters.seconds(part.watermark))
    for topic in RAW_TOPICS:
        meters.LAG_RECORDS.labels("flow", topic, number).set_function(partial(part.behind, topic))
