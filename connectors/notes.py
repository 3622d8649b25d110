"""What a data set notes of itself and its runs: in a file of its directory, or on its cluster's compacted topic.

A note is replaced whole; the last one counts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import orjson

from connectors.sqlite import connect

if TYPE_CHECKING:
    from connectors.bus.kafka_notes import NotesTopic  # a client library that a directory does without

Mode = Literal["live", "compute"]
_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    run TEXT PRIMARY KEY, parameters TEXT NOT NULL, code TEXT NOT NULL, started TEXT NOT NULL, mode TEXT NOT NULL
);
"""
_RUN = "run/"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What a run was made with: `verify` recomputes with the same."""

    run: str
    parameters: dict[str, int | float | str | bool]
    #: Digest of the code that computed it.
    code: str
    #: 'start' of the log, or the id of the anchor it began at.
    started: str
    mode: Mode


class Notes(Protocol):
    """Run records by name."""

    def record(self, record: RunRecord) -> None:
        """Notes what a run is made with."""
        ...

    def runs(self) -> list[RunRecord]:
        """Returns every run noted, by name."""
        ...

    def run(self, run: str) -> RunRecord | None:
        """Returns what a run was made with, or None."""
        ...


class FileNotes:
    """Run records in a SQLite file."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "meta.sqlite"

    def record(self, record: RunRecord) -> None:
        """Notes what a run is made with."""
        parameters = orjson.dumps(record.parameters, option=orjson.OPT_SORT_KEYS).decode()
        with self._open() as db:
            row = (record.run, parameters, record.code, record.started, record.mode)
            db.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?)", row)

    def runs(self) -> list[RunRecord]:
        """Returns every run noted, by name."""
        with self._open() as db:
            rows = db.execute("SELECT run, parameters, code, started, mode FROM runs ORDER BY run").fetchall()
        return [RunRecord(row[0], orjson.loads(row[1]), *row[2:]) for row in rows]

    def run(self, run: str) -> RunRecord | None:
        """Returns what a run was made with, or None."""
        return next((record for record in self.runs() if record.run == run), None)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        db = connect(self._path, _SCHEMA)
        try:
            yield db
        finally:
            db.close()


class KafkaNotes:
    """Run records on the cluster; where it has none, those of a directory from before it had any."""

    def __init__(self, topic: NotesTopic, directory: Path) -> None:
        self._topic = topic
        self._before = FileNotes(directory) if (directory / "meta.sqlite").exists() else None

    def record(self, record: RunRecord) -> None:
        """Notes what a run is made with."""
        self._topic.put({f"{_RUN}{record.run}": orjson.dumps(asdict(record), option=orjson.OPT_SORT_KEYS)})

    def runs(self) -> list[RunRecord]:
        """Returns every run noted, by name."""
        with self._topic.turn:
            noted = [note.value for key, note in self._topic.read().items() if key.startswith(_RUN)]
        found = {each.run: each for each in (self._before.runs() if self._before is not None else ())}
        for value in noted:
            plain: dict[str, Any] = orjson.loads(value)
            found[plain["run"]] = RunRecord(**plain)
        return [found[run] for run in sorted(found)]

    def run(self, run: str) -> RunRecord | None:
        """Returns what a run was made with, or None."""
        return next((record for record in self.runs() if record.run == run), None)
