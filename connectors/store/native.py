"""Columns as ClickHouse's native protocol carries them: values to bytes, exactly, without a Python loop per value.

What a type means on the wire is that of clickhouse-driver's own columns (`clickhouse_driver/columns/`); those loop over
every value, mutate the lists they are given, and under `use_numpy` take NaN for null. A null is None and nothing else.
Raises OverflowError for an integer that its column does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Protocol

import numpy as np

from connectors.store.schema import Values

_NUMBERS: dict[str, np.dtype[Any]] = {
    "Int64": np.dtype("<i8"),
    "UInt64": np.dtype("<u8"),
    "Float64": np.dtype("<f8"),
    "UInt8": np.dtype("u1"),
}
#: LowCardinality: version of its keys; then a dictionary in the block itself, of keys as wide as the number says.
_KEYS_VERSION = (1).to_bytes(8, "little")
_OWN_DICTIONARY = 1 << 9 | 1 << 10
_KEY_WIDTHS = ((1 << 8, 0, np.dtype("u1")), (1 << 16, 1, np.dtype("<u2")), (1 << 32, 2, np.dtype("<u4")))


class Out(Protocol):
    """Where bytes go: the driver's buffered writer."""

    def write(self, data: bytes) -> object:
        """Takes bytes."""
        ...

    def write_strings(self, items: Sequence[str], encoding: str | None = None) -> object:
        """Takes texts, each behind its length."""
        ...


def write_column(spec: str, values: Values, out: Out) -> None:
    """Writes one column's values as the type `spec` has them on the wire; raises ValueError for another type."""
    if spec.startswith("LowCardinality("):
        _write_words(spec[15:-1], values, out)
    elif spec.startswith("Nullable("):
        _write_nullable(spec[9:-1], values, out)
    elif spec == "Array(String)":
        ends = np.cumsum(np.fromiter(map(len, values), dtype=np.uint64, count=len(values)), dtype=np.uint64)
        out.write(ends.astype("<u8").tobytes())
        _write_texts(list(chain.from_iterable(values)), out)
    else:
        _writer(spec)(values, out)


def _writer(spec: str) -> Callable[[Values, Out], None]:
    if spec == "String":
        return _write_texts
    kind = _NUMBERS.get(spec)
    if kind is None:
        raise ValueError(f"no column of ours has the type {spec}")
    return lambda values, out: _write_numbers(kind, values, out)


def _write_texts(values: Values, out: Out) -> None:
    out.write_strings(values.tolist() if isinstance(values, np.ndarray) else values, encoding="utf-8")


def _write_numbers(kind: np.dtype[Any], values: Values, out: Out) -> None:
    out.write(np.asarray(values, dtype=kind).tobytes())


def _write_nullable(inner: str, values: Values, out: Out) -> None:
    write = _writer(inner)
    empty: Any = "" if inner == "String" else 0
    nulls = 0 if isinstance(values, np.ndarray) else values.count(None)
    if nulls == 0:
        out.write(bytes(len(values)))
        write(values, out)
    elif nulls == len(values):
        out.write(b"\x01" * nulls)
        out.write(bytes(nulls * (1 if inner == "String" else _NUMBERS[inner].itemsize)))
    else:
        out.write(bytes([value is None for value in values]))
        write([empty if value is None else value for value in values], out)


def _write_words(inner: str, values: Values, out: Out) -> None:
    """Writes a dictionary of the words there are and each value's place in it; place 0 is null where null is allowed.

    An empty block has no dictionary.
    """
    out.write(_KEYS_VERSION)
    if not len(values):
        return
    places: dict[Any, int] = {None: 0} if inner.startswith("Nullable(") else {}
    for word in dict.fromkeys(values):
        places.setdefault(word, len(places))
    code, width = next((code, width) for upto, code, width in _KEY_WIDTHS if len(places) <= upto)
    out.write((_OWN_DICTIONARY | code).to_bytes(8, "little"))
    out.write(len(places).to_bytes(8, "little"))
    _write_texts([word or "" for word in places], out)
    out.write(len(values).to_bytes(8, "little"))
    out.write(np.fromiter(map(places.__getitem__, values), dtype=width, count=len(values)).tobytes())
