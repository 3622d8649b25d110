"""The tape's sequence is a function of the logs, not of polls, batches or deaths (contract 1 to 5, 11)."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.control import Control
from events.types import FOREVER_NS
from operators.merge import MembershipError, Merge
from operators.merge_state import Item, Key, MergeState
from tests.mergelog import NAMES, Event, Kind, Logs, Op, laid, poll

_KINDS: tuple[Kind, ...] = (
    "event", "event", "event", "event", "heartbeat", "heartbeat", "required", "required", "absent", "end", "gap",
    "feed", "dead",
)  # fmt: skip
_PRINTS, _QUOTES = "options.prints", "options.quotes"
_state_decoder = msgspec.json.Decoder(MergeState)


def _ops() -> st.SearchStrategy[list[Op]]:
    small = st.integers(0, 3)
    op = st.builds(Op, st.integers(0, 4), st.sampled_from(_KINDS), st.integers(0, 8), small, small,
                   st.integers(0, 2), small)  # fmt: skip
    return st.lists(op, max_size=40)


def _required(count: int) -> list[Op]:
    return [Op(topic, "required", 0, 0, 0, 0, 0) for topic in range(count)]


def _again(merge: Merge, names: Sequence[str], unreleased: Sequence[Item] = (), last: Key | None = None) -> Merge:
    """Dies and comes back from its snapshot, as the recovery store keeps it."""
    data = msgspec.json.encode(merge.state(unreleased, last))
    return Merge(_state_decoder.decode(data), names)


class _Life:
    """A tape that lives through polls, looks and deaths drawn by chance, and notes what it released."""

    def __init__(self, logs: Logs, seed: int, *, deaths: float) -> None:
        self.logs, self.chance, self.deaths = logs, Random(seed), deaths
        self.names = [log.name for log in logs.logs]
        self.chance.shuffle(self.names)
        self.merge = Merge(topics=self.names)
        self.seen = 0
        self.released: list[Item] = []

    def run(self) -> None:
        while self.seen < self.logs.length:
            first = self.chance.randint(self.seen, self.logs.length)
            second = self.chance.randint(first, self.logs.length)
            self.seen = second
            for _ in range(self.chance.randint(1, 3)):
                self._poll(first, second)
        self._to_the_end()

    def finish(self) -> None:
        for log in self.logs.logs:
            while self.merge.next_offset(log.name) < len(log.records):
                self._poll(self.logs.length, self.logs.length)
                if self.merge.next_offset(log.name) < len(log.records) and log.name not in self.merge.lagging():
                    break
        moved = True
        while moved:
            moved = False
            for name in self.merge.lagging():
                log = next(log for log in self.logs.logs if log.name == name)
                if self.merge.next_offset(name) >= len(log.records):
                    self.merge.finish(name)
                    moved = True
            self.released += poll(self.merge, self.logs, self.logs.length, self.logs.length, self._chunk())
            moved |= bool(self.merge.lagging())

    def _to_the_end(self) -> None:
        self.deaths, idle = 0.0, 0
        while idle < 2:
            before = self._stand()
            self._poll(self.logs.length, self.logs.length)
            idle = idle + 1 if self._stand() == before else 0

    def _stand(self) -> tuple[int, int, int]:
        return sum(self.merge.next_offset(name) for name in self.names), len(self.released), self.merge.watermark()

    def _chunk(self) -> int:
        return self.chance.choice([1, 2, 7, 1000])

    def _poll(self, first: int, second: int) -> None:
        last = self.released[-1][:5] if self.released else None
        items = poll(self.merge, self.logs, first, second, self._chunk())
        if items and self.chance.random() < self.deaths / 2:
            # An anchor cuts inside what was released; a start from it gives the rest again.
            at = self.chance.randrange(len(items))
            self.merge = _again(self.merge, self.names, items[at:], items[at - 1][:5] if at else last)
            items = items[:at]
        self.released += items
        while self.chance.random() < self.deaths:
            self.merge = _again(self.merge, self.names)


def _keys(items: Sequence[Item]) -> list[Key]:
    return [item[:5] for item in items]


@given(ops=_ops(), count=st.integers(1, 5), begin=st.booleans(), seed=st.integers(0, 2**32))
@settings(max_examples=400)
def test_any_interleaving_cut_and_restart_releases_what_the_definition_says(
    ops: list[Op], count: int, begin: bool, seed: int
) -> None:
    _hold_to_definition((_required(count) if begin else []) + ops, count, seed)


def test_two_thousand_histories_drawn_by_chance_keep_to_the_definition() -> None:
    # Hypothesis likes short histories; the deep ones come from here.
    chance = Random(11)
    for _ in range(2000):
        count = chance.randint(1, 5)
        ops = [_drawn(chance) for _ in range(chance.randrange(16))]
        _hold_to_definition((_required(count) if chance.random() < 0.5 else []) + ops, count, chance.randrange(2**32))


def _drawn(chance: Random) -> Op:
    numbers = [chance.randrange(below) for below in (9, 4, 4, 3, 4)]
    return Op(chance.randrange(5), chance.choice(_KINDS), *numbers)


def _hold_to_definition(ops: list[Op], count: int, seed: int) -> None:
    logs = laid(ops, NAMES[:count])
    for deaths in (0.0, 0.5):
        life = _Life(logs, seed, deaths=deaths)
        life.run()
        released = _keys(life.released)
        assert released == logs.items[: len(released)]
        # Where nobody is a member any more the tape may have stopped earlier; what is due at a promise has left it.
        if logs.members:
            assert released == [key for key in logs.items if key[0] < logs.watermark]


@given(ops=_ops(), count=st.integers(1, 5), seed=st.integers(0, 2**32))
@settings(max_examples=150)
def test_a_bounded_read_ends_with_every_item_of_its_members_released_once(ops: list[Op], count: int, seed: int) -> None:
    logs = laid([*_required(count), *ops], NAMES[:count])
    life = _Life(logs, seed, deaths=0.3)
    life.run()
    life.deaths = 0
    life.finish()
    assert _keys(life.released) == logs.items
    assert life.merge.watermark() == FOREVER_NS


@given(ops=_ops(), seed=st.integers(0, 2**32))
@settings(max_examples=100)
def test_the_watermark_never_falls_and_nothing_at_or_above_it_leaves(ops: list[Op], seed: int) -> None:
    logs = laid([*_required(3), *ops], NAMES[:3])
    life = _Life(logs, seed, deaths=0.0)
    stood = 0
    while life.seen < logs.length:
        life.seen += 1
        items = poll(life.merge, logs, life.seen, life.seen, 1)
        watermark = life.merge.stands_at()
        assert all(item[0] < watermark for item in items)
        assert all(item[0] >= stood for item in items)
        if watermark < FOREVER_NS:
            assert watermark >= stood
            stood = watermark


def _feed(merge: Merge, topic: str, *events: tuple[int, str], promise: int = 0, after: int | None = None) -> None:
    first = merge.next_offset(topic)
    rows = [Event(ts, name, name, name, None) for ts, name in events]
    merge.feed_events(topic, first, rows, [(0, promise), (len(rows), promise if after is None else after)])


def _control(merge: Merge, topic: str, record: Control, promise: int = 0, after: int | None = None) -> None:
    after = promise if after is None else after
    merge.feed_record(topic, merge.next_offset(topic), record, [(0, promise), (1, after)])


def _member(merge: Merge, topic: str, ts: int, state: str = "required", promise: int = 0) -> None:
    record = Control(control="member", ts=ts, state="required" if state == "required" else "absent")
    _control(merge, topic, record, promise)


def _two_members() -> Merge:
    merge = Merge(topics=(_PRINTS, _QUOTES))
    _member(merge, _PRINTS, 0)
    _member(merge, _QUOTES, 0)
    return merge


def test_at_an_equal_time_prints_come_before_quotes_and_then_the_instrument_decides() -> None:
    merge = _two_members()
    _feed(merge, _QUOTES, (5, "b"), (5, "a"), after=9)
    _feed(merge, _PRINTS, (5, "z"), (5, "b"), (4, "z"), (5, "b"), after=9)
    released = [(item[0], item[2], item[3], item[4]) for item in merge.release()]
    assert released == [(4, 1, "z", 3), (5, 1, "b", 2), (5, 1, "b", 4), (5, 1, "z", 1), (5, 3, "a", 2), (5, 3, "b", 1)]


def test_a_shared_sequence_comes_before_rank() -> None:
    merge = _two_members()
    for topic in (_PRINTS, _QUOTES):
        _control(merge, topic, Control(control="feed", ts=0, source="file", shared_sequence=True))
    merge.feed_events(_PRINTS, 2, [Event(5, "a", "a", "a", 7)], [(0, 0), (1, 9)])
    merge.feed_events(_QUOTES, 2, [Event(5, "a", "a", "a", 3), Event(5, "a", "a", "a", 8)], [(0, 0), (2, 9)])
    assert [(item[1], item[2]) for item in merge.release() if item[2] > 0] == [(3, 3), (7, 1), (8, 3)]


def test_an_item_at_the_smallest_promise_stays() -> None:
    merge = _two_members()
    _feed(merge, _PRINTS, (4, "a"), (5, "a"), (6, "a"), after=9)
    _feed(merge, _QUOTES, after=5)
    assert [item[0] for item in merge.release()] == [4]


#  order time  0 . . . . 5 . . . . 10 . . 12
#  prints      |----- promise 10 ---|
#  event                 5 (late)   ^ stands at the promise
def test_a_late_event_stands_at_the_promise_that_it_broke() -> None:
    merge = _two_members()
    _feed(merge, _QUOTES, after=20)
    _feed(merge, _PRINTS, (5, "a"), (11, "a"), promise=10, after=12)
    assert [(item[0], item[5].ts) for item in merge.release()] == [(10, 5), (11, 11)]


def test_an_absent_topic_must_be_read_to_its_head_before_anything_leaves() -> None:
    merge = Merge(topics=(_PRINTS, _QUOTES))
    _member(merge, _PRINTS, 0)
    _feed(merge, _PRINTS, (1, "a"), after=9)
    assert merge.release() == []
    merge.reached_head(_QUOTES)
    assert [item[0] for item in merge.release()] == [1]
    # What it said then holds for that release alone.
    _feed(merge, _PRINTS, (9, "a"), promise=9, after=12)
    assert merge.release() == []


def test_events_of_an_absent_topic_wait_for_its_return_and_then_stand_at_its_time() -> None:
    merge = Merge(topics=(_PRINTS, _QUOTES))
    _member(merge, _PRINTS, 0)
    _feed(merge, _QUOTES, (3, "a"), (30, "a"))
    _feed(merge, _PRINTS, (1, "a"), after=9)
    merge.reached_head(_QUOTES)
    assert [item[:3] for item in merge.release()] == [(1, 0, 1)]
    _member(merge, _QUOTES, 12)
    _feed(merge, _PRINTS, (20, "a"), promise=9, after=40)
    assert [item[:3] for item in merge.release()] == []
    _feed(merge, _QUOTES, promise=40)
    assert [item[:3] for item in merge.release()] == [(12, 0, 3), (20, 0, 1), (30, 0, 3)]


def test_a_topic_that_joins_below_the_watermark_is_refused() -> None:
    merge = Merge(topics=(_PRINTS, _QUOTES))
    _member(merge, _PRINTS, 0)
    _feed(merge, _PRINTS, (1, "a"), after=9)
    merge.reached_head(_QUOTES)
    merge.release()
    with pytest.raises(MembershipError, match="options.quotes joins at 8, but the tape already stands at 9"):
        _member(merge, _QUOTES, 8)
    _member(merge, _QUOTES, 9)


def test_a_topic_that_joins_at_the_last_event_after_an_end_is_refused() -> None:
    merge = Merge(topics=(_PRINTS,))
    _member(merge, _PRINTS, 0)
    _feed(merge, _PRINTS, (7, "a"), after=5)
    _control(merge, _PRINTS, Control(control="end", ts=5), 5)
    merge.reached_head(_PRINTS)
    assert [item[0] for item in merge.release()] == [7]
    with pytest.raises(MembershipError):
        _member(merge, _PRINTS, 7)
    _member(merge, _PRINTS, 8)


def test_a_member_record_that_was_judged_before_a_restart_is_not_judged_again() -> None:
    merge = Merge(topics=(_PRINTS, _QUOTES))
    _member(merge, _PRINTS, 0)
    _feed(merge, _QUOTES, (3, "a"))
    _member(merge, _QUOTES, 2)
    _feed(merge, _QUOTES, after=8)
    _feed(merge, _PRINTS, (2, "a"), (6, "a"), after=7)
    assert [item[0] for item in merge.release()] == [2, 3, 6]
    _feed(merge, _QUOTES, (8, "a"), promise=8)
    again = _again(merge, (_PRINTS, _QUOTES))
    assert again.next_offset(_QUOTES) == 2
    assert again.is_member(_QUOTES)


#  prints  |-- 1 --| end |                    | required from 20, promises 30, 31
#  release          ^ for ever: all closes      ^ stands at 30 again, not for ever
def test_after_an_end_a_returning_topic_holds_the_watermark_again() -> None:
    merge = Merge(topics=(_PRINTS,))
    _member(merge, _PRINTS, 0)
    _feed(merge, _PRINTS, (1, "a"), after=2)
    _control(merge, _PRINTS, Control(control="end", ts=2), 2)
    merge.reached_head(_PRINTS)
    assert [item[0] for item in merge.release()] == [1]
    assert merge.stands_at() == FOREVER_NS
    _member(merge, _PRINTS, 20, promise=2)
    _feed(merge, _PRINTS, (25, "a"), (30, "a"), promise=2, after=30)
    assert [item[0] for item in merge.release()] == [25]
    assert merge.stands_at() == 30


@given(seed=st.integers(0, 2**32))
@settings(max_examples=30)
def test_reading_the_log_from_its_start_after_a_death_before_the_first_release_changes_nothing(seed: int) -> None:
    chance = Random(seed)
    kinds: tuple[Kind, ...] = ("event", "event", "event", "heartbeat")
    ops = [Op(chance.randrange(3), chance.choice(kinds), chance.randrange(9), chance.randrange(3), 1, 0, 0)
           for _ in range(60)]  # fmt: skip
    logs = laid([*_required(3), *ops], NAMES[:3])
    merge = Merge(topics=NAMES[:3])
    for _ in range(3):
        merge = _again(merge, NAMES[:3])
        assert merge.state().last is None
    life = _Life(logs, seed, deaths=0.9)
    life.run()
    assert _keys(life.released) == [key for key in logs.items if key[0] < logs.watermark]
