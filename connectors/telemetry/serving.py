"""`/metrics` and `/health` of one process, answered in a thread beside its work."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

import orjson
from prometheus_client import make_wsgi_app

from connectors.telemetry import health
from connectors.telemetry.meters import REGISTRY

_log = logging.getLogger("undertow.telemetry")
#: What this process answers beside metrics and health: JSON by path.
_offers: dict[str, Callable[[], Any]] = {}


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Silent(WSGIRequestHandler):
    #: A client that says nothing holds its thread no longer than this, s.
    timeout = 10.0

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape every few seconds is no news."""


def offer(path: str, answer: Callable[[], Any]) -> None:
    """Answers a path with JSON too, from when the process serves at all."""
    _offers[path] = answer


def serve(part: str, host: str, port: int) -> None:
    """Serves until the process ends; a port that is taken costs the metrics, never the process."""
    try:
        server = make_server(host, port, _answers(part), _Server, _Silent)
    except OSError as error:
        _log.warning("no metrics: %s:%d cannot be listened on: %s", host, port, error)
        return
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()


def _answers(part: str) -> Any:
    metrics = make_wsgi_app(REGISTRY)

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            answered: Iterable[bytes] = metrics(environ, start)
            return answered
        if path == "/health":
            ok, found = health.state()
            start("200 OK" if ok else "503 Service Unavailable", [("Content-Type", "application/json")])
            return [orjson.dumps({"part": part, **found})]
        if path in _offers:
            start("200 OK", [("Content-Type", "application/json")])
            return [orjson.dumps(_offers[path]())]
        start("404 Not Found", [("Content-Type", "text/plain")])
        return [f"served here: {', '.join(('/metrics', '/health', *_offers))}\n".encode()]

    return answer
