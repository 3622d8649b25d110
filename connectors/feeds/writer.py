"""The one way a feed appends raw events: by partition, with the feed's promise before every event (contract 3).

The promise is the feed's, not the partition's: it is computed over all events of the topic in the order they are added,
and each partition carries it where it rises between its own events. So order_ts is the same whatever the number of
partitions and the batch size. Knows no clock: who calls decides when a silent partition gets its heartbeat.

Guarantee: an append is one transaction over all partitions it touches; after a crash the log holds a prefix of what was
added, and a new writer goes on from the promise that stands there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, Protocol

from connectors.bus.base import Batch, Bus
from connectors.telemetry import meters
from events.codec import encode
from events.contracts import belongs_to, parse_contract
from events.control import Control, encode_control
from events.partitions import partition_of
from events.raw import Reference
from events.types import NS_PER_MS, Book

#: Promises stand on a grid of event time, so that they rise seldom.
GRID_NS = 100 * NS_PER_MS
DEFAULT_BATCH = 2000


class Permit(Protocol):
    """What lets a feed write: a lease."""

    epoch: int

    def check(self) -> None:
        """Raises LeaseLost once it is lost."""
        ...


def on_grid(ts: int) -> int:
    """Returns a time rounded down to the grid of promises, ns."""
    return ts // GRID_NS * GRID_NS


def underlying_of(instrument: str) -> str:
    """Returns the underlying of a contract id, or the instrument itself when it is none."""
    return belongs_to(instrument)


def key_of(event: Any) -> str:
    """Returns the underlying that a raw event belongs to, which is its key and chooses its partition."""
    if isinstance(event, Reference):
        return belongs_to(event.instrument, event.underlying)
    contract = getattr(event, "contract", None)
    return event.symbol if contract is None else parse_contract(contract).underlying


class _Pending:
    """Records of one partition that wait for the next append."""

    __slots__ = ("keys", "messages", "noted", "promises")

    def __init__(self, noted: int) -> None:
        self.messages: list[bytes] = []
        self.keys: list[str] = []
        self.promises: list[tuple[int, int]] = []
        #: The promise in force behind the last record noted here.
        self.noted = noted

    def note(self, promise: int) -> None:
        """Says that from the next record on a promise is in force."""
        if promise > self.noted:
            self.promises.append((len(self.messages), promise))
            self.noted = promise

    def take(self) -> Batch:
        """Returns what waits as one batch and begins anew."""
        batch = Batch(len(self.messages), b"\n".join(self.messages), self.keys, self.promises)
        self.messages, self.keys, self.promises = [], [], []
        return batch


class TopicWriter:
    """Appends the raw events and control records of one topic as its feed; one instance belongs to one thread."""

    def __init__(
        self, bus: Bus, topic: str, *, disorder_ms: int = 0, batch: int = DEFAULT_BATCH, permit: Permit | None = None
    ) -> None:
        """Goes on from the promises in the log. `batch` is the most events that wait for an append."""
        self.topic = topic
        self._bus = bus
        self._partitions = bus.partitions
        self._disorder_ms = disorder_ms
        self._disorder_ns = disorder_ms * NS_PER_MS
        self._batch = batch
        self._permit = permit
        self._waiting = 0
        heads = bus.heads(topic)
        self._pending = [_Pending(head.promise) for head in heads]
        self._promise = max(head.promise for head in heads)
        self._max_ts = self._promise + self._disorder_ns
        meters.FEED_WAITING.labels(topic).set_function(lambda: self._waiting)

    @property
    def promise(self) -> int:
        """The feed's promise behind everything added so far, ns."""
        return self._promise

    def add(self, event: Any) -> None:
        """Adds one raw event, its id already given."""
        self.add_encoded(event.ts, key_of(event), encode(event))

    def add_encoded(self, ts: int, underlying: str, message: bytes) -> None:
        """Adds one raw event as bytes; appends when a batch is full."""
        pending = self._pending[partition_of(underlying, self._partitions)]
        if self._promise > pending.noted:
            pending.note(self._promise)
        pending.messages.append(message)
        pending.keys.append(underlying)
        if ts > self._max_ts:
            self._max_ts = ts
            self._promise = max(self._promise, on_grid(ts - self._disorder_ns))
        self._waiting += 1
        if self._waiting >= self._batch:
            self.flush()

    def flush(self) -> None:
        """Appends what waits, the promise behind it included, in one transaction."""
        batches: dict[int, Batch] = {}
        for part, pending in enumerate(self._pending):
            if pending.messages:
                pending.note(self._promise)
                batches[part] = pending.take()
        events, self._waiting = self._waiting, 0
        if batches:
            self._append(batches)
            meters.appended(self.topic, events, self._max_ts, self._promise)

    def heartbeat(self, promise: int | None = None) -> None:
        """Appends what waits, then a lone heartbeat to each partition that stands below the promise.

        With an argument the promise first rises to it, rounded down to the grid; it never falls.
        """
        self.flush()
        if promise is not None:
            self._promise = max(self._promise, on_grid(promise))
        behind = [part for part, pending in enumerate(self._pending) if pending.noted < self._promise]
        self._control(Control(control="heartbeat", ts=self._promise), behind, promises=((1, self._promise),))
        for part in behind:
            self._pending[part].noted = self._promise
        if behind:
            meters.appended(self.topic, 0, self._max_ts, self._promise)

    def member(self, state: Literal["required", "absent"], ts: int) -> None:
        """Says in every partition from which order time on the topic is required or absent."""
        self._control(Control(control="member", ts=ts, state=state))

    def feed(
        self,
        source: str,
        *,
        carries_conditions: bool | None = None,
        quotes: Literal["every_change", "sampled"] | None = None,
        book: Book | None = None,
        shared_sequence: bool = False,
        origin: dict[str, int | float | str | bool] | None = None,
    ) -> None:
        """Says in every partition what a source declares about its events in this topic, from here on.

        `origin` is what a made feed was made from, such as its seed and start (contract 37).
        """
        facts = Control(
            control="feed", ts=self._promise, source=source, carries_conditions=carries_conditions,
            quotes=quotes, book=book, shared_sequence=shared_sequence, disorder_ms=self._disorder_ms,
            parameters=origin,
        )  # fmt: skip
        self._control(facts)

    def gap(self, from_ts: int, to_ts: int, reason: str) -> None:
        """Says in every partition which span the feed could not deliver, ns, and why; it stands behind every event."""
        # A writer that goes on knows no more than the promise of what stands there.
        ts = max(self._promise, self._max_ts + 1, from_ts + 1)
        self._control(Control(control="gap", ts=ts, from_ts=from_ts, to_ts=to_ts, reason=reason))

    def end(self) -> None:
        """Says in every partition that the feed has ended: the topic holds nothing open from here on."""
        self._control(Control(control="end", ts=self._promise))

    def _control(
        self, record: Control, partitions: Iterable[int] | None = None, promises: Sequence[tuple[int, int]] = ()
    ) -> None:
        self.flush()
        batch = Batch(1, encode_control(record), promises=promises, control=True)
        batches = dict.fromkeys(range(self._partitions) if partitions is None else partitions, batch)
        if batches:
            self._append(batches)

    def _append(self, batches: dict[int, Batch]) -> None:
        if self._permit is None:
            self._bus.append(self.topic, batches)
        else:
            self._permit.check()
            self._bus.append(self.topic, batches, self._permit.epoch)
