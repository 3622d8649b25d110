"""What stands beside a record on Kafka: its stamp and its time, for a whole append at once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.bus.base import Batch
from connectors.bus.kafka_log import Stamp, State, create_times, order_times, parse, runs_of
from events.types import FOREVER_NS

_NS = st.integers(10**18, 2 * 10**18)


@st.composite
def appends(draw: st.DrawFn) -> tuple[State, Batch, int, str]:
    count = draw(st.integers(1, 12))
    indices = draw(st.lists(st.integers(0, count), max_size=5).map(sorted))
    promises = [(index, draw(_NS)) for index in indices]
    state = State(draw(st.integers(0, 99)), draw(st.integers(0, 99)), draw(_NS), draw(st.integers(0, 3)))
    batch = Batch(count, b"\n".join([b"{}"] * count), ["SPY"] * count, promises)
    return state, batch, draw(st.integers(0, 3)), draw(st.sampled_from(["", "1:7:3"]))


@given(appends())
def test_the_stamps_of_an_append_say_of_each_record_what_it_is_part_of(case: tuple[State, Batch, int, str]) -> None:
    state, batch, epoch, parts = case
    runs = runs_of(state, batch, epoch, parts)
    assert runs[0].start == 0
    in_force = behind = state.promise
    last = batch.count - 1
    rises = dict.fromkeys(range(batch.count), 0)
    for index, promise in batch.promises:
        if index == batch.count:
            behind = max(behind, promise)
        else:
            rises[index] = max(rises[index], promise)
    for index in range(batch.count):
        in_force = max(in_force, rises[index])
        run = [run for run in runs if run.start <= index][-1]
        stamp = parse(run.header)
        assert stamp[:4] == (epoch, state.position, state.next, batch.count)
        assert stamp.promise == run.promise == in_force
        assert stamp.was == (-1 if state.epoch == epoch else state.epoch)
        assert stamp.parts == (parts if index in (0, last) else "")
        assert stamp.then == (behind if index == last and behind > in_force else 0)


def test_a_record_has_the_time_of_its_event_or_of_the_promise_before_it() -> None:
    #  promise      2 ms behind the first event     5 ms ahead of the fourth
    early, late = 1_767_623_400_001_000_000, 1_767_623_400_008_000_000
    events = [early, early + 999_999, early + 2_000_000, early]
    lines = [b'{"id":"a:%d","ts":%d,"quote_ts":9}' % (ts, ts) for ts in events]
    runs = runs_of(State(promise=early - 2_000_000), Batch(4, b"", [], [(3, late)]), 0)
    times = order_times(lines, runs)
    assert times == [1_767_623_400_001, 1_767_623_400_001, 1_767_623_400_003, 1_767_623_400_008]


def test_a_record_without_a_usable_time_has_the_promise_or_the_first_moment() -> None:
    lines = [
        b"no JSON",
        b'{"ts":12}',
        b'{"ts":"1767623400001000000"}',
        b'{"ts":%d}' % FOREVER_NS,
        b'{"ts":1767623400001',
    ]
    for promise, expected in ((0, 1), (1_767_623_400_001_000_000, 1_767_623_400_001), (FOREVER_NS, 1)):
        runs = runs_of(State(promise=promise), Batch(len(lines), b""), 0)
        assert order_times(lines, runs) == [expected] * len(lines)


def test_a_record_of_long_ago_is_sent_as_of_now() -> None:
    #  A broker forgets who sent a record a day after the record's time.
    now_ms = 1_767_623_400_000
    for age_ms, expected in ((3_600_001, now_ms), (3_599_999, now_ms - 3_599_999), (-5, now_ms + 5)):
        line = b'{"ts":%d}' % ((now_ms - age_ms) * 1_000_000)
        assert create_times([line], runs_of(State(), Batch(1, line, ["SPY"], []), 1), now_ms) == [expected]


def test_a_stamp_that_is_not_ours_counts_as_none() -> None:
    assert parse(b"epoch=x") == parse(b"\xff") == Stamp()
