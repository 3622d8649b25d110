"""The ledger of imports: which bytes were imported, and where each topic's occurrence counters stand (contract 18).

An import is noted as in progress, with the counters it began with, before anything is written. After a crash the same
files begin with the same counters again, so that every record gets the id it got before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import msgspec

from connectors.importing.records import FeedFacts, Printed
from connectors.sqlite import connect

_SCHEMA = """
CREATE TABLE IF NOT EXISTS imports (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, files TEXT NOT NULL, plan TEXT NOT NULL, counts TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS files (digest TEXT PRIMARY KEY, name TEXT NOT NULL, records INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS topics (
    topic TEXT PRIMARY KEY, ts INTEGER NOT NULL, seen TEXT NOT NULL, length INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS feeds (
    topic TEXT NOT NULL, source TEXT NOT NULL, facts TEXT NOT NULL, PRIMARY KEY (topic, source)
);
CREATE TABLE IF NOT EXISTS printed (
    dataset TEXT NOT NULL, day TEXT NOT NULL, schema TEXT NOT NULL, PRIMARY KEY (dataset, day, schema)
);
"""


class Counters(msgspec.Struct):
    """The occurrences of identical content at one time stamp, as `events.ids.IdMaker` counts them."""

    ts: int = 0
    seen: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class TopicState:
    """How a topic was left by the last import: counters at its last time stamp, records in its log."""

    counters: Counters = field(default_factory=Counters)
    length: int = 0


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One imported file: digest of its bytes, name, records read."""

    digest: str
    name: str
    records: int


class Ledger:
    """The ledger in a data set's directory; the caller holds the lease `import`."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "imports.sqlite"

    def done(self, digest: str) -> FileEntry | None:
        """Returns the entry of a file whose bytes were imported whole, or None."""
        with closing(self._open()) as db:
            row = db.execute("SELECT digest, name, records FROM files WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else FileEntry(*row)

    def topic(self, topic: str) -> TopicState | None:
        """Returns how the last finished import left a topic, or None when none wrote it."""
        with closing(self._open()) as db:
            row = db.execute("SELECT ts, seen, length FROM topics WHERE topic = ?", (topic,)).fetchone()
        return None if row is None else TopicState(Counters(row[0], msgspec.json.decode(row[1])), row[2])

    def interrupted(self, digests: Iterable[str]) -> dict[str, Counters] | None:
        """Returns the counters that an unfinished import of just these files began with, by topic, or None."""
        with closing(self._open()) as db:
            row = db.execute(
                "SELECT plan FROM imports WHERE id = ? AND state = 'in progress'", (_id(digests),)
            ).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=dict[str, Counters])

    def unfinished(self) -> list[str]:
        """Returns the file names of every import that was interrupted and not repeated."""
        with closing(self._open()) as db:
            return [
                name for (name,) in db.execute("SELECT files FROM imports WHERE state = 'in progress' ORDER BY files")
            ]

    def declared(self, topic: str, facts: FeedFacts) -> bool:
        """Says whether a source's facts stand in the topic already, as an import last declared them."""
        with closing(self._open()) as db:
            row = db.execute("SELECT facts FROM feeds WHERE topic = ? AND source = ?", (topic, facts.source)).fetchone()
        return row is not None and row[0] == msgspec.json.encode(facts).decode()

    def declare(self, topic: str, facts: FeedFacts) -> None:
        """Notes that a source's facts were written to the topic."""
        with closing(self._open()) as db:
            row = (topic, facts.source, msgspec.json.encode(facts).decode())
            db.execute("INSERT OR REPLACE INTO feeds VALUES (?, ?, ?)", row)

    def begin(self, files: Mapping[str, str], plan: Mapping[str, Counters]) -> None:
        """Notes an import of files (names by digest) as in progress, with the counters it begins with."""
        with closing(self._open()) as db:
            db.execute(
                "INSERT OR REPLACE INTO imports VALUES (?, 'in progress', ?, ?, '{}')",
                (_id(files), " ".join(files.values()), msgspec.json.encode(plan).decode()),
            )

    def finish(self, files: Iterable[FileEntry], topics: Mapping[str, TopicState], counts: Mapping[str, int]) -> None:
        """Notes the import as done, its files as imported, and how it left the topics: all or nothing."""
        entries = list(files)
        with closing(self._open()) as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute(
                "UPDATE imports SET state = 'done', counts = ? WHERE id = ?",
                (msgspec.json.encode(counts).decode(), _id(entry.digest for entry in entries)),
            )
            for entry in entries:
                db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", (entry.digest, entry.name, entry.records))
            for topic, state in topics.items():
                seen = msgspec.json.encode(state.counters.seen).decode()
                row = (topic, state.counters.ts, seen, state.length)
                db.execute("INSERT OR REPLACE INTO topics VALUES (?, ?, ?, ?)", row)
            db.execute("COMMIT")

    def repeated(self, printed: AbstractSet[Printed]) -> list[str]:
        """Notes days of prints; returns, in a line each, those that stand here in another schema too."""
        found = []
        with closing(self._open()) as db:
            for each in printed:
                db.execute("INSERT OR IGNORE INTO printed VALUES (?, ?, ?)", each)
            for dataset, day in sorted({(each.dataset, each.day) for each in printed}):
                rows = db.execute("SELECT schema FROM printed WHERE dataset = ? AND day = ?", (dataset, day))
                schemas = sorted(schema for (schema,) in rows)
                if len(schemas) > 1:
                    found.append(f"{dataset} {day}: prints came as {' and as '.join(schemas)}: each stands here twice")
        return found

    def _open(self) -> sqlite3.Connection:
        return connect(self._path, _SCHEMA)


def _id(digests: Iterable[str]) -> str:
    return sha256("\n".join(sorted(digests)).encode()).hexdigest()
