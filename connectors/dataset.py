"""A data set: one market on one clock with its own directory, and the runs that were computed over it (contract 6, 20).

`dataset.json` is written once, when the data set is made, and never changed. Two processes that make the same data set
at once agree: the second reads what the first wrote, and is refused where it asked for something else.
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import msgspec
import orjson

from connectors.bus.base import Bus
from connectors.bus.embedded import EmbeddedBus
from connectors.lease import FLOW, Holder, Lease, Leases, flow_leases
from connectors.lease_files import FileLeases
from connectors.sqlite import connect
from events.partitions import TABLE_VERSION
from events.settings import load
from events.topics import DERIVED_TOPICS, TOPICS
from events.types import Clock

FORMAT = 1
DEFAULT_CLOCK: Clock = "historical"
DEFAULT_PARTITIONS = 8
_FILE = "dataset.json"
#: What a topic's name may not hold.
_SPELT = re.compile(r"[^A-Za-z0-9._-]")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    run TEXT PRIMARY KEY, parameters TEXT NOT NULL, code TEXT NOT NULL, started TEXT NOT NULL, mode TEXT NOT NULL
);
"""


class DatasetError(ValueError):
    """A data set that cannot be opened as asked; the text is one line that says what to do."""


class _Identity(msgspec.Struct, kw_only=True):
    """What `dataset.json` holds."""

    format: int
    clock: Clock
    partitions: Annotated[int, msgspec.Meta(ge=1)]
    partition_table: int


