"""The live flow killed, stopped, widened and spread over processes: its derived topics end up the same."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from connectors import recovery
from connectors.dataset import Dataset
from events.settings import Rules
from tests.liveflow import Feed, derived, logged, reached, replayed, runs, start, until

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

#: UNDERTOW_KILLS=50 for the long run.
_KILLS = int(os.environ.get("UNDERTOW_KILLS", "6"))
_SETTINGS = {"classifier_z_min_samples": 3, "alert_cooldown_ms": 5000}
_RULES = Rules(classifier_z_min_samples=3, alert_cooldown_ms=5000)


@contextmanager
def _fed(data: Path, seed: int, seconds: float, *, length: int = 2500, partitions: int = 3) -> Iterator[Feed]:
    feed = Feed(data, seed, length, partitions, seconds)
    try:
        yield feed
    finally:
        feed.close()


def _finish(data: Path, feed: Feed, *options: str) -> None:
    """Runs the flow until it is complete, then stops it as a supervisor does."""
    flow = start(data, *options, **_SETTINGS)
    try:
        until(runs(data, flow), [flow])
        until(reached(data, feed.promise()), [flow])
        flow.send_signal(signal.SIGTERM)
        assert flow.wait(30) == 0, logged(data)
    finally:
        flow.kill()
        flow.wait()


def _assert_as_replayed(data: Path) -> None:
    expected = replayed(data, _RULES)
    assert {"options.marked", "flow.packets", "flow.hits", "flow.alerts"} <= set(expected)
    assert derived(data) == expected


def test_killed_at_random_moments_the_flow_leaves_what_an_undisturbed_run_leaves(tmp_path: Path) -> None:
    chance = Random(_KILLS)
    with _fed(tmp_path, 7, 1.2 * _KILLS) as feed:
        for _ in range(_KILLS):
            # Twice in a row, before the first snapshot or behind several, while starting or working.
            for wait_s in (chance.uniform(0.3, 4.0), *([chance.uniform(0.3, 1.5)] if chance.random() < 0.4 else [])):
                flow = start(tmp_path, **_SETTINGS)
                try:
                    time.sleep(wait_s)
                    assert flow.poll() is None, logged(tmp_path)
                finally:
                    flow.kill()
                    flow.wait()
        _finish(tmp_path, feed)
    _assert_as_replayed(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_flow_ends_cleanly_with_its_snapshot_and_goes_on_from_it(tmp_path: Path, number: int) -> None:
    store = Dataset.open(tmp_path, create=True, partitions=3).recovery_dir("options")
    with _fed(tmp_path, 8, 3, length=1500) as feed:
        flow = start(tmp_path, **_SETTINGS)
        try:
            until(lambda: bool(derived(tmp_path).get("flow.packets")), [flow])
            flow.send_signal(number)
            assert flow.wait(30) == 0, logged(tmp_path)
        finally:
            flow.kill()
            flow.wait()
        stopped = recovery.snapshots(store, "options.tape")
        assert sorted(stopped) == ["0", "1", "2"]
        _finish(tmp_path, feed)
    _assert_as_replayed(tmp_path)


def test_two_workers_leave_what_one_leaves(tmp_path: Path) -> None:
    with _fed(tmp_path, 9, 2, length=1500) as feed:
        _finish(tmp_path, feed, "-w", "2")
    _assert_as_replayed(tmp_path)


def test_two_processes_of_a_cluster_leave_what_one_leaves(tmp_path: Path) -> None:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        addresses = ";".join(f"127.0.0.1:{each.getsockname()[1]}" for each in (first, second))
    with _fed(tmp_path, 10, 2, length=1500) as feed:
        flows = [start(tmp_path, "-i", str(number), "-a", addresses, **_SETTINGS) for number in range(2)]
        try:
            until(reached(tmp_path, feed.promise()), flows)
            for flow in flows:
                flow.send_signal(signal.SIGTERM)
            assert [flow.wait(30) for flow in flows] == [0, 0], logged(tmp_path)
        finally:
            for flow in flows:
                flow.kill()
                flow.wait()
    _assert_as_replayed(tmp_path)
