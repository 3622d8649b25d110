"""Opens an archive for reading: the path itself when nobody holds it, else the holder's socket (contract 30).

While a reader holds the path it answers others as an archive would, so that two exports run side by side. A reader
whose holder goes away opens again and asks once more: a SELECT may be asked twice.
"""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

from connectors.store import wire
from connectors.store.base import Params, Reader, StoreAway, check_params
from connectors.store.chdb_engine import ChdbStore, columns_of, lock_of
from connectors.store.server import StoreServer

_RETRY_S = 0.05
DEFAULT_WAIT_S = 10.0


class ServedStore:
    """A store in this process that answers other processes too."""

    def __init__(self, store: ChdbStore, directory: Path) -> None:
        self.store = store
        self._server = StoreServer(store, directory)

    @classmethod
    def open(cls, directory: Path, wait_s: float = DEFAULT_WAIT_S) -> ServedStore:
        """Opens the store of a data directory and its socket; raises StoreAway while another process holds it."""
        store = ChdbStore(directory, wait_s)
        store.ensure_tables()
        return cls(store, directory)

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


def open_reader(directory: Path, wait_s: float = DEFAULT_WAIT_S) -> ArchiveReader:
    """Opens the archive of a data directory; raises StoreAway, in one line that says what to do, when there is none."""
    return ArchiveReader(directory, wait_s)


def _open(directory: Path, wait_s: float) -> Reader:
    deadline = time.monotonic() + wait_s
    while True:
        if not (directory / "store").exists():
            raise StoreAway(f"no archive in {directory}: `undertow compute --data {directory}` makes one")
        lock = lock_of(directory)
        if lock.take(0):
            store = ChdbStore(directory, lock=lock)
            store.ensure_tables()
            return ServedStore(store, directory)
        try:
            return SocketReader(wire.dial(wire.socket_path(directory)))
        except OSError:
            if time.monotonic() >= deadline:
                raise StoreAway(f"the process that holds the archive in {directory} does not answer") from None
        time.sleep(_RETRY_S)
