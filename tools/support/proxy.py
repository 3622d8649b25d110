"""A TCP proxy on the loopback between us and one server, that can halt, mute, cut and refuse.

It runs in a thread with a loop of its own, so that whoever starts a server through it may block.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

_CHUNK = 65_536


class Proxy:
    """Forwards to a port that may change or answer nobody; one instance serves one server."""

    def __init__(self) -> None:
        self.target = 0
        self.port = 0
        self.connections = 0
        self._flowing = asyncio.Event()
        self._muted = False
        self._refusing = False
        self._links: set[asyncio.WriteTransport] = set()
        #: The loop itself holds a task only weakly.
        self._tasks: set[asyncio.Task[None] | None] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="proxy", daemon=True)
        self._thread.start()
        self._ready.wait()

    def cut(self) -> None:
        """Resets every connection; new ones are taken."""

        def abort() -> None:
            for link in list(self._links):
                link.abort()

        self._do(abort)

    def refuse(self, refusing: bool) -> None:
        """Resets every connection and refuses new ones, or takes them again."""
        self._refusing = refusing
        if refusing:
            self.cut()

    def halt(self, halted: bool) -> None:
        """Holds every byte back in both directions while connections stay open, or lets them go on."""
        self._do(self._flowing.clear if halted else self._flowing.set)

    def mute(self, muted: bool) -> None:
        """Loses what the server answers while requests reach it, or hands answers on again."""
        self._muted = muted

    def close(self) -> None:
        """Ends the proxy and everything that goes through it."""
        self.refuse(True)
        self._do(self._loop.stop)
        self._thread.join(5)

    def _do(self, work: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(work)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._flowing.set()
        self._ready.set()
        self._loop.run_forever()
        server.close()
        while pending := asyncio.all_tasks(self._loop):
            for task in pending:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self._loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self.connections += 1
        links, task = {writer.transport, far_writer.transport}, asyncio.current_task()
        self._links |= links
        self._tasks.add(task)
        try:
            await asyncio.gather(self._forward(reader, far_writer), self._forward(far_reader, writer, answers=True))
        finally:
            self._links -= links
            self._tasks.discard(task)
            for link in links:
                link.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: bool = False) -> None:
        """Hands bytes on until one side ends; then the other side is told."""
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._flowing.wait()
                if answers and self._muted:
                    continue
                writer.write(data)
                await writer.drain()
            writer.write_eof()
