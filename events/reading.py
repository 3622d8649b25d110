"""Lines of events back into events: by msgspec's typed decoder, or to the same end by compiled code (reading.c)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cache
from types import MemberDescriptorType
from typing import Any

import msgspec
from msgspec import inspect

from events.code import compiled_module

#: Kinds of fields, as reading.c numbers them.
_TEXT, _WHOLE, _DECIMAL, _FLAG, _TEXTS, _ONE_OF = range(6)
_INT64 = -(2**63), 2**63 - 1
#: A kind of field, its allowed texts, bounds of whole numbers or of a text's length, and bounds of decimals.
_Form = tuple[int, tuple[str, ...], int, int, float, float]


@cache
def lines_reader(kind: type[msgspec.Struct]) -> Callable[[bytes], list[Any]]:
    """Returns what reads newline-delimited JSON as events of a type; it raises what msgspec's decoder raises."""
    decode_lines = msgspec.json.Decoder(kind).decode_lines
    compiled = compiled_module("undertow_reading")
    fields = None if compiled is None else _fields_of(kind)
    if compiled is None or fields is None:
        return decode_lines
    plan = compiled.plan(kind, fields)
    read: Callable[[Any, bytes], list[Any] | None] = compiled.read_lines

    def read_lines(payload: bytes) -> list[Any]:
        events = read(plan, payload)
        return decode_lines(payload) if events is None else events

    return read_lines


def _fields_of(kind: type[msgspec.Struct]) -> tuple[tuple[Any, ...], ...] | None:
    """Returns a type's fields for reading.c, None where one of them is more than it reads."""
    struct = inspect.type_info(kind)
    if not isinstance(struct, inspect.StructType) or struct.cls is not kind or kind.__struct_config__.gc:
        return None
    if struct.tag is not None or struct.array_like or hasattr(kind, "__post_init__") or hasattr(kind, "__del__"):
        return None
    fields = []
    for field in struct.fields:
        options = [_bare(each) for each in _options(field.type)]
        values = [each for each in options if not isinstance(each, inspect.NoneType)]
        form = _form(values[0]) if len(values) == 1 else None
        if not isinstance(getattr(kind, field.name), MemberDescriptorType):
            return None
        if form is None or field.default_factory is not msgspec.NODEFAULT:
            return None
        default = () if field.default is msgspec.NODEFAULT else (field.default,)
        what, allowed, *bounds = form
        name = b'"%s":' % field.encode_name.encode()
        fields.append((field.name, name, what, len(values) < len(options), default, allowed, *bounds))
    return tuple(fields)


def _options(kind: inspect.Type) -> Iterable[inspect.Type]:
    bare = _bare(kind)
    return bare.types if isinstance(bare, inspect.UnionType) else (bare,)


def _bare(kind: inspect.Type) -> inspect.Type:
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    return kind


def _form(kind: inspect.Type) -> _Form | None:
    """Returns what reading.c knows a type as, None where it knows none like it."""
    unbounded = -math.inf, math.inf
    match kind:
        case inspect.StrType(pattern=None):
            longest = _INT64[1] if kind.max_length is None else kind.max_length
            return _TEXT, (), kind.min_length or 0, longest, *unbounded
        case inspect.IntType(multiple_of=None):
            least = max([_INT64[0], *_given(kind.ge), *(n + 1 for n in _given(kind.gt))])
            most = min([_INT64[1], *_given(kind.le), *(n - 1 for n in _given(kind.lt))])
            return _WHOLE, (), least, most, *unbounded
        case inspect.FloatType(multiple_of=None):
            low = max([-math.inf, *_given(kind.ge), *(math.nextafter(n, math.inf) for n in _given(kind.gt))])
            high = min([math.inf, *_given(kind.le), *(math.nextafter(n, -math.inf) for n in _given(kind.lt))])
            return _DECIMAL, (), *_INT64, low, high
        case inspect.BoolType():
            return _FLAG, (), *_INT64, *unbounded
        case inspect.VarTupleType(min_length=None, max_length=None):
            plain = kind.item_type == inspect.StrType()
            return (_TEXTS, (), *_INT64, *unbounded) if plain else None
        case inspect.LiteralType() if all(isinstance(each, str) for each in kind.values):
            return _ONE_OF, tuple(map(str, kind.values)), *_INT64, *unbounded
    return None


def _given(bound: Any) -> tuple[Any, ...]:
    """Returns the bound in a tuple, an empty one where there is none."""
    return () if bound is None else (bound,)
