"""The interface every bus engine fulfils, and the record batch that crosses it.

Guarantees asked of an engine: an append is durable against kill -9 when it returns and atomic, over all its partitions
or in each of them, as the engine says; offsets of a partition are dense and only grow; readers see whole appends in
order; an append with a lease epoch below the newest that the partition has seen is refused, or never seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class BusError(Exception):
    """A bus that cannot be used as asked; its text is one line."""


class LeaseLost(BusError):
    """Another holder has taken the lease; whoever gets this must stop."""


@dataclass(slots=True)
class Batch:
    """Records to append to one partition: all data, or all control.

    `payload` holds the records' JSON joined by newlines, `keys` one underlying per record (empty for control).
    `promises` lists (index, promise): from before record `index` on, that promise is in force; index = count is the
    promise after the last record. Promises are order times, ns, and only rise.
    """

    count: int
    payload: bytes
    keys: Sequence[str] = ()
    promises: Sequence[tuple[int, int]] = ()
    control: bool = False


@dataclass(slots=True)
class StoredBatch:
    """Records as read from one partition; `promises` begins with index 0, the promise in force before the batch."""

    partition: int
    first: int
    count: int
    control: bool
    epoch: int
    promises: list[tuple[int, int]]
    payload: bytes
    keys_joined: bytes = field(repr=False)

    @property
    def next(self) -> int:
        """The offset behind the batch."""
        return self.first + self.count

    def keys(self) -> list[str]:
        """Returns one key per record; empty for control records."""
        return self.keys_joined.decode().split("\n") if self.keys_joined else []

    def lines(self) -> list[bytes]:
        """Returns one message per record."""
        return self.payload.split(b"\n")

    def from_offset(self, offset: int) -> StoredBatch:
        """Returns the part of the batch at and behind `offset`."""
        skip = offset - self.first
        if skip <= 0:
            return self
        in_force = max(promise for index, promise in self.promises if index <= skip)
        later = [(index - skip, promise) for index, promise in self.promises if index > skip]
        keys = b"\n".join(self.keys_joined.split(b"\n")[skip:]) if self.keys_joined else b""
        return StoredBatch(
            partition=self.partition,
            first=offset,
            count=self.count - skip,
            control=self.control,
            epoch=self.epoch,
            promises=[(0, in_force), *later],
            payload=b"\n".join(self.lines()[skip:]),
            keys_joined=keys,
        )


@dataclass(frozen=True, slots=True)
class Head:
    """Where a partition stands: first kept offset, next offset, promise in force there, newest lease epoch."""

    start: int = 0
    next: int = 0
    promise: int = 0
    epoch: int = 0


class Bus(Protocol):
    """Append-only topics of one data set, each with the data set's number of partitions."""

    partitions: int

    def append(self, topic: str, batches: Mapping[int, Batch], epoch: int = 0) -> dict[int, int]:
        """Appends to several partitions at once; returns each one's first offset. Raises LeaseLost, BusError."""
        ...

    def heads(self, topic: str) -> list[Head]:
        """Returns the head of every partition, by one query; an unknown topic has empty ones."""
        ...

    def ends(self, topics: Sequence[str]) -> dict[str, list[int]]:
        """Returns the next offset of every partition of the topics, as of now or later: what `heads` says, cheaper."""
        ...

    def read(self, topic: str, partition: int, offset: int, limit: int) -> list[StoredBatch]:
        """Returns whole batches from `offset` on until `limit` records are reached, the first one cut to `offset`."""
        ...

    def mark(self, topic: str) -> tuple[int, list[Head]]:
        """Returns the position behind the topic's last batch, for `tail`, and the heads of the same moment."""
        ...

    def end_position(self, topic: str) -> int:
        """Returns the position behind the topic's last batch, for `tally`."""
        ...

    def tail(self, topic: str, position: int, limit: int) -> tuple[int, list[StoredBatch]]:
        """Returns batches of every partition behind a position that this bus gave, and the position behind them."""
        ...

    def tally(self, topic: str, position: int) -> tuple[int, int, StoredBatch | None]:
        """Counts the events behind a position that this bus gave: position behind them, count, the newest batch."""
        ...

    def read_back(self, topic: str, partition: int, before: int, limit: int) -> list[StoredBatch]:
        """Returns whole event batches that begin before an offset, newest first, until `limit` events are reached."""
        ...

    def size_bytes(self, topic: str) -> int | None:
        """Returns what the topic takes on disk; None where the engine does not tell."""
        ...

    def fence(self, topic: str, partitions: Sequence[int], epoch: int) -> None:
        """Refuses appends of every older epoch from now on; raises LeaseLost when a newer one was seen."""
        ...

    def trim(self, topic: str, partition: int, offset: int) -> int:
        """Drops whole batches before `offset` where the engine can; returns the first kept offset."""
        ...

    def clear(self, topic: str) -> None:
        """Removes every record of a derived topic; offsets begin at 0 again."""
        ...

    def topics(self) -> list[str]:
        """Returns the topics that exist."""
        ...

    def close(self) -> None:
        """Releases the engine's resources; the bus cannot be used after."""
        ...
