"""Reading Kafka's log: a stream per partition that is followed, and looks at single records and short spans.

One consumer follows the partitions of one topic. It fetches ahead; what arrives for a partition that nobody asks for
now waits as record batches, up to a limit at which the partition is not fetched any more. That is done by assigning
and unassigning alone, never by the library's pause: a partition that was paused stays so when it is unassigned and
assigned again, by design (confluentinc/librdkafka issues 1849 and 5113), and then nothing ever comes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, groupby

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from connectors.bus.base import BusError, StoredBatch
from connectors.bus.kafka_client import Client, in_words
from connectors.bus.kafka_log import Settled, State, fold
from connectors.bus.kafka_waiting import Listening, Moved

#: Messages taken from the client at once by a stream and by a look: so few that the next pass finds them in the cache.
_TAKE, _LOOK = 2000, 2000
_WAIT_S = 0.1
#: Records of one partition that wait for their reader before no more are fetched, and when nobody's partition ends.
_FULL, _IDLE_S = 40_000, 30.0
#: The log was cut under a reader: where it stood there is nothing now.
_MOVED = frozenset({
    KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE, KafkaError.OFFSET_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION, KafkaError.UNKNOWN_TOPIC_ID,
})  # fmt: skip
_DENIED = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED})


class Stream:
    """One partition as it is followed: what was fetched and not yet read."""

    def __init__(self, partition: int, state: State, offset: int, settled: Settled, follow: bool = False) -> None:
        """`follow`: where the partition is cleared, goes on with what comes then."""
        self.partition = partition
        self._settled = settled
        self._follow = follow
        #: The partition behind everything in `ready`.
        self.state = state.copy()
        #: Our offset to deliver next.
        self.offset = offset
        #: Kafka's offset behind the last message fetched, and the partition's end as last asked for.
        self.fetched = self.end = state.position
        self.ready: deque[StoredBatch] = deque()
        self.records = 0
        #: Whether the consumer fetches it.
        self.fetching = False
        self.asked_s = time.monotonic()
        self._pending: list[Message] = []

    def add(self, messages: list[Message]) -> None:
        """Takes messages that follow those before; raises Moved when some between are missing."""
        first, last = messages[0].offset(), messages[-1].offset()
        assert first is not None
        assert last is not None
        if first > self.fetched:
            raise Moved
        if first < self.fetched:
            messages = [message for message in messages if (message.offset() or 0) >= self.fetched]
        if messages:
            self._pending = self._pending + messages if self._pending else messages
            self.fetched = last + 1
            self.fold()

    def fold(self) -> None:
        """Turns whole appends into record batches; at the known end nothing more belongs to the last one."""
        if not self._pending:
            return
        clears = self.state.clears
        batches, used = fold(
            self.state, self.partition, self._pending, final=self.fetched == self.end, settled=self._settled
        )
        self._pending = self._pending[used:]
        if self.state.clears > clears:
            self.ready.clear()
            self.records = 0
            self.offset = 0 if self._follow else self.offset
        for batch in batches:
            if batch.next > self.offset:
                self.ready.append(batch.from_offset(self.offset))
                self.records += self.ready[-1].count

    @property
    def held(self) -> bool:
        """Whether an append was fetched whose other parts are not known to be there."""
        return bool(self._pending)

    @property
    def at_end(self) -> bool:
        """Whether everything up to the known end is in `state`."""
        return self.fetched >= self.end and not self._pending

    def take(self, limit: int) -> list[StoredBatch]:
        """Returns batches until `limit` records are reached."""
        found: list[StoredBatch] = []
        taken = 0
        while self.ready and taken < limit:
            found.append(self.ready.popleft())
            taken += found[-1].count
        self.records -= taken
        if found:
            self.offset = found[-1].next
        return found


class TopicReader:
    """Follows the partitions of one topic that are read."""

    def __init__(self, client: Client, name: str, settled: Callable[[int], Settled]) -> None:
        self.name = name
        self._settled = settled
        self.streams: dict[int, Stream] = {}
        self._client = client
        self._consumer: Consumer = client.reader(name)
        self._swept_s = time.monotonic()
        self._listening: Listening | None = None

    def open(
        self, partition: int, state: State, offset: int, follow: bool = False, first: Sequence[Message] = ()
    ) -> Stream:
        """Follows a partition from a state on, to deliver from our `offset`; `first` was read there already."""
        self.drop(partition)
        stream = Stream(partition, state, offset, self._settled(partition), follow)
        if first:
            stream.add(list(first))
        self.streams[partition] = stream
        self._fetch(stream)
        return stream

    def drop(self, partition: int) -> None:
        """Follows a partition no more."""
        if (stream := self.streams.pop(partition, None)) is not None:
            self._fetch_no_more(stream)

    def _fetch(self, stream: Stream) -> None:
        self._consumer.incremental_assign([TopicPartition(self.name, stream.partition, stream.fetched)])
        stream.fetching = True

    def _fetch_no_more(self, stream: Stream) -> None:
        if stream.fetching:
            self._consumer.incremental_unassign([TopicPartition(self.name, stream.partition)])
            stream.fetching = False

    def _begin_anew(self) -> None:
        """Fetches by another consumer, from where each stream stands."""
        self._consumer.close()
        self._consumer = self._client.reader(self.name)
        for stream in self.streams.values():
            if stream.fetching:
                self._fetch(stream)

    def fill(self, stream: Stream, limit: int) -> None:
        """Fetches until `limit` records are ready or the known end is reached; raises Moved, BusError."""
        stream.fold()
        self.go_on(stream, limit)
        listening = self._listening = Listening(self._client)
        while stream.records < limit and stream.fetched < stream.end:
            before = stream.fetched
            self._pull(_WAIT_S, stream)
            if stream.fetched > before:
                listening.heard()
            elif listening.renews(self.name, stream.partition, before):
                self._begin_anew()
        self._sweep(stream.asked_s)

    def go_on(self, stream: Stream, limit: int = 0) -> None:
        """Notes that a stream is asked for, and fetches on where it was full; `limit` records are to be ready."""
        stream.asked_s = time.monotonic()
        if not stream.fetching and stream.records < max(_FULL // 2, limit):
            self._fetch(stream)

    def pull_waiting(self) -> None:
        """Takes what the client has fetched already."""
        self._pull(0)

    def _pull(self, wait_s: float, wanted: Stream | None = None) -> None:
        messages = self._consumer.consume(_TAKE, 0)
        if not messages and wait_s and (one := self._consumer.poll(wait_s)) is not None:
            messages = [one]
        moved = False
        for partition, group in groupby(messages, Message.partition):
            run = list(group)
            if any(map(Message.error, run)):
                moved = self._failed(run) or moved
                run = [message for message in run if message.error() is None]
            stream = self.streams.get(-1 if partition is None else partition)
            if run and stream is not None:
                try:
                    stream.add(run)
                except Moved:
                    self.drop(stream.partition)
                    moved = True
                if stream.records > _FULL and stream is not wanted:
                    self._fetch_no_more(stream)
        if moved:
            raise Moved

    def _failed(self, run: Sequence[Message]) -> bool:
        """Drops the stream whose place in the log is gone and says so; raises BusError for what no waiting mends."""
        moved = False
        for message in run:
            error, partition = message.error(), message.partition()
            if error is None:
                continue
            if error.code() in _DENIED or error.fatal():
                raise BusError(f"topic {self.name}: {in_words(error)}")
            if error.code() in _MOVED and partition is not None:
                self.drop(partition)
                moved = True
            elif self._listening is not None:
                self._listening.told(error)
        return moved

    def _sweep(self, now_s: float) -> None:
        if now_s - self._swept_s > _IDLE_S:
            self._swept_s = now_s
            for stream in [each for each in self.streams.values() if now_s - each.asked_s > _IDLE_S]:
                self.drop(stream.partition)

    def close(self) -> None:
        """Ends every stream."""
        self.streams.clear()
        self._consumer.close()


class Tail:
    """Every partition of a topic followed from its end on, by turns."""

    def __init__(self, topic: str, states: list[State]) -> None:
        self.topic = topic
        #: Where the partitions stood at the beginning, or at the last tally.
        self.states = states
        self.reader: TopicReader | None = None

    def begin(self, reader: TopicReader) -> None:
        """Follows every partition."""
        self.reader = reader
        for part, state in enumerate(self.states):
            reader.open(part, state, state.next, follow=True)

    def begin_anew(self, states: Sequence[State]) -> None:
        """Follows partitions that were cut under it from their first kept record on."""
        assert self.reader is not None
        for part, state in enumerate(states):
            if part not in self.reader.streams:
                self.reader.open(part, state, state.next, follow=True)

    def idle(self) -> bool:
        """Whether nobody has read it for long."""
        asked_s = max((stream.asked_s for stream in self.reader.streams.values()), default=0.0) if self.reader else 0.0
        return self.reader is not None and time.monotonic() - asked_s > _IDLE_S

    def close(self) -> None:
        """Follows nothing any more."""
        if self.reader is not None:
            self.reader.close()

    def read(self, limit: int, ask_ends: Callable[[], None]) -> list[StoredBatch]:
        """Returns what has arrived, at most `limit` batches; raises Moved where a partition was cut under it."""
        assert self.reader is not None
        self.reader.pull_waiting()
        if any(stream.held for stream in self.reader.streams.values()):
            ask_ends()
        found: list[StoredBatch] = []
        for stream in self.reader.streams.values():
            stream.fold()
            while stream.ready and len(found) < limit:
                found += stream.take(1)
            self.reader.go_on(stream)
        return found


class Looker:
    """Looks at records without following anything; several partitions are looked at in one round."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def records(self, wanted: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], Message]:
        """Returns the record at Kafka's offset, or the next one behind it, of each (topic, partition)."""
        found: dict[tuple[str, int], Message] = {}

        def take(message: Message, key: tuple[str, int]) -> bool:
            found.setdefault(key, message)
            return len(found) == len(wanted)

        if wanted:
            self._consume(wanted, take)
        return found

    def first(self, name: str, partition: int, begin: int, end: int, count: int) -> list[Message]:
        """Returns up to `count` records from Kafka's offset `begin` on.

        A stream that is opened waits until the fetch under way of its consumer is over; these need not.
        """
        found: list[Message] = []
        if begin < end:
            with self._assigned({(name, partition): begin}) as rounds:
                for messages in rounds:
                    found += messages
                    if len(found) >= count or (found[-1].offset() or 0) >= end - 1:
                        break
        return found

    def span(
        self, name: str, partition: int, state: State, end: int, step: Callable[[list[StoredBatch]], bool],
        settled: Settled = lambda *_: True,
    ) -> None:  # fmt: skip
        """Folds the records from a state on up to Kafka's `end`, until `step` has seen enough."""
        pending: list[Message] = []

        def take(message: Message, _: tuple[str, int]) -> bool:
            offset = message.offset()
            assert offset is not None
            if offset < end:
                pending.append(message)
            if offset < end - 1 and len(pending) < _LOOK:
                return False
            last = offset >= end - 1
            # Before the last record, more stands behind an append, and may void it.
            batches, used = fold(state, partition, pending, final=last, settled=settled if last else lambda *_: False)
            del pending[:used]
            return step(batches) or last

        if state.position < end:
            self._consume({(name, partition): state.position}, take)

    def _consume(self, wanted: Mapping[tuple[str, int], int], take: Callable[[Message, tuple[str, int]], bool]) -> None:
        """Hands records on until `take` has enough; raises Moved, BusError."""
        with self._assigned(wanted) as rounds:
            for message in chain.from_iterable(rounds):
                name, part = message.topic(), message.partition()
                assert name is not None
                assert part is not None
                if take(message, (name, part)):
                    return

    @contextmanager
    def _assigned(self, wanted: Mapping[tuple[str, int], int]) -> Iterator[Iterator[list[Message]]]:
        """Gives what arrives of the partitions wanted, from their offsets on, in rounds; raises as `_rounds`."""
        try:
            yield self._rounds(dict(wanted))
        finally:
            self._client.asker().unassign()

    def _rounds(self, places: dict[tuple[str, int], int]) -> Iterator[list[Message]]:
        """Yields records as they arrive, without end; raises Moved, BusError."""
        consumer, listening = self._assign(places), Listening(self._client)
        unheard = set(places)
        while True:
            messages: Sequence[Message] = consumer.consume(_LOOK, 0)
            if not messages and (one := consumer.poll(_WAIT_S)) is not None:
                messages = [one]
            errors = [error for message in messages if (error := message.error()) is not None]
            for error in errors:
                self._check(error, places)
                listening.told(error)
            good = [message for message in messages if message.error() is None] if errors else list(messages)
            for message in good if len(places) > 1 else good[-1:]:
                place = message.topic() or "", message.partition() or 0
                places[place] = (message.offset() or 0) + 1
                unheard.discard(place)
            if good:
                yield good
                listening.heard()
                continue
            silent = next((place for place in places if place in unheard), next(iter(places)))
            if listening.renews(*silent, places[silent]):
                self._client.renew_asker()
                for name in {name: None for name, _ in places}:
                    self._client.topic(name)
                consumer = self._assign(places)

    def _assign(self, places: Mapping[tuple[str, int], int]) -> Consumer:
        consumer = self._client.asker()
        consumer.assign([TopicPartition(name, part, offset) for (name, part), offset in places.items()])
        return consumer

    def _check(self, error: KafkaError, places: Mapping[tuple[str, int], int]) -> None:
        """Raises for an error that no waiting mends."""
        if error.code() in _MOVED:
            raise Moved
        if error.code() in _DENIED:
            raise BusError(f"topic {', '.join(sorted({name for name, _ in places}))}: {in_words(error)}")
