"""Records of one partition on their way to clients: cut to frames, filtered by key, joined once for all who ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from api import protocol
from connectors.bus.base import StoredBatch

#: The most events of one frame.
MAX_EVENTS = 500
#: Looks for the end of each record without making anything of it, 0.07 us each.
_decoder = msgspec.json.Decoder(msgspec.Raw)
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
        if all(map(_is_sound, self.batches)):
            return self.count, b",".join([batch.payload.replace(b"\n", b",") for batch in self.batches])
        lines = [line for batch in self.batches for line in batch.lines() if _is_event(line)]
        return len(lines), b",".join(lines)

    def _of(self, keys: frozenset[str]) -> tuple[int, bytes]:
        lines: list[bytes] = []
        for batch in self.batches:
            of_batch = batch.keys()
            if not keys.isdisjoint(of_batch):
                sound = _is_sound(batch)
                found = zip(batch.lines(), of_batch, strict=True)
                lines += [line for line, key in found if key in keys and (sound or _is_event(line))]
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


def _is_sound(batch: StoredBatch) -> bool:
    """Says whether every record is an object of JSON: poison in a raw topic must break nobody's frame."""
    payload = batch.payload
    if not (payload.startswith(b"{") and payload.count(b"\n{") == batch.count - 1 and _is_text(payload)):
        return False
    try:
        return len(_decoder.decode_lines(payload)) == batch.count
    except msgspec.MsgspecError:
        return False


def _is_event(line: bytes) -> bool:
    try:
        return line.startswith(b"{") and _is_text(line) and bool(_decoder.decode(line))
    except msgspec.MsgspecError:
        return False


def _is_text(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


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
