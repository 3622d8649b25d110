"""A compacted topic of one partition: the newest value of each key, shared by every process of a data set's cluster.

Guarantee: `put` returns when its records are in the log, in order; `read` knows everything that stood in the log when
it was called. What follows from the records is a function of their order alone, the same for whoever reads them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from connectors.bus.base import BusError
from connectors.bus.kafka_client import Client, error_of, in_words
from connectors.bus.kafka_waiting import Listening, Moved
from events.settings import Kafka

TOPIC = "notes"
#: Nobody misses a record that is younger: what refers to it is decided long before.
_CONFIG = {
    "cleanup.policy": "compact", "min.compaction.lag.ms": "600000", "segment.ms": "3600000",
    "min.cleanable.dirty.ratio": "0.1",
}  # fmt: skip
_TAKE, _WAIT_S = 2000, 0.05
#: Who reads less often than this, or could not read, has not been watching.
_GAP_S = 2.0


@dataclass(frozen=True, slots=True)
class Note:
    """The newest record of a key."""

    offset: int
    value: bytes
    #: When it was written by the writer's clock, Unix seconds, and when it was first seen here, monotonic seconds.
    written_s: float
    seen_s: float


class NotesTopic:
    """The topic as one process follows it; threads that share an instance take turns."""

    def __init__(self, settings: Kafka, prefix: str) -> None:
        self.name = f"{prefix}{TOPIC}"
        self.turn = threading.RLock()
        #: Kafka's offset behind everything known.
        self.next = 0
        #: Since when the topic has been watched without a gap, monotonic seconds: silence of before tells nothing,
        #: since brokers may have been away.
        self.watched_since_s = 0.0
        self._read_s = 0.0
        self._notes: dict[str, Note] = {}
        self._client = Client(settings)
        self.patience_s = self._client.patience_s
        self._producer: Producer | None = None
        self._consumer: Consumer | None = None

    def read(self) -> Mapping[str, Note]:
        """Returns the newest record of each key as of now; raises BusError when brokers stay away."""
        with self.turn:
            if self._consumer is None:
                self._open()
            end = self._client.ends([self.name], 1)[self.name][0]
            try:
                self._read_to(end)
            except Moved:
                raise BusError(f"topic {self.name} was made anew under its readers: start again") from None
            now_s = time.monotonic()
            if now_s - self._read_s > _GAP_S:
                self.watched_since_s = now_s
            self._read_s = now_s
            return self._notes

    def _read_to(self, end: int) -> None:
        """Takes what stands before Kafka's offset `end`; raises Moved, BusError."""
        if end < self.next:
            raise Moved
        listening = Listening(self._client)
        while self.next < end:
            if self._take():
                listening.heard()
            elif listening.renews(self.name, 0, self.next):
                self._begin_anew()

    def put(self, records: Mapping[str, bytes | None], within_s: float | None = None) -> int:
        """Writes records, null for a key that is over; returns the last one's offset; raises BusError."""
        with self.turn:
            if self._consumer is None:
                self._open()
            if self._producer is None:
                self._producer = self._client.producer()
            told: list[int] = []
            failed: list[str] = []

            def report(error: KafkaError | None, message: Message) -> None:
                if error is None:
                    told.append(message.offset() or 0)
                else:
                    failed.append(in_words(error))
                    if error.fatal():
                        self._producer = None

            producer = self._producer
            for key, value in records.items():
                producer.produce(self.name, value, key, 0, on_delivery=report)
            deadline = time.monotonic() + (self.patience_s if within_s is None else within_s)
            while len(told) + len(failed) < len(records) and time.monotonic() < deadline:
                producer.flush(max(min(1.0, deadline - time.monotonic()), 0.001))
            if len(told) < len(records):
                # What waits is sent yet when brokers return: a claim then, which nobody renews, is soon over.
                raise BusError(f"{self.name} was not written: {failed[0] if failed else 'no broker answered in time'}")
            return told[-1]

    def _open(self) -> None:
        """Makes the topic where it is missing and begins to read it."""
        found = self._client.topic(self.name)
        if found is None and not self._client.settings.kafka_create_topics:
            raise BusError(
                f"topic {self.name} is missing and KAFKA_CREATE_TOPICS is false: "
                "make it with 1 partition and cleanup.policy=compact"
            )
        if found is None:
            self._client.create(self.name, 1, _CONFIG)
        elif found != 1:
            raise BusError(f"topic {self.name} has {found} partitions and needs exactly 1")
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Reads by a consumer of its own from what is known on."""
        if self._consumer is not None:
            self._consumer.close()
        self._consumer = self._client.reader(self.name, **{"auto.offset.reset": "earliest", "fetch.wait.max.ms": 20})
        self._consumer.assign([TopicPartition(self.name, 0, self.next or OFFSET_BEGINNING)])

    def _take(self) -> bool:
        """Takes what has arrived; tells whether it was anything."""
        assert self._consumer is not None
        try:
            messages = self._consumer.consume(_TAKE, 0)
            if not messages and (one := self._consumer.poll(_WAIT_S)) is not None:
                messages = [one]
        except KafkaException as exception:
            raise BusError(f"topic {self.name}: {in_words(error_of(exception))}") from exception
        good = [message for message in messages if message.error() is None]
        for message in good:
            self._note(message)
        return bool(good)

    def _note(self, message: Message) -> None:
        offset, key, value = message.offset(), message.key(), message.value()
        assert offset is not None
        self.next = offset + 1
        name = key.decode() if isinstance(key, bytes) else str(key)
        if value is None:
            self._notes.pop(name, None)
        else:
            data = value.encode() if isinstance(value, str) else value
            self._notes[name] = Note(offset, data, message.timestamp()[1] / 1000, time.monotonic())

    def close(self) -> None:
        """Follows the topic no more."""
        with self.turn:
            if self._consumer is not None:
                self._consumer.close()
                self._consumer = None
            self._producer = None
            self._client.close()
