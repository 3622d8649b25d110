"""Catching up with a log that cannot be read for a moment, or with what breaks for another reason."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from api import protocol, tailer
from api.client import Client, Subscription, Traffic
from api.socket import Clients
from api.tailer import Tailer
from connectors.bus.base import BusError, Head, StoredBatch
from connectors.dataset import Dataset
from events.settings import load
from tests.gateway import append

TOPIC = "flow.alerts"


class Stack:
    """The parts behind the socket over a real log, and one client of them."""

    def __init__(self, dataset: Dataset) -> None:
        self.tailer = Tailer(dataset.open_bus, 5)
        self.clients = Clients(dataset, self.tailer, load().api)
        self.client = Client(1 << 20, self.clients.traffic)
        self.frames: list[Any] = []

    async def send(self, messages: list[bytes]) -> None:
        self.frames += map(orjson.loads, messages)

    def do(self, **operation: Any) -> None:
        self.clients._do(self.client, protocol.decode(orjson.dumps(operation).decode()))

    def numbers(self) -> list[int]:
        return [event["n"] for frame in self.frames for event in frame.get("events", ())]

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():
                await asyncio.sleep(0.005)

    def failing(self, *errors: Exception) -> None:
        """Makes the next reads of the log fail."""
        left, real = list(errors), self.tailer.readers.run

        async def run(work: Callable[[Any], Any]) -> Any:
            if left:
                raise left.pop(0)
            return await real(work)

        self.tailer.readers.run = run  # type: ignore[method-assign]


@asynccontextmanager
async def stack(dataset: Dataset) -> AsyncIterator[Stack]:
    made = Stack(dataset)
    made.tailer.start()
    writer = asyncio.create_task(made.client.write(made.send))
    try:
        yield made
    finally:
        writer.cancel()
        await made.tailer.stop()


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset.open(tmp_path, create=True, partitions=1)


@pytest.mark.parametrize("begin", [{"from": {"0": 3}}, {"snapshot": 2}])
@pytest.mark.parametrize("error", [BusError("brokers are away"), sqlite3.OperationalError("disk I/O error")])
def test_a_log_that_cannot_be_read_for_a_moment_is_read_again(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, begin: dict[str, Any], error: Exception
) -> None:
    monkeypatch.setattr(tailer, "_FAULT_PAUSE_S", 0.01)
    bus = dataset.open_bus()
    append(bus, TOPIC, [(0, "SPY", n) for n in range(5)])

    async def run() -> list[int]:
        async with stack(dataset) as made:
            made.failing(error, error)
            made.do(op="subscribe", sub="a", topic=TOPIC, **begin)
            await made.until(lambda: len(made.numbers()) == 2)
            append(bus, TOPIC, [(0, "SPY", 5)])
            await made.until(lambda: len(made.numbers()) == 3)
            return made.numbers()

    assert asyncio.run(run()) == [3, 4, 5]
    bus.close()


def test_another_fault_ends_the_subscription_so_that_it_can_be_asked_for_again(dataset: Dataset) -> None:
    bus = dataset.open_bus()
    append(bus, TOPIC, [(0, "SPY", n) for n in range(5)])

    async def run() -> list[int]:
        async with stack(dataset) as made:
            made.failing(ValueError("a fault of ours"))
            made.do(op="subscribe", sub="a", topic=TOPIC, snapshot=2)
            await made.until(lambda: any("error" in frame for frame in made.frames))
            made.do(op="subscribe", sub="a", topic=TOPIC, snapshot=2)
            await made.until(lambda: len(made.numbers()) == 2)
            return made.numbers()

    assert asyncio.run(run()) == [3, 4]
    bus.close()


class Scripted:
    """A log of two partitions whose tail gives what the test says, a poll at a time."""

    def __init__(self, *polls: list[StoredBatch]) -> None:
        self._polls = iter(polls)
        self.ends = [3, 0]

    def mark(self, topic: str) -> tuple[int, list[Head]]:
        return 0, self.heads(topic)

    def heads(self, _: str) -> list[Head]:
        return [Head(next=end) for end in self.ends]

    def tail(self, _: str, position: int, __: int) -> tuple[int, list[StoredBatch]]:
        return position + 1, next(self._polls)


def stored(partition: int, first: int, number: int) -> StoredBatch:
    return StoredBatch(partition, first, 1, False, 1, [(0, 0)], b'{"n":%d}' % number, b"SPY")


@pytest.mark.parametrize(
    "polls",
    [
        # The new run's first record stands where the run before had none.
        [[stored(0, 3, 1)], [stored(1, 0, 10)], [stored(0, 0, 11)], [stored(1, 1, 12)]],
        # A partition lags: the run before still comes from it, in the same poll and in the next.
        [[stored(1, 0, 1), stored(0, 3, 2)], [stored(0, 0, 10), stored(1, 1, 3)], [stored(1, 2, 4), stored(1, 0, 11)]],
        [[stored(0, 3, 1), stored(0, 0, 10), stored(1, 0, 11)]],
    ],
)
def test_the_run_begun_anew_is_told_once_and_nothing_of_the_one_before_follows(polls: list[list[StoredBatch]]) -> None:
    bus: Any = Scripted(*polls)
    tail = tailer._TopicTail(TOPIC, bus)
    told: list[str] = []
    client = Client(1 << 20, Traffic())
    sub = Subscription(client, "a", TOPIC, None, [3, 0])
    tail.subs.add(sub)
    tail.live.add(sub)
    for _ in polls:
        if len(polls) > 1 and told:
            bus.ends = [1, 1]
        tail.poll(bus)
        while sub.waiting():
            frame = orjson.loads(sub.pop()[0])
            told += ["anew"] if "expired" in frame else [str(event["n"]) for event in frame["events"]]
    anew = told.index("anew")
    assert told[anew : anew + 2] == ["anew"] * 2
    assert told.count("anew") == 2
    assert all(int(number) < 10 for number in told[:anew])
    assert [int(number) for number in told[anew + 2 :]] == [10, 11, 12][: len(told) - anew - 2]
