"""What a live flow does with parameters that change while it is down (contract 8)."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from connectors.dataset import Dataset
from connectors.feeds.writer import TopicWriter
from events.raw import OptionPrint
from events.topics import decoder
from events.types import NS_PER_S
from events.verdicts import Hit
from tests.liveflow import reached, runs, start, until
from tests.tapes import CONTRACTS, FACTS, PRINTS, T0

_LOOSE = {"classifier_spike_min_size": 5, "classifier_spike_min_premium": 100}


def _feed(data: Path, number: int, at_s: int) -> int:
    """Writes one print and the promise of ten seconds behind it; returns the promise."""
    bus = Dataset.open(data).open_bus()
    writer = TopicWriter(bus, PRINTS)
    writer.heartbeat(T0 + at_s * NS_PER_S)
    ts = T0 + at_s * NS_PER_S
    writer.add(OptionPrint(id=f"p{number}", ts=ts, contract=CONTRACTS[number % 2], price=1.2, size=5))
    writer.heartbeat(ts + 10 * NS_PER_S)
    bus.close()
    return writer.promise


def _run(data: Path, promise: int, **settings: object) -> None:
    flow = start(data, **settings)
    try:
        until(runs(data, flow), [flow])
        until(reached(data, promise), [flow])
        flow.send_signal(signal.SIGTERM)
        assert flow.wait(30) == 0
    finally:
        flow.kill()
        flow.wait()


def _hits(data: Path) -> list[tuple[str, float]]:
    bus, read = Dataset.open(data).open_bus(), decoder("flow.hits")
    lines = [line for each in bus.read("flow.hits", 0, 0, 10**6) if not each.control for line in each.lines()]
    bus.close()
    hits: list[Hit] = [read.decode(line) for line in lines]
    return [(hit.packet_id, hit.thresholds["CLASSIFIER_SPIKE_MIN_SIZE"]) for hit in hits]


@pytest.mark.slow
@pytest.mark.chaos
@pytest.mark.parametrize("facts", ["absent", "ended", "there"])
def test_changed_parameters_take_effect_whichever_topics_the_tape_waits_for(tmp_path: Path, facts: str) -> None:
    bus = Dataset.open(tmp_path, create=True, partitions=1).open_bus()
    prints, reference = TopicWriter(bus, PRINTS), TopicWriter(bus, FACTS)
    prints.member("required", 0)
    if facts != "absent":
        reference.member("required", 0)
    reference.heartbeat(T0 + 3600 * NS_PER_S if facts == "there" else T0)
    if facts == "ended":
        reference.end()
    bus.close()
    _run(tmp_path, _feed(tmp_path, 1, 10))
    assert _hits(tmp_path) == []
    # The reference topic promises an hour ahead where it is there: nobody waits that long for the change.
    _run(tmp_path, _feed(tmp_path, 2, 30), **_LOOSE)
    _run(tmp_path, _feed(tmp_path, 3, 60), **_LOOSE)
    assert _hits(tmp_path)[-1] == ("pk:p3", 5.0)
    # Nothing is judged twice, and nothing by parameters that came after it.
    assert len(set(_hits(tmp_path))) == len(_hits(tmp_path))
    assert ("pk:p1", 5.0) not in _hits(tmp_path)
