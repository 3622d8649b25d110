"""A new run that asks for it begins with the cache's packets, real Redis and a real flow, and the log explains it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.cache.keys import EARLIER_PACKETS, Keys, connect
from connectors.cache.mirror import Mirror
from connectors.cache.reader import CacheReader
from connectors.dataset import Dataset
from connectors.store.owner import owner_of
from events.contracts import parse_contract
from events.settings import Cache, Rules
from events.topics import DERIVED_TOPICS
from tests.engines.redis import Redis, redis_server
from tests.liveflow import Feed, derived, fields, logged, reached, replayed, start, until

pytestmark = pytest.mark.engine("redis")
_LEAST = {"classifier_z_min_samples": 3}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


def _run(data: Path, seed: int, **settings: object) -> None:
    """Runs the live flow from before a feed begins until all that it wrote is concluded from."""
    dataset = Dataset.open(data, create=True, partitions=3)
    flow = start(data, **_LEAST, **settings)
    until(lambda: dataset.run("main") is not None, [flow])
    feed = Feed(data, seed, 300, 3, 1.0)
    try:
        until(reached(data, feed.promise()), [flow])
    finally:
        feed.close()
        flow.send_signal(signal.SIGTERM)
        assert flow.wait(30) == 0, logged(data)


def _count(known: dict[str, list[list[int]]], underlying: str) -> int:
    return sum(len(rows) for contract, rows in known.items() if parse_contract(contract).underlying == underlying)


def test_a_cold_flow_begins_with_the_caches_packets_and_the_log_explains_it(tmp_path: Path, server: Redis) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    _run(first, 3)
    client = connect(Cache(redis_url=server.url))
    # The second data set is the first's heir: it has its name in the cache.
    Dataset.open(second, create=True, partitions=3)
    (second / "dataset.id").write_text(owner_of(first) + "\n")
    bus = Dataset.open(first).open_bus()
    mirror = Mirror(bus, client, Keys(owner_of(first)), 500)
    while mirror.step():
        pass
    bus.close()
    known = CacheReader(client, Keys(owner_of(second))).earlier()
    packets = [row for lines in derived(first)["flow.packets"].values() for row in fields(lines)]
    for contract, rows in known.items():
        own = [row for row in packets if row["contract"] == contract and not row["revision"]]
        assert [row[:3:2] for row in rows] == [[row["start_ts"], row["size"]] for row in own][-EARLIER_PACKETS:]

    _run(second, 4, baseline_cold_start="redis", redis_url=server.url)
    found = derived(second)
    warm = {underlying for underlying in found["flow.packets"] if _count(known, underlying) >= 3}
    opening = {underlying: fields(lines)[0] for underlying, lines in found["flow.packets"].items()}
    assert warm
    assert {name for name, row in opening.items() if row["baseline"] is not None} == warm
    again = replayed(second, Rules(classifier_z_min_samples=3))
    for topic in DERIVED_TOPICS:
        for underlying, lines in found.get(topic, {}).items():
            assert again[topic][underlying][: len(lines)] == lines
    client.close()


def test_a_cache_that_is_away_is_said_in_one_line(tmp_path: Path) -> None:
    Dataset.open(tmp_path, create=True)
    for redis_url, said in (("", "cannot work without REDIS_URL"), ("redis://127.0.0.1:1/0", "Redis is away")):
        flow = start(tmp_path, baseline_cold_start="redis", redis_url=redis_url)
        assert flow.wait(60) == 1
        last = logged(tmp_path).strip().splitlines()[-1]
        assert last.startswith("error: BASELINE_COLD_START=redis")
        assert said in last
