"""The Kafka bus: a topic of the data set is a topic of Apache Kafka or Redpanda, a record a message (contract 32).

Guarantee: an idempotent producer, acks=all, every delivery report counted before an append returns. An append is whole
in each partition (one record batch of Kafka's, up to KAFKA_MESSAGE_MAX_BYTES); over several partitions it is not: a
writer killed in the middle may leave it in some of them. A holder whose lease epoch is over learns so from its next
append; what it wrote behind a fence no reader ever sees. Offsets are ours, see `connectors.bus.kafka_log`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from connectors.bus.base import Batch, BusError, Head, LeaseLost, StoredBatch
from connectors.bus.kafka_client import Client, error_of, in_words
from connectors.bus.kafka_log import HEADER, Mark, Stamp, State, order_ms, parse, stamp_of, stamps
from connectors.bus.kafka_reader import Looker, Moved, Stream, TopicReader
from events.settings import Kafka

#: How far behind a partition's end a stream may be to be read up to it, rather than to look at the last record.
_NEAR = 5000
_TRIES = 4
_FLUSH_S = 1.0
#: What a message weighs beside its key and value, with room to spare.
_OVERHEAD_BYTES = 512


Headers = list[tuple[str, str | bytes | None]]


class _Delivery:
    """The delivery reports of one append to one partition."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.first = self.last = -1
        self.error: KafkaError | None = None

    def __call__(self, error: KafkaError | None, message: Message) -> None:
        self.left -= 1
        if error is not None:
            self.error = self.error or error
        elif self.first < 0:
            self.first = message.offset() or 0
        if self.left == 0 and error is None:
            self.last = message.offset() or 0


