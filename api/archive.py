"""Reads of the archive, in a few threads: of a ClickHouse server, else through the archive's socket only; the gateway
never opens the embedded store's path itself.

So the archive can be restarted at any moment. Who asks too much waits in a bounded line; who waits too long, or finds
nobody at the socket, is told so (StoreAway, answered as 503).
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from connectors.store import wire
from connectors.store.address import Address, address_of
from connectors.store.base import Params, Reader, StoreAway, StoreError
from connectors.store.clickhouse_engine import ClickHouseReader
from connectors.store.client import SocketReader
from connectors.store.owner import known_owner
from events.settings import Store

#: Reads that may wait for a thread; a further one is refused at once.
_MAX_WAITING = 64
_PROBE_TIMEOUT_S = 3.0
T = TypeVar("T")


class _Link:
    """One thread's connection to the archive, made again when the archive was restarted."""

    def __init__(self, directory: Path, timeout_s: float) -> None:
        self._directory = directory
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None

    def query(self, template: str, params: Params | None = None) -> dict[str, list[Any]]:
        """Runs one SELECT; a connection that had gone while idle is made anew, once."""
        try:
            if self._socket is not None:
                try:
                    return self._query(template, params)
                except ConnectionError:
                    self.close()
            return self._query(template, params)
        except TimeoutError:
            self.close()  # its answer may still come, and would be taken for the next one's
            raise StoreAway(f"the archive did not answer within {self._timeout_s:g} s") from None
        except OSError:
            self.close()
            raise StoreAway(_away(self._directory)) from None

    def _query(self, template: str, params: Params | None) -> dict[str, list[Any]]:
        if self._socket is None:
            self._socket = _dial(self._directory, self._timeout_s)
        return SocketReader(self._socket).query(template, params)

    def close(self) -> None:
        """Hangs up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def interrupt(self) -> None:
        """Ends a read under way in another thread."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


def _away(directory: Path) -> str:
    """Says which archive is missing, and the command that brings it."""
    command = f"`undertow archive --data {directory}`"
    if not (directory / "store").exists():
        return f"no archive was made in {directory} yet: {command} makes it and serves it; the live view goes on"
    return f"nobody serves the archive in {directory}: {command} does; the live view goes on"


class _ServerLink:
    """One thread's connection to a server, asked for nothing before it has proved to hold this data set's archive."""

    def __init__(self, address: Address, timeout_s: float, directory: Path) -> None:
        self._reader = ClickHouseReader(address, timeout_s)
        self._directory = directory
        self._proved = False

    def query(self, template: str, params: Params | None = None) -> dict[str, list[Any]]:
        """Runs one SELECT; raises StoreAway where the server holds another data set's archive."""
        if not self._proved:
            try:
                self._reader.check_owner(known_owner(self._directory))
            except StoreError as error:
                raise StoreAway(str(error)) from None
            self._proved = True
        return self._reader.query(template, params)

    def interrupt(self) -> None:
        """Ends a read under way in another thread."""
        self._reader.interrupt()

    def close(self) -> None:
        """Hangs up."""
        self._reader.close()


def _dial(directory: Path, timeout_s: float) -> socket.socket:
    link = wire.dial(wire.socket_path(directory))
    link.settimeout(timeout_s)
    return link


class Archive:
    """See the module's first lines."""

    def __init__(self, directory: Path, threads: int, timeout_s: float, store: Store | None = None) -> None:
        self._directory = directory
        self._timeout_s = timeout_s
        self._address = address_of(store) if store is not None and store.clickhouse_url else None
        self._local = threading.local()
        self._links: list[_Link | _ServerLink] = []
        self._pool = ThreadPoolExecutor(threads, "history")
        self._waiting = 0
        #: Whether the archive answered when last asked by `probe`.
        self.up = False

    async def run(self, work: Callable[[Reader], T]) -> T:
        """Runs a read in one of the threads; raises StoreAway, StoreError, and what `work` raises."""
        if self._waiting >= _MAX_WAITING:
            raise StoreAway(f"{self._waiting} reads of the archive wait already; ask again later")
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._run, work)
        future.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.shield(future), self._timeout_s + 1)
        except TimeoutError:
            future.cancel()
            raise StoreAway(f"the archive did not answer within {self._timeout_s:g} s") from None

    def _done(self, future: asyncio.Future[Any]) -> None:
        self._waiting -= 1
        if not future.cancelled():
            future.exception()  # seen, whether or not anybody still waits

    def _run(self, work: Callable[[Reader], T]) -> T:
        link: _Link | _ServerLink | None = getattr(self._local, "link", None)
        if link is None:
            link = self._local.link = self._link(self._timeout_s)
            self._links.append(link)
        return work(link)

    def _link(self, timeout_s: float) -> _Link | _ServerLink:
        if self._address is not None:
            return _ServerLink(self._address, timeout_s, self._directory)
        return _Link(self._directory, timeout_s)

    def probe(self) -> None:
        """Asks the archive for nothing, to learn whether it answers; called in a thread of its own."""
        link = self._link(_PROBE_TIMEOUT_S)
        try:
            self.up = link.query("SELECT 1 AS one") == {"one": [1]}
        except StoreError:
            self.up = False
        finally:
            link.close()

    def close(self) -> None:
        """Hangs up; a read under way ends at once."""
        for link in self._links:
            link.interrupt()
        self._pool.shutdown(cancel_futures=True)
        for link in self._links:
            link.close()
