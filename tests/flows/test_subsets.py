"""One run over several processes, each with its partitions: split, merged, moved, killed; the topics are the same."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from connectors import recovery
from connectors.bus.base import LeaseLost
from connectors.dataset import Dataset
from connectors.lease import flow_leases
from connectors.sinks import heartbeat
from connectors.tape import newest_released
from events.partitions import subset_of
from events.settings import Rules
from events.topics import DERIVED_TOPICS
from flows.beginning import TAPE
from flows.splitting import bring_snapshots, store_of
from tests.liveflow import ROOT, Feed, derived, environment, logged, reached, replayed, until
from tests.stopping import stop_between_writes

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

_SETTINGS = {"classifier_z_min_samples": 3, "alert_cooldown_ms": 5000}
_RULES = Rules(classifier_z_min_samples=3, alert_cooldown_ms=5000)
Flow = subprocess.Popen[bytes]


@contextmanager
def _fed(data: Path, seed: int, seconds: float, *, length: int = 2500, partitions: int = 8) -> Iterator[Feed]:
    feed = Feed(data, seed, length, partitions, seconds)
    try:
        yield feed
    finally:
        feed.close()


@contextmanager
def _flows(data: Path, stores: Mapping[str, Path], **settings: object) -> Iterator[dict[str, Flow]]:
    """Flow processes by their partitions, each with its recovery store; killed when the block is left."""
    flows = {}
    try:
        for text, store in stores.items():
            flows[text] = _start(data, text, store, **settings)
        yield flows
    finally:
        for flow in flows.values():
            flow.kill()
            flow.wait()


def _start(data: Path, text: str, store: Path, **settings: object) -> Flow:
    with (data / "flow.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "bytewax.run", "flows.options", "-r", str(store), "-s", "1", "-b", "0"],
            cwd=ROOT, env=environment(data, **{**_SETTINGS, "flow_partitions": text, **settings}), stderr=log,
        )  # fmt: skip


def _running(data: Path, flows: Mapping[str, Flow]) -> None:
    """Waits until every process holds its partitions."""
    dataset = Dataset.open(data)

    def true() -> bool:
        held = {partition: holder.pid for partition, holder in dataset.flow_holders().items()}
        wanted = {p: flow.pid for text, flow in flows.items() for p in subset_of(text, dataset.partitions)}
        return held == wanted

    until(true, list(flows.values()))


def _stop(flows: Mapping[str, Flow]) -> None:
    for flow in flows.values():
        flow.send_signal(signal.SIGTERM)
    assert [flow.wait(30) for flow in flows.values()] == [0] * len(flows)


def _finish(data: Path, feed: Feed, stores: Mapping[str, Path], **settings: object) -> None:
    with _flows(data, stores, **settings) as flows:
        _running(data, flows)
        until(reached(data, feed.promise()), list(flows.values()))
        _stop(flows)


def _assert_as_replayed(data: Path) -> None:
    expected = replayed(data, _RULES)
    assert {"options.marked", "flow.packets", "flow.hits", "flow.alerts"} <= set(expected)
    assert derived(data) == expected


@pytest.mark.parametrize("subsets", [("0-3", "4-7"), ("0,7", "1-2,5", "3-4,6")])
def test_several_processes_leave_what_one_leaves(tmp_path: Path, subsets: Sequence[str]) -> None:
    with _fed(tmp_path, 21, 2) as feed:
        _finish(tmp_path, feed, {text: tmp_path / "recovery" / text for text in subsets})
    _assert_as_replayed(tmp_path)


def test_a_subset_that_overlaps_is_refused_in_one_line_that_names_the_holder(tmp_path: Path) -> None:
    Dataset.open(tmp_path, create=True, partitions=8)
    with _flows(tmp_path, {"0-3": tmp_path / "a"}) as flows:
        _running(tmp_path, flows)
        done = subprocess.run(
            [sys.executable, "-m", "bytewax.run", "flows.options"], cwd=ROOT, capture_output=True, text=True,
            env=environment(tmp_path, flow_partitions="3-7"), check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert f"process {flows['0-3'].pid} on " in done.stderr
        assert "of partitions 3 " in done.stderr
        compute = subprocess.run(
            [sys.executable, "-m", "undertow.cli", "compute"], cwd=ROOT, capture_output=True, text=True,
            env=environment(tmp_path), check=False, timeout=60,
        )  # fmt: skip
        assert compute.returncode == 1
        assert "of partitions 0-3 " in compute.stderr


@pytest.mark.parametrize(("name", "value"), [("FLOW_PARTITIONS", "0-8"), ("FLOW_PARTITIONS", "some")])
def test_what_names_no_partition_is_refused_in_one_line(tmp_path: Path, name: str, value: str) -> None:
    Dataset.open(tmp_path, create=True, partitions=8)
    done = subprocess.run(
        [sys.executable, "-m", "bytewax.run", "flows.options"], cwd=ROOT, capture_output=True, text=True,
        env=environment(tmp_path) | {name: value}, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert f"{name}=" in done.stderr


def test_split_merged_and_split_otherwise_while_it_grows(tmp_path: Path) -> None:
    """One process, two, one of the two takes all, then others; each with whatever its store happens to hold."""
    stores = {name: tmp_path / "recovery" / name for name in "abc"}
    phases = [
        {"0-7": stores["a"]},
        {"0-3": stores["a"], "4-7": stores["b"]},
        {"0-7": stores["b"]},
        {"0,2,4,6": stores["c"], "1,3,5,7": stores["a"]},
    ]
    with _fed(tmp_path, 22, 12) as feed:
        for phase in phases:
            with _flows(tmp_path, phase) as flows:
                _running(tmp_path, flows)
                time.sleep(1.5)
                _stop(flows)
        _finish(tmp_path, feed, {"0-7": stores["a"]})
    _assert_as_replayed(tmp_path)


@pytest.mark.parametrize("copied", [False, True])
def test_a_killed_process_s_partitions_go_on_elsewhere(tmp_path: Path, copied: bool) -> None:
    """Without the recovery store the partitions begin at an anchor or the log's start; a copied one may be old."""
    data = tmp_path / "data"
    stores = {"0-3": tmp_path / "here" / "a", "4-7": tmp_path / "here" / "b"}
    with _fed(data, 23, 6) as feed, _flows(data, stores) as flows:
        _running(data, flows)
        until(lambda: bool(derived(data).get("flow.packets")), list(flows.values()))
        if copied:
            until(lambda: bool(recovery.snapshots(stores["0-3"], "options.tape")))
            shutil.copytree(stores["0-3"], tmp_path / "there")
            time.sleep(1.5)
        flows["0-3"].kill()
        flows["0-3"].wait()
        flows["0-3"] = _start(data, "0-3", tmp_path / "there")
        _running(data, flows)
        until(reached(data, feed.promise()), list(flows.values()))
        _stop(flows)
    _assert_as_replayed(data)


