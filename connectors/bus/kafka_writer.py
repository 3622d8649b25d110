"""Producing to Kafka: one idempotent producer, every delivery report counted, nothing sent after a failure."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NoReturn

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from connectors.bus.base import Batch, BusError
from connectors.bus.kafka_client import Client, error_of, in_words
from connectors.bus.kafka_log import HEADER, Run, Stamp, State, create_times, runs_of
from events.types import NS_PER_MS

_FLUSH_S = 1.0
#: What a message weighs beside its key and value, with room to spare.
_OVERHEAD_BYTES = 512
Headers = list[tuple[str, str | bytes | None]]
Take = Callable[[KafkaError | None, Message], None]
#: A record's value, key, time in ms, headers, and who takes its report.
_Row = tuple[bytes, str | bytes | None, int, Headers, Take]


def _headers(stamp: bytes) -> Headers:
    return [(HEADER, stamp)]


class Delivery:
    """The delivery reports of one append to one partition, as of when all of them have come.

    Every record has its report taken: those before the last by a dictionary, which costs no call of ours and keeps the
    first of each kind, by error or None; the last record's by itself, for its offset.
    """

    def __init__(self) -> None:
        self._first: dict[KafkaError | None, Message] = {}
        self._last: list[tuple[KafkaError | None, Message]] = []
        #: Takes the report of a record before the last.
        self.take: Take = self._first.setdefault  # type: ignore[assignment]  # what it returns is nobody's

    def take_last(self, error: KafkaError | None, message: Message) -> None:
        """Takes the report of the last record."""
        self._first.setdefault(error, message)
        self._last.append((error, message))

    @property
    def error(self) -> KafkaError | None:
        """Why a record was not written; None where all were."""
        return self.failed or (None if self._last else KafkaError(KafkaError._FAIL))

    @property
    def failed(self) -> KafkaError | None:
        """Why a record that was reported was not written; None as long as all were."""
        return next((error for error in self._first if error is not None), None)

    @property
    def first(self) -> int:
        """Kafka's offset of the first record; those of a partition are reported in order."""
        return self._first[None].offset() or 0

    @property
    def last(self) -> int:
        """Kafka's offset of the last record."""
        return self._last[0][1].offset() or 0


class Writer:
    """Sends appends; after one that failed it refuses all others, since it cannot know what of it reached the log."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._producer: Producer | None = None
        self._failed = ""

    def lines_of(self, place: str, batch: Batch) -> list[bytes]:
        """Returns a batch's records; raises BusError for what cannot be sent, before anything is."""
        limit = self._client.settings.kafka_message_max_bytes
        if self._failed:
            raise BusError(f"{self._failed}; what of it stands in the log is not known: open the bus again")
        if batch.count < 1:
            raise BusError(f"a batch of {batch.count} records cannot be appended to {place}")
        lines = batch.payload.split(b"\n")
        if len(lines) != batch.count:
            raise BusError(f"a batch of {batch.count} records for {place} holds {len(lines)}")
        if len(batch.payload) + _OVERHEAD_BYTES > limit:
            largest = max(map(len, lines)) + _OVERHEAD_BYTES
            if largest > limit:
                raise BusError(
                    f"a record of {largest} bytes for {place} is larger than KAFKA_MESSAGE_MAX_BYTES={limit}"
                )
        return lines

    def send(
        self, name: str, part: int, state: State, batch: Batch, lines: Sequence[bytes], epoch: int, parts: str
    ) -> Delivery:
        """Queues one partition's records of an append behind a state, as `lines_of` gave them; `wait` sends them."""
        keys: Sequence[str | bytes | None] = batch.keys or ([None] if batch.control else [b""]) * batch.count
        delivery = Delivery()
        self._produce(name, part, lines, keys, runs_of(state, batch, epoch, parts), delivery)
        return delivery

    def send_mark(self, name: str, part: int, stamp: Stamp) -> Delivery:
        """Queues a mark."""
        delivery, line = Delivery(), b'{"mark":"%s"}' % stamp.mark.encode()
        self._produce(name, part, [line], [None], [Run(0, stamp.promise, stamp.encoded())], delivery)
        return delivery

    def _produce(
        self, name: str, part: int, values: Sequence[bytes], keys: Sequence[str | bytes | None], runs: Sequence[Run],
        delivery: Delivery,
    ) -> None:  # fmt: skip
        """Queues the records of an append."""
        if self._producer is None:
            self._producer = self._client.producer()
        headers: list[Headers] = []
        for run, behind in pairwise([*runs, Run(len(values), 0, b"")]):
            headers += [_headers(run.header)] * (behind.start - run.start)
        times = create_times(values, runs, time.time_ns() // NS_PER_MS)
        produce, takes = self._producer.produce, [delivery.take] * (len(values) - 1) + [delivery.take_last]
        for row in zip(values, keys, times, headers, takes, strict=True):
            value, key, ms, header, take = row
            try:
                produce(name, value, key, part, take, timestamp=ms, headers=header)
            except BufferError:
                self._produce_late(name, part, row, delivery)
            except KafkaException as exception:
                self._fail(name, part, error_of(exception))

    def _produce_late(self, name: str, part: int, row: _Row, delivery: Delivery) -> None:
        """Queues a record where the queue is full: what waits is sent first, and nothing more once that failed."""
        value, key, ms, header, take = row
        while self._producer is not None:
            self._flush(name, part)
            if (error := delivery.failed) is not None:
                self._fail(name, part, error)
            try:
                self._producer.produce(name, value, key, part, take, timestamp=ms, headers=header)
            except BufferError:
                continue
            except KafkaException as exception:
                self._fail(name, part, error_of(exception))
            return

    def wait(self, name: str, deliveries: Mapping[int, Delivery]) -> None:
        """Sends what is queued and waits until all is reported: each report comes within KAFKA_TIMEOUT_MS."""
        while self._producer is not None and self._flush(name, next(iter(deliveries), -1)):
            pass
        for part, delivery in deliveries.items():
            if (error := delivery.error) is not None:
                self._fail(name, part, error)

    def _flush(self, name: str, part: int) -> int:
        """Sends what is queued, for a while; returns how many records are not reported yet."""
        assert self._producer is not None
        try:
            return self._producer.flush(_FLUSH_S)
        except SystemError:
            # The one error without a code of its own (-1) has no hash, which Python takes for a fault of the library.
            self._fail(name, part, KafkaError(KafkaError._FAIL))

    def _fail(self, name: str, part: int, error: KafkaError) -> NoReturn:
        self._failed = f"{name}/{part} was not written: {in_words(error)}"
        self.close()
        raise BusError(self._failed)

    def close(self) -> None:
        """Gives up what was not sent."""
        if self._producer is not None:
            self._producer.purge()
            self._producer = None