class _Format(msgspec.Struct):
    """The one field that every format of `dataset.json` has."""

    format: int


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What a run was made with: `verify` recomputes with the same."""

    run: str
    parameters: dict[str, int | float | str | bool]
    #: Digest of the code that computed it.
    code: str
    #: 'start' of the log, or the id of the anchor it began at.
    started: str
    mode: Literal["live", "compute"]


class Dataset:
    """An open data set; `Dataset.open` is the way in."""

    def __init__(self, path: Path, identity: _Identity) -> None:
        self.path = path
        self.clock: Clock = identity.clock
        self.partitions = identity.partitions
        self.bus_dir = path / "bus"
        self.store_dir = path / "store"
        self.leases: Leases = FileLeases(path)

    @classmethod
    def open(
        cls, path: Path, *, create: bool = False, clock: Clock | None = None, partitions: int | None = None
    ) -> Dataset:
        """Opens the data set of a directory, made first when `create` and it is missing.

        None for clock or partitions takes what an existing data set has, and the defaults for a new one. Raises
        DatasetError when it is missing, of a format or partition table that this version does not know, or when its
        clock or partitions are others than asked for.
        """
        if not (path / _FILE).exists():
            if not create:
                raise DatasetError(f"no data set in {path}: `undertow import FILE --data {path}` makes one")
            _make(path, clock or DEFAULT_CLOCK, DEFAULT_PARTITIONS if partitions is None else partitions)
        identity = _read(path)
        if clock not in (None, identity.clock):
            _refuse(path, f"is {identity.clock}, not {clock}: one data set has one clock; use another directory")
        if partitions not in (None, identity.partitions):
            _refuse(path, f"was made with {identity.partitions} partitions, not {partitions}; use another directory")
        return cls(path, identity)

    @property
    def name(self) -> str:
        """The directory's name and the clock, as screens and summaries show it."""
        return f"{self.path.resolve().name} ({self.clock})"

    def recovery_dir(self, flow: str) -> Path:
        """Returns the directory of a flow's recovery store."""
        return self.path / "recovery" / flow

    def open_bus(self) -> Bus:
        """Opens the data set's bus, Kafka's where KAFKA_BROKERS names brokers; the caller closes it.

        Clock, partitions and leases stay in the directory in either case. Raises BusError, SettingsError.
        """
        kafka = load().kafka
        if not kafka.kafka_brokers:
            return EmbeddedBus(self.bus_dir, self.partitions)
        from connectors.bus.kafka import KafkaBus  # costs time and memory that an embedded bus need not pay

        prefix = kafka.kafka_topic_prefix or f"{_SPELT.sub('-', self.path.resolve().name)}."
        bus = KafkaBus(kafka, prefix, self.partitions)
        try:
            bus.ensure(TOPICS)
        except BaseException:
            bus.close()
            raise
        return bus

    def acquire_flow(self, bus: Bus, partitions: Sequence[int]) -> Lease:
        """Takes the live flow's leases of partitions; raises LeaseHeld, naming who holds one of them.

        Their number is above every one that the flow's topics have seen in these partitions.
        """
        heads = [bus.heads(topic) for topic in (*DERIVED_TOPICS, "anchors")]
        seen = max(of_topic[partition].epoch for of_topic in heads for partition in partitions)
        return self.leases.acquire(flow_leases(partitions), above=seen)

    def acquire_feed(self, bus: Bus, topic: str) -> Lease:
        """Takes the lease of a raw topic's feed, above every number that the topic has seen; raises LeaseHeld."""
        return self.leases.acquire(f"feed:{topic}", above=max(head.epoch for head in bus.heads(topic)))

    def flow_holders(self) -> dict[int, Holder]:
        """Returns who runs the live flow, by partition; partitions that nobody runs are left out."""
        held = self.leases.holders(flow_leases(range(self.partitions)))
        return {int(name.removeprefix(f"{FLOW}/")): holder for name, holder in held.items()}

    def record_run(
        self,
        run: str,
        parameters: dict[str, int | float | str | bool],
        code: str,
        started: str,
        mode: Literal["live", "compute"],
    ) -> None:
        """Notes what a run is made with; a fresh run of the same name replaces the note."""
        with self._meta() as db:
            row = (run, orjson.dumps(parameters, option=orjson.OPT_SORT_KEYS).decode(), code, started, mode)
            db.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?)", row)

    def run(self, run: str) -> RunRecord | None:
        """Returns what a run was made with, or None when the data set has no such run."""
        with self._meta() as db:
            row = db.execute("SELECT run, parameters, code, started, mode FROM runs WHERE run = ?", (run,)).fetchone()
        return None if row is None else RunRecord(row[0], orjson.loads(row[1]), *row[2:])

    def runs(self) -> list[RunRecord]:
        """Returns every run noted, by name."""
        with self._meta() as db:
            rows = db.execute("SELECT run, parameters, code, started, mode FROM runs ORDER BY run").fetchall()
        return [RunRecord(row[0], orjson.loads(row[1]), *row[2:]) for row in rows]

    @contextmanager
    def _meta(self) -> Iterator[sqlite3.Connection]:
        db = connect(self.path / "meta.sqlite", _SCHEMA)
        try:
            yield db
        finally:
            db.close()


def _refuse(path: Path, why: str) -> NoReturn:
    raise DatasetError(f"the data set in {path} {why}")


def _read(path: Path) -> _Identity:
    data = (path / _FILE).read_bytes()
    try:
        version = msgspec.json.decode(data, type=_Format).format
        if version != FORMAT:
            _refuse(path, f"has format {version}; this version knows {FORMAT}")
        identity = msgspec.json.decode(data, type=_Identity)
    except msgspec.MsgspecError as error:
        raise DatasetError(f"{path / _FILE} cannot be read: {error}") from None
    if identity.partition_table != TABLE_VERSION:
        _refuse(path, f"was made with partition table {identity.partition_table}; this version has {TABLE_VERSION}")
    return identity


def _make(path: Path, clock: Clock, partitions: int) -> None:
    if partitions < 1:
        raise DatasetError(f"a data set needs at least one partition, not {partitions}")
    identity = _Identity(format=FORMAT, clock=clock, partitions=partitions, partition_table=TABLE_VERSION)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with _locked(path):
            if not (path / _FILE).exists():
                _write(path, msgspec.json.encode(identity) + b"\n")
    except OSError as error:
        raise DatasetError(f"no data set can be made in {path}: {error.strerror or error}") from None


def _write(path: Path, data: bytes) -> None:
    """Writes the file whole or not at all."""
    draft = path / f"{_FILE}.new"
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path / _FILE)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    directory = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)
