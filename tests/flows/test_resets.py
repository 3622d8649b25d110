"""A run that begins anew: whoever is killed while clearing it, and whose snapshots another version has written."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec import defstruct

from connectors import recovery
from connectors.dataset import Dataset
from connectors.feeds.writer import TopicWriter
from events.raw import OptionPrint
from events.types import NS_PER_S
from flows.forms import form_of, state_form
from tests.liveflow import PATIENCE_S, ROOT, derived, environment, reached, runs, start, until
from tests.tapes import CONTRACTS, PRINTS, T0

pytestmark = [pytest.mark.slow, pytest.mark.chaos]
#: Begins the run anew and is killed before or behind the clearing of its topics.
_KILLED = """
import os, signal, flows.beginning as beginning
noted = beginning.new_generation
def note_and_die(dataset, epoch, clearing=False):
    if not clearing:
        os.kill(os.getpid(), signal.SIGKILL)
    noted(dataset, epoch, clearing)
    if {at_once}:
        os.kill(os.getpid(), signal.SIGKILL)
beginning.new_generation = note_and_die
from flows.live import options_flow
options_flow()
"""


def _fed(data: Path) -> int:
    """Writes ten prints; returns the promise behind them."""
    bus = Dataset.open(data, create=True, partitions=2).open_bus()
    writer = TopicWriter(bus, PRINTS)
    writer.member("required", 0)
    for number in range(10):
        ts = T0 + number * NS_PER_S
        writer.add(OptionPrint(id=f"p{number}", ts=ts, contract=CONTRACTS[number % 2], price=1.2, size=5))
    writer.heartbeat(T0 + 60 * NS_PER_S)
    bus.close()
    return writer.promise


def _has_begun(data: Path, before: str = "") -> bool:
    """Tells whether nothing of an earlier run is left to be cleared: not of the generation `before`, if one is said."""
    generation = Dataset.open(data).generation
    return not generation.endswith(" clearing") and generation != before


def _run(data: Path, promise: int, **settings: object) -> None:
    # A run that is to be cleared stands as it was until its flow, which has its leases first, gets to that.
    before = Dataset.open(data).generation if "compute_consumer_reset" in settings else ""
    flow = start(data, **settings)
    try:
        until(runs(data, flow), [flow])
        until(lambda: _has_begun(data, before), [flow])
        until(reached(data, promise), [flow])
        flow.send_signal(signal.SIGTERM)
        assert flow.wait(PATIENCE_S) == 0
    finally:
        flow.kill()
        flow.wait()


@pytest.mark.parametrize("at_once", [True, False], ids=["before", "behind"])
def test_a_reset_that_is_killed_while_clearing_is_done_again_by_whoever_comes_next(
    tmp_path: Path, at_once: bool
) -> None:
    promise = _fed(tmp_path)
    _run(tmp_path, promise)
    expected = derived(tmp_path)
    assert expected
    reset = environment(tmp_path, compute_consumer_reset="true")
    command = [sys.executable, "-c", _KILLED.format(at_once=at_once)]
    assert subprocess.run(command, cwd=ROOT, env=reset, check=False).returncode == -signal.SIGKILL
    _run(tmp_path, promise)
    assert derived(tmp_path) == expected


def test_a_state_that_another_version_kept_in_another_form_is_refused_with_what_to_do(tmp_path: Path) -> None:
    promise = _fed(tmp_path)
    _run(tmp_path, promise)
    expected = derived(tmp_path)
    store = Dataset.open(tmp_path).recovery_dir("options")
    assert recovery.form(store) == state_form()
    recovery.note_form(store, "of yore")
    for _ in range(2):
        refused = start(tmp_path)
        assert refused.wait(PATIENCE_S) == 1
        last = (tmp_path / "flow.log").read_text().splitlines()[-1]
        assert last.startswith("error: the flow's state in ")
        assert "COMPUTE_CONSUMER_RESET=true" in last
    _run(tmp_path, promise, compute_consumer_reset="true")
    assert derived(tmp_path) == expected
    assert recovery.form(store) == state_form()


def test_a_form_is_that_of_fields_their_types_and_their_order() -> None:
    base: list[Any] = [("a", int), ("b", dict[str, float])]
    forms = [
        form_of(defstruct("State", fields, array_like=True))
        for fields in (base, base, base[::-1], [*base, ("c", int, 0)], [("a", int), ("b", dict[str, int])])
    ]
    assert forms[0] == forms[1]
    assert len(set(forms)) == 4
    list_of: Any = list
    nested = [form_of(defstruct("Outer", [("of", list_of[defstruct("Inner", [("x", kind)])])])) for kind in (int, str)]
    assert nested[0] != nested[1]
