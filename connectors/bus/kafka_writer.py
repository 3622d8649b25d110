"""Producing to Kafka: one idempotent producer, every delivery report counted, nothing sent after a failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from connectors.bus.base import Batch, BusError
from connectors.bus.kafka_client import Client, error_of, in_words
from connectors.bus.kafka_log import HEADER, Stamp, State, order_ms, parse, stamps

_FLUSH_S = 1.0
#: What a message weighs beside its key and value, with room to spare.
_OVERHEAD_BYTES = 512


def _headers(stamp: bytes) -> list[tuple[str, str | bytes | None]]:
    return [(HEADER, stamp)]


class Delivery:
    """The delivery reports of one append to one partition."""

    def __init__(self, count: int) -> None:
        self.left = count
        #: Kafka's offsets of the first and the last record.
        self.first = self.last = -1
        self.error: KafkaError | None = None

    def __call__(self, error: KafkaError | None, message: Message) -> None:
        """Takes the report of one record; those of a partition come in order."""
        self.left -= 1
        if error is not None:
            self.error = self.error or error
        elif self.first < 0:
            self.first = message.offset() or 0
        if self.left == 0 and error is None:
            self.last = message.offset() or 0


class Writer:
    """Sends appends; after one that failed it refuses all others, since it cannot know what of it reached the log."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._producer: Producer | None = None
        self._failed = ""

    def check(self, place: str, batch: Batch) -> None:
        """Raises BusError for what cannot be sent, before anything is."""
        limit = self._client.settings.kafka_message_max_bytes
        if self._failed:
            raise BusError(f"{self._failed}; what of it stands in the log is not known: open the bus again")
        if batch.count < 1:
            raise BusError(f"a batch of {batch.count} records cannot be appended to {place}")
        lines = batch.payload.count(b"\n") + 1
        if lines != batch.count:
            raise BusError(f"a batch of {batch.count} records for {place} holds {lines}")
        if len(batch.payload) + _OVERHEAD_BYTES > limit:
            largest = max(map(len, batch.payload.split(b"\n"))) + _OVERHEAD_BYTES
            if largest > limit:
                raise BusError(
                    f"a record of {largest} bytes for {place} is larger than KAFKA_MESSAGE_MAX_BYTES={limit}"
                )

    def send(self, name: str, part: int, state: State, batch: Batch, epoch: int, parts: str) -> Delivery:
        """Queues one partition's records of an append behind a state; `wait` sends them."""
        lines = batch.payload.split(b"\n")
        keys: Sequence[str | bytes | None] = batch.keys or ([None] if batch.control else [b""]) * batch.count
        delivery, found = Delivery(batch.count), stamps(state, batch, epoch, parts)
        for (start, header), (stop, _) in pairwise([*found, (batch.count, b"")]):
            self._produce(name, part, lines[start:stop], keys[start:stop], header, delivery)
        return delivery

    def send_mark(self, name: str, part: int, stamp: Stamp) -> Delivery:
        """Queues a mark."""
        delivery = Delivery(1)
        self._produce(name, part, [b'{"mark":"%s"}' % stamp.mark.encode()], [None], stamp.encoded(), delivery)
        return delivery

    def _produce(
        self, name: str, part: int, values: Sequence[bytes], keys: Sequence[str | bytes | None], header: bytes,
        delivery: Delivery,
    ) -> None:  # fmt: skip
        """Queues records that have one stamp."""
        if self._producer is None:
            self._producer = self._client.producer()
        produce, promise, headers = self._producer.produce, parse(header).promise, _headers(header)
        for value, key in zip(values, keys, strict=True):
            ms = order_ms(value, promise)
            while True:
                try:
                    produce(name, value, key, part, delivery, timestamp=ms, headers=headers)
                except BufferError:
                    # The queue is full: what waits is sent before more is taken.
                    self._producer.flush(_FLUSH_S)
                except KafkaException as exception:
                    self._fail(name, part, error_of(exception))
                else:
                    break

    def wait(self, name: str, deliveries: Mapping[int, Delivery]) -> None:
        """Sends what is queued and waits until all is reported: each report comes within KAFKA_TIMEOUT_MS."""
        if self._producer is not None:
            while self._producer.flush(_FLUSH_S):
                pass
        for part, delivery in deliveries.items():
            if delivery.error is not None or delivery.left:
                self._fail(name, part, delivery.error or KafkaError(KafkaError._FAIL))

    def _fail(self, name: str, part: int, error: KafkaError) -> None:
        self._failed = f"{name}/{part} was not written: {in_words(error)}"
        self.close()
        raise BusError(self._failed)

    def close(self) -> None:
        """Gives up what was not sent."""
        if self._producer is not None:
            self._producer.purge()
            self._producer = None
