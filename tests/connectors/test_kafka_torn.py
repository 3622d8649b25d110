"""Appends that died or are on their way: nobody sees a part of one, and what was voided leaves nothing behind."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import pytest

from connectors.bus.base import LeaseLost
from connectors.bus.kafka import KafkaBus
from connectors.bus.kafka_log import Stamp
from connectors.bus.kafka_writer import Delivery
from tests.connectors.kafka_bus import break_off, opened, send_some, tail_until, tear
from tests.contract.bus_suite import PARTITIONS, TOPIC, Engine, batch, lines_of

pytestmark = pytest.mark.engine("kafka")


def test_an_append_of_which_a_part_is_missing_is_never_seen_and_voided_by_the_next(engine: Engine) -> None:
    #  partition 0:  a | torn: b     | void | c        partition 1:  a | (its part is missing) | void | late: b | c
    bus, reader = opened(engine), opened(engine)
    bus.append(TOPIC, {0: batch("a"), 1: batch("a")}, epoch=1)
    tear(bus, {0: batch("b", promises=[(1, 50)]), 1: batch("b")}, lands=[0])
    position, heads = reader.mark(TOPIC)
    assert [(head.next, head.promise) for head in heads] == [(1, 0), (1, 0), (0, 0)]
    assert lines_of(reader.read(TOPIC, 0, 0, 100)) == ["a"]
    heir = opened(engine)
    assert heir.append(TOPIC, {0: batch("c"), 1: batch("c"), 2: batch("c")}, epoch=2) == {0: 1, 1: 1, 2: 0}
    tear(bus, {1: batch("b")}, lands=[1])
    for part in (0, 1):
        assert lines_of(reader.read(TOPIC, part, 1, 100)) == ["c"]
        assert lines_of(heir.read(TOPIC, part, 0, 100)) == ["a", "c"]
    assert [head.promise for head in reader.heads(TOPIC)] == [0, 0, 0]
    tailed = tail_until(reader, position, 3)
    assert lines_of(tailed) == ["c", "c", "c"]


@pytest.mark.parametrize("there", [1, 2, 3])
def test_an_append_that_grows_between_two_looks_at_the_ends_is_not_taken_for_whole(engine: Engine, there: int) -> None:
    #  partition 0:  a | b0 … (one record more with each look)        partition 1:  a | b
    bus, reader = opened(engine), opened(engine)
    bus.append(TOPIC, {0: batch("a"), 1: batch("a")}, epoch=1)
    slow = {0: batch("b0", "b1", "b2", "b3", "b4"), 1: batch("b")}
    send_some(bus, slow, 0, 0, there)
    send_some(bus, slow, 1, 0, 1)
    ask, sent = reader._parts.ask_ends, there

    def grow(to: int) -> None:
        nonlocal sent
        if sent < to:
            send_some(bus, slow, 0, sent, to)
        sent = to

    def ask_while_it_grows(topics: Sequence[str]) -> dict[str, list[int]]:
        ends = ask(topics)
        grow(min(sent + 1, 5))
        return ends

    reader._parts.ask_ends = ask_while_it_grows  # type: ignore[method-assign]
    seen = reader.heads(TOPIC)[0].next
    assert seen in (1, 6), "a head stands before the append or behind it"
    assert sum(each.count for each in reader.read(TOPIC, 0, 0, 100)) >= seen, "what a head says can be read"
    grow(5)
    for each in (reader, opened(engine)):
        assert lines_of(each.read(TOPIC, 0, 0, 100)) == ["a", "b0", "b1", "b2", "b3", "b4"]
        assert [head.next for head in each.heads(TOPIC)] == [6, 2, 0]


@pytest.mark.parametrize("fenced", [True, False])
@pytest.mark.parametrize("records", [1, 2, 3])
def test_an_append_whose_messages_ran_out_of_time_within_a_partition_leaves_nothing_not_even_its_promise(
    engine: Engine, records: int, fenced: bool
) -> None:
    #  partition 0:  a | b b b b | void | c        partition 1:  a | b … (the rest is missing) | void | c
    bus, reader = opened(engine), opened(engine)
    bus.append(TOPIC, {0: batch("a"), 1: batch("a")}, epoch=1)
    late = batch("b0", "b1", "b2", "b3", promises=[(0, 50), (2, 70)])
    break_off(bus, {0: late, 1: late}, short=1, records=records)
    assert [(head.next, head.promise) for head in reader.heads(TOPIC)] == [(1, 0), (1, 0), (0, 0)]
    for part in (0, 1):
        assert lines_of(reader.read(TOPIC, part, 0, 100)) == ["a"], "nobody sees of it what its writer gave up"
    heir = opened(engine)
    if fenced:
        heir.fence(TOPIC, range(PARTITIONS), 2)
    # As a feed's writer does, which goes on from the promises that stand in the log.
    assert [(head.next, head.promise) for head in heir.heads(TOPIC)] == [(1, 0), (1, 0), (0, 0)]
    assert heir.append(TOPIC, {0: batch("c"), 1: batch("c", promises=[(0, 10)])}, epoch=2) == {0: 1, 1: 1}
    for each in (heir, reader, opened(engine)):
        assert [(head.next, head.promise) for head in each.heads(TOPIC)] == [(2, 0), (2, 10), (0, 0)]
        for part, promise in ((0, 0), (1, 10)):
            found = each.read(TOPIC, part, 0, 100)
            assert lines_of(found) == ["a", "c"]
            assert found[-1].promises == [(0, promise)], "no promise of what was voided"


@pytest.mark.parametrize("records", [1, 2, 3])
def test_what_lands_of_a_broken_append_while_its_heir_fences_is_never_seen(engine: Engine, records: int) -> None:
    #  partition 0:  a | b0 … (the rest is missing) | fence | c        partition 1:  a | fence | c
    bus, reader = opened(engine), opened(engine)
    bus.append(TOPIC, {0: batch("a"), 1: batch("a")}, epoch=1)
    late = batch("b0", "b1", "b2", "b3", promises=[(0, 50), (2, 70)])
    heir = opened(engine)
    void_torn = heir._void_torn

    def void_before_it_lands(topic: str, epoch: int) -> None:
        void_torn(topic, epoch)
        send_some(bus, {0: late, 1: late}, 0, 0, records)

    heir._void_torn = void_before_it_lands  # type: ignore[method-assign]
    heir.fence(TOPIC, range(PARTITIONS), 2)
    for each in (heir, reader, opened(engine)):
        assert [(head.next, head.promise) for head in each.heads(TOPIC)] == [(1, 0), (1, 0), (0, 0)]
        assert [lines_of(each.read(TOPIC, part, 0, 100)) for part in (0, 1)] == [["a"], ["a"]]
    assert heir.append(TOPIC, {0: batch("c"), 1: batch("c")}, epoch=2) == {0: 1, 1: 1}
    for each in (heir, reader, opened(engine)):
        assert [lines_of(each.read(TOPIC, part, 0, 100)) for part in (0, 1)] == [["a", "c"], ["a", "c"]]


@pytest.mark.parametrize("marked", range(3))
def test_an_heir_that_is_killed_while_it_voids_leaves_it_to_the_next(engine: Engine, marked: int) -> None:
    bus, reader = opened(engine), opened(engine)
    bus.append(TOPIC, {0: batch("a"), 1: batch("a"), 2: batch("a")}, epoch=1)
    tear(bus, {part: batch("b") for part in range(3)}, lands=[0, 1])
    heir = opened(engine)
    killed_after(heir, marked)
    with pytest.raises(Killed):
        heir.fence(TOPIC, range(PARTITIONS), 2)
    for part in range(3):
        assert lines_of(reader.read(TOPIC, part, 0, 100)) == ["a"], "as long as one part is missing, none is seen"
    last = opened(engine)
    last.fence(TOPIC, range(PARTITIONS), 3)
    last.append(TOPIC, {part: batch("c") for part in range(3)}, epoch=3)
    for each in (last, reader, opened(engine)):
        assert [lines_of(each.read(TOPIC, part, 0, 100)) for part in range(3)] == [["a", "c"]] * 3


class Killed(Exception):
    """Stands for kill -9."""


def killed_after(bus: KafkaBus, marks: int) -> None:
    """Lets a bus write so many marks, one after the other."""
    writer, sends = bus._writer, count()
    send = writer.send_mark

    def send_or_die(name: str, part: int, stamp: Stamp) -> Delivery:
        if next(sends) == marks:
            raise Killed
        delivery = send(name, part, stamp)
        writer.wait(name, {part: delivery})
        return delivery

    writer.send_mark = send_or_die  # type: ignore[method-assign]


def test_a_dead_holders_late_records_are_never_seen(engine: Engine) -> None:
    old, new = opened(engine), opened(engine)
    old.append(TOPIC, {0: batch("a")}, epoch=1)
    new.fence(TOPIC, [0], 2)
    # It has not heard of the fence: the log tells it.
    with pytest.raises(LeaseLost, match="lease epoch 1 of options.prints/0 is over: 2 holds it now"):
        old.append(TOPIC, {0: batch("stale", "stale")}, epoch=1)
    assert new.append(TOPIC, {0: batch("b")}, epoch=2) == {0: 1}
    assert [head.next for head in old.heads(TOPIC)] == [2, 0, 0]
    for bus in (old, new, opened(engine)):
        assert lines_of(bus.read(TOPIC, 0, 0, 100)) == ["a", "b"]
        assert lines_of(bus.read(TOPIC, 0, 1, 100)) == ["b"]
        assert lines_of(bus.read_back(TOPIC, 0, 10**18, 1)) == ["b"]
