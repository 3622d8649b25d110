"""The promise before an event is the feed's: no batch size and no number of partitions changes it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.bus.embedded import EmbeddedBus
from connectors.feeds.writer import GRID_NS, TopicWriter, key_of, on_grid
from events.control import decode_control
from events.raw import EquityPrint, OptionPrint, Reference
from events.topics import decoder
from events.types import NS_PER_MS

_T0 = 1_700_000_000_000_000_000
_SYMBOLS = ("SPY", "AAPL", "F", "GME", "BRK.B", "IBM", "KO", "ZM")
_TOPIC = "equities.prints"


def _events(steps: list[tuple[int, str]]) -> list[EquityPrint]:
    ts = _T0
    events = []
    for number, (step_ms, symbol) in enumerate(steps):
        ts += step_ms * NS_PER_MS
        events.append(EquityPrint(id=str(number), ts=ts, symbol=symbol, price=1.0, size=1.0))
    return events


def _log(bus: EmbeddedBus, topic: str = _TOPIC) -> dict[str, tuple[int, int]]:
    """Returns promise in force and order time of every event, by id."""
    read = decoder(topic)
    found = {}
    for part in range(bus.partitions):
        for batch in bus.read(topic, part, 0, 10**9):
            if batch.control:
                continue
            for index, line in enumerate(batch.lines()):
                promise = max(promise for at, promise in batch.promises if at <= index)
                event = read.decode(line)
                found[event.id] = (promise, max(event.ts, promise))
    return found


def _written(
    events: list[EquityPrint], partitions: int, batch: int, disorder_ms: int, stop: int
) -> dict[str, tuple[int, int]]:
    with TemporaryDirectory() as directory:
        bus = EmbeddedBus(Path(directory), partitions)
        for piece in (events[:stop], events[stop:]):
            writer = TopicWriter(bus, _TOPIC, disorder_ms=disorder_ms, batch=batch)
            for event in piece:
                writer.add(event)
            writer.heartbeat()
        promises = {head.promise for head in bus.heads(_TOPIC)}
        assert promises == {writer.promise}
        found = _log(bus)
        bus.close()
        return found


@given(
    steps=st.lists(st.tuples(st.integers(-300, 900), st.sampled_from(_SYMBOLS)), min_size=1, max_size=40),
    partitions=st.sampled_from([1, 3, 8]),
    batch=st.sampled_from([1, 2, 7, 1000]),
    disorder_ms=st.sampled_from([0, 150]),
    stop=st.integers(0, 40),
)
@settings(max_examples=40)
def test_partitions_batches_and_restarts_do_not_change_order_time(
    steps: list[tuple[int, str]], partitions: int, batch: int, disorder_ms: int, stop: int
) -> None:
    events = _events(steps)
    promise, expected = 0, {}
    for event in events:
        expected[event.id] = (promise, max(event.ts, promise))
        promise = max(promise, (event.ts - disorder_ms * NS_PER_MS) // GRID_NS * GRID_NS)
    assert _written(events, partitions, batch, disorder_ms, stop) == expected


def test_control_records_stand_in_every_partition_and_are_no_events(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, 3)
    writer = TopicWriter(bus, _TOPIC, disorder_ms=20)
    writer.member("required", 0)
    writer.feed("alpaca", carries_conditions=True, quotes="every_change", book="national")
    writer.add(_events([(0, "IBM")])[0])
    writer.gap(_T0, _T0 + 5, "the line dropped")
    writer.heartbeat(_T0 + GRID_NS + 7)
    writer.end()
    for part in range(3):
        controls = [b for b in bus.read(_TOPIC, part, 0, 1000) if b.control]
        records = [decode_control(b.payload) for b in controls]
        assert [r.control for r in records] == ["member", "feed", "gap", "heartbeat", "end"]
        assert (records[1].source, records[1].disorder_ms) == ("alpaca", 20)
        assert [(b.count, b.keys()) for b in controls] == [(1, [])] * 5
        # A heartbeat promises from behind itself on.
        assert controls[3].promises[-1] == (1, on_grid(_T0 + GRID_NS + 7))
        assert controls[3].promises[0][1] < controls[3].promises[-1][1]
    bus.close()


def test_only_a_partition_that_stands_behind_gets_a_heartbeat(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, 8)
    writer = TopicWriter(bus, _TOPIC)
    writer.add(_events([(0, "IBM")])[0])
    writer.heartbeat()
    before = bus.heads(_TOPIC)
    assert sorted(head.next for head in before) == [1] * 8
    writer.heartbeat()
    assert bus.heads(_TOPIC) == before
    bus.close()


@pytest.mark.parametrize("said", ["SPXW", "IBM", "", None])
def test_a_contracts_fact_stands_with_its_prints_whatever_it_calls_the_underlying(said: str | None) -> None:
    fact = Reference(ts=_T0, kind="open_interest", instrument="SPXW260116C06000000", underlying=said, open_interest=1)
    assert key_of(fact) == "SPX"


def test_everything_of_one_underlying_has_its_key() -> None:
    contract = "SPXW260116C05000000"
    assert key_of(OptionPrint(ts=_T0, contract=contract, price=1.0, size=1)) == "SPX"
    assert key_of(Reference(ts=_T0, kind="definition", instrument=contract)) == "SPX"
    assert key_of(Reference(ts=_T0, kind="definition", instrument="X", underlying="SPX")) == "SPX"
    assert key_of(Reference(ts=_T0, kind="halt", instrument="IBM")) == "IBM"
    assert key_of(Reference(ts=_T0, kind="halt", instrument="IBM", underlying="")) == "IBM"
    assert key_of(EquityPrint(ts=_T0, symbol="IBM", price=1.0, size=1.0)) == "IBM"
