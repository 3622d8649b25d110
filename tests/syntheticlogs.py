"""What the tests of the synthetic feed share: running it on a clock of their own, and reading its log back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.dataset import Dataset
from connectors.feeds.synthetic.emitting import TOPICS
from connectors.feeds.synthetic.feed import FeedOptions, FeedReport, run_feed
from connectors.feeds.synthetic.model import ModelConfig
from events.control import Control, decode_control
from events.types import NS_PER_S

#: Wednesday 2026-01-14, 12:00 New York.
NOON = 1_768_410_000 * NS_PER_S


class FakeClock:
    """A wall clock that only waiting moves."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def feed(path: Path, config: ModelConfig, *, seconds: float, speed: float = 0, batch: int = 2000) -> FeedReport:
    """Runs the feed for so much event time; paced runs wait on a clock of their own."""
    clock = FakeClock()
    options = FeedOptions(
        config, speed, duration=round(seconds * NS_PER_S), batch=batch, clock=clock, sleep=clock.sleep
    )
    return run_feed(Dataset.open(path, create=True, clock="synthetic"), options)


@dataclass(frozen=True)
class Logged:
    """One record of the log with the promises in force before and behind it."""

    topic: str
    partition: int
    data: bytes
    before: int
    behind: int
    control: Control | None


def read_log(path: Path, topics: Sequence[str] = TOPICS) -> list[Logged]:
    """Returns every record of the topics, by topic and partition in log order."""
    bus = Dataset.open(path).open_bus()
    found = []
    for topic in topics:
        for partition in range(bus.partitions):
            for batch in bus.read(topic, partition, 0, 10**9):
                for place, line in enumerate(batch.lines()):
                    before = max(promise for at, promise in batch.promises if at <= place)
                    behind = max(promise for at, promise in batch.promises if at <= place + 1)
                    control = decode_control(line) if batch.control else None
                    found.append(Logged(topic, partition, line, before, behind, control))
    bus.close()
    return found


def events_of(path: Path) -> dict[tuple[str, int], list[bytes]]:
    """Returns the bytes of every event in log order, by topic and partition."""
    found: dict[tuple[str, int], list[bytes]] = {}
    for record in read_log(path):
        if record.control is None:
            found.setdefault((record.topic, record.partition), []).append(record.data)
    return found


def ts_of(record: Logged) -> int:
    """Returns an event's time without decoding all of it."""
    return int(record.data.split(b'"ts":', 1)[1].split(b",", 1)[0])
