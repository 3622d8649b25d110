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
from api.client import Client
from api.socket import Clients
from api.tailer import Tailer
from connectors.bus.base import BusError
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
