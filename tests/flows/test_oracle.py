"""The flow says what a slow reading of the definitions says, however its tape was fed, cut and partitioned."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest

from connectors.bus.embedded import EmbeddedBus
from connectors.sinks import Emission
from connectors.tape import Span, heads_as_ends
from events.codec import canonical_line, fields_of
from events.settings import Compute, Rules
from events.topics import DERIVED_TOPICS
from flows.pipeline import collect
from tests.oracle import marks_of, packets_of
from tests.tapes import Order, Tape, append, random_tape

_ROUNDED = ("position", "vwap", "coverage", "spread")
_BASELINE = (
    "baseline", "baseline_samples", "premium_mean", "premium_z", "size_mean", "size_z", "spread_z",
)  # fmt: skip
#: Fields that have oracles and tests of their own.
_ELSEWHERE = _BASELINE + (
    "conditions_known", "delta", "delta_notional", "expiry_s", "gamma", "halted", "iv", "iv_first", "limit_state",
    "mixed", "moneyness", "open_interest", "parents", "premium_floor", "premium_mad", "premium_median", "size_mad",
    "size_median", "spot", "spot_source", "struck", "suspected_complex", "theta", "time_of_day_sessions", "vega",
    "volume",
)  # fmt: skip
_ALWAYS = ("options.marked", "flow.packets", "flow.hits", "flow.alerts")
Lines = dict[str, list[bytes]]


@contextmanager
def _bus(tape: Tape, partitions: int, order: Order, batch: int, pieces: int) -> Iterator[EmbeddedBus]:
    with TemporaryDirectory() as directory:
        bus = EmbeddedBus(Path(directory), partitions)
        append(bus, tape, order, batch=batch, pieces=pieces)
        yield bus
        bus.close()


def _lines(bus: EmbeddedBus, read_batch: int, rules: Rules) -> Lines:
    """Runs the flow and returns the canonical export of every derived topic."""
    found: dict[str, list[tuple[int, str, bytes]]] = {topic: [] for topic in DERIVED_TOPICS}

    def take(emission: Emission) -> None:
        for topic, _, events in emission.parts:
            for event in events if topic in found else ():
                fields = fields_of(event)
                found[topic].append((fields["ts"], fields["id"], canonical_line(fields)))

    span = Span(ends=heads_as_ends(bus), supply_end=True)
    collect(bus, span, rules, Compute(tape_read_batch=read_batch), take, follow_log=False)
    return {topic: [line for _, _, line in sorted(rows)] for topic, rows in found.items()}


def _rows(lines: list[bytes]) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in lines]


def _identity(row: dict[str, Any]) -> tuple[str, int]:
    return row["id"], row.get("revision", 0)


def _assert_equal(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    by_id = {_identity(row): row for row in expected}
    assert sorted(_identity(row) for row in found) == sorted(by_id)
    for row in found:
        wanted = by_id[_identity(row)]
        assert set(row) - set(_ELSEWHERE) == set(wanted) or not row["count"]
        for name, value in wanted.items():
            if name in _ROUNDED and value is not None:
                assert row[name] == pytest.approx(value, abs=1e-6), (name, row, wanted)
            else:
                assert row[name] == value, f"{name}\n{row}\n{wanted}"


@pytest.mark.parametrize("seed", range(12))
def test_marks_and_packets_are_those_of_the_definitions(seed: int) -> None:
    tape = random_tape(seed, 600)
    rules = Rules(cluster_window_ms=(250, 500, 2000)[seed % 3], nbbo_max_age_ms=(1000, 100)[seed % 2])
    with _bus(tape, (1, 3, 8)[seed % 3], "quotes first", 1000, 1) as bus:
        found = _lines(bus, 1000, rules)
    marks = marks_of(tape, rules.nbbo_max_age_ms)
    _assert_equal(_rows(found["options.marked"]), marks)
    _assert_equal(_rows(found["flow.packets"]), packets_of(marks, rules.cluster_window_ms))


_WAYS: tuple[tuple[int, Order, int, int, int], ...] = (
    # partitions, order, writer's batch, pieces, tape's batch
    (8, "prints first", 7, 1, 7),
    (3, "by turns", 1, 1, 1),
    (1, "by turns", 1000, 4, 1),
    (3, "prints first", 1000, 3, 1000),
    (8, "by turns", 7, 5, 1),
    (1, "prints first", 1, 2, 7),
    (8, "quotes first", 1, 1, 1000),
)


@pytest.mark.parametrize("seed", [100, 101])
def test_no_way_of_feeding_and_reading_a_tape_changes_a_byte(seed: int) -> None:
    tape = random_tape(seed, 1500, loud=True)
    rules = Rules(classifier_z_min_samples=3, alert_cooldown_ms=5000)
    with _bus(tape, 1, "quotes first", 1000, 1) as bus:
        expected = _lines(bus, 1000, rules)
    assert all(expected[topic] for topic in _ALWAYS), "a tape without alerts shows nothing"
    for partitions, order, batch, pieces, read_batch in _WAYS:
        with _bus(tape, partitions, order, batch, pieces) as bus:
            assert _lines(bus, read_batch, rules) == expected, (partitions, order, batch, pieces, read_batch)


def test_nothing_derived_adds_floats_with_the_builtin_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.12 adds floats otherwise than 3.11: `total` of operators/units.py and `fsum` do so alike in both."""
    adds, added = builtins.sum, set()

    def watched(values: Any, /, start: Any = 0) -> Any:
        found, caller = adds(values, start), sys._getframe(1)
        if isinstance(found, float):
            added.add(f"{caller.f_globals['__name__']}.{caller.f_code.co_name}")
        return found

    monkeypatch.setattr(builtins, "sum", watched)
    rules = Rules(classifier_z_min_samples=3, alert_cooldown_ms=5000)
    with _bus(random_tape(100, 1500, loud=True), 1, "quotes first", 1000, 1) as bus:
        found = _lines(bus, 1000, rules)
    monkeypatch.undo()
    assert found["flow.alerts"]
    assert not {name for name in added if name.startswith(("events.", "operators.", "flows."))}
