"""Bytes of events: compact on the bus, one canonical line each in exports and in `verify`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import msgspec
import orjson

from events.code import compiled_module

_encoder = msgspec.json.Encoder()
encode = _encoder.encode
#: Events encoded at a time: one large buffer would be fetched from and given back to the kernel for every batch.
_CHUNK = 256


def ended_lines(events: Sequence[msgspec.Struct]) -> bytes:
    """Returns the events' bytes, a newline behind each."""
    lines = _writer()
    if len(events) <= _CHUNK:
        return lines(events)
    return b"".join([lines(events[i : i + _CHUNK]) for i in range(0, len(events), _CHUNK)])


@cache
def _writer() -> Callable[[Sequence[msgspec.Struct]], bytes]:
    """Returns what writes lines: msgspec, or its bytes by compiled code in half the time (lines.c)."""
    compiled = compiled_module("undertow_lines")
    if compiled is None:
        return _encoder.encode_lines
    write: Callable[[Sequence[msgspec.Struct], Callable[[Any], bytes]], bytes] = compiled.ended_lines
    return lambda events: write(events, encode)


def canonical_line(fields: dict[str, Any]) -> bytes:
    """Returns one export line: the event's own fields, keys sorted, no newline."""
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def fields_of(event: msgspec.Struct) -> dict[str, Any]:
    """Returns an event as plain fields, every field present, nested events as plain fields too."""
    plain: dict[str, Any] = msgspec.to_builtins(event, str_keys=True)
    for name in event.__struct_fields__:
        plain.setdefault(name, _plain(getattr(event, name)))
    return plain


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
