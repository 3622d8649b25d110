"""Who may ask: requests name a host of ours (against DNS rebinding) and come from a page of ours, or from none."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from events.settings import Api

_LOCAL = ("127.0.0.1", "localhost", "::1")


class Guard:
    """ASGI middleware: answers 403 to a foreign Host or Origin, for HTTP and WebSocket alike."""

    def __init__(self, app: ASGIApp, settings: Api) -> None:
        self._app = app
        further = [name.strip().lower() for name in settings.api_hosts.split(",") if name.strip()]
        self._hosts = {*_LOCAL, settings.api_host.lower(), *further}
        self._dev_origin = settings.api_dev_origin.rstrip("/").lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on what may pass."""
        if scope["type"] in ("http", "websocket"):
            headers = Headers(scope=scope)
            fault = self._fault(headers.get("host", ""), headers.get("origin"))
            if fault is not None:
                response = JSONResponse({"error": {"parameter": fault[0], "message": fault[1]}}, 403)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _fault(self, host: str, origin: str | None) -> tuple[str, str] | None:
        if _part(f"//{host}", "hostname") not in self._hosts:
            return "Host", f"{host!r} is no name of this gateway; API_HOSTS adds names"
        if origin is None or self._dev_origin == origin.lower():
            return None
        if _part(origin, "netloc") != host.lower():
            return "Origin", f"{origin!r} is another site; API_DEV_ORIGIN allows a development server"
        return None


def _part(url: str, name: Literal["hostname", "netloc"]) -> str:
    """Returns a part of an address; none of what is no address, such as `[`."""
    try:
        return (getattr(urlsplit(url), name) or "").lower()
    except ValueError:
        return ""
