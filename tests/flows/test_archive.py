"""The archive's flow: bounded in this process, live in its own, killed at any moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from connectors.bus.base import Batch
from connectors.dataset import Dataset
from connectors.store.base import StoreAway, read_progress
from connectors.store.client import ServedStore, open_reader
from connectors.store.export import lines
from flows.archive import archive_all, log_heads
from flows.beginning import new_generation
from flows.runtime import BEGIN_AGAIN
from tests.connectors.store.samples import expected_lines, plain_events
from tests.lines import encode_lines

TOPICS = ("options.prints", "options.quotes", "flow.alerts")
PROMISES = ((0, 0),)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset.open(tmp_path / "data", create=True, partitions=3)


@pytest.fixture
def served(dataset: Dataset) -> Iterator[ServedStore]:
    opened = ServedStore.open(dataset.path)
    yield opened
    opened.close()


def append(dataset: Dataset, topic: str, events: Sequence[Any], partition: int = 0) -> None:
    bus = dataset.open_bus()
    bus.append(topic, {partition: Batch(len(events), encode_lines(events), ["SPY"] * len(events), PROMISES)}, 1)
    bus.close()


def exported(reader: Any) -> dict[str, list[bytes]]:
    return {topic: list(lines(reader, topic)) for topic in TOPICS}


def test_the_log_is_archived_to_its_heads_and_again_changes_nothing(dataset: Dataset, served: ServedStore) -> None:
    events = {topic: plain_events(topic, 30) for topic in TOPICS}
    for topic in TOPICS:
        for partition in range(3):
            append(dataset, topic, events[topic][partition * 10 : partition * 10 + 10], partition)
    for _ in range(2):
        assert archive_all(dataset, served.store).rows == 90
        assert exported(served) == {topic: expected_lines(topic, events[topic], PROMISES) for topic in TOPICS}
    assert read_progress(served, "main").offsets("flow.alerts", 3) == [10, 10, 10]


def test_given_heads_bound_what_is_archived(dataset: Dataset, served: ServedStore) -> None:
    events = plain_events("options.prints", 20)
    append(dataset, "options.prints", events[:10])
    heads = log_heads(dataset)
    append(dataset, "options.prints", events[10:])
    archive_all(dataset, served.store, heads=heads)
    assert exported(served)["options.prints"] == expected_lines("options.prints", events[:10], PROMISES)


class Live:
    """Starts the archive's process as often as asked, one at a time."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "bytewax.run", "flows.archive", "-s", "1", "-b", "0"]
        recovery = ["-r", str(self._dataset.recovery_dir("archive"))]
        environment = {**os.environ, "UNDERTOW_DATA": str(self._dataset.path)}
        self.process = subprocess.Popen([*command, *recovery], env=environment)
        return self.process

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def live(dataset: Dataset) -> Iterator[Live]:
    made = Live(dataset)
    yield made
    made.kill()


