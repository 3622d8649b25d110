"""Compares two sets of canonical lines topic by topic: those of the archive's own columns and those recomputed.

Both sides collapse on (id, revision), the later line of one identity stands, and what is compared is the sha256 of the
sorted digests of all lines, so that any changed, missing or extra row shows. Sixteen bytes of digest are kept a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import msgspec
import numpy as np

from connectors.bus.base import Bus, Head
from connectors.store.archiver import TopicRows
from connectors.store.base import Param, Progress, Reader
from connectors.store.export import Selection, pages
from connectors.store.schema import canonical_lines
from events.topics import RAW_TOPICS, TOPICS
from events.types import FOREVER_NS

_READ_RECORDS = 20_000
_DIGEST = "S16"
#: Differing ids that a result names.
MAX_DIFFERING = 5


class _Identity(msgspec.Struct):
    """What a line collapses on."""

    id: str
    revision: int = 0


_identity = msgspec.json.Decoder(_Identity)


@dataclass(slots=True)
class LineSet:
    """Lines of one topic, by digest."""

    _keys: bytearray = field(default_factory=bytearray)
    _lines: bytearray = field(default_factory=bytearray)

    def add(self, line: bytes) -> None:
        """Takes one line."""
        identity = _identity.decode(line)
        self._keys += _short(f"{identity.id} {identity.revision}".encode())
        self._lines += _short(line)

    def digests(self) -> np.ndarray[Any, Any]:
        """Returns the sorted digests of the lines that stand."""
        keys = np.frombuffer(bytes(self._keys), dtype=_DIGEST)
        newest_first = np.frombuffer(bytes(self._lines), dtype=_DIGEST)[::-1]
        _, standing = np.unique(keys[::-1], return_index=True)
        return np.sort(newest_first[standing])


def gathered(lines: Iterable[bytes]) -> LineSet:
    """Returns the set of lines."""
    found = LineSet()
    for line in lines:
        found.add(line)
    return found


def _short(data: bytes) -> bytes:
    return sha256(data).digest()[:16]


@dataclass(slots=True)
class TopicResult:
    """What the comparison of one topic found."""

    #: Rows of the archive that were compared.
    rows: int
    expected: int
    digest: str
    expected_digest: str
    #: Up to MAX_DIFFERING ids of rows that stand on one side only.
    differing: list[str] = field(default_factory=list)
    #: Why a topic fails whose rows are equal.
    fault: str = ""

    @property
    def equal(self) -> bool:
        """Whether both sides hold the same lines."""
        return not self.fault and self.rows == self.expected and self.digest == self.expected_digest


def compare(archived: LineSet, expected: LineSet) -> TopicResult:
    """Compares two sides of one topic; the ids that differ are for `differing_ids` to find."""
    mine, theirs = archived.digests(), expected.digests()
    return TopicResult(len(mine), len(theirs), _digest(mine), _digest(theirs))


def _digest(digests: np.ndarray[Any, Any]) -> str:
    return sha256(digests.tobytes()).hexdigest()


def differing_ids(lines: Iterable[bytes], other: LineSet) -> Iterator[str]:
    """Yields the id of each line that the other side does not hold."""
    held = set(other.digests().tolist())
    for line in lines:
        if _short(line).rstrip(b"\0") not in held:
            yield _identity.decode(line).id


@dataclass(frozen=True, slots=True)
class Span:
    """The order times that are compared, from inclusive, to exclusive, ns."""

    from_ts: int = 0
    to_ts: int = FOREVER_NS

    def holds(self, ts: int) -> bool:
        """Says whether a time lies in the span; one without end holds all that is known at any time."""
        return self.from_ts <= ts and (ts < self.to_ts or self.to_ts == FOREVER_NS)


def known_column(topic: str) -> str:
    """Returns the column that tells when a row was known: order time where it has one, else its own time."""
    fields = TOPICS[topic].type.__struct_fields__
    return "order_ts" if TOPICS[topic].layer == "raw" or "order_ts" in fields else "ts"


def archived_lines(reader: Reader, topic: str, run: str, span: Span, offsets: list[tuple[int, int]]) -> Iterator[bytes]:
    """Yields a topic's lines out of the archive's columns, every revision, within a span of the time they were known.

    `offsets` narrows a raw topic to (first, next) offset of each partition: what the log has and the archive notes.
    """
    known = known_column(topic)
    where = f"{known} >= {{known_from:Int64}} AND {known} <= {{known_last:Int64}}"
    last = span.to_ts if span.to_ts == FOREVER_NS else span.to_ts - 1
    params: dict[str, Param] = {"known_from": span.from_ts, "known_last": last}
    if TOPICS[topic].layer == "raw":
        ranges = [
            f"partition = {p} AND offset >= {{f{p}:UInt64}} AND offset < {{n{p}:UInt64}}" for p in range(len(offsets))
        ]
        where += f" AND ({' OR '.join(f'({part})' for part in ranges)})"
        for partition, (first, behind) in enumerate(offsets):
            params |= {f"f{partition}": first, f"n{partition}": behind}
    selection = Selection(run=run, all_revisions=True, where=where, params=params)
    for columns in pages(reader, topic, selection):
        yield from canonical_lines(topic, columns)


def logged_lines(bus: Bus, topic: str, span: Span, offsets: list[tuple[int, int]]) -> Iterator[bytes]:
    """Yields a raw topic's lines straight from the log, order time and late flag included."""
    for partition, (first, behind) in enumerate(offsets):
        offset = first
        while offset < behind:
            rows = TopicRows(topic, "")
            batches = bus.read(topic, partition, offset, _READ_RECORDS)
            if not batches:
                break
            for batch in batches:
                offset = batch.next
                if not batch.control and batch.first < behind:
                    rows.add(batch)
            yield from _lines_within(rows, span, behind)


def _lines_within(rows: TopicRows, span: Span, behind: int) -> Iterator[bytes]:
    if not rows.events:
        return
    rows.drop_unfit()
    columns = rows.columns()
    lines = canonical_lines(rows.topic, {name: list(values) for name, values in _plain(columns).items()})
    for line, known, offset in zip(lines, columns["order_ts"], columns["offset"], strict=True):
        if offset < behind and span.holds(int(known)):
            yield line


def _plain(columns: Any) -> dict[str, Any]:
    return {name: values.tolist() if isinstance(values, np.ndarray) else values for name, values in columns.items()}


def raw_offsets(heads: list[Head], progress: Progress, topic: str) -> list[tuple[int, int]]:
    """Returns (first, next) offset by partition: from what the log still has to what is noted as archived."""
    reached = progress.offsets(topic, len(heads))
    return [(head.start, max(head.start, behind)) for head, behind in zip(heads, reached, strict=True)]


def raw_topics(bus: Bus) -> list[str]:
    """Returns the raw topics that the log has."""
    held = set(bus.topics())
    return [name for name in RAW_TOPICS if name in held]
