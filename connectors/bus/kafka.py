"""The Kafka bus: a topic of the data set is a topic of Apache Kafka or Redpanda, a record a message (contract 32).

Guarantee: an idempotent producer, acks=all, every delivery report counted before an append returns. In each partition
an append is one record batch of Kafka's (up to KAFKA_MESSAGE_MAX_BYTES); over several partitions it is seen whole or
not at all, without transactions: what a writer killed in the middle left behind, the next writer voids. A holder whose
lease epoch is over learns so from its next append; what it wrote behind a fence no reader ever sees. Concurrent appends
to several partitions may stand in another order in each. Offsets are ours, see `connectors.bus.kafka_log`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from connectors.bus.base import Batch, BusError, Head, StoredBatch
from connectors.bus.kafka_client import Client
from connectors.bus.kafka_log import Mark, Stamp, State, fold, order_time_of
from connectors.bus.kafka_partitions import Partitions
from connectors.bus.kafka_reader import Stream, Tail, TopicReader
from connectors.bus.kafka_waiting import Moved
from connectors.bus.kafka_writer import Delivery, Writer
from events.settings import Kafka

_TRIES = 4
#: How long a part of an append may be on its way when its other parts are there, before its writer counts as dead.
_TORN_S = 1.0
#: Most records read when a stream is opened, and records looked back at first.
_FIRST, _WINDOW = 20_000, 256


class KafkaBus:
    """See `connectors.bus.base.Bus`; threads that share an instance take turns."""

    def __init__(self, settings: Kafka, prefix: str, partitions: int) -> None:
        self.partitions = partitions
        self._turn = threading.RLock()
        self._client = Client(settings)
        self._writer = Writer(self._client)
        self._readers: dict[str, TopicReader] = {}
        self._parts = Partitions(self._client, prefix, partitions, self._readers)
        self._tails: dict[int, Tail] = {}
        #: The lease epoch under which a topic was last looked over for what dead writers left in the middle.
        self._entered: dict[str, int] = {}
        self._positions = 0

    def ensure(self, topics: Iterable[str]) -> None:
        """Makes the topics that are missing; raises BusError where that is not allowed."""
        with self._turn:
            self._parts.ensure(topics)

    def topics(self) -> list[str]:
        """Returns the topics that exist."""
        with self._turn:
            return self._parts.topics()

    def heads(self, topic: str) -> list[Head]:
        """Returns the head of every partition."""
        with self._turn:
            return self._parts.heads(topic)

    def ends(self, topics: Sequence[str]) -> dict[str, list[int]]:
        """Returns the next offset of every partition of the topics, all as of one request."""
        with self._turn:
            there = [topic for topic in topics if self._parts.exists(topic)]
            self._parts.know(there)
            return {
                topic: [state.next for state in self._parts.copies(topic)] if topic in there else [0] * self.partitions
                for topic in topics
            }

    # ---- writing --------------------------------------------------------------------------------

    def append(self, topic: str, batches: Mapping[int, Batch], epoch: int = 0) -> dict[int, int]:
        """Appends to several partitions, each whole; returns each one's first offset."""
        with self._turn:
            lines = {}
            for part, batch in batches.items():
                self._parts.check(topic, part)
                lines[part] = self._writer.lines_of(f"{topic}/{part}", batch)
            if not self._parts.exists(topic):
                self._parts.make(topic)
            if self._entered.get(topic) != epoch:
                self._void_torn(topic, epoch)
            for part in batches:
                self._parts.refuse_older(topic, part, epoch)
            name, states = self._parts.name(topic), self._parts.states
            places = {part: f"{part}:{states[topic, part].position}:{batch.count}" for part, batch in batches.items()}
            sent = {}
            for part, batch in batches.items():
                others = ",".join(place for other, place in places.items() if other != part)
                sent[part] = self._writer.send(name, part, states[topic, part], batch, lines[part], epoch, others)
            self._writer.wait(name, sent)
            return {part: self._settle(topic, part, batches[part], epoch, delivery) for part, delivery in sent.items()}

    def _void_torn(self, topic: str, epoch: int) -> None:
        """Brings states to the ends; an append that does not become whole in time is voided wherever it has a part."""
        deadline = time.monotonic() + _TORN_S
        first: set[tuple[int, int]] | None = None
        while True:
            self._parts.know([topic])
            torn = self._parts.torn(topic)
            there = {(part, stamp.base) for part, stamp in torn.items()}
            # What was on its way at the first look and is there now, or has others behind it, had a living writer.
            first = there if first is None else first & there
            if not first:
                self._entered[topic] = epoch
                return
            if time.monotonic() > deadline:
                break
            time.sleep(_TORN_S / 20)
        # A mark makes a partition longer, as the missing part would: so whole parts are marked first. Who is killed
        # on the way leaves at least one part that is not there, and readers none that they take for whole.
        whole = {part: base for part, base in first if self._parts.ends_with(topic, part, torn[part])}
        others = {other: base for part, _ in first for other, base, _ in torn[part].others()} | dict(first)
        self._void(topic, whole, epoch)
        self._void(topic, {part: base for part, base in others.items() if part not in whole}, epoch)
        self._entered[topic] = epoch

    def _void(self, topic: str, bases: Mapping[int, int], epoch: int) -> None:
        """Marks as void the append that began, or would have, at Kafka's offset of each partition."""
        if not bases:
            return
        name, ends, sent = self._parts.name(topic), self._parts.ask_ends([topic])[topic], {}
        for part in bases:
            self._parts.refuse_older(topic, part, epoch)
        for part, base in bases.items():
            state = self._parts.states[topic, part]
            stamp = Stamp(epoch, ends[part], state.next, 0, state.promise, 0, state.epoch, "void", of=base)
            sent[part] = self._writer.send_mark(name, part, stamp)
        self._writer.wait(name, sent)
        for part, delivery in sent.items():
            self._parts.fold_to(topic, part, self._parts.states[topic, part], delivery.last + 1)

    def _settle(self, topic: str, part: int, batch: Batch, epoch: int, delivery: Delivery) -> int:
        """Notes where an append stands; where others wrote in between, reads what that makes of it."""
        state = self._parts.states[topic, part]
        if delivery.first != state.position or delivery.last != state.position + batch.count - 1:
            self._parts.fold_to(topic, part, state, delivery.first)
            self._parts.refuse_older(topic, part, epoch)
            first = state.next
            self._parts.fold_to(topic, part, state, delivery.last + 1)
            return first
        first, state.epoch = state.next, epoch
        state.position = delivery.last + 1
        state.next += batch.count
        state.promise = max([state.promise, *(promise for _, promise in batch.promises)])
        return first

    def fence(self, topic: str, partitions: Sequence[int], epoch: int) -> None:
        """Refuses appends of every older epoch to these partitions from now on."""
        with self._turn:
            if not self._parts.exists(topic):
                self._parts.make(topic)
            self._void_torn(topic, epoch)
            for part in partitions:
                self._parts.refuse_older(topic, part, epoch)
            newer = [part for part in partitions if self._parts.states[topic, part].epoch < epoch]
            self._mark(topic, newer, "fence", epoch)
            for part in newer:
                self._parts.refuse_older(topic, part, epoch)

    def _mark(self, topic: str, partitions: Sequence[int], mark: Mark, epoch: int | None = None) -> None:
        """Writes marks and brings the states behind them."""
        name, sent = self._parts.name(topic), {}
        for part in partitions:
            state = self._parts.states[topic, part]
            was = -1 if epoch is None else state.epoch
            new = state.epoch if epoch is None else epoch
            stamp = Stamp(new, state.position, state.next, 0, state.promise, 0, was, mark)
            sent[part] = self._writer.send_mark(name, part, stamp)
        self._writer.wait(name, sent)
        for part, delivery in sent.items():
            self._parts.fold_to(topic, part, self._parts.states[topic, part], delivery.last + 1)

    def clear(self, topic: str) -> None:
        """Removes every record of a topic; the lease epoch stays, so that a dead holder stays fenced."""
        with self._turn:
            if self._parts.exists(topic):
                self._parts.know([topic])
                states = {part: self._parts.states[topic, part] for part in range(self.partitions)}
                filled = [part for part, state in states.items() if state.position]
                self._mark(topic, filled, "clear")
                # The mark stays: it is what is known of the partition.
                self._client.delete_before(
                    self._parts.name(topic), {part: states[part].position - 1 for part in filled}
                )

    def trim(self, topic: str, partition: int, offset: int) -> int:
        """Drops whole appends that end at or before `offset`; returns the first kept offset."""
        with self._turn:
            self._parts.check(topic, partition)
            head = self._parts.heads(topic)[partition]
            if offset <= head.start or head.start == head.next:
                return head.start
            if offset >= head.next and partition in self._parts.torn(topic):
                return head.start
            if offset >= head.next:
                # What is known of the partition stands in its records, so one is kept that is nothing else.
                self._mark(topic, [partition], "trim")
                cut = self._parts.states[topic, partition].position - 1
            else:
                cut = self._parts.append_start(topic, partition, offset)
            self._client.delete_before(self._parts.name(topic), {partition: cut})
            return self._parts.heads(topic)[partition].start

    # ---- reading --------------------------------------------------------------------------------

    def read(self, topic: str, partition: int, offset: int, limit: int) -> list[StoredBatch]:
        """Returns whole appends from `offset` on until `limit` records are reached."""
        with self._turn:
            if not self._parts.exists(topic):
                return []
            for _ in range(_TRIES):
                with suppress(Moved):
                    stream = self._stream(topic, partition, offset, min(limit, _FIRST))
                    return [] if stream is None else self._read(topic, stream, limit)
            raise BusError(f"{self._parts.name(topic)}/{partition} has a hole behind offset {offset}")

    def _read(self, topic: str, stream: Stream, limit: int) -> list[StoredBatch]:
        reader = self._readers[topic]
        reader.fill(stream, limit)
        looks = 0
        while stream.records < limit and looks < (2 if stream.held else 0 if stream.ready else 1):
            looks += 1
            for part, end in enumerate(self._parts.ask_ends([topic])[topic]):
                if (each := reader.streams.get(part)) is not None:
                    each.end = end
            reader.fill(stream, limit)
        return stream.take(limit)

    def _stream(self, topic: str, part: int, offset: int, count: int) -> Stream | None:
        """Returns the stream that delivers from an offset next; None where the log does not reach it."""
        reader = self._readers.get(topic)
        if reader is None:
            reader = self._readers[topic] = self._new_reader(topic)
        stream = reader.streams.get(part)
        if stream is None or stream.offset != offset:
            head = self._parts.heads(topic)[part]
            if offset > head.next:
                return None
            offset = max(offset, head.start)
            state, end = self._parts.checkpoint(topic, part, offset), self._parts.states[topic, part].position
            first = self._parts.look.first(reader.name, part, state.position, end, count)
            stream = reader.open(part, state, offset, first=first)
            stream.end = end
        return stream

    def _new_reader(self, topic: str) -> TopicReader:
        return TopicReader(self._client, self._parts.name(topic), lambda part: self._parts.settled(topic, part))

    def read_back(self, topic: str, partition: int, before: int, limit: int) -> list[StoredBatch]:
        """Returns whole event batches that begin before an offset, newest first, until `limit` events are reached."""
        with self._turn:
            head = self._parts.heads(topic)[partition]
            before, window = min(before, head.next), max(limit, _WINDOW)
            while True:
                begin = max(before - window, head.start)
                found = self._batches(topic, partition, begin, before)
                events = [batch for batch in found if not batch.control and batch.first < before]
                if begin <= head.start or sum(batch.count for batch in events) >= limit:
                    return _newest(events, limit)
                window *= 4

    def _batches(self, topic: str, part: int, begin: int, end: int) -> list[StoredBatch]:
        """Returns whole appends from the one that holds our offset `begin` on to the one that reaches `end`."""
        found: list[StoredBatch] = []
        if begin < end:
            state = self._parts.checkpoint(topic, part, begin)

            def step(batches: list[StoredBatch]) -> bool:
                found.extend(batches)
                return state.next >= end

            position = self._parts.states[topic, part].position
            self._parts.look.span(self._parts.name(topic), part, state, position, step)
        return [batch for batch in found if batch.next > begin]

    # ---- following all partitions of a topic -----------------------------------------------------

    def mark(self, topic: str) -> tuple[int, list[Head]]:
        """Returns a position behind the topic's end and the heads there; it stays the same while its tail moves on."""
        with self._turn:
            heads = self._parts.heads(topic)
            for position, tail in list(self._tails.items()):
                if tail.topic == topic and tail.idle():
                    self._tails.pop(position).close()
            self._positions += 1
            self._tails[self._positions] = Tail(topic, self._parts.copies(topic))
            return self._positions, heads

    def end_position(self, topic: str) -> int:
        """Returns a position behind the topic's end."""
        return self.mark(topic)[0]

    def tail(self, topic: str, position: int, limit: int) -> tuple[int, list[StoredBatch]]:
        """Returns batches of every partition that arrived since the last tail of this position."""
        with self._turn:
            tail = self._tails.get(position)
            if tail is None or not self._parts.exists(topic):
                return position, []
            if tail.reader is None:
                tail.begin(self._new_reader(topic))
            with suppress(Moved):
                return position, tail.read(limit, lambda: self._look_twice(topic))
            self._parts.heads(topic)
            tail.begin_anew([self._parts.begin(topic, part) for part in range(self.partitions)])
            return position, []

    def _look_twice(self, topic: str) -> None:
        for _ in range(2):
            self._parts.ask_ends([topic])

    def tally(self, topic: str, position: int) -> tuple[int, int, StoredBatch | None]:
        """Counts the records that came since the last tally of this position, control records among them."""
        with self._turn:
            tail = self._tails.get(position) or Tail(topic, [State()] * self.partitions)
            before = [state.next for state in tail.states]
            self.ends([topic])
            tail.states = self._parts.copies(topic)
            grown = [part for part, state in enumerate(tail.states) if state.next > before[part]]
            count = sum(tail.states[part].next - before[part] for part in grown)
            return position, count, self._newest_of(topic, grown)

    def _newest_of(self, topic: str, grown: Sequence[int]) -> StoredBatch | None:
        """Returns the last record of the partition that has come furthest in time, if it is an event."""
        name = self._parts.name(topic)
        found = self._parts.look.records({(name, part): self._parts.states[topic, part].position - 1 for part in grown})
        events = [(order_time_of(message), part) for (_, part), message in found.items() if message.key() is not None]
        if not events:
            return None
        part = max(events)[1]
        return fold(State(), part, [found[name, part]], final=True)[0][0]

    def size_bytes(self, topic: str) -> int | None:
        """Kafka's clients are not told it."""
        return None

    def close(self) -> None:
        """Closes every handle."""
        with self._turn:
            for reader in self._readers.values():
                reader.close()
            for tail in self._tails.values():
                tail.close()
            self._readers.clear()
            self._tails.clear()
            self._writer.close()
            self._client.close()


def _newest(events: list[StoredBatch], limit: int) -> list[StoredBatch]:
    """Returns batches from the last one back until `limit` events are reached."""
    found: list[StoredBatch] = []
    taken = 0
    for batch in reversed(events):
        if taken >= limit:
            break
        found.append(batch)
        taken += batch.count
    return found