def wait_until(true: Callable[[], bool], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def caught_up(dataset: Dataset) -> bool:
    heads = log_heads(dataset)
    try:
        with open_reader(dataset.path, wait_s=0) as reader:
            reached = {"": read_progress(reader), "main": read_progress(reader, "main")}
    except StoreAway:
        return False
    run = {topic: "main" if topic == "flow.alerts" else "" for topic in heads}
    return all(reached[run[topic]].offsets(topic, 3) == offsets for topic, offsets in heads.items())


def has_socket(dataset: Dataset) -> bool:
    return (dataset.path / "store.sock").exists()


@pytest.mark.chaos
@pytest.mark.slow
def test_an_archive_killed_at_random_moments_ends_up_as_the_log_says(dataset: Dataset, live: Live) -> None:
    chance = random.Random(5)
    events = {topic: plain_events(topic, 24_000) for topic in TOPICS}
    place = 0
    for _ in range(6):
        live.start()
        wait_until(lambda: has_socket(dataset))
        for _ in range(4):
            for topic in TOPICS:
                append(dataset, topic, events[topic][place : place + 1000], place // 1000 % 3)
            place += 1000
            time.sleep(chance.random() * 0.5)
        live.kill()
    with open_reader(dataset.path) as reader:
        before = exported(reader)
    right = {topic: expected_lines(topic, events[topic], PROMISES) for topic in TOPICS}
    assert all(set(before[topic]) <= set(right[topic]) for topic in TOPICS)
    assert all(len(before[topic]) == len(set(before[topic])) for topic in TOPICS)
    process = live.start()
    wait_until(lambda: has_socket(dataset) and caught_up(dataset))
    with open_reader(dataset.path) as reader:
        assert exported(reader) == right
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    with open_reader(dataset.path) as reader:
        assert exported(reader) == right


def test_a_stop_signal_takes_the_last_rows_along_and_exits_0(dataset: Dataset, live: Live) -> None:
    process = live.start()
    wait_until(lambda: has_socket(dataset))
    events = plain_events("options.prints", 500)
    append(dataset, "options.prints", events)
    wait_until(lambda: caught_up(dataset))
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert not has_socket(dataset)
    with open_reader(dataset.path) as reader:
        assert exported(reader)["options.prints"] == expected_lines("options.prints", events, PROMISES)


def test_rows_of_a_run_that_was_cleared_go_with_it(dataset: Dataset, live: Live) -> None:
    def archived(topic: str) -> list[bytes]:
        wait_until(lambda: has_socket(dataset) and caught_up(dataset))
        with open_reader(dataset.path) as reader:
            return exported(reader)[topic]

    prints, alerts = plain_events("options.prints", 50), plain_events("flow.alerts", 60)
    append(dataset, "options.prints", prints)
    append(dataset, "flow.alerts", alerts[:40])
    process = live.start()
    assert archived("flow.alerts") == expected_lines("flow.alerts", alerts[:40], PROMISES)
    new_generation(dataset, 1)
    time.sleep(3)
    assert process.poll() is None, "the run's first life: nothing was cleared"
    bus = dataset.open_bus()
    bus.clear("flow.alerts")
    bus.close()
    new_generation(dataset, 2)
    assert process.wait(20) == BEGIN_AGAIN
    # Fewer than before: their offsets lie below those that were archived.
    append(dataset, "flow.alerts", alerts[30:])
    process = live.start()
    assert archived("flow.alerts") == expected_lines("flow.alerts", alerts[30:], PROMISES)
    assert archived("options.prints") == expected_lines("options.prints", prints, PROMISES)
    live.kill()
    live.start()
    assert archived("flow.alerts") == expected_lines("flow.alerts", alerts[30:], PROMISES), "cleared once"


def test_what_was_archived_of_topics_while_they_were_being_cleared_goes_too(dataset: Dataset, live: Live) -> None:
    alerts = plain_events("flow.alerts", 60)
    append(dataset, "flow.alerts", alerts[:40])
    new_generation(dataset, 7, clearing=True)
    process = live.start()
    wait_until(lambda: has_socket(dataset) and caught_up(dataset))
    bus = dataset.open_bus()
    bus.clear("flow.alerts")
    bus.close()
    new_generation(dataset, 7)
    assert process.wait(20) == BEGIN_AGAIN
    append(dataset, "flow.alerts", alerts[50:])
    live.start()
    wait_until(lambda: has_socket(dataset) and caught_up(dataset))
    with open_reader(dataset.path) as reader:
        assert exported(reader)["flow.alerts"] == expected_lines("flow.alerts", alerts[50:], PROMISES)


def test_a_missing_data_set_is_one_line(tmp_path: Path) -> None:
    environment = {**os.environ, "UNDERTOW_DATA": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "bytewax.run", "flows.archive"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: no data set in")
    assert done.stderr.count("\n") == 1
