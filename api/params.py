"""Query parameters: declared once, checked by name, described in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from starlette.datastructures import QueryParams

from api.errors import bad
from events.times import read_time
from events.types import FOREVER_NS

_TYPES = {"time": "string", "int": "integer", "number": "number", "text": "string", "underlying": "string"}
MAX_TEXT = 2048


@dataclass(frozen=True, slots=True)
class Param:
    """One query parameter."""

    name: str
    kind: Literal["time", "int", "number", "text", "underlying"]
    description: str
    default: Any = None
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    required: bool = False

    def schema(self) -> dict[str, Any]:
        """Returns the parameter as OpenAPI says it."""
        schema: dict[str, Any] = {"type": _TYPES[self.kind]}
        limits = {"default": self.default, "minimum": self.low, "maximum": self.high, "enum": list(self.choices)}
        schema |= {name: value for name, value in limits.items() if value not in (None, [])}
        return {
            "name": self.name, "in": "query", "required": self.required,
            "description": self.description, "schema": schema,
        }  # fmt: skip

    def read(self, value: str) -> Any:
        """Returns a value as its kind; raises Refused that names the parameter."""
        if self.kind == "time":
            return _time(self.name, value)
        if self.kind == "text":
            return self._text(value)
        if self.kind == "underlying":
            return of_options(self._text(value))
        try:
            number = int(value) if self.kind == "int" else float(value)
        except ValueError:
            kind = "a whole number" if self.kind == "int" else "a number"
            raise bad(self.name, f"{value[:MAX_TEXT]!r} is not {kind}") from None
        if isinstance(number, float) and not isfinite(number):
            raise bad(self.name, f"{value[:64]!r} is no finite number")
        low, high = self.low, self.high
        if not (low is None or number >= low) or not (high is None or number <= high):
            raise bad(self.name, f"{value} is not between {_shown(low)} and {_shown(high)}")
        return number

    def _text(self, value: str) -> str:
        if self.choices and value not in self.choices:
            raise bad(self.name, f"{value[:MAX_TEXT]!r} is none of {', '.join(self.choices)}")
        if not value or len(value) > MAX_TEXT:
            raise bad(self.name, f"needs 1 to {MAX_TEXT} characters")
        return value


def of_options(underlying: str) -> str:
    """Returns an underlying of options; raises Refused for one in lower case, of which there are none.

    Equity symbols are taken as they stand in the log, where a preferred share's suffix may be in lower case.
    """
    if underlying != underlying.upper():
        raise bad("underlying", f"{underlying!r} has no options: {underlying.upper()} may, in upper case")
    return underlying


def _shown(limit: float | None) -> str:
    return "any" if limit is None else f"{limit:g}"


def _time(name: str, value: str) -> int:
    """Reads nanoseconds since the Unix epoch, or an ISO time, UTC unless it says otherwise."""
    try:
        ts = read_time(value)
    except ValueError as error:
        raise bad(name, str(error)) from None
    if not 0 <= ts < FOREVER_NS:
        raise bad(name, f"{value[:64]!r} is no time in nanoseconds since 1970")
    return ts


def read(query: QueryParams, params: Sequence[Param]) -> dict[str, Any]:
    """Returns every declared parameter by name, defaults filled in; raises Refused that names the first bad one."""
    known = {param.name for param in params}
    for name in query:
        if name not in known:
            raise bad(name, f"no such parameter; there are {', '.join(sorted(known)) or 'none'}")
        if len(query.getlist(name)) > 1:
            raise bad(name, "is given more than once")
    found: dict[str, Any] = {}
    for param in params:
        value = query.get(param.name)
        if value is None and param.required:
            raise bad(param.name, "is needed")
        found[param.name] = param.default if value is None else param.read(value)
    if found.get("from") is not None and found.get("to") is not None and found["from"] >= found["to"]:
        raise bad("from", "is not before `to`")
    return found