def test_a_stopped_process_that_wakes_when_another_has_its_partitions_stops_and_wrote_nothing(tmp_path: Path) -> None:
    with _fed(tmp_path, 24, 25) as feed, _flows(tmp_path, {"0-3": tmp_path / "a", "4-7": tmp_path / "b"}) as flows:
        _running(tmp_path, flows)
        until(lambda: bool(derived(tmp_path).get("flow.packets")), list(flows.values()))
        sleeper = flows.pop("0-3")
        stop_between_writes(sleeper, tmp_path)
        dataset = Dataset.open(tmp_path)
        until(lambda: not set(dataset.flow_holders()) & {0, 1, 2, 3})
        try:
            flows["0-3"] = _start(tmp_path, "0-3", tmp_path / "c")
            _running(tmp_path, flows)
            until(lambda: _fenced(dataset, range(4)) > _fenced(dataset, range(4, 8)), list(flows.values()))
            sleeper.send_signal(signal.SIGCONT)
            assert sleeper.wait(30) != 0
        finally:
            sleeper.kill()
            sleeper.wait()
        assert "LeaseLost" in logged(tmp_path)
        until(reached(tmp_path, feed.promise()), list(flows.values()))
        _stop(flows)
    _assert_as_replayed(tmp_path)


def _fenced(dataset: Dataset, partitions: Sequence[int]) -> int:
    bus = dataset.open_bus()
    try:
        return min(bus.heads(topic)[partition].epoch for topic in DERIVED_TOPICS for partition in partitions)
    finally:
        bus.close()


