"""What travels on the store's socket: a JSON request, an Arrow file or an error back, each behind its length."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from connectors.store.base import Param, StoreError

#: A longer request is refused; the longest template of ours is a hundredth of it.
MAX_REQUEST_BYTES = 1 << 20
_REQUEST_HEAD = struct.Struct(">I")
_REPLY_HEAD = struct.Struct(">BQ")
_RESULT, _ERROR = 0, 1
#: The longest path that a Unix socket address holds everywhere, its closing zero included.
_MAX_ADDRESS_BYTES = 104


class Request(msgspec.Struct):
    """One SELECT: its template and the parameters it names."""

    sql: str
    params: dict[str, Param]


_decoder = msgspec.json.Decoder(Request)


def socket_path(directory: Path) -> Path:
    """Returns where the holder of a data directory's store answers."""
    return directory / "store.sock"


def send_request(link: socket.socket, request: Request) -> None:
    """Sends one request."""
    body = msgspec.json.encode(request)
    link.sendall(_REQUEST_HEAD.pack(len(body)) + body)


def receive_request(link: socket.socket) -> Request | None:
    """Waits for a request; None when the client has gone. Raises StoreError when it is none of ours."""
    head = _receive(link, _REQUEST_HEAD.size)
    if not head:
        return None
    (size,) = _REQUEST_HEAD.unpack(head)
    if size > MAX_REQUEST_BYTES:
        raise StoreError(f"a request of {size} bytes is longer than {MAX_REQUEST_BYTES}")
    try:
        return _decoder.decode(_receive(link, size))
    except msgspec.MsgspecError as error:
        raise StoreError(f"not a request: {error}") from None


def send_result(link: socket.socket, arrow: bytes) -> None:
    """Sends a query's result."""
    link.sendall(_REPLY_HEAD.pack(_RESULT, len(arrow)))
    link.sendall(arrow)


def send_error(link: socket.socket, text: str) -> None:
    """Sends why a query has no result."""
    body = text.encode()
    link.sendall(_REPLY_HEAD.pack(_ERROR, len(body)) + body)


def receive_reply(link: socket.socket) -> bytes:
    """Waits for a query's result; raises StoreError with the holder's reason, ConnectionError when it has gone."""
    head = _receive(link, _REPLY_HEAD.size)
    if not head:
        raise ConnectionResetError("the archive closed the connection")
    status, size = _REPLY_HEAD.unpack(head)
    body = _receive(link, size) if size else b""
    if status == _ERROR:
        raise StoreError(body.decode())
    return body


def _receive(link: socket.socket, size: int) -> bytes:
    """Returns exactly `size` bytes, or none at all where the other side has closed between messages."""
    data = bytearray(size)
    view = memoryview(data)
    got = 0
    while got < size:
        count = link.recv_into(view[got:])
        if count == 0:
            if got == 0:
                return b""
            raise ConnectionResetError("the connection ended inside a message")
        got += count
    return bytes(data)


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """Gives a socket address for a path of any length: a long one is reached through its directory's descriptor."""
    if len(os.fsencode(path)) < _MAX_ADDRESS_BYTES:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def _open(path: Path, use: Callable[[socket.socket, str], None]) -> socket.socket:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _address(path) as address:
            use(link, address)
    except BaseException:
        link.close()
        raise
    return link


def dial(path: Path) -> socket.socket:
    """Connects to a holder; raises OSError when none answers."""
    return _open(path, lambda link, address: link.connect(address))


def listen(path: Path, backlog: int) -> socket.socket:
    """Listens at a path in place of whatever a dead holder left there; only this user may connect."""
    path.unlink(missing_ok=True)

    def bind(link: socket.socket, address: str) -> None:
        link.bind(address)
        path.chmod(0o600)
        link.listen(backlog)

    return _open(path, bind)
