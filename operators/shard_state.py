"""State of the step by shard: the types that its snapshots hold beside `operators/memory.py`'s (contract 10)."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from operators.memory import Memory

#: What a baseline remembers of a packet: contract, bucket, start (ns), premium (millionths of a dollar, None when
#: unknown), size (contracts), spread (as premium), id. Remembering the same again gives the same state.
Sample = tuple[str, str, int, int | None, int, int | None, str]


class PastDump(Struct, array_like=True):
    """All that is noted, oldest first."""

    samples: list[Sample] = []
    pushed: bytes = b""


class Session(Struct, array_like=True):
    """One session's counts."""

    #: Trade date as an ordinal: global hours belong to the session that follows.
    day: int
    #: Packets by step of their premium in dollars.
    premiums: dict[int, int] = {}
    #: By half hour of the day: packets, sum of premium steps, sum of size steps.
    slots: dict[int, list[int]] = {}


class HabitsDump(Struct, array_like=True):
    """All that is remembered, oldest session first; the last is the one that runs."""

    sessions: list[Session] = []


class BaselinesDump(Struct, array_like=True):
    """One underlying's baselines as plain values: windows as their rings' bytes, the one unused longest first."""

    contracts: dict[str, bytes] = {}
    buckets: dict[str, bytes] = {}
    underlying: bytes = b""
    habits: HabitsDump = msgspec.field(default_factory=HabitsDump)
    past: PastDump = msgspec.field(default_factory=PastDump)


#: A packet as the cache and a warm start hold it: start (ns), premium (millionths of a dollar, -1 unknown), size,
#: spread (as premium), moneyness (millionths; -1,000,000, a strike of nothing, unknown).
Earlier = list[int]


Parameters = dict[str, int | float | str | bool]


class UnderlyingDump(Struct, array_like=True):
    """One underlying's memory as plain values."""

    baselines: BaselinesDump
    rest: Memory


class ShardDump(Struct, array_like=True):
    """All that recovery stores of a shard."""

    underlyings: dict[str, UnderlyingDump] = {}
    parameters: Parameters = {}
    #: Shipped buckets of a cold start, as the log recorded them.
    shipped: dict[str, list[Earlier]] = {}


class ShardChanges(Struct, array_like=True):
    """What has changed: the rest of underlyings touched, samples taken and parameters set, each in order."""

    rests: dict[str, Memory] = {}
    taken: list[Sample | Parameters] = []
    shipped: dict[str, list[Earlier]] | None = None
