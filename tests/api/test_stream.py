"""The WebSocket over a real log: snapshot, live, resume, filters, and what is told when something cannot be had."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from connectors.bus.base import Bus
from connectors.dataset import Dataset
from tests.gateway import HEARTBEAT, Client, Running, Seen, append, running, wait_until

TOPIC = "options.prints"
KEYS = ("SPY", "QQQ", "IBM")
PARTITIONS = 3


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stream")
    Dataset.open(path, create=True, partitions=PARTITIONS, clock="synthetic")
    return path


@pytest.fixture(scope="module")
def gateway(data: Path) -> Iterator[Running]:
    with running(data) as started:
        yield started


@pytest.fixture
def bus(data: Path) -> Iterator[Bus]:
    opened = Dataset.open(data).open_bus()
    yield opened
    opened.close()


def numbers(events: list[Any]) -> list[int]:
    return sorted(event["n"] for event in events)


def test_hello_names_the_data_set_and_its_clock(gateway: Running, data: Path) -> None:
    with gateway.client() as client:
        wait_until(lambda: gateway.get("/api/health")[1]["parts"]["bus"]["ok"])
        client.do(op="ping", t=7)
        assert client.frame() == {"pong": {"t": 7}}
    with connect(f"ws://127.0.0.1:{gateway.port}/ws") as link:
        hello = orjson.loads(link.recv(5))["hello"]
    assert (hello["dataset"], hello["clock"], hello["partitions"]) == (data.name, "synthetic", PARTITIONS)
    assert TOPIC in hello["topics"]


def test_without_a_snapshot_only_what_is_new_comes(gateway: Running, bus: Bus) -> None:
    append(bus, TOPIC, [(0, "SPY", 1)])
    with gateway.client() as client:
        client.do(op="subscribe", sub="a", topic=TOPIC)
        client.do(op="ping")
        assert "pong" in client.frame()
        append(bus, TOPIC, [(0, "SPY", 2)])
        frame = client.frame()
        assert list(frame) == ["sub", "topic", "partition", "first", "next", "events"]
        assert [event["n"] for event in frame["events"]] == [2]
        assert frame["next"] == frame["first"] + 1 == bus.heads(TOPIC)[0].next


def test_keys_filter_and_the_cursor_moves_over_what_they_leave_out(gateway: Running, bus: Bus) -> None:
    with gateway.client() as client:
        client.do(op="subscribe", sub="q", topic=TOPIC, keys=["QQQ", "IBM"])
        client.do(op="ping")
        client.frame()
        append(bus, TOPIC, [(1, "SPY", 1), (1, "QQQ", 2), (1, "SPY", 3), (1, "IBM", 4), (1, "SPY", 5)])
        seen = Seen()
        client.until(lambda: len(seen.all()) == 2, seen.take)
        assert numbers(seen.all()) == [2, 4]
        bus.append(TOPIC, {1: HEARTBEAT})
        append(bus, TOPIC, [(1, "SPY", 6)])
        client.until(lambda: seen.next.get(1) == bus.heads(TOPIC)[1].next, seen.take)
        assert numbers(seen.all()) == [2, 4]


def test_a_snapshot_is_the_newest_events_of_all_partitions_by_event_time(data: Path, gateway: Running) -> None:
    bus = Dataset.open(data).open_bus()
    topic = "options.quotes"
    for number in range(60):
        append(bus, topic, [(number % 7 % PARTITIONS, KEYS[number % 3], number)])
        bus.append(topic, {0: HEARTBEAT})
    for count, keys, right in (
        (10, None, list(range(50, 60))),
        (4, ["QQQ"], [49, 52, 55, 58]),
        (500, None, list(range(60))),
    ):
        with gateway.client() as client:
            client.do(op="subscribe", sub="s", topic=topic, keys=keys, snapshot=count)
            seen = Seen()
            client.until(lambda: len(seen.all()) >= len(right), seen.take)  # noqa: B023
            assert numbers(seen.all()) == right
    bus.close()


class Writer:
    """Appends by chance, in a thread of its own, until stopped."""

    def __init__(self, data: Path, topic: str, seed: int) -> None:
        self._data, self._topic, self._chance = data, topic, random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    def _write(self) -> None:
        bus, chance = Dataset.open(self._data).open_bus(), self._chance
        number = 0
        while not self._stop.is_set():
            count = chance.randrange(1, 40)
            keyed = [(chance.randrange(PARTITIONS), chance.choice(KEYS), number + n) for n in range(count)]
            number += count
            append(bus, self._topic, keyed)
            if chance.random() < 0.3:
                bus.append(self._topic, {chance.randrange(PARTITIONS): HEARTBEAT})
            self._stop.wait(chance.random() * 0.004)
        append(bus, self._topic, [(partition, "SPY", number + partition) for partition in range(PARTITIONS)])
        bus.close()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def logged(bus: Bus, topic: str, partition: int, first: int, keys: set[str]) -> list[int]:
    """Returns the numbers of the events with these keys from an offset on."""
    batches = [batch for batch in bus.read(topic, partition, first, 10**9) if not batch.control]
    return [
        orjson.loads(line)["n"]
        for batch in batches
        for line, key in zip(batch.lines(), batch.keys(), strict=True)
        if key in keys
    ]


def test_joining_at_any_moment_leaves_no_gap_and_repeats_nothing(gateway: Running, data: Path, bus: Bus) -> None:
    topic, chance = "options.marked", random.Random(11)
    writer = Writer(data, topic, 12)
    subs: dict[str, tuple[Seen, set[str]]] = {}
    try:
        with gateway.client() as client:
            for number in range(20):
                keys = chance.choice((None, ["SPY"], ["SPY", "IBM"]))
                subs[f"s{number}"] = Seen(), set(keys or KEYS)
                count = chance.choice((0, 1, 50, 5000))
                client.do(op="subscribe", sub=f"s{number}", topic=topic, keys=keys, snapshot=count)
                for _ in range(chance.randrange(40)):
                    frame = client.frame()
                    subs[frame["sub"]][0].take(frame)
            writer.stop()
            ends = {partition: head.next for partition, head in enumerate(bus.heads(topic))}
            client.until(
                lambda: all(seen.next == ends for seen, _ in subs.values()),
                lambda frame: subs[frame["sub"]][0].take(frame),
            )
    finally:
        writer.stop()
    for seen, keys_wanted in subs.values():
        for partition in range(PARTITIONS):
            right = logged(bus, topic, partition, seen.began[partition], keys_wanted)
            assert [event["n"] for event in seen.events[partition]] == right


def test_a_cursor_resumes_without_a_gap_after_the_gateway_was_restarted(tmp_path: Path) -> None:
    bus = Dataset.open(tmp_path, create=True, partitions=PARTITIONS).open_bus()
    seen = Seen()
    with running(tmp_path) as gateway:
        with gateway.client() as client:
            client.do(op="subscribe", sub="a", topic=TOPIC, from_={"0": 0, "1": 0, "2": 0})
            append(bus, TOPIC, [(n % PARTITIONS, "SPY", n) for n in range(30)])
            client.until(lambda: len(seen.all()) == 30, seen.take)
        port = gateway.port
    append(bus, TOPIC, [(n % PARTITIONS, "SPY", n) for n in range(30, 50)])
    with running(tmp_path, port) as gateway, gateway.client() as client:
        client.do(op="subscribe", sub="a", topic=TOPIC, from_={str(part): at for part, at in seen.next.items()})
        append(bus, TOPIC, [(n % PARTITIONS, "SPY", n) for n in range(50, 60)])
        client.until(lambda: len(seen.all()) == 60, seen.take)
    bus.close()
    assert numbers(seen.all()) == list(range(60))


def test_a_partition_that_stayed_silent_can_be_resumed_too(tmp_path: Path) -> None:
    bus = Dataset.open(tmp_path, create=True, partitions=PARTITIONS).open_bus()
    append(bus, TOPIC, [(n % PARTITIONS, "SPY", n) for n in range(9)])
    with running(tmp_path) as gateway:
        with gateway.client() as client:
            client.do(op="subscribe", sub="a", topic=TOPIC)
            cursors = dict(client.begun("a", PARTITIONS))
            append(bus, TOPIC, [(0, "SPY", 9)])
            frame = client.frame()
            assert numbers(frame["events"]) == [9]
            cursors[frame["partition"]] = frame["next"]
        port = gateway.port
    append(bus, TOPIC, [(1, "SPY", 10), (2, "SPY", 11)])
    with running(tmp_path, port) as gateway, gateway.client() as later:
        later.do(op="subscribe", sub="a", topic=TOPIC, from_={str(part): at for part, at in cursors.items()})
        seen = Seen()
        later.until(lambda: len(seen.all()) == 2, seen.take)
    bus.close()
    assert sorted(numbers(seen.all())) == [10, 11]


def test_a_cursor_before_the_logs_start_is_told_where_it_goes_on(gateway: Running, bus: Bus) -> None:
    topic = "flow.packets"
    for number in range(5):
        append(bus, topic, [(0, "SPY", number)])
    bus.trim(topic, 0, 3)
    with gateway.client() as client:
        client.do(op="subscribe", sub="a", topic=topic, from_={"0": 1})
        assert client.frame() == {"sub": "a", "topic": topic, "partition": 0, "expired": {"next": 3}}
        assert [event["n"] for event in client.frame()["events"]] == [3, 4]


@pytest.mark.parametrize("filled", [(0, 1, 2), (0, 1), (1,)])
@pytest.mark.parametrize("snapshot", [0, 100])
def test_a_topic_computed_afresh_is_told_once_before_the_first_new_record(
    tmp_path: Path, filled: tuple[int, ...], snapshot: int
) -> None:
    topic = "flow.hits"
    bus = Dataset.open(tmp_path, create=True, partitions=PARTITIONS).open_bus()
    append(bus, topic, [(partition, "SPY", number) for partition in filled for number in range(5)])
    with running(tmp_path) as gateway, gateway.client() as client:
        client.do(op="subscribe", sub="a", topic=topic, snapshot=snapshot)
        seen = Seen()
        client.until(lambda: len(seen.all()) == (5 * len(filled) if snapshot else 0), seen.take)
        client.begun("a", PARTITIONS)
        bus.clear(topic)
        for partition in range(PARTITIONS):
            append(bus, topic, [(partition, "SPY", 100 + partition)])
            if partition == 0:
                told = [client.frame() for _ in range(PARTITIONS)]
                assert [frame["expired"]["next"] for frame in told] == [0] * PARTITIONS
                assert [frame["partition"] for frame in told] == list(range(PARTITIONS))
            frame = client.frame()
            assert (frame["partition"], frame["first"], numbers(frame["events"])) == (partition, 0, [100 + partition])
    bus.close()


def test_a_resume_with_cursors_of_a_run_that_is_gone_is_told(tmp_path: Path) -> None:
    dataset, topic = Dataset.open(tmp_path, create=True, partitions=PARTITIONS), "flow.hits"
    bus = dataset.open_bus()
    with running(tmp_path) as gateway:

        def generation() -> str:
            with connect(f"ws://127.0.0.1:{gateway.port}/ws") as link:
                return str(orjson.loads(link.recv(5))["hello"]["generation"])

        assert generation() == ""
        dataset.record_run("main/generation", {}, "", "1", "live")
        before = generation()
        bus.clear(topic)
        dataset.record_run("main/generation", {}, "", "2", "live")
        assert (before, generation(), gateway.get("/api/config")[1]["generation"]) == ("1", "2", "2")
        append(bus, topic, [(partition, "SPY", n) for partition in range(PARTITIONS) for n in range(8)])
        cursors = {str(partition): 5 for partition in range(PARTITIONS)}
        for told, right in ((before, 24), ("2", 9)):
            with gateway.client() as client:
                client.do(op="subscribe", sub="a", topic=topic, from_=cursors, generation=told)
                seen = Seen()
                client.until(lambda: len(seen.all()) == right, seen.take)  # noqa: B023
                assert seen.expired == ({partition: 0 for partition in range(PARTITIONS)} if told == "1" else {})
        with gateway.client() as client:
            client.do(op="subscribe", sub="a", topic="options.prints", from_={"0": 0}, generation=before)
            client.do(op="ping")
            assert "pong" in client.frame()
    bus.close()


def test_a_cursor_beyond_a_cleared_topic_is_told_in_every_partition(gateway: Running, bus: Bus) -> None:
    topic = "flow.structures"
    append(bus, topic, [(partition, "SPY", 10 + partition) for partition in range(PARTITIONS)])
    with gateway.client() as client:
        client.do(op="subscribe", sub="a", topic=topic, from_={"0": 9, "1": 1, "2": 1})
        told = [client.frame() for _ in range(PARTITIONS)]
        assert [frame["expired"]["next"] for frame in told] == [0] * PARTITIONS
        seen = Seen()
        client.until(lambda: len(seen.all()) == PARTITIONS, seen.take)


@pytest.mark.parametrize(
    ("message", "field", "part"),
    [
        ("nonsense", None, "not an operation"),
        ("[1]", None, "not an operation"),
        ('{"op":"dance"}', "op", "unknown op"),
        ('{"sub":"a"}', "op", "unknown op"),
        ('{"op":"subscribe","sub":"a","topic":"nope"}', "topic", "unknown topic"),
        ('{"op":"subscribe","sub":"a","topic":5}', "topic", "str"),
        ('{"op":"subscribe","sub":"a"}', "topic", "missing"),
        ('{"op":"subscribe","sub":"","topic":"flow.alerts"}', "sub", "length"),
        ('{"op":"subscribe","sub":"a","topic":"flow.alerts","snapshot":99999}', "snapshot", "5000"),
        ('{"op":"subscribe","sub":"a","topic":"flow.alerts","keys":[]}', "keys", "length"),
        ('{"op":"subscribe","sub":"a","topic":"flow.alerts","from":{"77":1}}', "from", "no partition"),
        ('{"op":"subscribe","sub":"a","topic":"flow.alerts","from":{"0":-1}}', "from", ">= 0"),
        ('{"op":"subscribe","sub":"a","topic":"flow.alerts","colour":1}', "colour", "unknown field"),
        ('{"op":"unsubscribe","sub":"zz"}', "sub", "no subscription"),
    ],
)  # fmt: skip
def test_a_malformed_operation_is_told_and_the_connection_stays(
    gateway: Running, message: str, field: str | None, part: str
) -> None:
    with gateway.client() as client:
        client.link.send(message)
        error = client.frame()["error"]
        assert error["field"] == field
        assert part in error["message"]
        assert list(error) == ["op", "sub", "message", "field"]
        client.do(op="ping", t="still here")
        assert client.frame() == {"pong": {"t": "still here"}}


@pytest.mark.parametrize(("message", "code"), [(b"\x01", 1003), ("x" * 70_000, 1009)])
def test_binary_and_oversize_close_the_connection(gateway: Running, message: Any, code: int) -> None:
    with gateway.client() as client:
        client.link.send(message)
        with pytest.raises(ConnectionClosed) as closed:
            drain(client)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code


def drain(client: Client) -> None:
    while True:
        client.frame()


def test_an_ended_subscription_sends_nothing_more(gateway: Running, bus: Bus) -> None:
    with gateway.client() as client:
        client.do(op="subscribe", sub="a", topic=TOPIC)
        client.do(op="unsubscribe", sub="a")
        client.do(op="subscribe", sub="b", topic=TOPIC)
        client.do(op="ping")
        client.frame()
        append(bus, TOPIC, [(0, "SPY", 1)])
        assert client.frame()["sub"] == "b"


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://localhost.evil.example"]
)
def test_a_foreign_page_may_not_connect(gateway: Running, origin: str) -> None:
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(f"ws://127.0.0.1:{gateway.port}/ws", additional_headers={"Origin": origin}),
    ):
        pass
    assert refused.value.response.status_code == 403
    assert gateway.get("/api/config", Origin=origin)[0] == 403
    with gateway.client(origin=gateway.url):
        pass


def test_a_host_of_another_name_is_refused(gateway: Running) -> None:
    assert gateway.get("/api/config", Host="rebound.example")[1]["error"]["parameter"] == "Host"
    assert gateway.get("/api/config", Host=f"localhost:{gateway.port}")[0] == 200


def test_a_status_comes_every_second(gateway: Running, bus: Bus) -> None:
    with gateway.client() as client:
        client.do(op="subscribe", sub="a", topic=TOPIC)
        client.do(op="ping")
        client.frame()
        while len(client.statuses) < 2:
            append(bus, TOPIC, [(0, "SPY", 1_700_000_000_000_000_000)])
            client.frame()
        status = client.statuses[-1]
    assert status["event_time"] == "1700000000000000000"
    assert status["rates"][TOPIC] > 0
    assert (status["clients"], status["archive"], status["bus"]) == (1, False, True)
