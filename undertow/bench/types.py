"""`bench types`: what carries an event through the hot path, measured: decode, read six fields, encode, per event."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import msgspec
import orjson
from pydantic import BaseModel

from events.raw import OptionPrint
from undertow.bench import market

_MESSAGES = 20_000


class _Model(BaseModel):
    """The same event as a pydantic model, for comparison."""

    id: str
    ts: int
    contract: str
    price: float
    size: int
    exchange: str | None = None
    conditions: tuple[str, ...] = ()
    source: str = "file"
    recv_ts: int | None = None


def run() -> dict[str, Any]:
    """Returns microseconds per event by type: decoding (typed ones validate as they do), reading, encoding."""
    lines = [m for topic, _, _, m in market.events(_MESSAGES, 500, 1) if topic == "options.prints"]
    payload = b"\n".join(lines)
    decoder = msgspec.json.Decoder(OptionPrint)
    structs = decoder.decode_lines(payload)
    dicts = [orjson.loads(line) for line in lines]
    models = [_Model.model_validate_json(line) for line in lines]
    encoder = msgspec.json.Encoder()
    return {
        "events": len(lines),
        "struct_decode_us": _each(lambda: decoder.decode_lines(payload), lines),
        "struct_read_us": _each(
            lambda: [(e.ts, e.contract, e.price, e.size, e.exchange, e.id) for e in structs], lines
        ),
        "struct_encode_us": _each(lambda: encoder.encode_lines(structs), lines),
        "dict_decode_us": _each(lambda: [orjson.loads(line) for line in lines], lines),
        "dict_read_us": _each(
            lambda: [(e["ts"], e["contract"], e["price"], e["size"], e.get("exchange"), e["id"]) for e in dicts], lines
        ),
        "dict_encode_us": _each(lambda: [orjson.dumps(e) for e in dicts], lines),
        "pydantic_decode_us": _each(lambda: [_Model.model_validate_json(line) for line in lines], lines),
        "pydantic_encode_us": _each(lambda: [e.__pydantic_serializer__.to_json(e) for e in models], lines),
    }


def _each(work: Callable[[], object], lines: list[bytes]) -> float:
    best = float("inf")
    for _ in range(3):
        began = perf_counter()
        work()
        best = min(best, perf_counter() - began)
    return round(best / len(lines) * 1e6, 3)
