"""Forms of state: which types a flow's snapshots hold, so that no other version's bytes are taken for its own.

States are written without names (arrays), so bytes of other types may even decode, and mean something else. What is
compared is names and types of every field, in order: a version that keeps the same goes on from what the one before
left.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import inspect

from operators.merge_state import MergeState
from operators.partition_state import PartitionChanges, PartitionState
from operators.shard_state import ShardChanges, ShardDump

_STATES = (MergeState, PartitionState, PartitionChanges, ShardDump, ShardChanges)


@cache
def state_form() -> str:
    """Returns 16 hex digits over the types that the options flow's snapshots hold."""
    return form_of(*_STATES)


def form_of(*types: Any) -> str:
    """Returns 16 hex digits over types and all that they are made of."""
    described: dict[str, list[str]] = {}
    roots = [_describe(info, described) for info in inspect.multi_type_info(types)]
    return sha256(repr((roots, sorted(described.items()))).encode()).hexdigest()[:16]


def _describe(info: Any, described: dict[str, list[str]]) -> str:
    """Returns a type in words, each struct once by its name beside its fields."""
    if isinstance(info, inspect.StructType):
        name = info.cls.__qualname__
        if name not in described:
            described[name] = fields = [str(info.array_like)]
            fields += [f"{field.encode_name}: {_describe(field.type, described)}" for field in info.fields]
        return name
    if isinstance(info, inspect.LiteralType):
        # What may stand in a field, not what stands there: a word more changes no bytes.
        return "literal"
    parts = [_describe(part, described) for name in msgspec.structs.fields(info) for part in _types_in(info, name.name)]
    return f"{type(info).__name__}({', '.join(parts)})"


def _types_in(info: Any, name: str) -> list[Any]:
    value = getattr(info, name)
    every = value if isinstance(value, tuple) else (value,)
    return [each for each in every if isinstance(each, inspect.Type)]
