"""Reading a log by partition, for who needs no order across them: nothing that stands there is passed over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.bus.base import Bus, StoredBatch
from connectors.bus.embedded import EmbeddedBus
from connectors.store import log_source
from connectors.store.log_source import LogSource
from tests.contract.bus_suite import TOPIC, batch, lines_of


class SlowBus(EmbeddedBus):
    """A bus that shows a record some time after its head did, as one may whose other readers saw it arrive."""

    shows = True

    def read(self, topic: str, partition: int, offset: int, limit: int) -> list[StoredBatch]:
        return super().read(topic, partition, offset, limit) if self.shows else []


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowBus]:
    monkeypatch.setattr(log_source, "POLL_S", 0.0)
    made = SlowBus(tmp_path, 1)
    yield made
    made.close()


def reads(bus: Bus, resume: int | None = None) -> log_source._LogPartition:
    return LogSource(lambda: bus, [TOPIC], 1, lambda: False).build_part("log", f"{TOPIC}/0", resume)


def taken(part: log_source._LogPartition) -> list[str]:
    return lines_of([each for _, each in part.next_batch()])


def test_what_cannot_be_read_yet_is_waited_for(bus: SlowBus) -> None:
    bus.append(TOPIC, {0: batch("a", "b")})
    part = reads(bus)
    bus.shows = False
    assert taken(part) == []
    assert part.next_awake() is not None
    assert part.snapshot() == 0
    bus.shows = True
    assert taken(part) == ["a", "b"]
    assert part.snapshot() == 2


def test_what_was_trimmed_away_is_passed_over(bus: SlowBus) -> None:
    for name in "abc":
        bus.append(TOPIC, {0: batch(name)})
    bus.trim(TOPIC, 0, 3)
    part = reads(bus, resume=1)
    assert taken(part) == []
    assert part.snapshot() == 3
    bus.append(TOPIC, {0: batch("d")})
    assert taken(part) == ["d"]
