"""Requests that are refused: what is answered, and which parameter is to blame."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from connectors.store.base import StoreAway, StoreError


class Refused(Exception):
    """A request that is answered with an error; the text is one line."""

    def __init__(self, status: int, message: str, parameter: str | None = None) -> None:
        super().__init__(message)
        self.status, self.parameter = status, parameter


def bad(parameter: str, message: str) -> Refused:
    """Returns the refusal of a parameter."""
    return Refused(400, message, parameter)


def answer(status: int, message: str, parameter: str | None = None) -> Response:
    """Returns an error as JSON."""
    return JSONResponse({"error": {"parameter": parameter, "message": message}}, status)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return answer(error.status, str(error), error.parameter)


async def _away(_: Request, error: Exception) -> Response:
    return answer(503, str(error))


async def _store(_: Request, error: Exception) -> Response:
    return answer(500, f"the archive could not answer: {error}")


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return answer(404, f"nothing is served at {request.url.path}; /openapi.json lists what is")
    return answer(error.status_code, error.detail)


HANDLERS = {Refused: _refused, StoreAway: _away, StoreError: _store, HTTPException: _http}
