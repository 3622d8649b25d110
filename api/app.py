"""The gateway's application: what each path answers. Thin: it forwards the log's bytes and the archive's rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from api import candles, describe, errors, explain, history, openapi
from api.archive import Archive
from api.cached import NEWEST_PARAMS, Cached, newest_of_log
from api.errors import Refused
from api.evidence import ArchiveFinder, Evidence, Gathering, LogFinder
from api.guard import Guard
from api.metrics import GatewayCollector
from api.monitor import Monitor
from api.named import UnknownId, named
from api.params import Param, read
from api.socket import Clients
from api.tailer import Tailer
from api.terminal import Terminal
from connectors.dataset import Dataset
from connectors.store.base import Reader
from events.settings import Settings
from events.topics import TOPICS


class Gateway:
    """The parts behind the paths, and the answers."""

    def __init__(self, dataset: Dataset, settings: Settings) -> None:
        api = settings.api
        self._dataset = dataset
        self._settings = settings
        self._tailer = Tailer(dataset.open_bus, api.api_poll_ms)
        self._archive = Archive(
            dataset.path, api.api_history_threads, api.api_history_timeout_ms / 1000, settings.store
        )
        self._cached = Cached(dataset, settings.cache)
        self._clients = Clients(dataset, self._tailer, api)
        self._monitor = Monitor(dataset.open_bus, self._archive, self._clients)
        self._metrics_of = GatewayCollector(self._clients, self._tailer, lambda: self._monitor.seen)
        self._monitor.tell = self._metrics_of.note
        self._openapi = orjson.dumps(openapi.document())

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Tails the log and watches the stack while the application runs."""
        self._tailer.start()
        self._monitor.start()
        try:
            yield
        finally:
            self._metrics_of.close()
            await self._monitor.stop()
            await self._tailer.stop()
            self._archive.close()
            self._cached.close()

    def routes(self) -> list[Route | WebSocketRoute | Mount]:
        """Returns every path."""
        return [
            WebSocketRoute("/ws", self._socket),
            Route("/metrics", self._metrics),
            Route("/openapi.json", self._document),
            Route("/api/config", self._config),
            Route("/api/health", self._health),
            Route("/api/candles", self._candles),
            Route("/api/baselines", self._baselines),
            Route("/api/newest/{topic}", self._newest),
            Route("/api/evidence/{id:path}", self._evidence),
            Route("/api/explain/{id:path}", self._explain),
            Route("/api/{topic}", self._history),
            Route("/api/{rest:path}", _nothing),
            Mount("/", Terminal(self._settings.api.api_terminal)),
        ]

    async def _socket(self, socket: WebSocket) -> None:
        await self._clients.serve(socket)

    async def _history(self, request: Request) -> Response:
        topic = request.path_params["topic"]
        if topic not in TOPICS:
            raise Refused(404, f"no topic {topic[:64]!r}; topics are {', '.join(TOPICS)}", "topic")
        asked = read(request.query_params, history.PARAMS)
        if asked["cursor"] is not None:
            history.cursor_of(asked["cursor"], topic, asked["order"])
        history.Conditions(topic, asked)
        lines, following = await self._archive.run(lambda reader: history.page(reader, topic, asked))
        return _json(b'{"events":[' + b",".join(lines) + b'],"next":' + orjson.dumps(following) + b"}")

    async def _evidence(self, request: Request) -> Response:
        read(request.query_params, ())
        found = await self._gathered(request.path_params["id"])
        return _json(orjson.dumps({name: getattr(found, name) for name in found.__struct_fields__}))

    async def _gathered(self, ident: str) -> Evidence:
        def gather(reader: Reader) -> Evidence:
            bus = self._dataset.open_bus()
            try:
                return Gathering(ArchiveFinder(reader), LogFinder(bus, named(ident))).gather(ident)
            finally:
                bus.close()

        try:
            return await self._archive.run(gather)
        except UnknownId as error:
            raise Refused(404, str(error), "id") from None

    async def _explain(self, request: Request) -> Response:
        near = read(request.query_params, explain.PARAMS)["near"]
        ident = request.path_params["id"]
        rules = await asyncio.to_thread(describe.rules_in_force, self._dataset, self._settings)
        found = await self._gathered(ident)
        if not found.packets:
            raise Refused(404, f"the packets of {ident!r} are not known", "id")
        return _plain(explain.explain_all(found, rules, near))

    async def _candles(self, request: Request) -> Response:
        return await self._computed(request, candles.CANDLE_PARAMS, candles.candles)

    async def _newest(self, request: Request) -> Response:
        topic = request.path_params["topic"]
        if topic not in TOPICS:
            raise Refused(404, f"no topic {topic[:64]!r}; topics are {', '.join(TOPICS)}", "topic")
        limit = read(request.query_params, NEWEST_PARAMS)["limit"]
        lines = await self._cached.newest(topic, limit)
        if lines is None:
            lines = await asyncio.to_thread(self._newest_of_log, topic, limit)
        return _json(b'{"events":[' + b",".join(lines) + b"]}")

    def _newest_of_log(self, topic: str, limit: int) -> list[bytes]:
        bus = self._dataset.open_bus()
        try:
            return newest_of_log(bus, topic, limit)
        finally:
            bus.close()

    async def _baselines(self, request: Request) -> Response:
        found = await self._cached.baselines(read(request.query_params, candles.BASELINE_PARAMS))
        if found is not None:
            return _plain(found)
        return await self._computed(request, candles.BASELINE_PARAMS, candles.baselines)

    async def _computed(self, request: Request, params: Sequence[Param], compute: Any) -> Response:
        asked = read(request.query_params, params)
        found: Mapping[str, Any] = await self._archive.run(lambda reader: compute(reader, asked))
        return _plain(found)

    async def _config(self, request: Request) -> Response:
        read(request.query_params, ())
        return _plain(await asyncio.to_thread(describe.config, self._dataset, self._settings))

    async def _health(self, request: Request) -> Response:
        read(request.query_params, ())
        # Leases and notes may stand on a cluster that is away: the loop does not wait for it.
        ok, parts = await asyncio.to_thread(describe.health, self._dataset, self._monitor.seen)
        return _plain(parts, 200 if ok else 503)

    async def _metrics(self, _: Request) -> Response:
        return Response(self._metrics_of.text(), media_type="text/plain; version=0.0.4")

    async def _document(self, _: Request) -> Response:
        return _json(self._openapi)


async def _nothing(request: Request) -> Response:
    raise Refused(404, f"nothing is served at {request.url.path}; /openapi.json lists what is")


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json", headers={"Cache-Control": "no-store"})


def _plain(fields: Mapping[str, Any], status: int = 200) -> Response:
    return _json(orjson.dumps(fields), status)


def build(dataset: Dataset, settings: Settings) -> Starlette:
    """Returns the application over a data set."""
    gateway = Gateway(dataset, settings)
    return Starlette(
        routes=gateway.routes(),
        lifespan=gateway.lifespan,
        middleware=[Middleware(Guard, settings=settings.api)],
        exception_handlers=errors.HANDLERS,
    )
