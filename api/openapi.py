"""The OpenAPI document, made from the event types and the declared parameters; the terminal's types come from it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from typing import Any

import msgspec

from api import candles, explain, history, protocol
from api.cached import NEWEST_PARAMS
from api.evidence import Evidence
from api.params import Param
from events.control import Control
from events.topics import TOPICS

_REF = "#/components/schemas/{name}"
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["parameter", "message"],
            "properties": {"parameter": {"type": ["string", "null"]}, "message": {"type": "string"}},
        }
    },
}
_OBJECT: dict[str, Any] = {"type": "object"}
_WEBSOCKET = """One socket carries many subscriptions; every message is a text frame of JSON.

Client: {"op":"subscribe","sub":ID,"topic":TOPIC,"keys":[UNDERLYING]|null,"from":{PARTITION:OFFSET}|null,"snapshot":N},
{"op":"unsubscribe","sub":ID}, {"op":"ping","t":ANY}.

Server: {"hello":{dataset,clock,partitions,run,version,topics}} first; then
{"sub","topic","partition","first","next","events":[...]} with `next` the cursor to resume from,
{"sub","topic","partition","skipped":{first,next,count}} to a slow client,
{"sub","topic","partition","expired":{next}} to one behind the log's start (or before a log that began anew),
{"error":{op,sub,message,field}}, {"pong":{t}}, and once a second
{"status":{now,event_time,promise,derived_promise,lag_ms,rates,clients,archive,bus,feed}}."""


def document() -> dict[str, Any]:
    """Returns the whole document."""
    types = [*(topic.type for topic in TOPICS.values()), Control, Evidence]
    operations = (protocol.Subscribe, protocol.Unsubscribe, protocol.Ping)
    _, schemas = msgspec.json.schema_components((*types, *operations), ref_template=_REF)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Undertow gateway", "version": metadata.version("undertow")},
        "paths": _paths(),
        "components": {"schemas": {**schemas, "Error": _ERROR}},
    }


def _paths() -> dict[str, Any]:
    paths = {
        f"/api/{name}": _get(f"History of {name}", history.PARAMS, _page(topic.type.__name__))
        for name, topic in TOPICS.items()
    }
    evidence = {"$ref": _REF.format(name="Evidence")}
    return paths | {
        "/api/evidence/{id}": _get(
            "What an alert, structure, hit, packet or parent rests on, down to the prints", (), evidence, "id"
        ),
        "/api/explain/{id}": _get(
            "Every rule's every check on what an id leads to, judged again", explain.PARAMS, _OBJECT, "id"
        ),
        "/api/candles": _get("Candles of a symbol", candles.CANDLE_PARAMS, _OBJECT),
        "/api/baselines": _get("What is usual for the contracts of an underlying", candles.BASELINE_PARAMS, _OBJECT),
        "/api/newest/{topic}": _get("Newest messages as the log has them", NEWEST_PARAMS, _OBJECT, "topic"),
        "/api/config": _get("Settings, data set, sources, rules", (), _OBJECT),
        "/api/health": _get("Each part's state; 503 when one that is needed is away", (), _OBJECT),
        "/metrics": {"get": {"summary": "Prometheus metrics", "responses": {"200": _text("text/plain")}}},
        "/ws": {"get": {"summary": "The WebSocket", "description": _WEBSOCKET, "responses": {"101": _text(None)}}},
    }


def _page(name: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["events", "next"],
        "properties": {
            "events": {"type": "array", "items": {"$ref": _REF.format(name=name)}},
            "next": {"type": ["string", "null"], "description": "the next page's `cursor`"},
        },
    }


def _get(summary: str, params: Sequence[Param], answer: dict[str, Any], path: str | None = None) -> dict[str, Any]:
    described = [param.schema() for param in params]
    if path is not None:
        described.append({"name": path, "in": "path", "required": True, "schema": {"type": "string"}})
    error = {"content": {"application/json": {"schema": {"$ref": _REF.format(name="Error")}}}}
    return {
        "get": {
            "summary": summary,
            "parameters": described,
            "responses": {
                "200": {"description": "found", "content": {"application/json": {"schema": answer}}},
                "400": {"description": "a parameter is wrong, and named", **error},
                "404": {"description": "nothing of that name", **error},
                "503": {"description": "the archive is away", **error},
            },
        }
    }


def _text(media: str | None) -> dict[str, Any]:
    return {"description": "text", **({} if media is None else {"content": {media: {"schema": {"type": "string"}}}})}
