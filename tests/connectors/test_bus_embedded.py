"""The embedded bus fulfils the bus's contract; what only it can do stands here."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.bus.base import BusError, StoredBatch
from connectors.bus.embedded import EmbeddedBus
from tests.contract.bus_suite import PARTITIONS, TOPIC, BusSuite, Engine, batch, lines_of


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    elsewhere = (
        "from pathlib import Path; from connectors.bus.embedded import EmbeddedBus\n"
        f"bus = EmbeddedBus(Path({str(tmp_path)!r}), {PARTITIONS})"
    )
    return Engine(lambda: EmbeddedBus(tmp_path, PARTITIONS), elsewhere)


class TestEmbeddedBus(BusSuite):
    """The contract."""


def test_a_tail_sees_every_partition_in_the_order_of_appends_and_goes_on_behind_a_clear(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, PARTITIONS)
    assert bus.tail(TOPIC, 0, 10) == (0, [])
    bus.append(TOPIC, {2: batch("a"), 0: batch("b", "b")})
    bus.append(TOPIC, {1: batch("c")})
    position, found = bus.tail(TOPIC, 0, 2)
    assert [(each.partition, each.lines()[0]) for each in found] == [(2, b"a"), (0, b"b")]
    assert position < bus.end_position(TOPIC)
    bus.clear(TOPIC)
    bus.append(TOPIC, {0: batch("d")})
    # Positions are never used again, so who tails misses nothing that comes after.
    position, found = bus.tail(TOPIC, position, 10)
    assert lines_of(found) == ["d"]
    assert position == bus.end_position(TOPIC)
    assert bus.tail(TOPIC, position, 10) == (position, [])
    bus.close()


def test_threads_that_share_a_bus_take_turns(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, PARTITIONS)

    def work(thread: int) -> int:
        for number in range(60):
            bus.append(TOPIC, {thread % PARTITIONS: batch(f"{thread}.{number}", "x" * 2000)})
            bus.read(TOPIC, 0, 0, 10**9)
            bus.heads(TOPIC)
        return thread

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(work, range(4))) == [0, 1, 2, 3]
    assert [head.next for head in bus.heads(TOPIC)] == [240, 120, 120]
    bus.close()


@given(
    steps=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    cuts=st.lists(st.integers(0, 5), max_size=3),
    begin=st.integers(0, 5),
)
@settings(max_examples=100)
def test_a_batch_cut_again_and_again_keeps_records_and_promises(steps: list[int], cuts: list[int], begin: int) -> None:
    promises, promise = [(0, begin)], begin
    for index, step in enumerate(steps):
        if index and step:
            promise += step
            promises.append((index, promise))
    promises.append((len(steps), promise + 1))
    lines = [str(index).encode() for index in range(len(steps))]
    whole = StoredBatch(0, 100, len(steps), False, 1, promises, b"\n".join(lines), b"\n".join(lines))
    cut = whole
    for count in cuts:
        offset = cut.first + count
        if offset < cut.next:
            cut = cut.from_offset(offset)
    skipped = cut.first - 100
    assert (cut.lines(), cut.keys(), cut.next) == (
        lines[skipped:],
        [line.decode() for line in lines[skipped:]],
        whole.next,
    )

    def in_force(of: StoredBatch, place: int) -> int:
        return max(value for index, value in of.promises if index <= place)

    for place in range(cut.count + 1):
        assert in_force(cut, place) == in_force(whole, place + skipped)
    assert cut.from_offset(cut.first) is cut


def test_a_topic_that_a_stopped_process_keeps_locked_is_named_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sqlite.BUSY_TIMEOUT_S", 0.1)
    monkeypatch.setattr("connectors.bus.embedded.BUSY_TIMEOUT_S", 0.1)
    bus = EmbeddedBus(tmp_path, PARTITIONS)
    bus.append(TOPIC, {0: batch("a")})
    with closing(sqlite3.connect(tmp_path / f"{TOPIC}.sqlite", isolation_level=None)) as stopped:
        stopped.execute("BEGIN IMMEDIATE")
        with pytest.raises(BusError, match=rf"{TOPIC}\.sqlite stayed locked.* end it"):
            bus.append(TOPIC, {0: batch("b")})
        with pytest.raises(BusError, match="stayed locked"):
            bus.fence(TOPIC, [0], 1)
        bus.append("flow.hits", {0: batch("c")})
        assert lines_of(bus.read(TOPIC, 0, 0, 10)) == ["a"]
    bus.append(TOPIC, {0: batch("d")})
    assert lines_of(bus.read(TOPIC, 0, 0, 10)) == ["a", "d"]
    bus.close()