def test_an_older_holder_s_append_is_refused_in_its_partitions_alone(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path, create=True, partitions=4)
    bus = dataset.open_bus()
    with dataset.acquire_flow(bus, [0, 1, 2, 3]) as whole:
        bus.fence("flow.packets", range(4), whole.epoch)
    with dataset.acquire_flow(bus, [2, 3]) as part:
        bus.fence("flow.packets", [2, 3], part.epoch)
        bus.append("flow.packets", {1: heartbeat(5)}, whole.epoch)
        with pytest.raises(LeaseLost):
            bus.append("flow.packets", {2: heartbeat(5)}, whole.epoch)
    # What the log has seen counts even where the leases were lost with their file.
    (tmp_path / "leases.sqlite").unlink()
    with dataset.acquire_flow(bus, [3]) as anew:
        assert anew.epoch > part.epoch
    assert set(dataset.leases.holders(flow_leases(range(4)))) == set()
    bus.close()


def test_a_recovery_store_of_a_cleared_run_is_not_used(tmp_path: Path) -> None:
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    with _fed(data, 25, 1, length=1000) as feed:
        _finish(data, feed, {"0-7": elsewhere})
        # Another process clears the run and computes it again; its derived topics begin at 0.
        with _flows(data, {"0-7": tmp_path / "other"}, compute_consumer_reset=True) as flows:
            _running(data, flows)
            # Until it is cleared the old run's topics stand there, as far as the feed's promise.
            until(lambda: derived(data) == replayed(data, _RULES), list(flows.values()))
            _stop(flows)
        assert derived(data) == replayed(data, _RULES)
        with _flows(data, {"0-3": elsewhere, "4-7": tmp_path / "other"}) as flows:
            _running(data, flows)
            until(lambda: "it is not used" in logged(data), list(flows.values()))
            _stop(flows)
    _assert_as_replayed(data)


def test_stores_follow_when_partitions_are_split_otherwise(tmp_path: Path) -> None:
    """One process, two, three, one: each goes on from the furthest snapshots, none begins anew."""
    dataset = Dataset.open(tmp_path, create=True, partitions=8)
    with _fed(tmp_path, 26, 15) as feed:
        for phase in (["0-7"], ["0-3", "4-7"], ["0-1", "2-5", "6-7"], ["0-7"]):
            stores = {text: store_of(dataset, subset_of(text, 8)) for text in phase}
            before = _snapshots(dataset)
            for text in phase:
                bring_snapshots(dataset, subset_of(text, 8))
            brought = {key: each for store in stores.values() for key, each in _of(store).items()}
            assert {key: brought.get(key) for key in before} == before
            with _flows(tmp_path, stores) as flows:
                _running(tmp_path, flows)
                until(partial(_moved, before, stores, feed), list(flows.values()))
                _stop(flows)
        _finish(tmp_path, feed, {"0-7": store_of(dataset, range(8))})
    said = logged(tmp_path)
    # Only the very first start had nothing to go on from.
    assert said.count("partitions - go on from snapshots, 0-7 do not") == 1
    assert said.count(" go on from snapshots, - do not") == said.count(" go on from snapshots") - 1
    _assert_as_replayed(tmp_path)


def _of(store: Path) -> dict[str, int]:
    """Returns how far each partition of a store has released the log, by its committed snapshot."""
    return {key: newest_released(each) for key, each in recovery.snapshots(store, TAPE).items()}


def _snapshots(dataset: Dataset) -> dict[str, int]:
    """Returns how far each partition has come in any store."""
    found: dict[str, int] = {}
    for store in dataset.recovery_dir("").glob("options*"):
        for key, at in _of(store).items():
            found[key] = max(at, found.get(key, 0))
    return found


def _moved(before: Mapping[str, int], stores: Mapping[str, Path], feed: Feed) -> bool:
    """Says whether every store has a snapshot that is further on than before, or nothing comes any more."""
    now = [_of(store) for store in stores.values()]
    return feed.process.poll() is not None or all(
        any(at > before.get(key, 0) for key, at in each.items()) for each in now
    )


def feed_promise(data: Path) -> int:
    """Returns the promise that the raw topics have reached."""
    bus = Dataset.open(data).open_bus()
    try:
        return min(head.promise for topic in ("options.prints", "options.quotes") for head in bus.heads(topic))
    finally:
        bus.close()


def test_a_part_of_a_run_cannot_clear_it(tmp_path: Path) -> None:
    Dataset.open(tmp_path, create=True, partitions=8)
    done = subprocess.run(
        [sys.executable, "-m", "bytewax.run", "flows.options"], cwd=ROOT, capture_output=True, text=True,
        env=environment(tmp_path, flow_partitions="0-3", compute_consumer_reset=True), check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "COMPUTE_CONSUMER_RESET" in done.stderr
