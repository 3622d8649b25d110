"""What the tape's merge hands on and what its snapshots hold, apart from what is compiled (docs/performance.md).

A released item is a tuple that sorts by the order key:
(order_ts, shared sequence or 0, rank, instrument, offset, record). Records of rank below 0 are control records.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

Item = tuple[int, int, int, str, int, Any]
Key = tuple[int, int, int, str, int]


class TopicState(Struct):
    """One topic's part of a snapshot: all that a restart needs, as of `position`."""

    #: Offset of the oldest unreleased event, or of the next record to read.
    position: int = 0
    #: The promise in force before it, ns.
    promise: int = 0
    member: bool = False
    #: The feed wrote an end: the topic is absent, and alone it holds nothing open.
    over: bool = False
    #: The order time from which the topic is required, ns.
    floor: int = 0
    shared_sequence: bool = False


class MergeState(Struct):
    """What recovery stores: a position per topic and the last released key (contract 11)."""

    topics: dict[str, TopicState] = {}
    last: Key | None = None
