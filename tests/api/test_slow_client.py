"""A client that does not read: told exactly what it missed, closed in the end, and nobody else's loss."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from api.chunks import chunks
from api.client import Client, Subscription, Traffic
from connectors.bus.base import Batch, Bus, StoredBatch
from connectors.dataset import Dataset
from tests.gateway import Running, Seen, running

PRINTS, ALERTS = "options.prints", "flow.alerts"


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    opened = Dataset.open(tmp_path, create=True, partitions=2).open_bus()
    yield opened
    opened.close()


def large(number: int) -> bytes:
    return orjson.dumps({"n": number, "ts": number, "pad": f"{number}" * 400})


def fill(bus: Bus, topic: str, first: int, count: int) -> None:
    lines = [large(first + number) for number in range(count)]
    bus.append(topic, {first // count % 2: Batch(count, b"\n".join(lines), ["SPY"] * count)})


def resident(gateway: Running) -> float:
    text = gateway.raw("/metrics")[1].decode()
    return float(next(line for line in text.split("\n") if line.startswith("process_resident_memory_bytes")).split()[1])


def test_a_slow_client_is_told_exactly_what_it_missed(tmp_path: Path, bus: Bus) -> None:
    with (
        running(tmp_path, API_CLIENT_QUEUE_KB="1024") as gateway,
        gateway.client() as quick,
        gateway.client(max_queue=1) as slow,
    ):
        for client in (slow, quick):
            client.do(op="subscribe", sub="p", topic=PRINTS, keys=None)
            client.do(op="subscribe", sub="a", topic=ALERTS)
            client.do(op="ping")
            assert "pong" in client.frame()
        seen = {"p": Seen(), "a": Seen()}
        before = resident(gateway)
        for block in range(160):
            fill(bus, PRINTS, block * 100, 100)
            quick.until(lambda: len(seen["p"].all()) == block * 100 + 100, seen["p"].take)  # noqa: B023
            if block == 100:
                fill(bus, ALERTS, 0, 3)
                quick.until(lambda: len(seen["a"].all()) == 3, seen["a"].take)
        assert resident(gateway) - before < 40_000_000
        assert seen["p"].skipped == {}
        ends = {partition: head.next for partition, head in enumerate(bus.heads(PRINTS))}
        late = {"p": Seen(), "a": Seen()}
        slow.until(lambda: late["p"].next == ends and len(late["a"].all()) == 3, lambda f: late[f["sub"]].take(f))
    missed = sum(count for skips in late["p"].skipped.values() for _, _, count in skips)
    assert missed > 0
    assert missed + len(late["p"].all()) == 16_000
    assert all(after - first == count for skips in late["p"].skipped.values() for first, after, count in skips)
    got = {event["n"] for event in late["p"].all()}
    assert got < {event["n"] for event in seen["p"].all()}
    assert late["a"].skipped == {}


def test_a_client_that_takes_nothing_is_closed_and_costs_the_others_nothing(tmp_path: Path, bus: Bus) -> None:

    with running(tmp_path, API_SEND_TIMEOUT_MS="500") as gateway, gateway.client() as quick:
        quick.do(op="subscribe", sub="p", topic=PRINTS)
        quick.do(op="ping")
        quick.frame()
        stopped = stopped_client(gateway)
        seen = Seen()
        blocks = 0
        deadline = time.monotonic() + 20
        while not quick.statuses or quick.statuses[-1]["clients"] != 1 or blocks < 120:
            assert time.monotonic() < deadline
            fill(bus, PRINTS, blocks * 100, 100)
            blocks += 1
            quick.until(lambda: len(seen.all()) == blocks * 100, seen.take)  # noqa: B023
        assert seen.skipped == {}
        read_to_the_end(stopped)
        stopped.close()


def stopped_client(gateway: Running) -> socket.socket:
    """Returns a connection that has subscribed and reads nothing."""
    link = socket.create_connection(("127.0.0.1", gateway.port))
    link.sendall(
        b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert link.recv(15) == b"HTTP/1.1 101 Sw"
    message = orjson.dumps({"op": "subscribe", "sub": "p", "topic": PRINTS})
    link.sendall(bytes((0x81, 0x80 | len(message))) + b"\0\0\0\0" + message)
    return link


def read_to_the_end(link: socket.socket) -> None:
    """Takes what was on its way until the gateway's hanging up shows."""
    link.settimeout(20)
    with contextlib.suppress(ConnectionResetError):
        while link.recv(1 << 20):
            pass


def stored(first: int, count: int, epoch: int = 1, control: bool = False) -> StoredBatch:
    payload = b"\n".join(b'{"n":%d}' % number for number in range(first, first + count))
    return StoredBatch(0, first, count, control, epoch, [(0, 0)], payload, b"\n".join([b"SPY"] * count))


def test_events_of_an_older_lease_epoch_are_left_out_and_the_cursor_moves_over_them() -> None:
    batches = [stored(0, 2, epoch=3), stored(2, 2, epoch=2), stored(4, 1, epoch=3)]
    (chunk,) = chunks(batches, [0])
    assert (chunk.first, chunk.next) == (0, 5)
    assert chunk.tail(None) == (3, b'"next":5,"events":[{"n":0},{"n":1},{"n":4}]}')
    (raw,) = chunks(batches, None)
    assert raw.count == 5


def test_a_batch_larger_than_a_frame_is_cut_without_a_hole() -> None:
    cut = list(chunks([stored(0, 3), stored(3, 1201), stored(1204, 1, control=True), stored(1205, 7)], None))
    assert [chunk.count for chunk in cut] == [3, 500, 500, 208]
    assert all(one.next == two.first for one, two in zip(cut, cut[1:], strict=False))
    assert cut[-1].next == 1212


def test_only_the_subscription_with_the_most_waiting_gives_up_frames() -> None:
    client = Client(6_000, Traffic())
    for name in ("much", "little"):
        client.subs[name] = Subscription(client, name, PRINTS, None, [0])
    for first in range(0, 1000, 10):
        for chunk in chunks([stored(first, 10)], None):
            client.subs["much"].take(chunk)
            if first % 500 == 0:
                client.subs["little"].cursors[0] = first
                client.subs["little"].take(chunk)
    seen = {"much": Seen(), "little": Seen()}
    for sub in client.subs.values():
        while sub.waiting():
            seen[sub.sub].take(orjson.loads(sub.pop()[0]))
    assert seen["little"].skipped == {}
    assert len(seen["little"].all()) == 20
    ((first, after, count),) = seen["much"].skipped[0]
    assert (first, after) == (0, count)
    assert seen["much"].next == {0: 1000}
