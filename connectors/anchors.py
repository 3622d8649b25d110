"""Anchors: complete, digested states of a partition at a session boundary, read back from their topic (contract 8)."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass, field
from hashlib import sha256

from connectors.bus.base import Bus
from events.derived import Anchor
from events.topics import decoder

_READ = 200


@dataclass(slots=True)
class Start:
    """Where a span begins: the tape's snapshot and boundary by partition, the states by partition or shard label."""

    tapes: dict[int, tuple[int, str]] = field(default_factory=dict)
    states: dict[str, bytes] = field(default_factory=dict)


def last_anchors(bus: Bus, code: str) -> Start:
    """Returns each partition's newest complete anchor of this code; without one it starts at the log's start."""
    start = Start()
    for partition in range(bus.partitions):
        found = _newest(bus, partition, code)
        if found:
            start.tapes[partition] = (found["partition"].ts, str(found["partition"].tape))
            for part in found.values():
                key = str(partition) if part.part == "partition" else part.part
                start.states[key] = b64decode(part.data)
    return start


def _newest(bus: Bus, partition: int, code: str) -> dict[str, Anchor]:
    decode = decoder("anchors")
    by_boundary: dict[int, dict[str, Anchor]] = {}
    head = bus.heads("anchors")[partition]
    offset = head.start
    while offset < head.next:
        for batch in bus.read("anchors", partition, offset, _READ):
            offset = batch.next
            if batch.control:
                continue
            for line in batch.lines():
                anchor: Anchor = decode.decode(line)
                if anchor.code == code and _intact(anchor):
                    by_boundary.setdefault(anchor.ts, {})[anchor.part] = anchor
                    _keep_newest(by_boundary)
    complete = [found for _, found in sorted(by_boundary.items()) if _complete(found)]
    return complete[-1] if complete else {}


def _keep_newest(by_boundary: dict[int, dict[str, Anchor]]) -> None:
    """Drops the parts of boundaries before the newest complete one: states are large."""
    complete = [boundary for boundary, found in by_boundary.items() if _complete(found)]
    if complete:
        for boundary in [each for each in by_boundary if each < max(complete)]:
            del by_boundary[boundary]


def _complete(found: dict[str, Anchor]) -> bool:
    return "partition" in found and len(found) == found["partition"].parts


def _intact(anchor: Anchor) -> bool:
    return sha256(b64decode(anchor.data)).hexdigest() == anchor.digest
