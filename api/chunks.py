"""Records of one partition on their way to clients: cut to frames, filtered by key, joined once for all who ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from api import protocol
from connectors.bus.base import StoredBatch

#: The most events of one frame.
MAX_EVENTS = 500
#: Keys a subscription wants; None: all of them.
Keys = frozenset[str] | None


class Chunk:
    """A run of one partition's records without a hole; events in `batches`, control records only in the offsets."""

    __slots__ = ("_tails", "batches", "count", "first", "next", "partition")

    def __init__(self, partition: int, first: int) -> None:
        self.partition = partition
        self.first = first
        self.next = first
        self.count = 0
        self.batches: list[StoredBatch] = []
        self._tails: dict[Keys, tuple[int, bytes]] = {}

    def add(self, batch: StoredBatch, wanted: bool) -> None:
        """Appends the batch that follows; one not wanted only moves the offsets."""
        self.next = batch.next
        if wanted:
            self.batches.append(batch)
            self.count += batch.count

    def tail(self, keys: Keys) -> tuple[int, bytes]:
        """Returns how many events have these keys, and the end of their frame from `next` on; made once per filter."""
        found = self._tails.get(keys)
        if found is None:
            count, body = self._all() if keys is None else self._of(keys)
            found = self._tails[keys] = count, protocol.tail(self.next, body)
        return found

    def _all(self) -> tuple[int, bytes]:
        return self.count, b",".join([batch.payload.replace(b"\n", b",") for batch in self.batches])

    def _of(self, keys: frozenset[str]) -> tuple[int, bytes]:
        lines: list[bytes] = []
        for batch in self.batches:
            of_batch = batch.keys()
            if not keys.isdisjoint(of_batch):
                lines += [line for line, key in zip(batch.lines(), of_batch, strict=True) if key in keys]
        return len(lines), b",".join(lines)

    def from_offset(self, offset: int) -> Chunk:
        """Returns the part at and behind an offset."""
        if offset <= self.first:
            return self
        part = Chunk(self.partition, offset)
        for batch in self.batches:
            if batch.next > offset:
                part.add(batch.from_offset(offset), True)
        part.next = self.next
        return part


def chunks(batches: Iterable[StoredBatch], epochs: list[int] | None) -> Iterator[Chunk]:
    """Cuts batches of several partitions into chunks, each partition's in order and without a hole inside a chunk.

    With `epochs`, by partition, events of a lease epoch older than seen there are left out (contract 13).
    """
    open_chunks: dict[int, Chunk] = {}
    for batch in batches:
        wanted = not batch.control
        if epochs is not None:
            wanted = wanted and batch.epoch >= epochs[batch.partition]
            epochs[batch.partition] = max(batch.epoch, epochs[batch.partition])
        for piece in _pieces(batch):
            chunk = open_chunks.get(batch.partition)
            full = chunk is not None and chunk.count > 0 and wanted and chunk.count + piece.count > MAX_EVENTS
            if chunk is None or full or chunk.next != piece.first:
                if chunk is not None:
                    yield chunk
                chunk = open_chunks[batch.partition] = Chunk(batch.partition, piece.first)
            chunk.add(piece, wanted)
    yield from open_chunks.values()


def _pieces(batch: StoredBatch) -> list[StoredBatch]:
    if batch.count <= MAX_EVENTS or batch.control:
        return [batch]
    lines, keys = batch.lines(), batch.keys_joined.split(b"\n")
    return [
        StoredBatch(
            partition=batch.partition, first=batch.first + at, count=len(lines[at : at + MAX_EVENTS]),
            control=False, epoch=batch.epoch, promises=batch.promises,
            payload=b"\n".join(lines[at : at + MAX_EVENTS]), keys_joined=b"\n".join(keys[at : at + MAX_EVENTS]),
        )
        for at in range(0, batch.count, MAX_EVENTS)
    ]  # fmt: skip
