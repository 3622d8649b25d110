"""A data set: one market on one clock with its own directory, and the runs that were computed over it (contract 6, 20).

`dataset.json` is written once, when the data set is made, and never changed. Two processes that make the same data set
at once agree: the second reads what the first wrote, and is refused where it asked for something else. With Kafka the
same stands on the cluster too, beside leases and the notes of runs: a directory on another machine is made from it.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import msgspec

from connectors.bus.base import Bus
from connectors.bus.embedded import EmbeddedBus
from connectors.lease import FLOW, Holder, Lease, Leases, flow_leases
from connectors.lease_files import FileLeases
from connectors.notes import FileNotes, KafkaNotes, Mode, Notes, RunRecord
from connectors.whole import write_whole
from events.partitions import TABLE_VERSION
from events.settings import Kafka, load
from events.topics import DERIVED_TOPICS, TOPICS
from events.types import Clock

if TYPE_CHECKING:
    from connectors.bus.kafka_notes import NotesTopic

__all__ = ["Dataset", "DatasetError", "RunRecord"]
FORMAT = 1
DEFAULT_CLOCK: Clock = "historical"
DEFAULT_PARTITIONS = 8
_FILE = "dataset.json"
#: The note of the life that the run is in.
GENERATION = "main/generation"
#: What a topic's name may not hold.
_SPELT = re.compile(r"[^A-Za-z0-9._-]")
#: The note of a data set's identity on its cluster, the lease of who writes it, and how long others wait for them.
_IDENTITY, _AGREEING, _AGREE_S = "dataset", "dataset", 30.0


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


class Dataset:
    """An open data set; `Dataset.open` is the way in."""

    def __init__(self, path: Path, identity: _Identity, cluster: NotesTopic | None = None) -> None:
        self.path = path
        self.clock: Clock = identity.clock
        self.partitions = identity.partitions
        self.bus_dir = path / "bus"
        self.store_dir = path / "store"
        self.leases: Leases = FileLeases(path)
        self._notes: Notes = FileNotes(path)
        if cluster is not None:
            self.leases, self._notes = _leases_of(cluster), KafkaNotes(cluster, path)

    @classmethod
    def open(
        cls, path: Path, *, create: bool = False, clock: Clock | None = None, partitions: int | None = None
    ) -> Dataset:
        """Opens the data set of a directory, made first when `create` and it is missing.

        None for clock or partitions takes what an existing data set has, and the defaults for a new one. Raises
        DatasetError when it is missing, of a format or partition table that this version does not know, or when its
        clock or partitions are others than asked for.
        """
        kafka = load().kafka
        cluster = _cluster(kafka, path) if kafka.kafka_brokers else None
        if not (path / _FILE).exists():
            noted = None if cluster is None else _noted(cluster)
            if noted is not None:
                _make(path, noted)
            elif not create:
                raise DatasetError(f"no data set in {path}: `undertow import FILE --data {path}` makes one")
            else:
                _make(path, _identity(clock, partitions))
        identity = _read(path)
        if clock not in (None, identity.clock):
            _refuse(path, f"is {identity.clock}, not {clock}: one data set has one clock; use another directory")
        if partitions not in (None, identity.partitions):
            _refuse(path, f"was made with {identity.partitions} partitions, not {partitions}; use another directory")
        if cluster is not None:
            _agree(path, identity, cluster)
        return cls(path, identity, cluster)

    @property
    def name(self) -> str:
        """The directory's name and the clock, as screens and summaries show it."""
        return f"{self.path.resolve().name} ({self.clock})"

    def recovery_dir(self, flow: str) -> Path:
        """Returns the directory of a flow's recovery store."""
        return self.path / "recovery" / flow

    def open_bus(self) -> Bus:
        """Opens the data set's bus, Kafka's where KAFKA_BROKERS names brokers; the caller closes it.

        Raises BusError, SettingsError.
        """
        kafka = load().kafka
        if not kafka.kafka_brokers:
            return EmbeddedBus(self.bus_dir, self.partitions)
        from connectors.bus.kafka import KafkaBus  # costs time and memory that an embedded bus need not pay

        bus = KafkaBus(kafka, _prefix(kafka, self.path), self.partitions)
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
        self, run: str, parameters: dict[str, int | float | str | bool], code: str, started: str, mode: Mode
    ) -> None:
        """Notes what a run is made with; a fresh run of the same name replaces the note."""
        self._notes.record(RunRecord(run, parameters, code, started, mode))

    def run(self, run: str) -> RunRecord | None:
        """Returns what a run was made with, or None when the data set has no such run."""
        return self._notes.run(run)

    def runs(self) -> list[RunRecord]:
        """Returns every run noted, by name."""
        return self._notes.runs()

    @property
    def generation(self) -> str:
        """Which of its lives the run `main` is in, another one since it was cleared; empty before the first."""
        noted = self.run(GENERATION)
        return "" if noted is None else noted.started

    def close(self) -> None:
        """Closes what leases and notes keep open; neither can be used after."""
        self.leases.close()


