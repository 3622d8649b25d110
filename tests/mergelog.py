"""Small logs of one partition's raw topics, legal by construction, and what the tape must release of them.

Times are small integers, so that ties across topics, late events and equal promises are common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from events.control import Control
from events.derived import DeadLetter
from events.topics import TOPICS
from events.types import FOREVER_NS
from operators.merge import CONTROL_RANK, Merge
from operators.merge_state import Item

#: In an order that is neither the ranks' nor the alphabet's.
NAMES = ("options.quotes", "options.prints", "reference", "equities.quotes", "equities.prints")
Kind = Literal["event", "heartbeat", "required", "absent", "end", "gap", "feed", "dead"]
Key = tuple[int, int, int, str, int]


class Event(NamedTuple):
    """A data record; the instrument stands under the name that each topic uses."""

    ts: int
    contract: str
    symbol: str
    instrument: str
    seq: int | None


@dataclass(frozen=True)
class Op:
    """One wish for the next record; `laid` makes it legal."""

    topic: int
    kind: Kind
    #: Event: its time from the promise on; member record: how far ahead of what must be.
    ahead: int
    #: How far the promise rises before and behind the record.
    before: int
    after: int
    instrument: int
    seq: int


@dataclass
class Log:
    """One topic's records with the promises before and behind each."""

    name: str
    records: list[Event | Control | DeadLetter] = field(default_factory=list)
    before: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)
    #: Place of each record in the sequence of all appends.
    places: list[int] = field(default_factory=list)

    def visible(self, upto: int) -> int:
        """Returns how many records stand among the first `upto` appends."""
        return sum(place < upto for place in self.places)


class _ByDefinition:
    """One topic's items: what contract 1, 3, 4 and 5 say, record by record."""

    def __init__(self, name: str) -> None:
        self.name, self.rank = name, TOPICS[name].rank
        self.member = self.over = self.shared = False
        self.promise = self.floor = 0
        self.waiting: list[tuple[int, Event | Control | DeadLetter, int, bool]] = []
        self.items: list[Key] = []

    def take(self, offset: int, record: Event | Control | DeadLetter, before: int, after: int) -> None:
        self.promise = max(self.promise, before)
        if not isinstance(record, Control) or record.control in ("gap", "feed", "parameters"):
            if isinstance(record, Control) and record.control == "feed":
                self.shared = record.shared_sequence
            if self.member:
                self._add(offset, record, self.promise, self.shared)
            else:
                self.waiting.append((offset, record, self.promise, self.shared))
        elif record.control == "member" and record.state == "absent":
            self.member = False
        elif record.control == "end":
            self.member, self.over = False, True
        elif record.control == "member" and not self.member:
            self.member, self.over, self.floor = True, False, max(self.floor, record.ts)
            for waiting in self.waiting:
                self._add(*waiting)
            self.waiting = []
        self.promise = max(self.promise, after)

    def _add(self, offset: int, record: Event | Control | DeadLetter, promise: int, shared: bool) -> None:
        order_ts = max(record.ts, promise, self.floor)
        if isinstance(record, Event):
            seq = (record.seq or 0) if shared else 0
            self.items.append((order_ts, seq, self.rank, getattr(record, TOPICS[self.name].instrument), offset))
        else:
            self.items.append((order_ts, 0, self.rank + CONTROL_RANK, "", offset))


def watermark(topics: Sequence[_ByDefinition]) -> int:
    """Returns the smallest promise of the members, by definition."""
    promises = [max(t.promise, t.floor) for t in topics if t.member]
    return min(promises, default=FOREVER_NS if any(t.over for t in topics) else 0)


@dataclass
class Logs:
    """A legal history of a partition."""

    logs: list[Log]
    length: int
    #: Every item that ever belongs to the tape, in order, and the watermark at the end of the logs.
    items: list[Key]
    watermark: int
    members: bool


def laid(ops: Sequence[Op], names: Sequence[str]) -> Logs:
    """Lays the wishes down as logs: a member record's time is never below what was promised before it."""
    logs = [Log(name) for name in names]
    topics = [_ByDefinition(name) for name in names]
    passed = 0
    for place, op in enumerate(ops):
        log, topic = logs[op.topic % len(names)], topics[op.topic % len(names)]
        before = topic.promise + op.before
        if op.kind == "heartbeat":
            # A silent feed follows the clock.
            before = max(before, max(t.promise for t in topics) + op.before - 1)
        record = _record(op, log, before, passed)
        after = before + op.after
        log.records.append(record)
        log.before.append(before)
        log.after.append(after)
        log.places.append(place)
        topic.take(len(log.records) - 1, record, before, after)
        mark = watermark(topics)
        if mark < FOREVER_NS:
            passed = max(passed, mark)
        else:
            # Everything at hand has left the tape: who comes back stands behind it.
            passed = max(passed, *(t.promise for t in topics), *(item[0] + 1 for t in topics for item in t.items), 0)
    items = sorted(item for t in topics for item in t.items)
    return Logs(logs, len(ops), items, watermark(topics), any(t.member for t in topics))


def _record(op: Op, log: Log, before: int, passed: int) -> Event | Control | DeadLetter:
    if op.kind == "event":
        ts = max(before + op.ahead - 3, 0)
        name = "xyz"[op.instrument]
        return Event(ts, name, name, name, op.seq or None)
    if op.kind in ("required", "absent"):
        state: Literal["required", "absent"] = "required" if op.kind == "required" else "absent"
        return Control(control="member", ts=passed + op.ahead, state=state)
    if op.kind == "feed":
        return Control(control="feed", ts=before, source="file", shared_sequence=op.seq % 2 == 1)
    if op.kind == "dead":
        at = f"{log.name}:{len(log.records)}"
        return DeadLetter(id=at, ts=before, topic=log.name, origin="bus", position=at, reason="poison", raw="")
    if op.kind == "gap":
        return Control(control="gap", ts=before, from_ts=0, to_ts=before)
    return Control(control="end" if op.kind == "end" else "heartbeat", ts=before)


def poll(merge: Merge, logs: Logs, first: int, second: int, chunk: int) -> list[Item]:
    """Reads as the tape does: members up to a first look, absent topics up to a second, later one; then releases."""
    for name in merge.lagging():
        log = next(log for log in logs.logs if log.name == name)
        member = merge.is_member(name)
        end = log.visible(first if member else second)
        while merge.next_offset(name) < end:
            feed(merge, log, min(chunk, end - merge.next_offset(name)))
            if member or merge.is_member(name):
                break
        if not member and not merge.is_member(name) and merge.next_offset(name) >= end:
            merge.reached_head(name)
    return merge.release()


def feed(merge: Merge, log: Log, most: int) -> None:
    """Hands over up to `most` of the topic's next records: one control record, or a run of events."""
    start = merge.next_offset(log.name)
    record = log.records[start]
    if not isinstance(record, Event):
        merge.feed_record(log.name, start, record, [(0, log.before[start]), (1, log.after[start])])
        return
    end = start
    while end < len(log.records) and end < start + most and isinstance(log.records[end], Event):
        end += 1
    promises = [(0, log.before[start])]
    for place in range(start + 1, end):
        promises.append((place - start, max(log.after[place - 1], log.before[place])))
    promises.append((end - start, log.after[end - 1]))
    merge.feed_events(log.name, start, log.records[start:end], promises)
