"""The embedded bus: one SQLite file per topic under the data directory, a row per record batch (contract 31).

Guarantee: write-ahead log with synchronous=NORMAL. Safe against kill -9 at any instruction; a power cut may cost the
tail. Several processes append and tail at once; appends to one topic queue behind its write lock.
"""

from __future__ import annotations

import sqlite3
import threading
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zstandard

from connectors.bus.base import Batch, BusError, Head, LeaseLost, StoredBatch
from connectors.sqlite import BUSY_TIMEOUT_S, connect

#: Payloads from this size on are compressed: JSON of one topic shrinks to a tenth, which is faster than writing it.
_COMPRESS_FROM_BYTES = 1024
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS batches (
    pos INTEGER PRIMARY KEY AUTOINCREMENT,
    part INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,
    control INTEGER NOT NULL, epoch INTEGER NOT NULL,
    promises BLOB NOT NULL, keys BLOB NOT NULL, payload BLOB NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS by_offset ON batches (part, first);
CREATE TABLE IF NOT EXISTS heads (
    part INTEGER PRIMARY KEY, start INTEGER NOT NULL, next INTEGER NOT NULL,
    promise INTEGER NOT NULL, epoch INTEGER NOT NULL
);
"""
_COLUMNS = "part, first, count, control, epoch, promises, payload, keys"


def compressor() -> zstandard.ZstdCompressor:
    """Returns what compresses payloads: zstd's first level, with a table that fits a core's first cache (16 KiB).

    A pipeline takes as long with it as with the faster negative levels, whose bytes cost SQLite what they save zstd.
    """
    parameters = zstandard.ZstdCompressionParameters.from_level(1, hash_log=12, min_match=7)
    return zstandard.ZstdCompressor(compression_params=parameters)


class EmbeddedBus:
    """See `connectors.bus.base.Bus`; threads that share an instance take turns."""

    def __init__(self, directory: Path, partitions: int) -> None:
        self.directory = directory
        self.partitions = partitions
        self._turn = threading.RLock()
        self._connections: dict[str, sqlite3.Connection] = {}
        self._zstd = compressor()
        self._unzstd = zstandard.ZstdDecompressor()
        directory.mkdir(parents=True, exist_ok=True)

    def append(self, topic: str, batches: Mapping[int, Batch], epoch: int = 0) -> dict[int, int]:
        """Appends to several partitions in one transaction; returns each one's first offset."""
        with self._turn:
            # Before the topic's write lock is taken: other processes that append to it wait for that one.
            packed = {
                part: (self._pack(batch.payload), self._pack("\n".join(batch.keys).encode()))
                for part, batch in batches.items()
            }
            with self._writing(topic) as db:
                heads = dict(enumerate(self._heads(db)))
                return {
                    part: self._append_one(db, topic, part, heads, batch, packed[part], epoch)
                    for part, batch in batches.items()
                }

    def _append_one(
        self, db: sqlite3.Connection, topic: str, part: int, heads: dict[int, Head], batch: Batch,
        packed: tuple[bytes, bytes], epoch: int,
    ) -> int:  # fmt: skip
        head = heads.get(part)
        if head is None:
            raise BusError(f"{topic} has no partition {part}: the data set was made with {self.partitions}")
        if batch.count < 1:
            raise BusError(f"a batch of {batch.count} records cannot be appended to {topic}/{part}")
        if epoch < head.epoch:
            raise LeaseLost(f"lease epoch {epoch} of {topic}/{part} is over: {head.epoch} holds it now")
        promises = _rising(head.promise, batch.promises)
        in_force = promises[-1]
        db.execute(
            f"INSERT INTO batches ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (part, head.next, batch.count, int(batch.control), epoch, promises.tobytes(), *packed),
        )  # fmt: skip
        db.execute(
            "INSERT INTO heads VALUES (?, 0, ?, ?, ?) ON CONFLICT (part) DO UPDATE SET "
            "next = excluded.next, promise = excluded.promise, epoch = excluded.epoch",
            (part, head.next + batch.count, in_force, epoch),
        )
        return head.next

    def heads(self, topic: str) -> list[Head]:
        """Returns the head of every partition, by one query."""
        with self._turn:
            db = self._open(topic)
            return [Head()] * self.partitions if db is None else self._heads(db)

    def ends(self, topics: Sequence[str]) -> dict[str, list[int]]:
        """Returns the next offset of every partition of the topics."""
        return {topic: [head.next for head in self.heads(topic)] for topic in topics}

    def _heads(self, db: sqlite3.Connection) -> list[Head]:
        heads = [Head()] * self.partitions
        for part, start, next_offset, promise, epoch in db.execute("SELECT * FROM heads"):
            heads[part] = Head(start, next_offset, promise, epoch)
        return heads

    def read(self, topic: str, partition: int, offset: int, limit: int) -> list[StoredBatch]:
        """Returns whole batches from `offset` on until `limit` records are reached."""
        with self._turn:
            db = self._open(topic)
            return [] if db is None else self._read(db, partition, offset, limit)

    def _read(self, db: sqlite3.Connection, partition: int, offset: int, limit: int) -> list[StoredBatch]:
        rows = db.execute(
            f"SELECT {_COLUMNS} FROM batches WHERE part = ? AND first >= "
            "ifnull((SELECT max(first) FROM batches WHERE part = ? AND first <= ?), ?) ORDER BY first",
            (partition, partition, offset, offset),
        )
        found: list[StoredBatch] = []
        records = 0
        for row in rows:
            batch = self._stored(row)
            if batch.next <= offset:
                continue
            found.append(batch.from_offset(offset))
            records += found[-1].count
            if records >= limit:
                break
        rows.close()
        return found

    def tail(self, topic: str, position: int, limit: int) -> tuple[int, list[StoredBatch]]:
        """Returns batches of every partition behind a position of the topic's file, and the position behind them."""
        found = []
        with self._turn:
            db = self._open(topic)
            if db is None:
                return position, []
            query = f"SELECT pos, {_COLUMNS} FROM batches WHERE pos > ? ORDER BY pos LIMIT ?"
            for pos, *row in db.execute(query, (position, limit)):
                position = pos
                found.append(self._stored(row))
        return position, found

    def end_position(self, topic: str) -> int:
        """Returns the position behind the topic's last batch, for `tail`."""
        with self._turn:
            db = self._open(topic)
            return 0 if db is None else db.execute("SELECT ifnull(max(pos), 0) FROM batches").fetchone()[0]

    def mark(self, topic: str) -> tuple[int, list[Head]]:
        """Returns the position behind the topic's last batch and the heads, both of one moment."""
        db = self._open(topic)
        if db is None:
            return 0, [Head()] * self.partitions
        db.execute("BEGIN")
        try:
            return self.end_position(topic), self._heads(db)
        finally:
            db.execute("COMMIT")

    def read_back(self, topic: str, partition: int, before: int, limit: int) -> list[StoredBatch]:
        """Returns whole event batches that begin before an offset, newest first, until `limit` events are reached."""
        db = self._open(topic)
        if db is None:
            return []
        rows = db.execute(
            f"SELECT {_COLUMNS} FROM batches WHERE part = ? AND first < ? AND control = 0 ORDER BY first DESC",
            (partition, before),
        )
        found: list[StoredBatch] = []
        events = 0
        for row in rows:
            found.append(self._stored(row))
            events += found[-1].count
            if events >= limit:
                break
        rows.close()
        return found

    def tally(self, topic: str, position: int) -> tuple[int, int, StoredBatch | None]:
        """Counts the events behind a position without reading them: position behind them, count, the newest batch."""
        db = self._open(topic)
        if db is None:
            return position, 0, None
        end, events, newest = db.execute(
            "SELECT ifnull(max(pos), ?), ifnull(sum(CASE control WHEN 0 THEN count ELSE 0 END), 0), "
            "max(CASE control WHEN 0 THEN pos END) FROM batches WHERE pos > ?",
            (position, position),
        ).fetchone()
        if newest is None:
            return end, events, None
        row = db.execute(f"SELECT {_COLUMNS} FROM batches WHERE pos = ?", (newest,)).fetchone()
        return end, events, None if row is None else self._stored(row)

    def fence(self, topic: str, partitions: Sequence[int], epoch: int) -> None:
        """Refuses appends of every older epoch to these partitions from now on."""
        with self._writing(topic) as db:
            heads = self._heads(db)
            for part in partitions:
                if heads[part].epoch > epoch:
                    raise LeaseLost(f"lease epoch {epoch} of {topic}/{part} is over: {heads[part].epoch} holds it now")
                db.execute(
                    "INSERT INTO heads VALUES (?, 0, 0, 0, ?) ON CONFLICT (part) DO UPDATE SET epoch = excluded.epoch",
                    (part, epoch),
                )

    def trim(self, topic: str, partition: int, offset: int) -> int:
        """Drops whole batches that end at or before `offset`; returns the first kept offset."""
        with self._writing(topic) as db:
            db.execute("DELETE FROM batches WHERE part = ? AND first + count <= ?", (partition, offset))
            row = db.execute("SELECT min(first) FROM batches WHERE part = ?", (partition,)).fetchone()
            head = self._heads(db)[partition]
            start = head.next if row[0] is None else int(row[0])
            db.execute("UPDATE heads SET start = ? WHERE part = ?", (start, partition))
            return start

    def clear(self, topic: str) -> None:
        """Removes every record of a topic; the lease epoch stays, so that a dead holder stays fenced."""
        if topic in self.topics():
            with self._writing(topic) as db:
                db.execute("DELETE FROM batches")
                db.execute("UPDATE heads SET start = 0, next = 0, promise = 0")

    def topics(self) -> list[str]:
        """Returns the topics that have a file."""
        return sorted(path.stem for path in self.directory.glob("*.sqlite"))

    def size_bytes(self, topic: str) -> int:
        """Returns the size on disk of a topic, write-ahead log included."""
        return sum(path.stat().st_size for path in self.directory.glob(f"{topic}.sqlite*"))

    def close(self) -> None:
        """Closes every file."""
        with self._turn:
            for db in self._connections.values():
                db.close()
            self._connections.clear()

    @contextmanager
    def _writing(self, topic: str) -> Iterator[sqlite3.Connection]:
        """Gives the topic's connection in a transaction that is kept whole or not at all."""
        with self._turn:
            db = self._create(topic)
            self._lock(topic, db)
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def _lock(self, topic: str, db: sqlite3.Connection) -> None:
        """Takes the topic's write lock; raises BusError naming the file when another process keeps it."""
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            path = self.directory / f"{topic}.sqlite"
            raise BusError(
                f"{path} stayed locked {BUSY_TIMEOUT_S:.0f} s: a process is stopped (SIGSTOP, a debugger) or hangs in "
                f"the middle of a write; let it go on or end it (fuser {path} names who has it open)"
            ) from None

    def _pack(self, data: bytes) -> bytes:
        # Bytes that look compressed are compressed too: a poison message may begin with anything.
        small = len(data) < _COMPRESS_FROM_BYTES and data[:4] != _ZSTD_MAGIC
        return data if small else self._zstd.compress(data)

    def _unpack(self, data: bytes) -> bytes:
        return self._unzstd.decompress(data) if data[:4] == _ZSTD_MAGIC else data

    def _stored(self, row: Sequence[Any]) -> StoredBatch:
        part, first, count, control, epoch, promises, payload, keys = row
        pairs = array("q")
        pairs.frombytes(promises)
        return StoredBatch(
            partition=part, first=first, count=count, control=bool(control), epoch=epoch,
            promises=list(zip(pairs[::2], pairs[1::2], strict=True)),
            payload=self._unpack(payload), keys_joined=self._unpack(keys),
        )  # fmt: skip

    def _open(self, topic: str) -> sqlite3.Connection | None:
        """Returns the topic's connection, or None while no process has made the topic."""
        if topic in self._connections or (self.directory / f"{topic}.sqlite").exists():
            return self._create(topic)
        return None

    def _create(self, topic: str) -> sqlite3.Connection:
        db = self._connections.get(topic)
        if db is None:
            db = connect(self.directory / f"{topic}.sqlite", _SCHEMA)
            self._connections[topic] = db
        return db


def _rising(in_force: int, promises: Sequence[tuple[int, int]]) -> array[int]:
    """Returns index and promise by turns, from index 0 on; a promise never falls, whatever a restarted feed says."""
    rising = array("q", (0, in_force))
    for index, promise in promises:
        if promise > rising[-1]:
            if index == rising[-2]:
                rising[-1] = promise
            else:
                rising.extend((index, promise))
    return rising
