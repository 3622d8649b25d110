"""The WebSocket: reads a client's operations, keeps its subscriptions, writes its frames."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from importlib import metadata
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from api import protocol
from api.chunks import Keys
from api.client import Client, Send, Subscription, Traffic
from api.newest import cursors_of_newest
from api.protocol import Fault, Ping, Subscribe, Unsubscribe
from api.tailer import Tailer
from connectors.bus.base import BusError
from connectors.dataset import Dataset
from events.settings import Api
from events.topics import TOPICS, topic

TRY_AGAIN_LATER = 1013
UNSUPPORTED_DATA = 1003
#: How long a client waits for its first frame while notes cannot be read.
_GREETING_S = 2.0
_log = logging.getLogger(__name__)


class Clients:
    """Every client connected, and what watches over them."""

    def __init__(self, dataset: Dataset, tailer: Tailer, settings: Api) -> None:
        self.traffic = Traffic()
        self._tailer = tailer
        self._settings = settings
        self._clients: dict[Client, Callable[[], None]] = {}
        self._dataset = dataset
        #: Which of its lives the run was in when last asked.
        self._generation = ""

    def __len__(self) -> int:
        return len(self._clients)

    def queued(self) -> list[int]:
        """Returns the bytes of frames that wait, by client."""
        return [client.queued for client in list(self._clients)]

    async def serve(self, socket: WebSocket) -> None:
        """Serves one client until either side closes."""
        await socket.accept()
        greeting = await self._greeting()
        if len(self._clients) >= self._settings.api_max_clients:
            await socket.close(TRY_AGAIN_LATER, f"{self._settings.api_max_clients} clients are connected")
            return
        client = Client(self._settings.api_client_queue_kb * 1024, self.traffic)
        client.tell(greeting)
        writer = asyncio.create_task(client.write(_sender(socket)))
        reader = asyncio.create_task(self._read(socket, client))
        stuck = asyncio.Event()
        watcher = asyncio.create_task(stuck.wait())
        self._clients[client] = stuck.set
        try:
            await asyncio.wait((writer, reader, watcher), return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._clients[client]
            for sub in list(client.subs.values()):
                self._end(client, sub)
            await _cancelled(writer, reader, watcher)
        if stuck.is_set():
            _hang_up(socket, TRY_AGAIN_LATER, "took nothing for too long")

    async def _greeting(self) -> bytes:
        """Returns the first frame; the run may have begun anew since the last client came, so its notes are asked."""
        try:
            asking = asyncio.to_thread(lambda: self._dataset.generation)
            self._generation = await asyncio.wait_for(asking, _GREETING_S)
        except (BusError, sqlite3.Error, OSError, TimeoutError) as error:
            _log.warning("whether the run began anew cannot be read now: %s", error)
        return protocol.text({"hello": hello(self._dataset, self._generation)})

    async def _read(self, socket: WebSocket, client: Client) -> None:
        with suppress(WebSocketDisconnect):
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                if message.get("text") is None:
                    await socket.close(UNSUPPORTED_DATA, "operations are text frames of JSON")
                    return
                try:
                    self._do(client, protocol.decode(message["text"]))
                except Fault as fault:
                    client.tell(fault.frame())
                await client.answered()

    def _do(self, client: Client, operation: Subscribe | Unsubscribe | Ping) -> None:
        match operation:
            case Subscribe():
                self._subscribe(client, operation)
            case Unsubscribe(sub=name):
                if name not in client.subs:
                    raise Fault(f"no subscription {name!r}", "unsubscribe", name, "sub")
                self._end(client, client.subs[name])
            case Ping(t=t):
                client.tell(protocol.text({"pong": {"t": t}}))

    def _subscribe(self, client: Client, asked: Subscribe) -> None:
        def fault(message: str, field: str) -> Fault:
            return Fault(message, "subscribe", asked.sub, field)

        try:
            topic(asked.topic)
        except ValueError as error:
            raise fault(str(error), "topic") from None
        if asked.sub in client.subs:
            raise fault(f"{asked.sub!r} is subscribed already: unsubscribe it first", "sub")
        if len(client.subs) >= protocol.MAX_SUBSCRIPTIONS:
            raise fault(f"a client has {protocol.MAX_SUBSCRIPTIONS} subscriptions at most", "sub")
        cursors = self._tailer.end(asked.topic)
        for partition, offset in (asked.from_ or {}).items():
            if not partition.isdecimal() or int(partition) >= len(cursors):
                raise fault(f"no partition {partition!r}: there are {len(cursors)}", "from")
            cursors[int(partition)] = offset
        keys = None if asked.keys is None else frozenset(asked.keys)
        sub = client.subs[asked.sub] = Subscription(client, asked.sub, asked.topic, keys, cursors)
        self._tailer.join(sub)
        count = asked.snapshot if asked.from_ is None else 0
        other_run = asked.generation is not None and asked.generation != self._generation
        sub.task = asyncio.create_task(self._begin(sub, keys, count, asked.from_ is not None, other_run))

    async def _begin(self, sub: Subscription, keys: Keys, snapshot: int, resume: bool, other_run: bool) -> None:
        newest = sub.topic, snapshot, keys
        try:
            if snapshot:
                sub.begin_at(await self._tailer.read(sub.topic, lambda bus: cursors_of_newest(bus, *newest)))
            sub.tell_start()
            if snapshot or resume or not self._tailer.follow(sub):
                await self._tailer.catch_up(sub, resume and other_run)
        except Exception as error:
            _log.exception("catching up with %s failed", sub.topic)
            sub.client.tell(Fault(f"cannot be read: {error}", "subscribe", sub.sub).frame())
            self._end(sub.client, sub)  # so that the client may subscribe again

    def _end(self, client: Client, sub: Subscription) -> None:
        self._tailer.leave(sub)
        client.forget(sub)

    def tell_status(self, seen: dict[str, Any]) -> None:
        """Sends a status to everybody, with the cursors that moved without events; closes whoever takes nothing."""
        status = protocol.text({"status": seen})
        now_s = asyncio.get_running_loop().time()
        for client, close in list(self._clients.items()):
            since = client.sending_since
            if since is not None and now_s - since > self._settings.api_send_timeout_ms / 1000:
                close()
                continue
            client.tell_status(status)
            for sub in client.subs.values():
                sub.flush_cursors()


def hello(dataset: Dataset, generation: str) -> dict[str, Any]:
    """Returns what the first frame says of the data set and the gateway."""
    return {
        "dataset": dataset.path.resolve().name,
        "clock": dataset.clock,
        "partitions": dataset.partitions,
        "run": "main",
        "generation": generation,
        "version": metadata.version("undertow"),
        "topics": list(TOPICS),
    }


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception) and not isinstance(ended, WebSocketDisconnect | OSError):
            _log.error("a client's connection failed", exc_info=ended)


def _sender(socket: WebSocket) -> Send:
    """Returns how messages are sent: the server's own way, which takes bytes as they are, else through ASGI."""
    direct: Send | None = socket.scope.get("extensions", {}).get("undertow.send")
    if direct is not None:
        return direct

    async def send(messages: list[bytes]) -> None:
        for message in messages:
            await socket.send_text(message.decode(errors="replace"))

    return send


def _hang_up(socket: WebSocket, code: int, reason: str) -> None:
    """Closes a connection whose buffers are full: the server's own way, for a message would never be taken."""
    hang_up = socket.scope.get("extensions", {}).get("undertow.hang_up")
    if hang_up is not None:
        hang_up(code, reason)
