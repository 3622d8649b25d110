"""Answers other processes' reads: whoever holds the store's path listens on `<data>/store.sock` (contract 30).

A thread per client; a query takes its turn at the store, its result is sent outside of it, so a client that reads
slowly keeps nobody waiting. At MAX_CLIENTS a further client is told so and closed.
"""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import threading
from pathlib import Path

from connectors.store import wire
from connectors.store.base import StoreError
from connectors.store.chdb_engine import ChdbStore

MAX_CLIENTS = 64
#: A client that takes nothing of its result for this long is closed.
SEND_TIMEOUT_S = 60.0
_SELECT = re.compile(r"\s*SELECT\b", re.IGNORECASE)
_FORBIDDEN = re.compile(r";|\bINTO\s+OUTFILE\b", re.IGNORECASE)
_log = logging.getLogger(__name__)


def check_select(template: str) -> None:
    """Raises StoreError unless a template is one SELECT that writes nothing."""
    if not _SELECT.match(template) or _FORBIDDEN.search(template):
        raise StoreError("the archive's socket answers one SELECT at a time and nothing else")


class StoreServer:
    """Listens until closed."""

    def __init__(self, store: ChdbStore, directory: Path) -> None:
        self._store = store
        self._path = wire.socket_path(directory)
        self._guard = threading.Lock()
        self._clients: set[socket.socket] = set()
        self._closed = False
        self._listener = wire.listen(self._path, MAX_CLIENTS)
        self._thread = threading.Thread(target=self._accept, name="store server", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops listening and hangs up on every client."""
        self._closed = True
        self._path.unlink(missing_ok=True)
        _hang_up(self._listener)
        self._thread.join()
        with self._guard:
            for link in self._clients:
                _hang_up(link)

    def _accept(self) -> None:
        while not self._closed:
            try:
                link, _ = self._listener.accept()
            except OSError:
                break
            with self._guard:
                welcome = len(self._clients) < MAX_CLIENTS and not self._closed
                if welcome:
                    self._clients.add(link)
            if welcome:
                threading.Thread(target=self._serve, args=(link,), name="store client", daemon=True).start()
            else:
                _refuse(link)
        self._listener.close()

    def _serve(self, link: socket.socket) -> None:
        try:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(SEND_TIMEOUT_S))
            while self._answer(link):
                pass
        except OSError as error:
            _log.debug("a reader of the archive went away: %s", error)
        finally:
            with self._guard:
                self._clients.discard(link)
            link.close()

    def _answer(self, link: socket.socket) -> bool:
        try:
            request = wire.receive_request(link)
            if request is None:
                return False
            check_select(request.sql)
            arrow = self._store.query_arrow(request.sql, request.params)
        except StoreError as error:
            wire.send_error(link, str(error))
        else:
            wire.send_result(link, arrow)
        return True


def _refuse(link: socket.socket) -> None:
    try:
        wire.send_error(link, f"the archive answers {MAX_CLIENTS} readers at once, no more")
    except OSError:
        pass
    finally:
        link.close()


def _hang_up(link: socket.socket) -> None:
    with contextlib.suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)


def _timeval(seconds: float) -> bytes:
    import struct

    return struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
