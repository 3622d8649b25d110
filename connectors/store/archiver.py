"""Turns record batches of any topic into rows and gives them to the store in large inserts, progress last.

At least once: a batch taken again changes nothing a reader sees, for its rows have the same identity. Progress is noted
only behind the rows it speaks of. A record that cannot be decoded or stored is counted, logged and skipped; records of
a lease epoch older than one seen in their derived partition are ignored (contract 13).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from connectors.bus.base import StoredBatch
from connectors.store.base import Store, read_progress
from connectors.store.schema import CONTROL, PROGRESS, Columns, Values, own_columns, stored, table
from connectors.telemetry import meters
from events.control import decode_control
from events.reading import lines_reader
from events.topics import DERIVED_TOPICS, RAW_TOPICS, TOPICS, decoder
from events.types import FOREVER_NS

_log = logging.getLogger(__name__)
_MIN_INT, _MAX_INT = -(2**63), 2**63 - 1


@dataclass(slots=True)
class _Piece:
    """What a batch adds beside its events: where each record stood, and the promise in force before it."""

    partition: int
    epoch: int
    offsets: np.ndarray[Any, Any]
    floors: np.ndarray[Any, Any]


class TopicRows:
    """The waiting rows of one topic."""

    def __init__(self, topic: str, run: str) -> None:
        self.topic = topic
        self.table = table(topic)
        self.events: list[Any] = []
        self._run = run
        self._raw = TOPICS[topic].layer == "raw"
        self._own = [(column, attrgetter(column.name)) for column in own_columns(topic)]
        self._decoder = decoder(topic)
        self._read_lines = lines_reader(TOPICS[topic].type)
        self._pieces: list[_Piece] = []

    def add(self, batch: StoredBatch) -> int:
        """Takes a batch of events; returns how many of its records could not be decoded."""
        offsets = np.arange(batch.first, batch.next, dtype=np.uint64)
        floors = floors_of(batch)
        try:
            events = self._read_lines(batch.payload)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            events, kept = self._decode_each(batch)
            offsets, floors = offsets[kept], floors[kept]
        self.events += events
        self._pieces.append(_Piece(batch.partition, batch.epoch, offsets, floors))
        return batch.count - len(events)

    def _decode_each(self, batch: StoredBatch) -> tuple[list[Any], list[int]]:
        events: list[Any] = []
        kept: list[int] = []
        why = ""
        for index, line in enumerate(batch.lines()):
            try:
                events.append(self._decoder.decode(line))
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                why = f"{batch.first + index} cannot be read: {error}"
            else:
                kept.append(index)
        bad = batch.count - len(kept)
        _log.warning("not archived: %d records of %s/%d, the last at %s", bad, self.topic, batch.partition, why)
        return events, kept

    def columns(self) -> Columns:
        """Returns the waiting rows, column by column."""
        events, pieces = self.events, self._pieces
        columns: dict[str, Values] = {
            "partition": _each(pieces, "partition"),
            "offset": np.concatenate([piece.offsets for piece in pieces]),
            "lease_epoch": _each(pieces, "epoch"),
        }
        for column, get in self._own:
            columns[column.name] = stored(column, list(map(get, events)))
        if self._raw:
            ts = np.array(columns["ts"], dtype=np.int64)
            floors = np.concatenate([piece.floors for piece in pieces])
            columns["order_ts"] = np.maximum(ts, floors)
            columns["arrived_late"] = ts < floors
        if TOPICS[self.topic].layer == "derived":
            columns["run"] = [self._run] * len(events)
        return columns

    def drop_unfit(self) -> int:
        """Drops events with an integer beyond 64 bits, which no column holds; returns how many."""
        fits = [all(_fits(get(event)) for column, get in self._own if column.kind == "int") for event in self.events]
        dropped = len(fits) - sum(fits)
        self.events = [event for event, fit in zip(self.events, fits, strict=True) if fit]
        start = 0
        for piece in self._pieces:
            kept = fits[start : start + len(piece.offsets)]
            start += len(piece.offsets)
            piece.offsets, piece.floors = piece.offsets[kept], piece.floors[kept]
        return dropped

    def clear(self) -> None:
        """Forgets the waiting rows."""
        self.events = []
        self._pieces = []


def _fits(value: int | None) -> bool:
    return value is None or _MIN_INT <= value <= _MAX_INT


def _each(pieces: list[_Piece], name: str) -> np.ndarray[Any, Any]:
    values = np.array([getattr(piece, name) for piece in pieces], dtype=np.int64)
    return np.repeat(values, [len(piece.offsets) for piece in pieces])


def floors_of(batch: StoredBatch) -> np.ndarray[Any, Any]:
    """Returns the promise in force before each record of a batch, ns."""
    starts = [index for index, _ in batch.promises]
    ends = [*starts[1:], batch.count]
    lengths = [max(0, end - start) for start, end in zip(starts, ends, strict=True)]
    return np.repeat(np.array([promise for _, promise in batch.promises], dtype=np.int64), lengths)


@dataclass(slots=True)
class Counters:
    """What the archiver did since it began."""

    rows: int = 0
    controls: int = 0
    inserts: int = 0
    unreadable: int = 0
    outdated: int = 0


@dataclass(slots=True)
class _ControlRows:
    """The waiting control records, column by column."""

    columns: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in CONTROL.names})

    def add(self, topic: str, batch: StoredBatch) -> int:
        """Takes a batch of control records; returns how many could not be decoded or stored."""
        unreadable = 0
        for index, line in enumerate(batch.lines()):
            try:
                record = decode_control(line)
                text = line.decode()
            except (msgspec.MsgspecError, UnicodeDecodeError):
                unreadable += 1
                continue
            if not _fits(record.ts):  # no column holds it: the insert of all would fail, at every start again
                unreadable += 1
                continue
            row = (topic, batch.partition, batch.first + index, batch.epoch, record.ts, record.control, text)
            for name, value in zip(CONTROL.names, row, strict=True):
                self.columns[name].append(value)
        return unreadable


class Archiver:
    """Gathers rows of every topic and inserts them when asked; see the module for what it promises."""

    def __init__(self, store: Store, run: str) -> None:
        self.store = store
        self.run = run
        self.counters = Counters()
        #: Rows gathered and not yet inserted.
        self.waiting = 0
        self._topics: dict[str, TopicRows] = {}
        self._controls = _ControlRows()
        self._epochs: dict[tuple[str, int], int] = {}
        #: (next offset, promise, lease epoch) by (topic, partition), as of the rows gathered.
        self._reached: dict[tuple[str, int], tuple[int, int, int]] = {}

    def take(self, topic: str, batch: StoredBatch) -> None:
        """Gathers one batch."""
        place = (topic, batch.partition)
        derived = TOPICS[topic].layer == "derived"
        if derived and batch.epoch < self._epochs.get(place, 0):
            self.counters.outdated += batch.count
            meters.ARCHIVE_OUTDATED.labels(topic).inc(batch.count)
        elif batch.count:
            self._gather(topic, batch)
        self._epochs[place] = max(batch.epoch, self._epochs.get(place, 0))
        self._reached[place] = (batch.next, batch.promises[-1][1], self._epochs[place])

    def _gather(self, topic: str, batch: StoredBatch) -> None:
        if batch.control:
            unreadable = self._controls.add(topic, batch)
            self.counters.controls += batch.count - unreadable
        else:
            if topic not in self._topics:
                self._topics[topic] = TopicRows(topic, self.run)
            unreadable = self._topics[topic].add(batch)
            self.counters.rows += batch.count - unreadable
            meters.ARCHIVE_ROWS.labels(topic).inc(batch.count - unreadable)
        if unreadable:
            meters.ARCHIVE_UNREADABLE.labels(topic).inc(unreadable)
        self.waiting += batch.count - unreadable
        self.counters.unreadable += unreadable

    def flush(self) -> None:
        """Inserts what was gathered, then notes the progress; when it fails everything stays gathered."""
        for rows in self._topics.values():
            if rows.events:
                self._insert(rows)
            rows.clear()
        if self._controls.columns["topic"]:
            self.store.insert(CONTROL, self._controls.columns)
            self._controls = _ControlRows()
        if self._reached:
            self.store.insert(PROGRESS, self._progress())
            for (topic, partition), (_, promise, _) in self._reached.items():
                meters.ARCHIVE_PROMISE.labels(topic, partition).set(meters.seconds(promise))
            self._reached = {}
        self.waiting = 0

    def _insert(self, rows: TopicRows) -> None:
        columns = rows.columns()
        try:
            self.store.insert(rows.table, columns)
        except OverflowError:
            dropped = rows.drop_unfit()
            _log.warning("not archived: %d records of %s hold an integer beyond 64 bits", dropped, rows.topic)
            self.counters.unreadable += dropped
            self.counters.rows -= dropped
            columns = rows.columns() if rows.events else {}
            if rows.events:
                self.store.insert(rows.table, columns)
        self.counters.inserts += 1
        meters.LATE_EVENTS.labels(rows.topic).inc(int(np.count_nonzero(columns.get("arrived_late", ()))))

    def _progress(self) -> Columns:
        reached = [
            (self.run if TOPICS[topic].layer == "derived" else "", topic, partition, *reached)
            for (topic, partition), reached in self._reached.items()
        ]
        return dict(zip(PROGRESS.names, map(list, zip(*reached, strict=True)), strict=True))


def finish_run(store: Store, run: str, heads: Mapping[str, Sequence[int]]) -> None:
    """Notes that a run is complete: it read the raw topics up to `heads` (next offset by partition) and their end.

    Its derived topics hold all that will ever be known of that, whatever is appended to the log later (contract 33).
    """
    reached = read_progress(store, run)
    rows = [
        (run, topic, partition, offset, FOREVER_NS, 0)
        for topic in RAW_TOPICS
        for partition, offset in enumerate(heads.get(topic, ()))
    ]
    partitions = max((len(offsets) for offsets in heads.values()), default=0)
    for topic in DERIVED_TOPICS:
        offsets = reached.offsets(topic, partitions)
        rows += [(run, topic, partition, offset, FOREVER_NS, 0) for partition, offset in enumerate(offsets)]
    if rows:
        store.insert(PROGRESS, dict(zip(PROGRESS.names, map(list, zip(*rows, strict=True)), strict=True)))


def clear_run(store: Store, run: str) -> None:
    """Removes a run's derived rows and progress; raw rows belong to the data set and stay."""
    store.delete(PROGRESS, "run = {run:String}", {"run": run})
    for name, entry in TOPICS.items():
        if entry.layer == "derived":
            store.delete(table(name), "run = {run:String}", {"run": run})
