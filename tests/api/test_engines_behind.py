"""The gateway with real engines behind it: ClickHouse as the archive, Redis as the cache, each away and back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.bus.base import Batch
from connectors.cache.keys import Keys, connect
from connectors.cache.reader import CacheReader
from connectors.dataset import Dataset
from connectors.store.base import read_progress
from connectors.store.client import open_reader, open_store
from connectors.store.owner import owner_of
from events.settings import Cache
from flows.archive import archive_all
from tests.connectors.store.samples import plain_events
from tests.engines.clickhouse import ClickHouse, clickhouse, settings_of
from tests.engines.process import free_port
from tests.engines.redis import Redis, redis_server
from tests.gateway import holding, running
from tests.lines import encode_lines


def packets(count: int) -> list[Any]:
    found = plain_events("flow.packets", count)
    for n, packet in enumerate(found):
        packet.contract, packet.underlying = f"SPY260116C0000{n % 5}000", "SPY"
        packet.premium_z, packet.size = None if n % 3 else n / 7, n
    return found


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    made = Dataset.open(tmp_path / "data", create=True, partitions=2)
    append(made, packets(300))
    return made


def append(dataset: Dataset, events: list[Any]) -> None:
    bus = dataset.open_bus()
    bus.append("flow.packets", {0: Batch(len(events), encode_lines(events), ["SPY"] * len(events), ((0, 0),))}, 1)
    bus.close()


def until(true: Callable[[], bool], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def archive_server(tmp_path: Path) -> Iterator[ClickHouse]:
    (tmp_path / "clickhouse").mkdir()
    with clickhouse(tmp_path / "clickhouse") as server:
        yield server


@pytest.mark.engine("clickhouse")
def test_history_comes_from_the_server_and_is_503_only_while_it_is_away(
    dataset: Dataset, archive_server: ClickHouse
) -> None:
    environ = archive_server.environ("gateway")
    store = open_store(dataset.path, 0, settings_of(environ))
    archive_all(dataset, store)
    store.close()
    with running(dataset.path, 0, **environ) as gateway:
        status, page = gateway.get("/api/flow.packets?limit=7")
        assert (status, len(page["events"])) == (200, 7)
        assert gateway.get("/api/baselines?underlying=SPY")[1]["baselines"][0]["size"] == 299
        until(lambda: bool(gateway.get("/api/health")[1]["parts"]["archive"]["ok"]))
        archive_server.kill()
        status, answer = gateway.get("/api/flow.packets?limit=7")
        assert status == 503
        assert "no ClickHouse answers" in answer["error"]["message"]
        until(lambda: not gateway.get("/api/health")[1]["parts"]["archive"]["ok"])
        archive_server.start()
        assert gateway.get("/api/flow.packets?limit=7") == (200, page)
        assert environ["CLICKHOUSE_URL"] in str(gateway.get("/api/config")[1]["settings"]["CLICKHOUSE_URL"])


class Archive:
    """The archive's process with a cache."""

    def __init__(self, dataset: Dataset, redis_url: str) -> None:
        command = [sys.executable, "-m", "bytewax.run", "flows.archive", "-s", "1", "-b", "0"]
        command += ["-r", str(dataset.recovery_dir("archive"))]
        environ = {**os.environ, "UNDERTOW_DATA": str(dataset.path), "REDIS_URL": redis_url}
        self.process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE)

    def stop(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        said = self.process.communicate(timeout=60)[1].decode()
        assert self.process.returncode == 0, said
        return said


def cached(dataset: Dataset, server: Redis) -> list[bytes]:
    client = connect(Cache(redis_url=server.url))
    found = CacheReader(client, Keys(owner_of(dataset.path))).newest("flow.packets", 1000)
    client.close()
    return found or []


def archived(dataset: Dataset) -> int:
    with open_reader(dataset.path) as reader:
        return read_progress(reader, "main").offsets("flow.packets", 2)[0]


@pytest.mark.engine("redis")
def test_the_archives_process_fills_the_cache_and_the_gateway_answers_the_same_with_it_without_it_and_when_it_dies(
    dataset: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "redis").mkdir()
    with redis_server(tmp_path / "redis") as server:
        archive = Archive(dataset, server.url)
        until(lambda: len(cached(dataset, server)) == 300)
        append(dataset, packets(301)[300:])
        until(lambda: len(cached(dataset, server)) == 301 and archived(dataset) == 301)
        archive.stop()
        asked = ("/api/baselines?underlying=SPY", "/api/newest/flow.packets?limit=9")
        with holding(dataset.path), running(dataset.path) as plain:
            baselines, newest = [plain.get(path)[1] for path in asked]
            assert (len(baselines["baselines"]), len(newest["events"])) == (5, 9)
            assert newest["events"][0]["size"] == 300
            with running(dataset.path, REDIS_URL=server.url) as gateway:
                found = gateway.get(asked[0])[1]
                assert found["baselines"] == baselines["baselines"]
                assert found["source"].startswith("the cache")
                assert gateway.get(asked[1])[1] == newest
                server.kill()
                assert gateway.get(asked[0])[1] == baselines
                assert gateway.get(asked[1])[1] == newest


@pytest.mark.engine("redis")
def test_an_archive_without_its_redis_goes_on_says_so_once_and_fills_it_when_it_comes(
    dataset: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "redis").mkdir()
    with redis_server(tmp_path / "redis") as server:
        server.kill()
        archive = Archive(dataset, server.url)
        until((dataset.path / "store.sock").exists)
        append(dataset, packets(310)[300:])
        until(lambda: archived(dataset) == 310)
        server.start()
        until(lambda: len(cached(dataset, server)) == 310)
        said = archive.stop()
    assert said.count("Redis is away") == 1
    nowhere = Archive(dataset, f"redis://127.0.0.1:{free_port()}/0")
    until((dataset.path / "store.sock").exists)
    assert nowhere.stop().count("Redis is away") <= 1
