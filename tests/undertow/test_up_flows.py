"""`up --flows 2` runs the flow in two processes over partitions of their own; `partitions` shows and suggests them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from connectors.dataset import Dataset
from connectors.feeds.writer import TopicWriter
from connectors.loads import loads, subsets
from events.partitions import partition_of, subset_of
from events.raw import OptionPrint
from events.types import NS_PER_S
from tests.tapes import T0

_ROOT = Path(__file__).parents[2]
_PATIENCE_S = 60.0


def _undertow(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "undertow.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=_ROOT)


def _busy(path: Path) -> Dataset:
    """A data set of four partitions in which one underlying prints as much as all others."""
    dataset = Dataset.open(path, create=True, partitions=4)
    bus = dataset.open_bus()
    writer = TopicWriter(bus, "options.prints")
    writer.member("required", 0)
    for number in range(600):
        root = "SPY" if number % 2 else ("SPX", "QQQ", "NVDA")[number // 2 % 3]
        ts = T0 + number * NS_PER_S // 10
        writer.add(OptionPrint(id=f"p{number}", ts=ts, contract=f"{root}260116C00450000", price=1.0, size=1))
    writer.heartbeat()
    bus.close()
    return dataset


def test_a_busy_underlying_s_partition_is_split_from_the_others(tmp_path: Path) -> None:
    dataset = _busy(tmp_path)
    bus, busy = dataset.open_bus(), partition_of("SPY", 4)
    found = loads(bus)
    bus.close()
    assert max(found, key=lambda load: load.records).partition == busy
    assert max(found, key=lambda load: load.per_s).partition == busy
    assert (busy,) in subsets(found, 2)
    with pytest.raises(ValueError, match="4 partitions cannot be split over 5"):
        subsets(found, 5)


def test_the_command_shows_each_partition_and_suggests_subsets(tmp_path: Path) -> None:
    dataset = _busy(tmp_path)
    bus = dataset.open_bus()
    with dataset.acquire_flow(bus, [0, 1]):
        done = _undertow("partitions", "--data", tmp_path, "--processes", 2, "--json")
    bus.close()
    assert done.returncode == 0, done.stderr
    said = orjson.loads(done.stdout)
    assert [each["flow"] for each in said["partitions"]] == [os.getpid(), os.getpid(), None, None]
    assert sorted(p for text in said["suggested"] for p in subset_of(text, 4)) == [0, 1, 2, 3]
    assert sum(said["suggested"].values()) == pytest.approx(1, abs=0.001)
    refused = _undertow("partitions", "--data", tmp_path, "--processes", 9)
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.slow
def test_up_runs_a_flow_process_for_each_subset(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "undertow.cli",
        "up",
        "--flows",
        "2",
        "--data",
        str(tmp_path),
        "--",
        "--rate",
        "50",
    ]
    with (tmp_path / "up.out").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=_ROOT)
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while b"Undertow is up" not in (tmp_path / "up.out").read_bytes():
            assert process.poll() is None, (tmp_path / "up.out").read_text()
            assert time.monotonic() < deadline, (tmp_path / "up.out").read_text()
            time.sleep(0.1)
        said = orjson.loads(_undertow("status", "--data", tmp_path, "--json").stdout)
        assert len({pid for pid in said["flows"].values() if pid}) == 2
        assert sorted(p for text in said["flows"] for p in subset_of(text, 8)) == list(range(8))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert len(list((tmp_path / "recovery").glob("options-*"))) == 2
