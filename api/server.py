"""Runs the gateway: a free port, uvicorn with uvloop, a clean stop on SIGTERM and SIGINT."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.websockets import WebSocketDisconnect
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from api.protocol import MAX_MESSAGE_BYTES

#: Ports tried from API_PORT on.
_PORTS = 100
_GRACE_S = 2
#: A client that is hung up on has this long to take its close frame.
_LAST_WORD_S = 2.0
#: Threads (history, catching up) give the interpreter back to the loop after this long.
_SWITCH_S = 0.001


class GatewayProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol, with a way to send bytes as they are, and one to end a connection that takes nothing more."""

    def handle_connect(self, event: Any) -> None:
        """Offers both to the application, beside what uvicorn offers."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions |= {"undertow.send": self.send_messages, "undertow.hang_up": self.hang_up}

    async def send_messages(self, messages: list[bytes]) -> None:
        """Sends text frames as they are: a server masks nothing, and no extension was agreed on.

        A third of what the same costs on the way through ASGI, where every message is text, decoded and encoded again.
        """
        if not self.writable.is_set():
            await self.writable.wait()
        if self.disconnected or self.close_sent or self.transport.is_closing():
            raise WebSocketDisconnect
        self.transport.write(b"".join([part for message in messages for part in (_head(len(message)), message)]))

    def hang_up(self, code: int, reason: str) -> None:
        """Sends a close frame behind what is buffered and drops the connection, taken or not."""
        if not self.transport.is_closing() and not self.close_sent:
            self.conn.send_close(code, reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
        self.loop.call_later(_LAST_WORD_S, self.transport.abort)


def _head(length: int) -> bytes:
    """Returns the head of an unmasked, final text frame (RFC 6455, 5.2)."""
    if length < 126:
        return bytes((0x81, length))
    return b"\x81\x7e" + length.to_bytes(2, "big") if length < 65_536 else b"\x81\x7f" + length.to_bytes(8, "big")


def listen(host: str, port: int, exact: bool) -> socket.socket:
    """Returns a socket on the port, or on the next free one unless `exact`; raises OSError when there is none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for number in range(port, min(port + (1 if exact else _PORTS), 65_536)):
        link = socket.socket(family, socket.SOCK_STREAM)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            link.bind((host, number))
        except OSError:
            link.close()
            continue
        link.listen(1024)
        return link
    if exact:
        raise OSError(f"port {port} at {host} is taken or may not be listened on")
    raise OSError(f"no free port at {host} from {port} on")


def serve(app: Starlette, link: socket.socket, started: Callable[[], None] = lambda: None) -> None:
    """Serves until SIGTERM or SIGINT; returns when everything is closed."""
    sys.setswitchinterval(_SWITCH_S)
    config = uvicorn.Config(
        app, loop="uvloop", http="h11", ws=GatewayProtocol, ws_per_message_deflate=False,
        ws_max_size=MAX_MESSAGE_BYTES, lifespan="on", log_config=None, log_level="warning", access_log=False,
        timeout_graceful_shutdown=_GRACE_S, server_header=False,
    )  # fmt: skip
    # uvicorn raises the signal again once it has shut down: that must not end the process with the signal's status.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server = _Announcing(config, started)
    server.run(sockets=[link])


class _Announcing(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()