def _refuse(path: Path, why: str) -> NoReturn:
    raise DatasetError(f"the data set in {path} {why}")


def _prefix(kafka: Kafka, path: Path) -> str:
    """Returns what the names of the data set's topics begin with: the directory's name, the same on every machine."""
    return kafka.kafka_topic_prefix or f"{_SPELT.sub('-', path.resolve().name)}."


def _cluster(kafka: Kafka, path: Path) -> NotesTopic:
    from connectors.bus.kafka_notes import NotesTopic  # costs time and memory that an embedded bus need not pay

    return NotesTopic(kafka, _prefix(kafka, path))


def _leases_of(cluster: NotesTopic) -> Leases:
    from connectors.lease_kafka import KafkaLeases

    return KafkaLeases(cluster)


def _noted(cluster: NotesTopic) -> _Identity | None:
    note = cluster.read().get(_IDENTITY)
    return None if note is None else _decoded(note.value, f"the data set of topic {cluster.name}")


def _agree(path: Path, identity: _Identity, cluster: NotesTopic) -> None:
    """Notes on the cluster what the data set is, or raises DatasetError where it is another one there."""
    noted = _noted(cluster)
    if noted is None:
        with _leases_of(cluster).acquire_within(_AGREEING, _AGREE_S):
            noted = _noted(cluster)
            if noted is None:
                cluster.put({_IDENTITY: msgspec.json.encode(identity)})
                return
    if noted != identity:
        _refuse(
            path,
            f"({identity.clock}, {identity.partitions} partitions) is not the one that the cluster's topics "
            f"{cluster.name.removesuffix('notes')}* belong to ({noted.clock}, {noted.partitions} partitions): "
            "use another directory or KAFKA_TOPIC_PREFIX",
        )


def _read(path: Path) -> _Identity:
    return _decoded((path / _FILE).read_bytes(), f"the data set in {path}")


def _decoded(data: bytes, what: str) -> _Identity:
    """Reads an identity; raises DatasetError for one that this version does not know."""
    try:
        version = msgspec.json.decode(data, type=_Format).format
        if version != FORMAT:
            raise DatasetError(f"{what} has format {version}; this version knows {FORMAT}")
        identity = msgspec.json.decode(data, type=_Identity)
    except msgspec.MsgspecError as error:
        raise DatasetError(f"{what} cannot be read: {error}") from None
    if identity.partition_table != TABLE_VERSION:
        made = identity.partition_table
        raise DatasetError(f"{what} was made with partition table {made}; this version has {TABLE_VERSION}")
    return identity


def _identity(clock: Clock | None, partitions: int | None) -> _Identity:
    count = DEFAULT_PARTITIONS if partitions is None else partitions
    if count < 1:
        raise DatasetError(f"a data set needs at least one partition, not {count}")
    return _Identity(format=FORMAT, clock=clock or DEFAULT_CLOCK, partitions=count, partition_table=TABLE_VERSION)


def _make(path: Path, identity: _Identity) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        with _locked(path):
            if not (path / _FILE).exists():
                write_whole(path / _FILE, msgspec.json.encode(identity) + b"\n")
    except OSError as error:
        raise DatasetError(f"no data set can be made in {path}: {error.strerror or error}") from None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    directory = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)
