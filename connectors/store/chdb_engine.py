"""The embedded store: ClickHouse in this process, in the directory `<data>/store` (contract 30).

chDB lets one process hold a path. Whoever opens it holds a lock file first, so that others can tell and wait or dial;
a process that dies lets go of it. One instance may be used from several threads; they take turns.
"""

from __future__ import annotations

import atexit
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from connectors.store.base import Params, StoreAway, StoreError, check_params
from connectors.store.lock import PathLock, holder_text, lock_of
from connectors.store.schema import FOUND_COLUMNS, Column, Columns, Table, tables

_ARROW: dict[str, Any] = {
    "str": pa.string(),
    "int": pa.int64(),
    "offset": pa.uint64(),
    "float": pa.float64(),
    "bool": pa.uint8(),
    "strings": pa.list_(pa.string()),
    "json": pa.string(),
}
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0", "'": "\\'"})
_SETTINGS = (
    "SET output_format_arrow_string_as_string = 1",
    "SET output_format_arrow_low_cardinality_as_dictionary = 0",
    "SET output_format_arrow_compression_method = 'none'",
    "SET mutations_sync = 2",
)


class ChdbStore:
    """See `connectors.store.base.Store`."""

    def __init__(self, directory: Path, wait_s: float = 10.0, lock: PathLock | None = None) -> None:
        """Opens the store under a data directory; a lock given is already held and becomes the store's.

        Raises StoreAway when another process holds it for longer than `wait_s`, StoreError when it cannot be opened.
        """
        self._lock = lock or lock_of(directory)
        if lock is None and not self._lock.take(wait_s):
            raise StoreAway(f"{holder_text(directory)} holds the archive in {directory}")
        self._turn = threading.Lock()
        self._closed = False
        try:
            #: chDB's own connection, for whoever measures it bare.
            self.connection = _connect(directory / "store")
            for statement in _SETTINGS:
                self.connection.query(statement)
        except Exception as error:
            self._lock.release()
            raise StoreError(f"the archive in {directory} cannot be opened: {one_line(error)}") from error
        atexit.register(self.close)

    def ensure_tables(self) -> None:
        """Makes the tables that are missing, and the columns that those of an older version lack."""
        for table in tables():
            self._run(table.create())
        found = self.query(FOUND_COLUMNS.format("currentDatabase()"))
        names = dict(zip(found["of"], found["names"], strict=True))
        for table in tables():
            for statement in table.widen(names[table.name]):
                self._run(statement)

    def insert(self, table: Table, columns: Columns) -> None:
        """Adds rows, by way of Arrow."""
        rows = arrow_table(table, columns)
        names = ", ".join(f"`{name}`" for name in table.names)
        assert rows is not None  # chDB finds the local variable by its name
        with self._turn:
            try:
                self.connection.query(f"INSERT INTO {table.name} ({names}) SELECT {names} FROM Python(rows)")
            except Exception as error:
                raise StoreError(f"{table.name} takes no rows: {one_line(error)}") from error

    def delete(self, table: Table, where: str, params: Params | None = None) -> None:
        """Removes the rows that a condition names; a table that loses all its rows is emptied at once."""
        counted = self.query(f"SELECT count() AS rows, countIf({where}) AS gone FROM {table.name}", params)
        if counted["gone"][0] == 0:
            return
        if counted["gone"] == counted["rows"]:
            self._run(f"TRUNCATE TABLE {table.name}")
        else:
            self._run(f"ALTER TABLE {table.name} DELETE WHERE {where}", params)

    def query(self, template: str, params: Params | None = None) -> dict[str, list[Any]]:
        """Runs one SELECT and returns its columns."""
        return columns_of(self.query_arrow(template, params))

    def query_arrow(self, template: str, params: Params | None = None) -> bytes:
        """Runs one SELECT and returns its result as an Arrow file."""
        return self._run(template, params)

    def close(self) -> None:
        """Closes the path and lets go of its lock."""
        atexit.unregister(self.close)
        with self._turn:
            if not self._closed:
                self._closed = True
                self.connection.close()
                self._lock.release()

    def _run(self, template: str, params: Params | None = None) -> bytes:
        check_params(template, params or {})
        with self._turn:
            try:
                result = self.connection.query(template, "Arrow", params=_bound(params or {}))
                return bytes(result.bytes() or b"")
            except Exception as error:
                raise StoreError(one_line(error)) from error


def _connect(path: Path) -> Any:
    import chdb  # half a second: only processes that hold a store pay for it

    path.mkdir(parents=True, exist_ok=True)
    connect: Any = chdb.connect  # carries no types
    return connect(str(path))


def _bound(params: Params) -> dict[str, str]:
    """Returns parameters as ClickHouse reads them: text in its escaped form, numbers exactly."""
    return {
        name: value.translate(_ESCAPES) if isinstance(value, str) else repr(value) for name, value in params.items()
    }


def arrow_table(table: Table, columns: Columns) -> Any:
    """Returns rows as an Arrow table."""
    return pa.table({column.name: _arrow(column, columns[column.name]) for column in table.columns})


def _arrow(column: Column, values: Any) -> Any:
    if column.kind == "bool" and isinstance(next((v for v in values if v is not None), None), bool | np.bool_):
        return pa.array(values, pa.bool_()).cast(pa.uint8())
    return pa.array(values, _ARROW[column.kind])


def columns_of(arrow: bytes) -> dict[str, list[Any]]:
    """Reads an Arrow file's columns as lists."""
    found = pa.ipc.open_file(pa.py_buffer(arrow)).read_all()
    return {name: found.column(name).to_pylist() for name in found.column_names}


def one_line(error: BaseException) -> str:
    """Returns an engine's message without its stack and its newlines."""
    return " ".join(str(error).split())[:500]
