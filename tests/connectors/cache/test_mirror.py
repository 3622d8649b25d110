"""The cache holds what the log says is newest, whatever is killed, on a real Redis."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import redis

from connectors.bus.base import Batch, BusError, Head
from connectors.bus.embedded import EmbeddedBus
from connectors.cache.keys import HOT_MESSAGES, HOT_TOPICS, CachedBaseline, CacheError, Keys, connect
from connectors.cache.mirror import Mirror, MirrorThread
from connectors.cache.reader import CacheReader
from events.codec import encode
from events.settings import Cache
from tests.connectors.store.samples import T0, plain_events
from tests.engines.redis import Redis, redis_server
from tests.lines import encode_lines

pytestmark = pytest.mark.engine("redis")
KEYS = Keys("me")
TTL_S = 500


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def client(server: Redis) -> Iterator[redis.Redis]:
    made = connect(Cache(redis_url=server.url))
    made.flushall()
    yield made
    made.close()


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[EmbeddedBus]:
    made = EmbeddedBus(tmp_path / "bus", 3)
    yield made
    made.close()


def contract(number: int) -> str:
    return f"SPY260116C0000{number}000"


def packets(seed: int, count: int) -> list[Any]:
    """Draws packets of nine contracts; one in five revises an earlier one."""
    chance = Random(seed)
    found: list[Any] = []
    for n, packet in enumerate(plain_events("flow.packets", count)):
        which = chance.randrange(9)
        packet.contract, packet.underlying = contract(which), f"U{which % 3}"
        packet.premium_z, packet.size = chance.choice((None, n / 7)), n
        if found and chance.random() < 0.2:
            earlier = chance.choice(found)
            packet.id, packet.ts, packet.revision = earlier.id, earlier.ts, earlier.revision + 1
            packet.contract, packet.underlying = earlier.contract, earlier.underlying
        found.append(packet)
    return found


def append(bus: EmbeddedBus, topic: str, events: list[Any], epoch: int = 1) -> None:
    for event in events:
        key = event.underlying
        bus.append(topic, {int(key[-1]) % 3: Batch(1, encode_lines([event]), [key])}, epoch)


def mirrored(bus: EmbeddedBus, client: redis.Redis) -> None:
    mirror = Mirror(bus, client, KEYS, TTL_S)
    while mirror.step():
        pass


def newest(events: list[Any]) -> dict[str, CachedBaseline]:
    """Returns the newest baseline by contract, by definition."""
    found: dict[str, CachedBaseline] = {}
    for event in events:
        each = CachedBaseline.of(event)
        if event.contract not in found or each.order >= found[event.contract].order:
            found[event.contract] = each
    return found


def held(client: redis.Redis) -> dict[str, CachedBaseline]:
    reader = CacheReader(client, KEYS)
    rows = [row for name in ("U0", "U1", "U2") for row in reader.baselines(name, None, 100) or []]
    return {row.contract: row for row in rows}


@pytest.mark.parametrize("seed", range(4))
def test_each_contracts_newest_packet_stands_and_a_revision_of_an_older_one_does_not(
    bus: EmbeddedBus, client: redis.Redis, seed: int
) -> None:
    events = packets(seed, 200)
    place = 0
    for upto in (30, 31, 120, 200):
        append(bus, "flow.packets", events[place:upto])
        place = upto
        mirrored(bus, client)
        assert held(client) == newest(events[:upto])
    reader = CacheReader(client, KEYS)
    one = reader.baselines("U1", contract(1), 5)
    assert one == [newest(events)[contract(1)]]
    rows = reader.baselines("U1", None, 2)
    assert rows == sorted((r for r in newest(events).values() if r.contract in map(contract, (1, 4, 7))),
                          key=lambda row: (-row.ts, row.contract))[:2]  # fmt: skip
    assert reader.baselines("none", None, 5) is None


def test_every_message_is_kept_once_the_newest_first_and_no_more_than_the_limit(
    bus: EmbeddedBus, client: redis.Redis
) -> None:
    events = plain_events("flow.alerts", HOT_MESSAGES + 50)
    for event in events:
        event.underlying = "U1"
    append(bus, "flow.alerts", events[:40])
    for _ in range(3):
        mirrored(bus, client)
    reader = CacheReader(client, KEYS)
    assert reader.newest("flow.alerts", 100) == [encode(event) for event in events[:40][::-1]]
    append(bus, "flow.alerts", events[40:])
    mirrored(bus, client)
    assert reader.newest("flow.alerts", 10_000) == [encode(event) for event in events[:-1001:-1]]


def test_the_newest_are_those_of_the_latest_time_not_those_of_the_partition_read_last(
    bus: EmbeddedBus, client: redis.Redis
) -> None:
    events = plain_events("flow.packets", 3 * HOT_MESSAGES)
    for n, event in enumerate(events):
        event.ts, event.underlying = T0 + n, f"U{n % 3}"
    for part in range(3):
        mine = events[part::3]
        bus.append("flow.packets", {part: Batch(len(mine), encode_lines(mine), ["U"] * len(mine))}, 1)
    mirrored(bus, client)
    newest_first = [encode(event) for event in events[::-1]]
    assert CacheReader(client, KEYS).newest("flow.packets", HOT_MESSAGES) == newest_first[:HOT_MESSAGES]


def test_a_log_that_is_away_is_waited_for_by_the_mirror(bus: EmbeddedBus, client: redis.Redis, server: Redis) -> None:
    append(bus, "flow.packets", packets(1, 20))
    faults = iter((BusError("no broker answers"), sqlite3.OperationalError("disk I/O error")))

    class Away(EmbeddedBus):
        def heads(self, topic: str) -> list[Head]:
            for fault in faults:
                raise fault
            return super().heads(topic)

    thread = MirrorThread(lambda: Away(bus.directory, 3), connect(Cache(redis_url=server.url)), KEYS, TTL_S)
    reader, deadline = CacheReader(client, KEYS), time.monotonic() + 20
    try:
        while len(reader.newest("flow.packets", 100) or ()) < 20:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        thread.close()


def test_what_is_cached_ends_with_its_life(bus: EmbeddedBus, client: redis.Redis) -> None:
    append(bus, "flow.packets", packets(1, 20))
    mirrored(bus, client)
    names = list(client.scan_iter())
    assert len(names) >= 3
    assert all(0 < int(str(client.ttl(name))) <= TTL_S for name in names)


def test_a_log_that_began_anew_begins_the_cache_anew_and_leaves_other_data_sets_alone(
    bus: EmbeddedBus, client: redis.Redis
) -> None:
    client.set("undertow:other:main:positions", "stays")
    append(bus, "flow.packets", packets(1, 100))
    mirrored(bus, client)
    for topic in HOT_TOPICS:
        bus.clear(topic)
    fresh = packets(2, 20)
    append(bus, "flow.packets", fresh)
    mirrored(bus, client)
    assert held(client) == newest(fresh)
    assert CacheReader(client, KEYS).newest("flow.packets", 1000) is not None
    assert client.get("undertow:other:main:positions") == b"stays"


def test_records_of_an_outdated_lease_epoch_are_passed_over(bus: EmbeddedBus, client: redis.Redis) -> None:
    bus_events = packets(3, 30)
    append(bus, "flow.packets", bus_events, epoch=2)
    mirrored(bus, client)
    stale = packets(4, 5)
    for event in stale:
        event.ts = T0 + 10**15
    batches = {p: Batch(1, encode_lines([e]), ["U0"]) for p, e in enumerate(stale[:3])}
    with bus_of_an_older_age(bus) as older:
        older.append("flow.packets", batches, 1)
    mirrored(bus, client)
    assert held(client) == newest(bus_events)


class bus_of_an_older_age:
    """Lets an older epoch append once more, as one did that was still writing when the newer began."""

    def __init__(self, bus: EmbeddedBus) -> None:
        self._bus = bus

    def __enter__(self) -> EmbeddedBus:
        self._set(1)
        return self._bus

    def __exit__(self, *_: object) -> None:
        self._set(2)

    def _set(self, epoch: int) -> None:
        import sqlite3

        db = sqlite3.connect(self._bus.directory / "flow.packets.sqlite")
        with db:
            db.execute("UPDATE heads SET epoch = ?", (epoch,))
        db.close()


@pytest.mark.chaos
@pytest.mark.parametrize("keeps", [True, False])
def test_a_redis_killed_between_steps_is_caught_up_with(bus: EmbeddedBus, tmp_path: Path, keeps: bool) -> None:
    (tmp_path / "redis").mkdir()
    events = packets(5, 120)
    with redis_server(tmp_path / "redis", keeps) as server:
        client = connect(Cache(redis_url=server.url))
        mirror = Mirror(bus, client, KEYS, TTL_S)
        for start in range(0, 120, 30):
            append(bus, "flow.packets", events[start : start + 30])
            server.kill()
            with pytest.raises(CacheError, match="Redis is away"):
                mirror.step()
            assert CacheReader(client, KEYS).newest("flow.packets", 5) is None
            server.start()
            while mirror.step():
                pass
            assert held(client) == newest(events[: start + 30])
        hot = CacheReader(client, KEYS).newest("flow.packets", 1000)
        assert hot is not None
        assert sorted(hot) == sorted(encode(event) for event in events)
        client.close()


@pytest.mark.chaos
def test_a_redis_that_was_away_and_is_back_empty_while_nothing_came_is_filled_again(
    bus: EmbeddedBus, tmp_path: Path
) -> None:
    (tmp_path / "redis").mkdir()
    events = packets(6, 60)
    with redis_server(tmp_path / "redis") as server:
        client = connect(Cache(redis_url=server.url))
        mirror = Mirror(bus, client, KEYS, TTL_S)
        append(bus, "flow.packets", events[:50])
        for upto in (50, 60):
            server.kill()
            server.start()
            append(bus, "flow.packets", events[50:upto])
            for _ in range(20):
                try:
                    while mirror.step():
                        pass
                except CacheError:
                    continue  # the connection it had is gone, which the next step finds out
            assert held(client) == newest(events[:upto])
            hot = CacheReader(client, KEYS).newest("flow.packets", 1000)
            assert sorted(hot or []) == sorted(encode(event) for event in events[:upto])
        client.close()


def test_an_address_that_is_none_is_one_line() -> None:
    with pytest.raises(CacheError, match=r"REDIS_URL=http://me:\*\*\*@here cannot work"):
        connect(Cache(redis_url="http://me:secret@here"))
