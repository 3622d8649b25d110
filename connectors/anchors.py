"""Anchors: complete, digested states of a partition at a session boundary, read back from their topic (contract 8)."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from connectors.bus.base import Bus
from events.derived import Anchor
from events.topics import decoder
from events.types import FOREVER_NS

_READ = 200


@dataclass(slots=True)
class Start:
    """Where a span begins: the tape's snapshot and boundary by partition, the states by partition or shard label."""

    tapes: dict[int, tuple[int, str]] = field(default_factory=dict)
    states: dict[str, bytes] = field(default_factory=dict)


def last_anchors(bus: Bus, code: str, partitions: Sequence[int] | None = None) -> Start:
    """Returns each partition's newest complete anchor of this code; without one it starts at the log's start."""
    wanted = range(bus.partitions) if partitions is None else partitions
    return _start({partition: newest_anchor(bus, partition, code) for partition in wanted})


def first_anchors(bus: Bus, code: str) -> Start:
    """Returns each partition's oldest complete anchor of this code: where a trimmed log can still be computed from."""
    return _start({partition: next(_complete_anchors(bus, partition, code), {}) for partition in range(bus.partitions)})


def newest_anchor(bus: Bus, partition: int, code: str, at_most_ts: int = FOREVER_NS) -> dict[str, Anchor]:
    """Returns the parts, by name, of a partition's newest complete anchor up to a time; empty when there is none."""
    newest: dict[str, Anchor] = {}
    for found in _complete_anchors(bus, partition, code):
        if found["partition"].ts <= at_most_ts:
            newest = found
    return newest


def _start(anchors: dict[int, dict[str, Anchor]]) -> Start:
    start = Start()
    for partition, found in anchors.items():
        if found:
            start.tapes[partition] = (found["partition"].ts, str(found["partition"].tape))
            for part in found.values():
                key = str(partition) if part.part == "partition" else part.part
                start.states[key] = b64decode(part.data)
    return start


def _complete_anchors(bus: Bus, partition: int, code: str) -> Iterator[dict[str, Anchor]]:
    """Yields a partition's complete anchors, oldest first; holds the parts of unfinished ones only."""
    decode = decoder("anchors")
    parts: dict[int, dict[str, Anchor]] = {}
    head = bus.heads("anchors")[partition]
    offset = head.start
    while offset < head.next:
        for batch in bus.read("anchors", partition, offset, _READ):
            offset = batch.next
            for line in () if batch.control else batch.lines():
                anchor: Anchor = decode.decode(line)
                if anchor.code == code and _intact(anchor):
                    found = parts.setdefault(anchor.ts, {})
                    found[anchor.part] = anchor
                    if _complete(found):
                        yield parts.pop(anchor.ts)


def _complete(found: dict[str, Anchor]) -> bool:
    return "partition" in found and len(found) == found["partition"].parts


def _intact(anchor: Anchor) -> bool:
    return sha256(b64decode(anchor.data)).hexdigest() == anchor.digest
