"""What every bus engine must do; an engine's test module inherits the suite and says how it is opened."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from random import Random

import orjson
import pytest

from connectors.bus.base import Batch, Bus, BusError, Head, LeaseLost, StoredBatch

TOPIC, OTHER = "options.prints", "options.quotes"
PARTITIONS = 3
_ROOT = Path(__file__).parents[2]
_ALL = 10**9
#: Appends the same batch number to every partition for ever, or up to a count; says each number behind its append.
_APPEND = """
import sys
from connectors.bus.base import Batch
name, count = sys.argv[1], int(sys.argv[2])
for number in range(count):
    lines = b"\\n".join(b'{{"by":"%s","n":%d,"i":%d}}' % (name.encode(), number, i) for i in range(3))
    bus.append("{topic}", {{part: Batch(3, lines, ["K"] * 3, [(3, number)]) for part in range(bus.partitions)}})
    print(number, flush=True)
"""
#: Tails the topic until it holds a count of records; says them.
_TAIL = """
import sys, time
want, offset, deadline = int(sys.argv[1]), 0, time.monotonic() + 60
while offset < want and time.monotonic() < deadline:
    for batch in bus.read("{topic}", 0, offset, 7):
        assert batch.first == offset
        offset = batch.next
        sys.stdout.write("".join(line.decode() + "\\n" for line in batch.lines()))
    time.sleep(0.001)
