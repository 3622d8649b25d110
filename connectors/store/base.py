"""The interface every store engine fulfils: named columns in, named columns out, all SQL parameterised.

Guarantees asked of an engine: an insert is durable against kill -9 when it returns, and is there whole or in whole
blocks; rows of one key read as one through FINAL, merged or not; a parameter is never part of the statement's text.
Templates name parameters as ClickHouse does, `{name:Type}`; each engine binds them in its own way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from connectors.store.schema import PROGRESS, Columns, Table

Param = str | int | float
Params = Mapping[str, Param]
_PARAMETER = re.compile(r"\{(\w+):(\w+)\}")


class StoreError(Exception):
    """A store that cannot be used as asked; its text is one line."""


class StoreAway(StoreError):
    """Nobody answers for the archive; history cannot be read now."""


class Reader(Protocol):
    """What reads an archive, in the process that holds it or through its socket."""

    def query(self, template: str, params: Params | None = None) -> dict[str, list[Any]]:
        """Runs one SELECT and returns its columns; raises StoreError, StoreAway."""
        ...

    def close(self) -> None:
        """Releases what the reader holds."""
        ...


class Store(Reader, Protocol):
    """What also writes an archive; one process has it."""

    def ensure_tables(self) -> None:
        """Makes the tables that are missing, and the columns that those of an older version lack."""
        ...

    def insert(self, table: Table, columns: Columns) -> None:
        """Adds rows; the same rows again change nothing that a reader sees. Raises StoreError."""
        ...

    def delete(self, table: Table, where: str, params: Params | None = None) -> None:
        """Removes the rows that a condition names, before it returns."""
        ...


def check_params(template: str, params: Params) -> None:
    """Raises StoreError when the parameters given are not those that the template names."""
    named = {match[1] for match in _PARAMETER.finditer(template)}
    if named != set(params):
        raise StoreError(f"the query names parameters {sorted(named)}, not {sorted(params)}")


class Progress:
    """How far the archive holds a run: by topic and partition the offset behind its last row and the promise there."""

    def __init__(self, rows: Iterable[tuple[str, int, int, int]] = ()) -> None:
        #: (next offset, promise, ns) by (topic, partition).
        self.by_partition = {(topic, partition): (offset, promise) for topic, partition, offset, promise in rows}

    def offsets(self, topic: str, partitions: int) -> list[int]:
        """Returns the next offset of every partition; 0 where nothing was archived."""
        return [self.by_partition.get((topic, partition), (0, 0))[0] for partition in range(partitions)]

    def promise(self, topic: str, partitions: int) -> int:
        """Returns the smallest promise of a topic's partitions; 0 where one was never archived."""
        return min(self.by_partition.get((topic, partition), (0, 0))[1] for partition in range(partitions))

    def holds(self, topic: str) -> bool:
        """Says whether anything of the topic was archived."""
        return any(name == topic for name, _ in self.by_partition)


def read_progress(reader: Reader, run: str = "") -> Progress:
    """Returns a run's progress, or the data set's own (run ''): its raw and operational topics.

    A finished run has raw topics too: the offsets up to which it read the log.
    """
    found = reader.query(
        f"SELECT topic, partition, next_offset, promise FROM {PROGRESS.name} FINAL WHERE run = {{run:String}}",
        {"run": run},
    )
    return Progress(zip(*(found[name] for name in ("topic", "partition", "next_offset", "promise")), strict=True))
