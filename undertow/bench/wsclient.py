"""A WebSocket client that costs next to nothing: it cuts frames out of the stream and hands on their bytes."""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import Callable
from typing import cast

import orjson

_SHORT, _LONG = 126, 127
OnText = Callable[[memoryview, int], None]


class WsClient(asyncio.Protocol):
    """Connects, subscribes, and calls `on_text` with each frame's payload and the wall clock at its arrival, ns."""

    def __init__(self, on_text: OnText) -> None:
        self.frames = 0
        self.bytes = 0
        self._on_text = on_text
        self._buffer = bytearray()
        self._open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def connect(cls, host: str, port: int, on_text: OnText, path: str = "/ws") -> WsClient:
        """Returns a client whose handshake is done."""
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(lambda: cls(on_text), host, port)
        key = base64.b64encode(os.urandom(16)).decode()
        assert client._transport is not None
        client._transport.write(
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        await asyncio.wait_for(client._open, 20)
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is no subclass

    def data_received(self, data: bytes) -> None:
        """Cuts what came into frames."""
        self._buffer += data
        if not self._open.done() and not self._handshake():
            return
        now_ns = time.time_ns()
        with memoryview(self._buffer) as view:
            done = self._cut(view, now_ns)
        if done:
            del self._buffer[:done]

    def _handshake(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        if not self._buffer.startswith(b"HTTP/1.1 101"):
            self._open.set_exception(ConnectionError(self._buffer[:200].decode(errors="replace")))
            return False
        del self._buffer[: end + 4]
        self._open.set_result(None)
        return True

    def _cut(self, view: memoryview, now_ns: int) -> int:
        at, size = 0, len(view)
        while size - at >= 2:
            length, head = view[at + 1] & 0x7F, 2
            if length >= _SHORT:
                head = 4 if length == _SHORT else 10
                if size - at < head:
                    break
                length = int.from_bytes(view[at + 2 : at + head], "big")
            if size - at < head + length:
                break
            if view[at] & 0x0F == 1:
                self.frames += 1
                self.bytes += length
                with view[at + head : at + head + length] as payload:
                    self._on_text(payload, now_ns)
            elif view[at] & 0x0F == 9:
                self._send(0x8A, bytes(view[at + head : at + head + length]))
            at += head + length
        return at

    def do(self, **operation: object) -> None:
        """Sends one operation."""
        self._send(0x81, orjson.dumps(operation))

    def _send(self, first: int, payload: bytes) -> None:
        assert self._transport is not None
        length = len(payload)
        size = bytes((0x80 | length,)) if length < _SHORT else bytes((0x80 | _SHORT,)) + length.to_bytes(2, "big")
        self._transport.write(bytes((first,)) + size + b"\0\0\0\0" + payload)

    def stop_reading(self) -> None:
        """Takes nothing any more, as a stopped process would."""
        assert self._transport is not None
        self._transport.pause_reading()

    def close(self) -> None:
        """Drops the connection."""
        if self._transport is not None:
            self._transport.abort()
