"""The tape's merge: one partition of every raw topic into one sequence, by the logs alone (contract 1 to 5)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final

from events.control import Control
from events.derived import DeadLetter
from events.topics import RAW_TOPICS, TOPICS
from events.types import FOREVER_NS
from operators.merge_state import Item, Key, MergeState, TopicState

#: Added to a topic's rank for its control records, so that they stand before all events of their instant.
CONTROL_RANK: Final = -100
_RELEASED_CONTROLS = ("gap", "feed", "parameters")


class MembershipError(ValueError):
    """A member record speaks of an order time that the tape has already passed."""


class _Topic:
    """One topic while the tape runs."""

    __slots__ = (
        "at_head", "ended", "field", "floor", "held", "history", "in_order", "member", "name", "next", "over",
        "pending", "promise", "rank", "shared",
    )  # fmt: skip

    def __init__(self, name: str, state: TopicState) -> None:
        self.name = name
        self.rank = TOPICS[name].rank
        self.field = TOPICS[name].instrument
        self.next = state.position
        self.promise = state.promise
        self.member = state.member
        self.over = state.over
        self.floor = state.floor
        self.shared = state.shared_sequence
        self.ended = False
        #: An absent topic was read to its head since the last release: only then may others go on without it.
        self.at_head = False
        self.pending: list[Item] = []
        #: What is pending stands in order.
        self.in_order = True
        #: Records of an absent topic with the promise in force before each, and whether its feeds shared a sequence
        #: there: they wait for its return.
        self.held: list[tuple[int, Any, int, bool]] = []
        #: Membership before each offset at which it changed, oldest first, for snapshots at an earlier position.
        self.history: list[tuple[int, TopicState]] = []


class Merge:
    """Merges the raw topics of one partition; feed it what was read, release what is complete."""

    def __init__(self, state: MergeState | None = None, topics: Sequence[str] = RAW_TOPICS) -> None:
        state = state or MergeState()
        self._topics = {name: _Topic(name, state.topics.get(name) or TopicState()) for name in topics}
        self._last: Key | None = state.last
        self._resume_key: Key | None = state.last
        self._released_to = state.last[0] if state.last else 0
        self._stands_at = self._released_to

    def next_offset(self, topic: str) -> int:
        """Returns the offset to read next."""
        return self._topics[topic].next

    def stands_at(self) -> int:
        """Returns the watermark of the newest release, ns: everything below it has left the tape."""
        return self._stands_at

    def is_member(self, topic: str) -> bool:
        """Tells whether the tape waits for the topic; one that it does not must be read to its head before release."""
        return self._topics[topic].member

    def watermark(self) -> int:
        """Returns the smallest promise of the member topics; without one, 0 before and FOREVER after the data."""
        members = [t for t in self._topics.values() if t.member]
        if not members:
            return FOREVER_NS if any(t.over or t.ended for t in self._topics.values()) else 0
        return min(FOREVER_NS if t.ended else max(t.promise, t.floor) for t in members)

    def lagging(self) -> list[str]:
        """Returns the topics to read next: those that hold the watermark back, and all that are absent."""
        watermark = self.watermark()
        return [
            t.name
            for t in self._topics.values()
            if not t.ended and (not t.member or max(t.promise, t.floor) <= watermark)
        ]

    def reached_head(self, topic: str) -> None:
        """Says that an absent topic was read to its head after the promises of the members were read."""
        self._topics[topic].at_head = True

    def finish(self, topic: str) -> None:
        """Says that a bounded read has reached the topic's end: nothing more will follow."""
        self._topics[topic].ended = True

    def feed_events(self, topic: str, first: int, events: Sequence[Any], promises: Sequence[tuple[int, int]]) -> None:
        """Takes data records as read; `promises` begins with index 0, the promise in force before the first."""
        t = self._topics[topic]
        t.at_head = False
        t.next = first + len(events)
        bounds = [*[index for index, _ in promises], len(events)]
        for place, (start, promise) in enumerate(promises):
            t.promise = max(t.promise, promise)
            segment = events[start : bounds[place + 1]]
            if not segment:
                continue
            if t.member:
                self._queue(t, first + start, segment, max(t.promise, t.floor), t.shared)
            else:
                t.held.extend((first + start + i, event, t.promise, t.shared) for i, event in enumerate(segment))

    def feed_record(
        self, topic: str, offset: int, record: Control | DeadLetter, promises: Sequence[tuple[int, int]]
    ) -> None:
        """Takes one control record or dead letter as read, with the promises before (index 0) and after it (1)."""
        t = self._topics[topic]
        t.at_head = False
        t.next = offset + 1
        t.promise = max(t.promise, promises[0][1])
        if isinstance(record, DeadLetter):
            self._queue_or_hold(t, offset, record)
        elif record.control == "member":
            self._change_membership(t, offset, record)
        elif record.control == "end":
            self._remember(t, offset)
            t.member, t.over = False, True
        elif record.control in _RELEASED_CONTROLS:
            if record.control == "feed":
                self._remember(t, offset)
                t.shared = record.shared_sequence
            self._queue_or_hold(t, offset, record)
        t.promise = max(t.promise, promises[-1][1])

    def release(self) -> list[Item]:
        """Returns every item strictly below the watermark, in order; nothing released is ever reordered.

        Nothing is released while an absent topic may hold a member record that was not read yet.
        """
        absent = [t for t in self._topics.values() if not t.member and not t.ended]
        if not all(t.at_head for t in absent):
            return []
        for t in absent:
            t.at_head = False
        watermark = self.watermark()
        out: list[Item] = []
        # The short ones first: what is merged is gone through again with every other.
        for each in sorted([_cut(t, watermark) for t in self._topics.values() if t.pending], key=len):
            out = merged(out, each)
        if out:
            self._last = out[-1][:5]
            self._released_to = max(self._released_to, self._last[0])
        if watermark < FOREVER_NS:
            self._released_to = max(self._released_to, watermark)
        elif out:
            # Nobody promised anything: who returns stands behind what has left.
            self._released_to = max(self._released_to, out[-1][0] + 1)
        self._stands_at = FOREVER_NS if watermark == FOREVER_NS else self._released_to
        return out

    def state(self, unreleased: Sequence[Item] = (), last: Key | None = None) -> MergeState:
        """Returns the snapshot; `unreleased` and `last` describe a cut inside what was released (an anchor)."""
        first_open: dict[str, int] = {}
        for t in self._topics.values():
            offsets = [item[4] for item in t.pending]
            offsets += [held[0] for held in t.held]
            ranks = (t.rank, t.rank + CONTROL_RANK)
            offsets += [item[4] for item in unreleased if item[2] in ranks]
            first_open[t.name] = min(offsets, default=t.next)
        return MergeState(
            topics={t.name: self._state_at(t, first_open[t.name]) for t in self._topics.values()},
            last=last if unreleased else self._last,
        )

    def _state_at(self, t: _Topic, position: int) -> TopicState:
        while t.history and t.history[0][0] < position:
            t.history.pop(0)
        before = t.history[0][1] if t.history else TopicState(0, 0, t.member, t.over, t.floor, t.shared)
        # The batches carry the promise before each record, so a re-read finds it again; 0 claims nothing too early.
        promise = t.promise if position == t.next else 0
        return TopicState(position, promise, before.member, before.over, before.floor, before.shared_sequence)

    def _remember(self, t: _Topic, offset: int) -> None:
        t.history.append((offset, TopicState(offset, 0, t.member, t.over, t.floor, t.shared)))

    def _change_membership(self, t: _Topic, offset: int, record: Control) -> None:
        self._remember(t, offset)
        if record.state == "absent":
            t.member = False
            return
        if t.member:
            return
        held, t.held = t.held, []
        t.floor = max(t.floor, record.ts)
        # The smallest order time it can bring: one that left and returned between two looks stands behind its own word.
        earliest = max(t.floor, held[0][2] if held else t.promise)
        # A record that is read again after a restart was judged when it was read first.
        resumed_past = self._resume_key is not None and record.ts <= self._resume_key[0]
        if earliest < self._released_to and not resumed_past:
            raise MembershipError(f"{t.name} joins at {record.ts}, but the tape already stands at {self._released_to}")
        t.member, t.over = True, False
        for held_offset, event, promise, shared in held:
            self._queue_one(t, held_offset, event, max(promise, t.floor), shared)

    def _queue(self, t: _Topic, first: int, events: Sequence[Any], promise: int, shared: bool) -> None:
        # What goes into an item untyped is shared, not boxed anew.
        rank: Any = t.rank
        floor: Any = promise
        field, offset = t.field, first
        new: list[Any] = []
        before: tuple[Any, ...] = t.pending[-1] if t.pending else (-1,)
        newest: int = before[0]
        for event in events:
            ts: Any = event.ts
            at: int = ts
            if at < promise:
                ts, at = floor, promise
            sequence: Any = (event.seq or 0) if shared else 0
            instrument: Any = event.contract if field == "contract" else getattr(event, field)
            item: tuple[Any, ...] = (ts, sequence, rank, instrument, offset, event)
            if at < newest or (at == newest and item < before):
                t.in_order = False
            newest, before = at, item
            new.append(item)
            offset += 1
        t.pending += self._undropped(t, new, promise)

    def _queue_or_hold(self, t: _Topic, offset: int, record: Control | DeadLetter) -> None:
        if t.member:
            self._queue_one(t, offset, record, max(t.promise, t.floor), t.shared)
        else:
            t.held.append((offset, record, t.promise, t.shared))

    def _queue_one(self, t: _Topic, offset: int, record: Any, promise: int, shared: bool) -> None:
        if isinstance(record, Control | DeadLetter):
            key: Item = (max(record.ts, promise), 0, t.rank + CONTROL_RANK, "", offset, record)
            t.in_order = False
            t.pending += self._undropped(t, [key], promise)
        else:
            self._queue(t, offset, [record], promise, shared)

    def _undropped(self, t: _Topic, items: list[Item], promise: int) -> list[Item]:
        """Drops what was released before the snapshot that this merge began with."""
        resume = self._resume_key
        if resume is None or promise > resume[0]:
            return items
        return [item for item in items if item[:5] > resume]


def _cut(t: _Topic, watermark: int) -> list[Item]:
    """Takes a topic's pending items strictly below the watermark, in order."""
    pending = t.pending
    if not t.in_order:
        pending.sort()
        t.in_order = True
    cut = bisect_left(pending, (watermark,))
    below = pending[:cut]
    del pending[:cut]
    return below


def merged(one: list[Any], other: list[Any]) -> list[Any]:
    """Returns the items of two lists in order as one such list; sorting would ask for every number twice."""
    if not one or not other:
        return one or other
    out: list[Any] = []
    # Items are untyped, as they are handed on; their order times are kept as numbers while they are first.
    first: tuple[Any, ...] = one[0]
    second: tuple[Any, ...] = other[0]
    first_ts: int = first[0]
    second_ts: int = second[0]
    i = j = 1
    while True:
        if first_ts < second_ts or (first_ts == second_ts and first < second):
            out.append(first)
            if i == len(one):
                break
            first = one[i]
            first_ts = first[0]
            i += 1
        else:
            out.append(second)
            if j == len(other):
                out.append(first)
                out += one[i:]
                return out
            second = other[j]
            second_ts = second[0]
            j += 1
    out.append(second)
    out += other[j:]
    return out
