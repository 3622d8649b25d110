"""The store on a ClickHouse server, through its native protocol: the same tables and queries as the embedded one.

Guarantee: an insert is on the server when it returns. While the server is away an insert waits and tries again, so
its caller stops reading and nothing is dropped; what was sent twice collapses on its identity. Readers do not wait.
One process writes a data set's archive: it holds `<data>/store.lock`; a database belongs to one data set.
Tried with server 18.16; newer ones add codecs, dictionary-encoded words and a DateTime64 column for people.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from connectors.store.address import Address
from connectors.store.base import Params, StoreAway, StoreError
from connectors.store.binding import bound
from connectors.store.clickhouse_client import (
    ANSWER_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    UNKNOWN_DATABASE,
    NativeClient,
    connect,
    dialect_of,
    translated,
    version_of,
)
from connectors.store.lock import PathLock
from connectors.store.schema import FOUND_COLUMNS, Columns, Table, tables

T = TypeVar("T")
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
#: How long the removal of rows may take.
_MUTATION_S = 600.0
_OWNER = "dataset"
_log = logging.getLogger(__name__)


def never() -> bool:
    """Says that nobody asked to stop."""
    return False


def _of_another(address: Address, found: str, owner: str) -> StoreError:
    return StoreError(
        f"{address} holds the archive of another data set ({found}, this one is {owner}): set CLICKHOUSE_DATABASE to "
        f"another name, or DROP DATABASE {address.database}"
    )


class ClickHouseReader:
    """See `connectors.store.base.Reader`; one instance may be used from several threads, which take turns."""

    def __init__(self, address: Address, answer_s: float = ANSWER_TIMEOUT_S) -> None:
        self.address = address
        self._turn = threading.Lock()
        self._client: NativeClient = connect(address, address.database, answer_s)

    def query(self, template: str, params: Params | None = None) -> dict[str, list[Any]]:
        """Runs one SELECT and returns its columns; asked once more when the connection had gone."""
        statement = bound(template, params or {})
        with self._turn:
            try:
                return self._select(statement)
            except (EOFError, ConnectionError):
                pass
            except Exception as error:
                raise translated(error, self.address) from error
            try:
                return self._select(statement)
            except Exception as error:
                raise translated(error, self.address) from error

    def check_owner(self, owner: str | None) -> None:
        """Raises StoreAway when there is no archive, StoreError when it is another data set's than `owner`."""
        found = self.query(f"SELECT id FROM {_OWNER} ORDER BY id LIMIT 1")["id"]
        if not found:
            raise StoreAway(f"no archive in {self.address}: `undertow compute` or `undertow archive` makes one")
        if owner is not None and found != [owner]:
            raise _of_another(self.address, found[0], owner)

    def _select(self, statement: str) -> dict[str, list[Any]]:
        data, types = self._client.execute(statement, columnar=True, with_column_types=True)
        names = [name for name, _ in types]
        return {name: list(values) for name, values in zip(names, data or [()] * len(names), strict=True)}

    def interrupt(self) -> None:
        """Ends a query under way in another thread."""
        self._client.disconnect()

    def close(self) -> None:
        """Closes the connection."""
        with self._turn:
            self._client.disconnect()

    def __enter__(self) -> ClickHouseReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ClickHouseStore(ClickHouseReader):
    """See `connectors.store.base.Store`.

    Writing, and reading what was written, wait for an absent server up to `patience_s` (None: for ever) or until
    `stopping`, then raise StoreAway.
    """

    def __init__(
        self,
        address: Address,
        owner: str,
        patience_s: float | None = 0.0,
        stopping: Callable[[], bool] = never,
        lock: PathLock | None = None,
    ) -> None:
        """Prepares the store for the data set `owner`; connects when first used. A lock given becomes the store's."""
        super().__init__(address)
        self._lock = lock
        self._owner = owner
        self._patience_s = patience_s
        self._stopping = stopping

    def ensure_tables(self) -> None:
        """Makes database, tables and columns that are missing; raises StoreError when another data set's are there."""
        self._patiently(self._make_tables)

    def query(self, template: str, params: Params | None = None) -> dict[str, list[Any]]:
        """Runs one SELECT and returns its columns."""
        statement = bound(template, params or {})
        return self._patiently(lambda: self._select(statement))

    def insert(self, table: Table, columns: Columns) -> None:
        """Adds rows, as one block."""
        names = ", ".join(f"`{name}`" for name in table.names)
        statement = f"INSERT INTO {table.name} ({names}) VALUES"
        data = [columns[name] for name in table.names]
        if len(data[0]):
            self._patiently(lambda: self._client.execute(statement, data, columnar=True))

    def delete(self, table: Table, where: str, params: Params | None = None) -> None:
        """Removes the rows that a condition names; a table that loses all its rows is emptied at once."""
        self._patiently(lambda: self._delete(table.name, where, params or {}))

    def execute(self, statement: str) -> Any:
        """Runs a statement that is no SELECT; for merging and the like."""
        return self._patiently(lambda: self._client.execute(statement))

    def close(self) -> None:
        """Closes the connection and lets go of the lock."""
        super().close()
        if self._lock is not None:
            self._lock.release()

    def _delete(self, name: str, where: str, params: Params) -> None:
        counted = self._select(bound(f"SELECT count() AS rows, countIf({where}) AS gone FROM {name}", params))
        if counted["gone"][0] == 0:
            return
        if counted["gone"] == counted["rows"]:
            self._client.execute(f"TRUNCATE TABLE {name}")
            return
        self._client.execute(bound(f"ALTER TABLE {name} DELETE WHERE {where}", params))
        deadline = time.monotonic() + _MUTATION_S
        while self._mutating(name):
            if time.monotonic() > deadline:
                raise StoreError(f"{name} in {self.address} is still removing rows after {_MUTATION_S:g} s")
            time.sleep(0.02)

    def _mutating(self, name: str) -> bool:
        """Says whether a removal is under way; the server does it behind our back (no mutations_sync before 20.x)."""
        asked = "SELECT count() AS n FROM system.mutations WHERE database = {database:String} AND table = {name:String}"
        found = self._select(bound(f"{asked} AND NOT is_done", {"database": self.address.database, "name": name}))
        return bool(found["n"][0])

    def _make_tables(self) -> None:
        try:
            version = version_of(self._client)
        except Exception as error:
            if getattr(error, "code", None) != UNKNOWN_DATABASE:
                raise
            plain = connect(self.address, "")
            plain.execute(f"CREATE DATABASE IF NOT EXISTS `{self.address.database}`")
            plain.disconnect()
            version = version_of(self._client)
        self._claim()
        dialect = dialect_of(version)
        for table in tables():
            self._client.execute(table.create(dialect))
        found = self._select(FOUND_COLUMNS.format(f"'{self.address.database}'"))
        names = dict(zip(found["of"], found["names"], strict=True))
        for table in tables():
            for statement in table.widen(names[table.name], dialect):
                self._client.execute(statement)

    def _claim(self) -> None:
        """Notes whose archive the database is (contract 6)."""
        self._client.execute(f"CREATE TABLE IF NOT EXISTS {_OWNER} (id String) ENGINE = MergeTree ORDER BY id")
        found = self._select(f"SELECT id FROM {_OWNER} ORDER BY id LIMIT 1")["id"]
        if not found:
            self._client.execute(f"INSERT INTO {_OWNER} (id) VALUES", [[self._owner]], columnar=True)
        elif found != [self._owner]:
            raise _of_another(self.address, found[0], self._owner)

    def _patiently(self, work: Callable[[], T]) -> T:
        deadline = None if self._patience_s is None else time.monotonic() + self._patience_s
        pause_s, waited = _FIRST_PAUSE_S, False
        while True:
            try:
                with self._turn:
                    done = work()
            except OverflowError:
                raise
            except Exception as error:
                away = translated(error, self.address)
                if not isinstance(away, StoreAway) or self._stopping():
                    raise away from error
                if deadline is not None and time.monotonic() >= deadline:
                    raise away from error
                if not waited:
                    _log.warning("%s; waiting, nothing is dropped", away)
                waited = True
            else:
                if waited:
                    _log.warning("ClickHouse at %s is back", self.address)
                return done
            self._pause(pause_s, deadline)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _pause(self, seconds: float, deadline: float | None) -> None:
        until = time.monotonic() + seconds
        if deadline is not None:
            until = min(until, deadline)
        while time.monotonic() < until and not self._stopping():
            time.sleep(0.05)


def server_version(address: Address) -> str:
    """Returns the version of the server, whether or not it has the database; raises StoreAway, StoreError."""
    client = connect(address, "", CONNECT_TIMEOUT_S)
    try:
        version: str = client.execute("SELECT version()")[0][0]
    except Exception as error:
        raise translated(error, address) from error
    finally:
        client.disconnect()
    return version