"""


@dataclass(frozen=True, slots=True)
class Engine:
    """How a test opens a bus of three partitions: here, and in another process as Python that makes `bus`."""

    open: Callable[[], Bus]
    elsewhere: str
    #: An append to several partitions is one event in all of them, also to concurrent appends and to a kill.
    across: bool = True

    def start(self, script: str, *arguments: object) -> subprocess.Popen[str]:
        """Starts a process that has opened the bus and runs a script."""
        code = f"{self.elsewhere}\n{script.format(topic=TOPIC)}"
        return subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True,
            cwd=_ROOT, env=os.environ | {"PYTHONPATH": str(_ROOT)},
        )  # fmt: skip


def batch(*lines: str, promises: Sequence[tuple[int, int]] = (), control: bool = False) -> Batch:
    return Batch(
        count=len(lines), payload="\n".join(lines).encode(), keys=() if control else [f"K{line}" for line in lines],
        promises=promises, control=control,
    )  # fmt: skip


def lines_of(found: Sequence[StoredBatch]) -> list[str]:
    return [line.decode() for each in found for line in each.lines()]


def keys_of(found: Sequence[StoredBatch]) -> list[str]:
    return list(chain.from_iterable(each.keys() for each in found))


def promises_of(found: Sequence[StoredBatch]) -> dict[int, int]:
    """Returns the promise in force before each record, by offset."""
    return {
        each.first + place: max(promise for index, promise in each.promises if index <= place)
        for each in found
        for place in range(each.count)
    }


def _ended(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return said


class BusSuite:
    """Inherit it and give a fixture `engine`."""

    @pytest.fixture
    def bus(self, engine: Engine) -> Bus:
        return engine.open()

    def test_a_topic_that_nobody_made_is_empty_and_stays_unmade(self, bus: Bus) -> None:
        assert bus.heads(TOPIC) == [Head()] * PARTITIONS
        assert bus.read(TOPIC, 0, 0, _ALL) == []
        bus.clear(TOPIC)
        assert bus.topics() == []

    def test_offsets_are_dense_in_each_partition(self, bus: Bus) -> None:
        assert bus.append(TOPIC, {0: batch("a", "b"), 2: batch("c")}) == {0: 0, 2: 0}
        assert bus.append(TOPIC, {0: batch("d"), 1: batch("e"), 2: batch("f", "g")}) == {0: 2, 1: 0, 2: 1}
        assert [head.next for head in bus.heads(TOPIC)] == [3, 1, 3]
        assert [(each.first, each.count) for each in bus.read(TOPIC, 2, 0, _ALL)] == [(0, 1), (1, 2)]
        assert bus.topics() == [TOPIC]
        assert bus.heads(OTHER) == [Head()] * PARTITIONS

    def test_bytes_and_keys_come_back_as_they_were_given(self, bus: Bus) -> None:
        chance = Random(1)
        noise = bytes(chance.choices(range(11, 256), k=3000))
        messages = [b'{"x":"\xc3\xa9"}', b"(\xb5/\xfd poison", b"", b"y" * 5000, noise]
        for message in messages:
            bus.append(TOPIC, {0: Batch(1, message, ["BRK.B"])})
        together = b"\n".join(messages)
        bus.append(TOPIC, {0: Batch(len(messages), together, [f"K{n}é" for n in range(len(messages))])})
        found = bus.read(TOPIC, 0, 0, _ALL)
        assert [each.lines() for each in found] == [*([message] for message in messages), messages]
        assert [each.keys() for each in found] == [["BRK.B"]] * 5 + [[f"K{n}é" for n in range(5)]]

    def test_control_records_are_told_apart_and_have_no_key(self, bus: Bus) -> None:
        bus.append(TOPIC, {0: batch("a", "b", control=True)})
        bus.append(TOPIC, {0: batch("c")})
        found = bus.read(TOPIC, 0, 0, _ALL)
        assert [(each.control, each.keys()) for each in found] == [(True, []), (False, ["Kc"])]

    def test_an_append_to_several_partitions_is_whole_or_not_at_all(self, bus: Bus) -> None:
        bus.append(TOPIC, {0: batch("a")})
        bus.fence(TOPIC, [1], 5)
        for bad in ({PARTITIONS: batch("x")}, {1: batch("x")}, {2: Batch(0, b"")}):
            with pytest.raises(BusError):
                bus.append(TOPIC, {0: batch("b"), **bad})
        assert [head.next for head in bus.heads(TOPIC)] == [1, 0, 0]
        assert bus.append(TOPIC, {0: batch("b")}) == {0: 1}

    def test_a_promise_never_falls_and_stands_before_every_later_batch(self, bus: Bus) -> None:
        bus.append(TOPIC, {0: batch("a", "b", "c", promises=[(0, 5), (1, 5), (2, 9), (3, 12)])})
        bus.append(TOPIC, {0: batch("d", "e", promises=[(0, 7), (1, 20), (2, 15)])})
        bus.append(TOPIC, {0: batch("f")})
        found = bus.read(TOPIC, 0, 0, _ALL)
        assert [each.promises[0] for each in found] == [(0, 5), (0, 12), (0, 20)]
        assert promises_of(found) == {0: 5, 1: 5, 2: 9, 3: 12, 4: 20, 5: 20}
        assert [head.promise for head in bus.heads(TOPIC)] == [20, 0, 0]
        for each in found:
            assert [index for index, _ in each.promises] == sorted({index for index, _ in each.promises})
            assert [promise for _, promise in each.promises] == sorted(promise for _, promise in each.promises)

    def test_from_any_offset_the_rest_is_the_same_with_the_same_promises(self, bus: Bus) -> None:
        chance, promise = Random(2), 0
        for number in range(12):
            count, promises = chance.randint(1, 6), []
            for index in range(count + 1):
                if chance.random() < 0.4:
                    promise += chance.randint(0, 3)
                    promises.append((index, promise))
            bus.append(TOPIC, {1: batch(*(f"{number}.{place}" for place in range(count)), promises=promises)})
        whole = bus.read(TOPIC, 1, 0, _ALL)
        lines, keys, in_force = lines_of(whole), keys_of(whole), promises_of(whole)
        for offset in range(len(lines) + 1):
            rest = bus.read(TOPIC, 1, offset, _ALL)
            assert lines_of(rest) == lines[offset:]
            assert keys_of(rest) == keys[offset:]
            assert promises_of(rest) == {at: held for at, held in in_force.items() if at >= offset}
            assert not rest or (rest[0].first, rest[-1].next) == (offset, len(lines))
            assert not rest or rest[-1].promises[-1][1] == whole[-1].promises[-1][1]

    def test_a_read_ends_with_the_batch_that_reaches_its_limit(self, bus: Bus) -> None:
        for name in "abc":
            bus.append(TOPIC, {0: batch(*(name * 3))})
        assert [each.count for each in bus.read(TOPIC, 0, 0, 1)] == [3]
        assert [each.count for each in bus.read(TOPIC, 0, 1, 3)] == [2, 3]
        assert [each.count for each in bus.read(TOPIC, 0, 2, 100)] == [1, 3, 3]
        assert bus.read(TOPIC, 0, 9, 100) == []

    def test_a_fence_refuses_every_older_epoch_in_its_partitions_and_no_other(self, bus: Bus) -> None:
        bus.append(TOPIC, {0: batch("a"), 1: batch("a")}, epoch=3)
        bus.fence(TOPIC, [0], 7)
        for old in (0, 3, 6):
            with pytest.raises(LeaseLost, match=f"lease epoch {old} of {TOPIC}/0 is over: 7 holds it now"):
                bus.append(TOPIC, {0: batch("b")}, epoch=old)
            with pytest.raises(LeaseLost):
                bus.fence(TOPIC, [2, 0], old)
        bus.append(TOPIC, {1: batch("b")}, epoch=3)
        bus.append(TOPIC, {0: batch("b")}, epoch=7)
        bus.fence(TOPIC, [0], 7)
        assert [head.epoch for head in bus.heads(TOPIC)] == [7, 3, 0]
        assert [each.epoch for each in bus.read(TOPIC, 0, 0, _ALL)] == [3, 7]

    def test_an_append_of_a_newer_epoch_fences_those_before_it(self, bus: Bus) -> None:
        bus.append(TOPIC, {0: batch("a")}, epoch=4)
        with pytest.raises(LeaseLost):
            bus.append(TOPIC, {0: batch("b")}, epoch=3)

    def test_trimming_drops_whole_batches_and_moves_the_start(self, bus: Bus) -> None:
        for name in "abc":
            bus.append(TOPIC, {0: batch(name, name), 1: batch(name)})
        assert bus.trim(TOPIC, 0, 3) == 2
        assert (bus.heads(TOPIC)[0].start, bus.heads(TOPIC)[0].next) == (2, 6)
        assert lines_of(bus.read(TOPIC, 0, 0, _ALL)) == ["b", "b", "c", "c"]
        assert lines_of(bus.read(TOPIC, 1, 0, _ALL)) == ["a", "b", "c"]
        assert bus.trim(TOPIC, 0, _ALL) == 6
        assert bus.append(TOPIC, {0: batch("d")}) == {0: 6}
        assert bus.heads(TOPIC)[0].start == 6

    def test_a_trim_of_a_partition_that_does_not_exist_leaves_the_bus_usable(self, engine: Engine, bus: Bus) -> None:
        bus.append(TOPIC, {0: batch("a")})
        with pytest.raises((BusError, IndexError)):
            bus.trim(TOPIC, PARTITIONS, 1)
        engine.open().append(TOPIC, {0: batch("b")})
        assert bus.append(TOPIC, {0: batch("c")}) == {0: 2}

    def test_clearing_begins_at_0_again_and_keeps_the_dead_fenced(self, bus: Bus) -> None:
        bus.append(TOPIC, {0: batch("a", promises=[(1, 50)])}, epoch=4)
        bus.clear(TOPIC)
        assert bus.heads(TOPIC) == [Head(0, 0, 0, 4), Head(), Head()]
        assert bus.read(TOPIC, 0, 0, _ALL) == []
        with pytest.raises(LeaseLost):
            bus.append(TOPIC, {0: batch("b")}, epoch=3)
        assert bus.append(TOPIC, {0: batch("b", promises=[(1, 10)])}, epoch=4) == {0: 0}
        assert bus.heads(TOPIC)[0] == Head(0, 1, 10, 4)

    def test_what_one_opening_appends_another_reads_at_once(self, engine: Engine, bus: Bus) -> None:
        other = engine.open()
        assert other.read(TOPIC, 0, 0, _ALL) == []
        bus.append(TOPIC, {0: batch("a")})
        assert lines_of(other.read(TOPIC, 0, 0, _ALL)) == ["a"]
        assert other.heads(TOPIC) == bus.heads(TOPIC)

    def test_two_processes_append_while_a_third_tails_every_record_in_order(self, engine: Engine, bus: Bus) -> None:
        appends = 150
        processes = [engine.start(_TAIL, 2 * 3 * appends), *(engine.start(_APPEND, name, appends) for name in "xy")]
        try:
            tailed = [orjson.loads(line) for line in _ended(processes[0]).splitlines()]
            for process in processes[1:]:
                _ended(process)
        finally:
            for process in processes:
                process.kill()
                process.communicate()
        for name in "xy":
            mine = [(row["n"], row["i"]) for row in tailed if row["by"] == name]
            assert mine == [(number, i) for number in range(appends) for i in range(3)]
        # Appends to several partitions stand in one order everywhere.
        wholes = [lines_of(bus.read(TOPIC, part, 0, _ALL)) for part in range(PARTITIONS)]
        if engine.across:
            assert wholes[0] == wholes[1] == wholes[2]
        else:
            assert sorted(wholes[0]) == sorted(wholes[1]) == sorted(wholes[2])

    @pytest.mark.chaos
    def test_an_appender_killed_anywhere_leaves_whole_appends_and_all_that_it_said(
        self, engine: Engine, bus: Bus
    ) -> None:
        chance, acknowledged = Random(3), 0
        for killed in range(1, 7):
            process = engine.start(_APPEND, "k", 10**6)
            assert process.stdout is not None
            assert process.stdout.readline() == "0\n"
            time.sleep(chance.uniform(0, 0.15))
            process.kill()
            said = process.communicate()[0].splitlines()
            acknowledged += 1 + len([line for line in said if line.isdigit()])
            heads = bus.heads(TOPIC)
            assert len({head.next for head in heads}) == 1
            assert heads[0].next % 3 == 0
            # Killed between the append and saying so, each may have done one more.
            assert 0 <= heads[0].next // 3 - acknowledged <= killed
        end = bus.append(TOPIC, {0: batch("a")})[0]
        rows = [orjson.loads(line) for line in lines_of(bus.read(TOPIC, 0, 0, _ALL))[:-1]]
        assert [row["i"] for row in rows] == [0, 1, 2] * (end // 3)
