"""What a look says while the log is away, after a run was begun anew, and when one feed of several dies."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.monitor import Watch
from connectors.bus.base import Batch, Bus, BusError
from connectors.dataset import Dataset
from events.types import NS_PER_S

PRINTS, MARKED = "options.prints", "options.marked"


class Log:
    """A log of one partition, a watch over it, and whether it can be read."""

    def __init__(self, path: Path) -> None:
        dataset = Dataset.open(path, create=True, partitions=1)
        self.bus: Bus = dataset.open_bus()
        self.away = False
        self._of_watch = dataset.open_bus()
        self.watch = Watch(lambda: self)

    def __getattr__(self, name: str) -> Any:
        if self.away:
            raise BusError("brokers are away")
        return getattr(self._of_watch, name)

    def put(self, topic: str, *seconds: int) -> None:
        payload = b"\n".join(b'{"ts":%d}' % (each * NS_PER_S) for each in seconds)
        promises = [(0, seconds[-1] * NS_PER_S)]
        self.bus.append(topic, {0: Batch(len(seconds), payload, ["SPY"] * len(seconds), promises)})


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log(tmp_path)
    yield made
    made.watch.close()
    made.bus.close()


def test_a_log_that_is_away_moves_nothing_and_its_records_count_when_it_is_back(log: Log) -> None:
    log.put(PRINTS, 1000)
    log.put(MARKED, 1000)
    log.watch.look()
    log.put(PRINTS, *range(1001, 1401))
    seen = log.watch.look()
    assert (seen.lag_ms, seen.rates[PRINTS] > 0) == (400_000, True)
    log.away = True
    time.sleep(0.2)
    seen = log.watch.look()
    assert (seen.bus, seen.feed, seen.lag_ms, set(seen.rates.values())) == (False, False, None, {0.0})
    log.put(PRINTS, *range(1401, 1501))
    log.away = False
    seen = log.watch.look()
    assert (seen.lag_ms, seen.events[PRINTS]) == (500_000, 500)
    assert seen.rates[PRINTS] < 100 / 0.2  # over the whole time since the last look that saw anything


@pytest.mark.parametrize("marked", [[500], [500, 501, 502, 503]])
def test_the_lag_is_that_of_the_run_begun_anew(log: Log, marked: list[int]) -> None:
    log.put(PRINTS, 1000)
    log.put(MARKED, 999, 1000)
    assert log.watch.look().lag_ms == 0
    log.bus.clear(MARKED)
    log.put(MARKED, *marked)
    assert log.watch.look().lag_ms == (1000 - marked[-1]) * 1000


def test_a_run_that_was_cleared_and_has_not_begun_has_no_lag(log: Log) -> None:
    log.put(PRINTS, 1000)
    log.put(MARKED, 1000)
    log.watch.look()
    log.bus.clear(MARKED)
    assert log.watch.look().lag_ms is None


def test_a_feed_that_died_shows_though_others_go_on(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("api.monitor.time.monotonic", lambda: now)
    feeds = (PRINTS, "equities.prints")
    seen = []
    for second in range(12):
        now += 1
        for topic in feeds if second < 3 or second >= 9 else feeds[1:]:
            log.put(topic, 1000 + second)
        seen.append(log.watch.look().feed)
    assert seen == [False, *[True] * 4, *[False] * 4, *[True] * 3]


def test_a_topic_that_was_fed_days_ago_has_no_feed(log: Log) -> None:
    log.put("equities.quotes", 1000)
    for day in (3, 4):
        log.put(PRINTS, day * 86_400)
        seen = log.watch.look()
    assert seen.feed
