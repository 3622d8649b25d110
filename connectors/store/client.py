"""Opens an archive, on the engine that the settings name: CLICKHOUSE_URL a server's, else chDB in the data directory.

Embedded, a reader opens the path itself when nobody holds it, else dials the holder's socket (contract 30). While a
reader holds the path it answers others as an archive would, so that two exports run side by side. A reader whose
holder goes away opens again and asks once more: a SELECT may be asked twice.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.store import wire
from connectors.store.address import address_of
from connectors.store.base import Params, Reader, Store, StoreAway, check_params
from connectors.store.chdb_engine import ChdbStore, columns_of
from connectors.store.clickhouse_engine import ClickHouseReader, ClickHouseStore, never
from connectors.store.lock import holder_text, lock_of, noted_use
from connectors.store.owner import known_owner, owner_of
from connectors.store.server import StoreServer
from events import settings

_RETRY_S = 0.05
DEFAULT_WAIT_S = 10.0
#: How long a command waits for a server that is away.
PATIENCE_S = 30.0


class ServedStore:
    """A store in this process that answers other processes too."""

    def __init__(self, store: ChdbStore, directory: Path) -> None:
        self.store = store
        self._server = StoreServer(store, directory)

    @staticmethod
    def open(directory: Path, wait_s: float = DEFAULT_WAIT_S) -> ServedStore:
        """Opens the store of a data directory and its socket; raises StoreAway while another process holds it."""
        return _served(ChdbStore(directory, wait_s), directory)

    def query(self, template: str, params: Params | None = None) -> dict[str, list[Any]]:
        """Runs one SELECT and returns its columns."""
        return self.store.query(template, params)

    def close(self) -> None:
        """Hangs up on readers, then closes the store."""
        self._server.close()
        self.store.close()


class SocketReader:
    """A reader through the holder's socket."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def query(self, template: str, params: Params | None = None) -> dict[str, list[Any]]:
        """Runs one SELECT at the holder and returns its columns; raises OSError when it has gone."""
        check_params(template, params or {})
        wire.send_request(self._link, wire.Request(template, dict(params or {})))
        return columns_of(wire.receive_reply(self._link))

    def close(self) -> None:
        """Closes the connection."""
        self._link.close()


class ArchiveReader:
    """Reads the archive of a data directory, whoever holds it; see `open_reader`."""

    def __init__(self, directory: Path, wait_s: float) -> None:
        self._directory = directory
        self._wait_s = wait_s
        self._reader = _open(directory, wait_s)

    def query(self, template: str, params: Params | None = None) -> dict[str, list[Any]]:
        """Runs one SELECT and returns its columns; raises StoreAway when nobody answers, StoreError otherwise."""
        try:
            return self._reader.query(template, params)
        except OSError:
            self._reader.close()
            self._reader = _open(self._directory, self._wait_s)
        try:
            return self._reader.query(template, params)
        except OSError as error:
            raise StoreAway(f"the archive in {self._directory} went away: {error}") from error

    def close(self) -> None:
        """Releases the path or the connection."""
        self._reader.close()

    def __enter__(self) -> ArchiveReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_reader(
    directory: Path, wait_s: float = DEFAULT_WAIT_S, store: settings.Store | None = None
) -> ArchiveReader | ClickHouseReader:
    """Opens the archive of a data directory; raises StoreAway, in one line that says what to do, when there is none."""
    chosen = store or settings.load().store
    if not chosen.clickhouse_url:
        return ArchiveReader(directory, wait_s)
    reader = ClickHouseReader(address_of(chosen))
    with _closed_if_refused(reader):
        reader.check_owner(known_owner(directory))
    return reader


def open_store(
    directory: Path,
    wait_s: float,
    store: settings.Store | None = None,
    patience_s: float | None = PATIENCE_S,
    stopping: Callable[[], bool] = never,
) -> Store:
    """Opens the archive of a data directory for writing, tables made; one process at a time has it.

    Raises StoreAway while another process writes for longer than `wait_s`, or a server is away for longer than
    `patience_s` (None: it is waited for until `stopping`).
    """
    chosen = store or settings.load().store
    lock = lock_of(directory)
    if not lock.take(wait_s, stopping):
        raise StoreAway(f"{holder_text(directory)} holds the archive in {directory}")
    opened: Store
    if chosen.clickhouse_url:
        opened = ClickHouseStore(address_of(chosen), owner_of(directory), patience_s, stopping, lock)
    else:
        opened = ChdbStore(directory, lock=lock)
    with _closed_if_refused(opened):
        opened.ensure_tables()
    return opened


@dataclass(frozen=True, slots=True)
class Held:
    """An archive open for writing and, where it is embedded, answering other processes; and how to let go of it."""

    store: Store
    close: Callable[[], None]


def hold_archive(
    directory: Path, wait_s: float, stopping: Callable[[], bool], store: settings.Store | None = None
) -> Held:
    """Opens the archive as its one process does: a server that is away is waited for. Raises as `open_store`."""
    opened = open_store(directory, wait_s, store, None, stopping)
    if isinstance(opened, ChdbStore):
        with _closed_if_refused(opened):
            return Held(opened, ServedStore(opened, directory).close)
    return Held(opened, opened.close)


def archive_ready(directory: Path, store: settings.Store | None = None) -> bool:
    """Says whether the archive's process has begun: it holds the archive to write it, and answers where it has to."""
    if (store or settings.load().store).clickhouse_url:
        lock = lock_of(directory)
        free = lock.take(0)
        lock.release()
        return not free
    try:
        wire.dial(wire.socket_path(directory)).close()
    except OSError:
        return False
    return noted_use(directory) == "write"  # an export that holds the path answers too


@contextmanager
def _closed_if_refused(opened: Reader) -> Iterator[None]:
    """Closes what was opened, its connection or its lock with it, where what follows fails."""
    try:
        yield
    except BaseException:
        opened.close()
        raise


def _served(store: ChdbStore, directory: Path) -> ServedStore:
    """Makes the tables that are missing and answers others."""
    with _closed_if_refused(store):
        store.ensure_tables()
        return ServedStore(store, directory)


def _open(directory: Path, wait_s: float) -> Reader:
    deadline = time.monotonic() + wait_s
    while True:
        if not (directory / "store").exists():
            raise StoreAway(f"no archive in {directory}: `undertow compute --data {directory}` makes one")
        lock = lock_of(directory, "read")
        if lock.take(0):
            return _served(ChdbStore(directory, lock=lock), directory)
        try:
            return SocketReader(wire.dial(wire.socket_path(directory)))
        except OSError:
            if time.monotonic() >= deadline:
                raise StoreAway(f"the process that holds the archive in {directory} does not answer") from None
        time.sleep(_RETRY_S)
