"""Derived events stand in the log once, whatever is emitted again, and only for the lease's holder (contract 13)."""

from __future__ import annotations

from pathlib import Path
from random import Random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.bus.base import LeaseLost
from connectors.bus.embedded import EmbeddedBus
from connectors.sinks import DerivedPartition, DerivedSink, Emission
from events.derived import DeadLetter
from events.verdicts import Alert
from flows.options import FLOW_TOPICS, MARKED_TOPICS

_ALERTS = "flow.alerts"


def _alert(number: int, revision: int = 0) -> Alert:
    return Alert(
        id=f"al:{number}", revision=revision, ts=number, contract="SPY260116C00450000", underlying="SPY",
        direction="bullish", style="directional", score=1.0, severity="low", confidence=0.5, premium=None, packets=1,
        about="pk:1", hits=(), rules=(), evidence=(), sentences=(), against=(),
    )  # fmt: skip


def _emission(*alerts: Alert, watermark: int = 0) -> Emission:
    return Emission([(_ALERTS, [alert.underlying for alert in alerts], alerts)], watermark)


def _identities(bus: EmbeddedBus, topic: str = _ALERTS, partition: int = 0) -> list[tuple[str, int]]:
    rows = [orjson.loads(line) for b in bus.read(topic, partition, 0, 10**9) if not b.control for line in b.lines()]
    return [(row["id"], row.get("revision", 0)) for row in rows]


def _sink(bus: EmbeddedBus, resume: dict[str, int] | None = None, epoch: int = 1) -> DerivedPartition:
    return DerivedPartition(bus, 0, FLOW_TOPICS, epoch, resume)


@given(
    count=st.integers(1, 30), snapshot_at=st.integers(0, 30), died_at=st.integers(0, 30), seed=st.integers(0, 2**32),
    deaths=st.integers(1, 3),
)  # fmt: skip
@settings(max_examples=40)
def test_what_is_emitted_again_after_a_death_is_not_doubled_and_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory, count: int, snapshot_at: int, died_at: int, seed: int, deaths: int
) -> None:
    chance = Random(seed)
    bus = EmbeddedBus(tmp_path_factory.mktemp("bus"), 1)
    alerts = [_alert(number // 3, number % 3) for number in range(count)]
    resume, snapshot_at = None, min(snapshot_at, count)
    sink = _sink(bus)
    for alert in alerts[:snapshot_at]:
        sink.write_batch([_emission(alert, watermark=alert.ts)])
    if snapshot_at:
        resume = sink.snapshot()
    for number in range(deaths):
        sink = _sink(bus, resume, epoch=2 + number)
        place = snapshot_at
        while place < min(died_at, count):
            size = chance.randint(1, 5)
            sink.write_batch([_emission(*alerts[place : place + size])])
            place += size
    sink = _sink(bus, resume, epoch=9)
    sink.write_batch([_emission(alert) for alert in alerts[snapshot_at:]] or [Emission()])
    assert _identities(bus) == [(alert.id, alert.revision) for alert in alerts]
    bus.close()


@given(
    count=st.integers(1, 30),
    lives=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.booleans()), min_size=1, max_size=5),
)
@settings(max_examples=60)
def test_a_snapshot_before_all_was_emitted_again_forgets_nothing_of_what_stands_there(
    tmp_path_factory: pytest.TempPathFactory, count: int, lives: list[tuple[int, int, bool]]
) -> None:
    """Each life emits from its snapshot on, takes one somewhere on the way or none, goes on and is killed."""
    bus = EmbeddedBus(tmp_path_factory.mktemp("bus"), 1)
    alerts = [_alert(number // 3, number % 3) for number in range(count)]
    resume: dict[str, int] | None = None
    place = 0
    for epoch, (before, behind, snaps) in enumerate([*lives, (count, 0, True)]):
        sink = _sink(bus, resume, epoch + 1)
        taken = min(place + before, count)
        for alert in alerts[place:taken]:
            # What was known at a time may follow as long as no later one is promised.
            sink.write_batch([_emission(alert, watermark=alert.ts)])
        if snaps:
            resume, place = sink.snapshot(), taken
        for alert in alerts[taken : taken + behind]:
            sink.write_batch([_emission(alert, watermark=alert.ts)])
    assert _identities(bus) == [(alert.id, alert.revision) for alert in alerts]
    bus.close()


def test_a_sink_that_has_passed_what_stood_there_begins_behind_it_again(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, 1)
    _sink(bus).write_batch([_emission(_alert(1), _alert(5))])
    sink = _sink(bus, None, epoch=2)
    sink.write_batch([_emission(_alert(1), watermark=5)])
    assert sink.snapshot()[_ALERTS] == 0, "al:5 may yet come"
    sink.write_batch([Emission(watermark=6)])
    assert sink.snapshot()[_ALERTS] == bus.heads(_ALERTS)[0].next, "it will not"
    bus.close()


def test_the_next_revision_of_an_event_that_stands_there_is_written(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, 1)
    _sink(bus).write_batch([_emission(_alert(1))])
    _sink(bus).write_batch([_emission(_alert(1), _alert(1, 1))])
    assert _identities(bus) == [("al:1", 0), ("al:1", 1)]
    bus.close()


def test_a_holder_of_an_older_epoch_is_refused_to_begin_to_write_and_to_promise(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, 1)
    old = _sink(bus, epoch=1)
    old.write_batch([_emission(_alert(1), watermark=1)])
    new = _sink(bus, epoch=2)
    with pytest.raises(LeaseLost, match="lease epoch 1 of flow.alerts/0 is over: 2 holds it now"):
        old.write_batch([_emission(_alert(2), watermark=2)])
    with pytest.raises(LeaseLost):
        old.snapshot()
    with pytest.raises(LeaseLost):
        _sink(bus, epoch=1)
    new.write_batch([_emission(_alert(3))])
    assert _identities(bus) == [("al:1", 0), ("al:3", 0)]
    bus.close()


def test_the_topics_promise_what_the_flow_completed_once_its_snapshot_is_taken(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, 1)
    sink = _sink(bus)
    sink.write_batch([Emission(watermark=500), Emission(watermark=300)])
    assert bus.heads(_ALERTS)[0].promise == 0
    before = sink.snapshot()
    assert [bus.heads(topic)[0].promise for topic in FLOW_TOPICS] == [500] * len(FLOW_TOPICS)
    assert sink.snapshot() == before, "nothing new to promise, nothing written"
    sink.write_batch([Emission(watermark=400)])
    assert sink.snapshot() == before
    bus.close()


def test_dead_letters_have_many_writers_and_are_written_once(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, 1)
    letter = DeadLetter(id="dl:1", ts=1, topic="options.prints", origin="bus", position="0:0", reason="?", raw="{")
    emission = Emission([("deadletter", ["options.prints"], [letter])])
    for epoch in (3, 2):
        # Not even an older holder is refused there: marks are fenced, letters are not.
        sink = DerivedPartition(bus, 0, ["deadletter"], epoch, None)
        sink.write_batch([emission])
        sink.snapshot()
    assert _identities(bus, "deadletter") == [("dl:1", 0)]
    assert bus.heads("deadletter")[0].epoch == 0
    bus.close()


def test_a_sink_of_some_partitions_sends_each_item_to_its_own(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, 12)
    sink = DerivedSink(bus, MARKED_TOPICS, 1, partitions=[2, 10, 11])
    parts = sorted(sink.list_parts())
    assert [parts[sink.part_fn(part)] for part in ("2", "10", "11")] == ["2", "10", "11"]
    bus.close()
