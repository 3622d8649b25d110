"""The watchdog: a dead feed's topic becomes absent, a living one's never does."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.bus.base import Bus
from connectors.dataset import Dataset
from connectors.feeds.writer import TopicWriter
from events.control import Control, decode_control
from events.types import NS_PER_S
from undertow.watchdog import Watchdog

GRACE_S = 20.0
TS = 1_767_623_400 * NS_PER_S


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset.open(tmp_path / "market", create=True, clock="synthetic", partitions=2)


def controls(bus: Bus, topic: str) -> list[Control]:
    return [decode_control(line) for batch in bus.read(topic, 1, 0, 100) if batch.control for line in batch.lines()]


def looks(watchdog: Watchdog, first_s: float, last_s: float) -> list[str]:
    """Looks once a second; returns the topics whose absence was written."""
    return [topic for second in range(int(first_s), int(last_s) + 1) for topic in watchdog.look(float(second))]


def test_a_feed_that_stays_away_longer_than_the_grace_becomes_absent_once(dataset: Dataset) -> None:
    bus = dataset.open_bus()
    with dataset.leases.acquire("feed:options.prints") as lease:
        writer = TopicWriter(bus, "options.prints", permit=lease)
        writer.member("required", 0)
        writer.heartbeat(TS)
        watchdog = Watchdog(dataset, bus, GRACE_S)
        assert looks(watchdog, 0, 100) == []
    assert looks(watchdog, 100, 100 + GRACE_S) == []
    assert looks(watchdog, 100 + GRACE_S, 102 + GRACE_S) == ["options.prints"]
    assert looks(watchdog, 200, 300) == []
    absences = [each for each in controls(bus, "options.prints") if each.control == "member"]
    assert [(each.state, each.ts) for each in absences] == [("required", 0), ("absent", TS)]


def test_a_feed_that_comes_back_within_the_grace_is_left_alone(dataset: Dataset) -> None:
    bus = dataset.open_bus()
    watchdog = Watchdog(dataset, bus, GRACE_S)
    with dataset.leases.acquire("feed:options.prints") as lease:
        TopicWriter(bus, "options.prints", permit=lease).member("required", 0)
        watchdog.look(0.0)
    looks(watchdog, 1, 10)
    with dataset.leases.acquire("feed:options.prints"):
        assert looks(watchdog, 10, GRACE_S + 5) == []
    assert looks(watchdog, GRACE_S + 5, GRACE_S + 10) == []


def test_a_watchdog_that_was_stopped_itself_saw_nobody_absent_meanwhile(dataset: Dataset) -> None:
    #  s   0         1                                    3600      3601 …
    #      feed      watchdog stopped ······ feed killed  wakes     the feed is being started again
    watchdog = Watchdog(dataset, dataset.open_bus(), GRACE_S)
    with dataset.leases.acquire("feed:options.prints") as lease:
        TopicWriter(dataset.open_bus(), "options.prints", permit=lease).member("required", 0)
        looks(watchdog, 0, 1)
    assert looks(watchdog, 3600, 3600 + GRACE_S - 5) == []


def test_a_topic_that_no_feed_ever_held_is_none_of_its_business(dataset: Dataset) -> None:
    watchdog = Watchdog(dataset, dataset.open_bus(), GRACE_S)
    assert looks(watchdog, 0, 100) == []