class KafkaBus:
    """See `connectors.bus.base.Bus`; threads that share an instance take turns."""

    def __init__(self, settings: Kafka, prefix: str, partitions: int) -> None:
        self.partitions = partitions
        self._prefix = prefix
        self._client = Client(settings)
        self._turn = threading.RLock()
        self._look = Looker(self._client)
        self._producer: Producer | None = None
        self._readers: dict[str, TopicReader] = {}
        self._states: dict[tuple[str, int], State] = {}
        self._begins: dict[tuple[str, int], State] = {}
        self._made: set[str] = set()
        self._failed = ""

    # ---- topics ---------------------------------------------------------------------------------

    def ensure(self, topics: Iterable[str]) -> None:
        """Makes the topics that are missing; raises BusError where that is not allowed."""
        with self._turn:
            there = set(self.topics())
            for topic in topics:
                if topic in there:
                    self._exists(topic)
                else:
                    self._make(topic)

    def topics(self) -> list[str]:
        """Returns the topics that exist."""
        with self._turn:
            names = self._client.topics()
            return sorted(name.removeprefix(self._prefix) for name in names if name.startswith(self._prefix))

    def _exists(self, topic: str) -> bool:
        if topic not in self._made:
            found = self._client.topic(self._prefix + topic)
            if found is None:
                return False
            if found != self.partitions:
                raise BusError(
                    f"topic {self._prefix}{topic} has {found} partitions, the data set has {self.partitions}: "
                    "use another KAFKA_TOPIC_PREFIX, or make the topic anew"
                )
            self._made.add(topic)
        return True

    def _make(self, topic: str) -> None:
        if not self._client.settings.kafka_create_topics:
            raise BusError(
                f"topic {self._prefix}{topic} is missing and KAFKA_CREATE_TOPICS is false: "
                f"make it with {self.partitions} partitions and retention.ms=-1"
            )
        self._client.create([self._prefix + topic], self.partitions)
        if not self._exists(topic):
            raise BusError(f"topic {self._prefix}{topic} was made but no broker leads it yet")

    # ---- where partitions stand -----------------------------------------------------------------

    def heads(self, topic: str) -> list[Head]:
        """Returns the head of every partition."""
        with self._turn:
            if not self._exists(topic):
                return [Head()] * self.partitions
            self._know([topic])
            begins = self._begin(topic)
            states = [self._states[topic, part] for part in range(self.partitions)]
            return [
                Head(begin.next, state.next, state.promise, state.epoch)
                for begin, state in zip(begins, states, strict=True)
            ]

    def ends(self, topics: Sequence[str]) -> dict[str, list[int]]:
        """Returns the next offset of every partition of the topics, all as of one moment."""
        with self._turn:
            there = [topic for topic in topics if self._exists(topic)]
            self._know(there)
            return {
                topic: [self._states[topic, part].next if topic in there else 0 for part in range(self.partitions)]
                for topic in topics
            }

    def _know(self, topics: Sequence[str]) -> None:
        """Brings `_states` of the topics to their ends as of now."""
        names = [self._prefix + topic for topic in topics]
        ends = self._client.ends(names, self.partitions)
        behind: dict[tuple[str, int], int] = {}
        for topic, name in zip(topics, names, strict=True):
            for part, end in enumerate(ends[name]):
                state = self._states.setdefault((topic, part), State())
                if state.position > end:
                    # Made anew by somebody else: what was known of it is void.
                    state = self._states[topic, part] = State()
                    self._drop(topic, part)
                if state.position < end and not self._known_to_stream(topic, part, end):
                    behind[topic, part] = end
        self._look_at_ends(behind)

    def _known_to_stream(self, topic: str, part: int, end: int) -> bool:
        """Takes the state from a stream that is near the end, if that has been fetched already."""
        reader = self._readers.get(topic)
        stream = None if reader is None else reader.streams.get(part)
        if reader is None or stream is None or end - stream.fetched > _NEAR:
            return False
        stream.end = max(stream.end, end)
        with suppress(Moved):
            if stream.fetched < end:
                reader.pull_waiting()
            stream.fold()
            if stream.at_end and stream.fetched >= end:
                self._states[topic, part] = stream.state.copy()
                return True
        return False

    def _look_at_ends(self, behind: Mapping[tuple[str, int], int]) -> None:
        wanted = {(self._prefix + topic, part): end - 1 for (topic, part), end in behind.items()}
        found = self._look.records(wanted)
        for (topic, part), end in behind.items():
            message = found[self._prefix + topic, part]
            stamp = parse(stamp_of(message))
            state = stamp.behind(message.offset() or 0)
            if state is None:
                state = stamp.known() if stamp.base >= 0 else State()
                begin = self._start_position(topic)[part]
                if state.position < begin:
                    state.position = begin
                self._fold_to(topic, part, state, end)
            self._states[topic, part] = state

    def _fold_to(self, topic: str, part: int, state: State, end: int) -> None:
        self._look.span(self._prefix + topic, part, state, end, lambda _: False)

    def _start_position(self, topic: str) -> list[int]:
        name = self._prefix + topic
        return self._client.starts([name], self.partitions)[name]

    def _begin(self, topic: str) -> list[State]:
        """Returns every partition before its first kept record."""
        starts = self._start_position(topic)
        wanted = {}
        for part, start in enumerate(starts):
            known = self._begins.get((topic, part))
            if start == 0:
                self._begins[topic, part] = State()
            elif known is None or known.position != start:
                wanted[self._prefix + topic, part] = start
        for (_, part), message in self._look.records(wanted).items():
            stamp = parse(stamp_of(message))
            state = stamp.known()
            if stamp.mark == "clear":
                state.next = state.promise = 0
            state.next += starts[part] - state.position
            state.position = starts[part]
            self._begins[topic, part] = state
        return [self._begins[topic, part] for part in range(self.partitions)]

    # ---- appending ------------------------------------------------------------------------------

    def append(self, topic: str, batches: Mapping[int, Batch], epoch: int = 0) -> dict[int, int]:
        """Appends to several partitions, each whole; returns each one's first offset."""
        with self._turn:
            self._check(topic, batches)
            if not self._exists(topic):
                self._make(topic)
            if any((topic, part) not in self._states for part in batches):
                self._know([topic])
            for part in batches:
                self._refuse_older(topic, part, self._states[topic, part], epoch)
            deliveries = {}
            for part, batch in batches.items():
                deliveries[part] = self._send(topic, part, batch, epoch)
            self._flush(topic, deliveries)
            return {
                part: self._settle(topic, part, batches[part], epoch, delivery) for part, delivery in deliveries.items()
            }

    def _check(self, topic: str, batches: Mapping[int, Batch]) -> None:
        limit = self._client.settings.kafka_message_max_bytes
        for part, batch in batches.items():
            if not 0 <= part < self.partitions:
                raise BusError(f"{topic} has no partition {part}: the data set was made with {self.partitions}")
            if batch.count < 1:
                raise BusError(f"a batch of {batch.count} records cannot be appended to {topic}/{part}")
            if len(batch.payload) + _OVERHEAD_BYTES > limit:
                largest = max(map(len, batch.payload.split(b"\n"))) + _OVERHEAD_BYTES
                if largest > limit:
                    raise BusError(
                        f"a record of {largest} bytes for {topic}/{part} is larger than KAFKA_MESSAGE_MAX_BYTES={limit}"
                    )
        if self._failed:
            raise BusError(f"{self._failed}; an append failed before, so the bus has to be opened again")

    def _refuse_older(self, topic: str, part: int, state: State, epoch: int) -> None:
        if epoch < state.epoch:
            raise LeaseLost(f"lease epoch {epoch} of {topic}/{part} is over: {state.epoch} holds it now")

    def _send(self, topic: str, part: int, batch: Batch, epoch: int) -> _Delivery:
        """Hands one partition's records to the producer, which sends them when it is flushed."""
        name, state = self._prefix + topic, self._states[topic, part]
        lines = batch.payload.split(b"\n")
        keys: Sequence[str | bytes | None] = batch.keys or ([None] if batch.control else [b""]) * batch.count
        if len(lines) != batch.count or len(keys) != batch.count:
            raise BusError(f"a batch of {batch.count} records for {topic}/{part} holds {len(lines)}")
        delivery, found = _Delivery(batch.count), stamps(state, batch, epoch)
        for (start, header), (stop, _) in pairwise([*found, (batch.count, b"")]):
            promise = parse(header).promise
            headers: Headers = [(HEADER, header)]
            for line, key in zip(lines[start:stop], keys[start:stop], strict=True):
                self._produce(name, part, line, key, order_ms(line, promise), headers, delivery)
        return delivery

    def _produce(
        self, name: str, part: int, value: bytes, key: str | bytes | None, ms: int,
        headers: Headers, delivery: _Delivery,
    ) -> None:  # fmt: skip
        if self._producer is None:
            self._producer = self._client.producer()
        while True:
            try:
                self._producer.produce(name, value, key, part, delivery, timestamp=ms, headers=headers)
            except BufferError:
                # The queue is full: what waits is sent before more is taken.
                self._producer.flush(_FLUSH_S)
            except KafkaException as exception:
                self._fail(name, part, error_of(exception))
            else:
                return

    def _flush(self, topic: str, deliveries: Mapping[int, _Delivery]) -> None:
        """Waits until every record is reported; each report comes within KAFKA_TIMEOUT_MS."""
        assert self._producer is not None
        while self._producer.flush(_FLUSH_S):
            pass
        for part, delivery in deliveries.items():
            if delivery.error is not None or delivery.left:
                self._fail(self._prefix + topic, part, delivery.error or KafkaError(KafkaError._FAIL))

    def _fail(self, name: str, part: int, error: KafkaError) -> None:
        """What reached the log is not known: this bus appends no more, its successor begins at the log's end."""
        self._failed = f"{name}/{part} was not written: {in_words(error)}"
        if self._producer is not None:
            self._producer.purge()
        raise BusError(self._failed)

    def _settle(self, topic: str, part: int, batch: Batch, epoch: int, delivery: _Delivery) -> int:
        """Notes where an append stands; where others wrote in between, reads what that makes of it."""
        state = self._states[topic, part]
        if delivery.first != state.position or delivery.last != state.position + batch.count - 1:
            self._fold_to(topic, part, state, delivery.first)
            self._refuse_older(topic, part, state, epoch)
            first = state.next
            self._fold_to(topic, part, state, delivery.last + 1)
            return first
        first, state.epoch = state.next, epoch
        state.position = delivery.last + 1
        state.next += batch.count
        state.promise = max([state.promise, *(promise for _, promise in batch.promises)])
        return first

    # ---- marks ----------------------------------------------------------------------------------

    def fence(self, topic: str, partitions: Sequence[int], epoch: int) -> None:
        """Refuses appends of every older epoch to these partitions from now on."""
        with self._turn:
            if not self._exists(topic):
                self._make(topic)
            self._know([topic])
            for part in partitions:
                self._refuse_older(topic, part, self._states[topic, part], epoch)
            newer = [part for part in partitions if self._states[topic, part].epoch < epoch]
            self._mark(topic, newer, "fence", epoch)
            for part in newer:
                self._refuse_older(topic, part, self._states[topic, part], epoch)

    def _mark(self, topic: str, partitions: Sequence[int], mark: Mark, epoch: int | None = None) -> None:
        """Writes marks and folds up to behind them."""
        name, deliveries = self._prefix + topic, {}
        for part in partitions:
            state = self._states[topic, part]
            stamp = Stamp(
                state.epoch if epoch is None else epoch, state.position, state.next, 0, state.promise,
                was=-1 if epoch is None else state.epoch, mark=mark,
            )  # fmt: skip
            deliveries[part] = _Delivery(1)
            headers: Headers = [(HEADER, stamp.encoded())]
            value = b'{"mark":"%s"}' % mark.encode()
            self._produce(name, part, value, None, order_ms(b"", state.promise), headers, deliveries[part])
        if deliveries:
            self._flush(topic, deliveries)
        for part, delivery in deliveries.items():
            self._fold_to(topic, part, self._states[topic, part], delivery.last + 1)

    def clear(self, topic: str) -> None:
        """Removes every record of a topic; the lease epoch stays, so that a dead holder stays fenced."""
        with self._turn:
            if self._exists(topic):
                self._know([topic])
                filled = [part for part in range(self.partitions) if self._states[topic, part].position]
                self._mark(topic, filled, "clear")
                cuts = {part: self._states[topic, part].position - 1 for part in filled}
                self._client.delete_before(self._prefix + topic, cuts)

    def trim(self, topic: str, partition: int, offset: int) -> int:
        """Drops whole appends that end at or before `offset`; returns the first kept offset."""
        with self._turn:
            if not 0 <= partition < self.partitions:
                raise BusError(f"{topic} has no partition {partition}: the data set was made with {self.partitions}")
            head = self.heads(topic)[partition]
            if offset <= head.start or head.start == head.next:
                return head.start
            if offset >= head.next:
                # What is known of the partition stands in its records: the last one that is kept is a mark.
                self._mark(topic, [partition], "trim")
                cut = self._states[topic, partition].position - 1
            else:
                cut = self._cut(topic, partition, offset)
            self._client.delete_before(self._prefix + topic, {partition: cut})
            return self.heads(topic)[partition].start

    def _cut(self, topic: str, part: int, offset: int) -> int:
        """Returns where in Kafka's log the last append begins that begins at or before `offset` and knew its place."""
        cut = self._checkpoint(topic, part, offset)
        state, end = cut.copy(), self._states[topic, part].position
        while state.next <= offset and state.position < end:
            message = self._look.records({(self._prefix + topic, part): state.position})[self._prefix + topic, part]
            stamp = parse(stamp_of(message))
            if stamp.base == state.position and stamp.first == state.next:
                cut = state.copy()
            self._fold_to(topic, part, state, state.position + max(stamp.records, 1))
        return cut.position

    # ---- reading --------------------------------------------------------------------------------

    def read(self, topic: str, partition: int, offset: int, limit: int) -> list[StoredBatch]:
        """Returns whole appends from `offset` on until `limit` records are reached."""
        with self._turn:
            if not self._exists(topic):
                return []
            for _ in range(_TRIES):
                with suppress(Moved):
                    stream = self._stream(topic, partition, offset)
                    return [] if stream is None else self._read(topic, stream, limit)
            raise BusError(f"{self._prefix}{topic}/{partition} has a hole behind offset {offset}")

    def _read(self, topic: str, stream: Stream, limit: int) -> list[StoredBatch]:
        reader = self._readers[topic]
        reader.fill(stream, limit)
        if not stream.ready:
            name = self._prefix + topic
            for part, end in enumerate(self._client.ends([name], self.partitions)[name]):
                if (each := reader.streams.get(part)) is not None:
                    each.end = end
            reader.fill(stream, limit)
        return stream.take(limit)

    def _stream(self, topic: str, part: int, offset: int) -> Stream | None:
        """Returns the stream that delivers from an offset next; None where there is nothing at it yet."""
        reader = self._readers.get(topic)
        if reader is None:
            reader = self._readers[topic] = TopicReader(self._client, self._prefix + topic)
        stream = reader.streams.get(part)
        if stream is None or stream.offset != offset:
            head = self.heads(topic)[part]
            if offset > head.next:
                return None
            offset = max(offset, head.start)
            stream = reader.open(part, self._checkpoint(topic, part, offset), offset)
            stream.end = self._states[topic, part].position
        return stream

    def _checkpoint(self, topic: str, part: int, offset: int) -> State:
        """Returns the partition as it was at or shortly before our `offset`, which is in the log or its end."""
        state, begin = self._states[topic, part], self._begins[topic, part]
        if offset >= state.next:
            return state
        # At least as many of Kafka's offsets as of ours lie between two records.
        guess = begin.position + offset - begin.next
        message = self._look.records({(self._prefix + topic, part): guess})[self._prefix + topic, part]
        known = parse(stamp_of(message)).known()
        return known if known.position > begin.position else begin

    def _drop(self, topic: str, part: int) -> None:
        self._begins.pop((topic, part), None)
        if topic in self._readers:
            self._readers[topic].drop(part)

    def close(self) -> None:
        """Closes every handle."""
        with self._turn:
            for reader in self._readers.values():
                reader.close()
            self._readers.clear()
            self._client.close()
            self._producer = None
