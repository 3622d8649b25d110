"""Events of every topic for the store's tests: by chance under hypothesis, or a few plain ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from hypothesis import strategies as st
from msgspec import inspect

from connectors.bus.base import StoredBatch
from connectors.store.archiver import TopicRows
from connectors.store.schema import Columns
from events.codec import canonical_line, fields_of
from events.topics import TOPICS, decoder
from events.types import FOREVER_NS
from tests.lines import encode_lines

T0 = 1_768_500_000_000_000_000
_INT64 = 2**63 - 1


def strategy_of(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Returns values that a decoder of the type accepts, limits included."""
    return _STRATEGIES[type(kind)](kind)


def _integers(kind: inspect.IntType) -> st.SearchStrategy[int]:
    least = kind.gt + 1 if kind.gt is not None else kind.ge
    return st.integers(-_INT64 - 1 if least is None else least, _INT64 if kind.le is None else kind.le)


def _floats(kind: inspect.FloatType) -> st.SearchStrategy[float]:
    least = kind.gt if kind.gt is not None else kind.ge
    return st.floats(least, kind.le, exclude_min=kind.gt is not None, allow_nan=False, allow_infinity=False)


def _texts(kind: inspect.StrType) -> st.SearchStrategy[str]:
    if kind.pattern is not None:
        return st.from_regex(r"\A[a-z0-9_.-]{1,32}\Z")
    return st.text(st.characters(codec="utf-8"), min_size=kind.min_length or 0, max_size=kind.max_length or 12)


def struct_of(info: inspect.StructType) -> st.SearchStrategy[Any]:
    return st.builds(info.cls, **{field.name: strategy_of(field.type) for field in info.fields})


_STRATEGIES: dict[type[inspect.Type], Callable[[Any], st.SearchStrategy[Any]]] = {
    inspect.Metadata: lambda kind: strategy_of(kind.type),
    inspect.UnionType: lambda kind: st.one_of([strategy_of(option) for option in kind.types]),
    inspect.NoneType: lambda _: st.none(),
    inspect.BoolType: lambda _: st.booleans(),
    inspect.LiteralType: lambda kind: st.sampled_from(kind.values),
    inspect.IntType: _integers,
    inspect.FloatType: _floats,
    inspect.StrType: _texts,
    inspect.VarTupleType: lambda kind: st.lists(strategy_of(kind.item_type), max_size=3).map(tuple),
    inspect.DictType: lambda kind: st.dictionaries(
        strategy_of(kind.key_type), strategy_of(kind.value_type), max_size=3
    ),
    inspect.StructType: struct_of,
}


def events_of(topic: str, max_size: int = 8) -> st.SearchStrategy[list[Any]]:
    """Returns lists of a topic's events as a decoder gives them, no two of one identity."""
    info = inspect.type_info(TOPICS[topic].type)
    assert isinstance(info, inspect.StructType)
    one = struct_of(info)
    return st.lists(one, min_size=1, max_size=max_size, unique_by=lambda event: event.id)


def plain_events(topic: str, count: int) -> list[Any]:
    """Returns a few events with every field set."""
    info = inspect.type_info(TOPICS[topic].type)
    assert isinstance(info, inspect.StructType)
    return [_plain(info, number) for number in range(count)]


def _plain(info: inspect.StructType, number: int) -> Any:
    given: dict[str, Any] = {
        "ts": T0 + number * 1_000_000, "order_ts": T0 + number * 1_000_000, "id": f"id:{number}", "revision": 0,
        "contract": "SPXW260116C00450000" if number % 2 else "SPY260116C00450000",
        "underlying": "SPX" if number % 2 else "SPY", "instrument": "SPY", "symbol": "SPY", "source": "file",
        "position": 0.5, "partition": 0, "expiry_ts": T0,
    }  # fmt: skip
    fields = {field.name: given.get(field.name, _value(field.type, number)) for field in info.fields}
    if info.cls.__name__ == "DeadLetter":
        fields["position"] = f"line {number}"
    return info.cls(**fields)


def _value(kind: inspect.Type, number: int) -> Any:
    return _VALUES[type(kind)](kind, number)


_VALUES: dict[type[inspect.Type], Callable[[Any, int], Any]] = {
    inspect.Metadata: lambda kind, number: _value(kind.type, number),
    inspect.UnionType: lambda kind, number: _value(kind.types[0], number),
    inspect.BoolType: lambda _, number: number % 2 == 0,
    inspect.LiteralType: lambda kind, _: kind.values[0],
    inspect.IntType: lambda _, number: number + 1,
    inspect.FloatType: lambda _, __: 0.25,
    inspect.StrType: lambda _, number: f"text {number}",
    inspect.VarTupleType: lambda kind, number: (_value(kind.item_type, number),),
    inspect.DictType: lambda kind, number: {"name": _value(kind.value_type, number)},
    inspect.StructType: lambda kind, number: _plain(kind, number),
}


def batch_of(
    events: Sequence[Any],
    first: int = 0,
    epoch: int = 1,
    promises: Sequence[tuple[int, int]] = ((0, 0),),
    partition: int = 0,
) -> StoredBatch:
    """Returns events as one batch of the log."""
    payload = encode_lines(events)
    return StoredBatch(partition, first, len(events), False, epoch, list(promises), payload, b"")


def expected_lines(topic: str, events: Sequence[Any], promises: Sequence[tuple[int, int]] = ((0, 0),)) -> list[bytes]:
    """Returns the export lines by definition, in canonical order."""
    decode = decoder(topic).decode
    found = []
    for index, event in enumerate(events):
        fields = fields_of(decode(msgspec.json.encode(event)))
        if TOPICS[topic].layer == "raw":
            floor = max(promise for start, promise in promises if start <= index)
            fields |= {"order_ts": max(event.ts, floor), "arrived_late": event.ts < floor}
        found.append(((event.ts, event.id.encode(), getattr(event, "revision", 0)), canonical_line(fields)))
    return [line for _, line in sorted(found)]


def columns_of_marks(count: int, run: str = "main") -> Columns:
    """Returns rows of `options.marked` as they are stored."""
    rows = TopicRows("options.marked", run)
    rows.add(batch_of(plain_events("options.marked", count)))
    return rows.columns()


def altered(value: Any) -> Any:
    """Returns a stored value of the same type that differs."""
    match value:
        case None:
            return None
        case bool() | np.bool_():
            return not value
        case int() | np.integer():
            return int(value) + 1 if value < FOREVER_NS else 0
        case float():
            return float(np.nextafter(value, 1e9))
        case tuple() | list():
            return [*value, "more"]
        case str() if value[:1] in "[{":
            return value.replace("0", "1", 1) if "0" in value else value.replace(":", ':"x', 1).replace('"x"', '"x', 1)
    return f"{value}x"


def one_row(columns: Mapping[str, Any], index: int) -> dict[str, Any]:
    """Returns one row as columns of one value."""
    return {name: [values[index]] for name, values in columns.items()}
