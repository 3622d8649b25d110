"""The synthetic feed writes its market once, whatever the pace, the batches, the restarts and the kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from connectors.bus.base import Batch, LeaseLost
from connectors.dataset import Dataset
from connectors.feeds.synthetic.calendar import LATE_S
from connectors.feeds.synthetic.checkpoint import FILE, FeedError
from connectors.feeds.synthetic.emitting import TOPICS
from connectors.feeds.synthetic.feed import FeedOptions, run_feed
from connectors.feeds.synthetic.model import ModelConfig
from connectors.feeds.synthetic.pacing import STALL_S, Pace
from connectors.feeds.writer import GRID_NS, TopicWriter
from connectors.lease import LeaseHeld
from connectors.tape import Span, TapeSource, heads_as_ends
from events.control import Control
from events.types import NS_PER_MS, NS_PER_S
from tests.syntheticlogs import NOON, FakeClock, events_of, feed, read_log, ts_of
from undertow.cli import main

_CONFIG = ModelConfig(11, NOON, rate=60.0, planted_per_hour=3600)


@pytest.mark.parametrize("poison", [b"poison", b"\xff{", b'{"poison":1}', b"[1]"])
def test_poison_in_its_topics_keeps_no_feed_from_going_on_where_it_stopped(tmp_path: Path, poison: bytes) -> None:
    feed(tmp_path / "clean", _CONFIG, seconds=6)
    feed(tmp_path / "poisoned", _CONFIG, seconds=3)
    checkpoint = (tmp_path / "poisoned" / FILE).read_bytes()
    feed(tmp_path / "poisoned", _CONFIG, seconds=1)
    bus = Dataset.open(tmp_path / "poisoned").open_bus()
    for topic in ("options.prints", "reference"):
        bus.append(topic, {0: Batch(1, poison, ["SPY"])}, bus.heads(topic)[0].epoch)
    bus.close()
    # As after a kill: it draws again from the older checkpoint, and finds what the log holds behind it.
    (tmp_path / "poisoned" / FILE).write_bytes(checkpoint)
    feed(tmp_path / "poisoned", _CONFIG, seconds=3)
    found = events_of(tmp_path / "poisoned")
    assert {place: [line for line in lines if line != poison] for place, lines in found.items()} == events_of(
        tmp_path / "clean"
    )


def test_a_feed_that_was_declared_absent_returns_where_it_was_and_not_an_hour_later(tmp_path: Path) -> None:
    #  s  0        3   absent   3        6      the market's time stands still while its feed is away
    #     feed ----|            feed ----|      reference promises an hour ahead, which is nobody's place
    feed(tmp_path / "whole", _CONFIG, seconds=6)
    feed(tmp_path / "broken", _CONFIG, seconds=3)
    dataset = Dataset.open(tmp_path / "broken")
    bus = dataset.open_bus()
    for topic in ("reference", *(topic for topic in TOPICS if topic != "reference")):
        with dataset.acquire_feed(bus, topic) as lease:
            writer = TopicWriter(bus, topic, permit=lease)
            writer.member("absent", writer.promise)
    bus.close()
    feed(tmp_path / "broken", _CONFIG, seconds=3)
    assert released(tmp_path / "broken") == released(tmp_path / "whole")


def released(path: Path) -> list[tuple[int, str]]:
    """Returns order time and id of every event in the order in which a tape releases it, by partition."""
    bus = Dataset.open(path).open_bus()
    source = TapeSource(bus, Span(ends=heads_as_ends(bus), supply_end=True), batch=100, poll_ms=1)
    found: list[tuple[int, str]] = []
    for name in source.list_parts():
        part = source.build_part("tape", name, None)
        with suppress(StopIteration):
            while True:
                for _, out in part.next_batch():
                    found += [(item[0], item[5].id) for item in out.items if not isinstance(item[5], Control)]
    bus.close()
    return found


def test_the_log_is_the_same_at_any_pace_batch_and_restart(tmp_path: Path) -> None:
    feed(tmp_path / "fast", _CONFIG, seconds=12)
    feed(tmp_path / "paced", _CONFIG, seconds=12, speed=1.0, batch=7)
    for _ in range(3):
        feed(tmp_path / "pieces", _CONFIG, seconds=4, speed=5.0, batch=100)
    whole = events_of(tmp_path / "fast")
    assert whole == events_of(tmp_path / "paced") == events_of(tmp_path / "pieces")
    labels = [(tmp_path / name / "labels.jsonl").read_bytes() for name in ("fast", "paced", "pieces")]
    assert labels[0]
    assert labels[0] == labels[1] == labels[2]


def test_no_event_stands_below_a_promise_and_promises_keep_up_with_time(tmp_path: Path) -> None:
    feed(tmp_path, ModelConfig(1, NOON, rate=5.0, emit_interval_ms=5000), seconds=6, speed=1.0)
    newest: dict[tuple[str, int], int] = {}
    for record in read_log(tmp_path):
        assert record.control or ts_of(record) >= record.before
        part = (record.topic, record.partition)
        if record.behind > NOON and record.topic != "reference":
            # In event time a partition is never silent for longer than the grid and one tick of the clock.
            assert record.behind - newest.get(part, NOON) <= GRID_NS
            newest[part] = record.behind
    assert len(newest) == 4 * 8
    assert set(newest.values()) == {NOON + 6 * NS_PER_S}
    ahead = max(record.behind for record in read_log(tmp_path) if record.topic == "reference")
    assert ahead >= NOON + 3600 * NS_PER_S


def test_the_next_mornings_facts_are_not_late(tmp_path: Path) -> None:
    # Wednesday 15:59:50 to its end at 16:15:01, stopped there as well as run on, then Thursday's reference and opening.
    config = ModelConfig(1, NOON + (4 * 3600 - 10) * NS_PER_S, rate=5.0, emit_interval_ms=5000)
    feed(tmp_path, config, seconds=10 + LATE_S + 1)
    feed(tmp_path, config, seconds=3)
    facts = [record for record in read_log(tmp_path, ["reference"]) if record.control is None]
    assert len({ts_of(record) for record in facts}) == 2
    assert all(ts_of(record) >= record.before for record in facts)


def test_a_market_that_is_silent_beats_once_a_second(tmp_path: Path) -> None:
    silent = ModelConfig(1, NOON, rate=0.001, emit_interval_ms=3_600_000, planted_per_hour=0)
    feed(tmp_path, silent, seconds=20, speed=1.0)
    beats = [
        record.control.ts
        for record in read_log(tmp_path, ["options.prints"])
        if record.partition == 3 and record.control and record.control.control == "heartbeat"
    ]
    late = [b - a for a, b in zip(beats, beats[1:], strict=False) if a > NOON + 6 * NS_PER_S]
    assert late
    assert all(NS_PER_S <= gap <= NS_PER_S + GRID_NS for gap in late[:-1])


def test_the_log_begins_with_membership_and_what_the_feed_declares(tmp_path: Path) -> None:
    feed(tmp_path, _CONFIG, seconds=1)
    feed(tmp_path, _CONFIG, seconds=1)
    facts: dict[tuple[str, int], list[Control]] = {}
    for record in read_log(tmp_path):
        if record.control and record.control.control in ("member", "feed"):
            facts.setdefault((record.topic, record.partition), []).append(record.control)
    assert len(facts) == 5 * 8
    for (topic, _), (member, declared) in facts.items():
        assert (member.control, member.state, member.ts) == ("member", "required", 0)
        assert (declared.control, declared.source) == ("feed", "synthetic")
        if topic != "reference":
            assert (declared.carries_conditions, declared.quotes, declared.book) == (True, "every_change", "national")


def test_what_another_feed_wrote_is_never_mixed(tmp_path: Path) -> None:
    feed(tmp_path, _CONFIG, seconds=1)
    (tmp_path / FILE).unlink()
    (tmp_path / "labels.jsonl").unlink()
    with pytest.raises(FeedError, match="no synthetic feed wrote"):
        feed(tmp_path, _CONFIG, seconds=1)


def test_only_one_feed_writes_and_one_that_lost_its_lease_stops(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path, create=True, clock="synthetic")
    with dataset.leases.acquire("feed:equities.quotes"), pytest.raises(LeaseHeld):
        feed(tmp_path, _CONFIG, seconds=1)
    clock, bus = FakeClock(), dataset.open_bus()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.now_s > 1:
            bus.fence("options.quotes", range(8), 99)

    options = FeedOptions(_CONFIG, 1.0, duration=5 * NS_PER_S, clock=clock, sleep=sleep)
    with pytest.raises(LeaseLost):
        run_feed(dataset, options)
    bus.close()


def test_simulated_time_stands_still_while_the_process_does() -> None:
    clock = FakeClock()
    pace = Pace(2.0, clock)
    pace.set(NOON)
    clock.now_s = 0.25
    assert pace.now() == NOON + 500 * NS_PER_MS
    clock.now_s = 3600.0
    assert pace.now() == NOON + 500 * NS_PER_MS + round(2 * STALL_S * NS_PER_S)


def _command(path: Path, *options: str) -> list[str]:
    fixed = ("--seed", "11", "--start", str(NOON), "--rate", "60")
    return [sys.executable, "-m", "undertow.cli", "feed", "synthetic", "--data", str(path), *fixed, *options]


@pytest.mark.chaos
def test_a_feed_killed_at_any_moment_neither_loses_nor_doubles(tmp_path: Path) -> None:
    config = ModelConfig(11, NOON, rate=60.0, planted_per_hour=3600)
    feed(tmp_path / "calm", config, seconds=30)
    killed = tmp_path / "killed"
    script = (
        "import sys; from pathlib import Path; from connectors.dataset import Dataset\n"
        "from connectors.feeds.synthetic.feed import FeedOptions, run_feed\n"
        "from connectors.feeds.synthetic.model import ModelConfig\n"
        f"config = ModelConfig(11, {NOON}, rate=60.0, planted_per_hour=3600)\n"
        "dataset = Dataset.open(Path(sys.argv[1]), create=True, clock='synthetic')\n"
        f"run_feed(dataset, FeedOptions(config, float(sys.argv[2]), until={NOON + 30 * NS_PER_S}, batch=50,"
        " checkpoint_s=0.3))\n"
    )
    # Killed before the first checkpoint, within the reference, in trading twice, then left to end.
    for number, wanted in enumerate((0, 30_000, 76_000, 80_000)):
        process = subprocess.Popen([sys.executable, "-c", script, str(killed), "10"])
        try:
            _wait_for_records(killed, wanted, process)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert process.returncode == -signal.SIGKILL, number
    subprocess.run([sys.executable, "-c", script, str(killed), "0"], check=True, timeout=60)
    assert events_of(killed) == events_of(tmp_path / "calm")
    assert (killed / "labels.jsonl").read_bytes() == (tmp_path / "calm" / "labels.jsonl").read_bytes()


def _wait_for_records(path: Path, count: int, process: subprocess.Popen[Any]) -> None:
    """Waits until the log holds so many records."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if (path / "dataset.json").exists():
            bus = Dataset.open(path).open_bus()
            held = sum(head.next for topic in bus.topics() for head in bus.heads(topic))
            bus.close()
            if held >= count:
                return
        time.sleep(0.01)
    pytest.fail(f"no {count} records in the log; the feed's exit status is {process.poll()}")


@pytest.mark.chaos
def test_sigterm_ends_on_a_whole_second_with_status_0(tmp_path: Path) -> None:
    process = subprocess.Popen(
        _command(tmp_path, "--speed", "1", "--json"), env={**os.environ}, stdout=subprocess.PIPE, text=True
    )
    try:
        _wait_for_records(tmp_path, 72_000, process)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0
    position = json.loads(out)["position"]
    assert position % NS_PER_S == 0
    records = read_log(tmp_path, ["options.prints", "equities.quotes"])
    assert all(ts_of(record) < position for record in records if record.control is None)
    assert max(record.behind for record in records) == position


def test_the_command_refuses_another_clock_and_another_seed_in_one_line(tmp_path: Path) -> None:
    Dataset.open(tmp_path / "real", create=True, clock="historical")
    command = ["feed", "synthetic", "--fast", "--duration", "1s", "--rate", "5"]
    refused = CliRunner().invoke(main, [*command, "--data", str(tmp_path / "real")])
    assert refused.exit_code == 1
    assert "is historical, not synthetic" in refused.stderr
    made = CliRunner().invoke(main, [*command, "--data", str(tmp_path / "new"), "--seed", "3"])
    assert made.exit_code == 0, made.output
    again = CliRunner().invoke(main, [*command, "--data", str(tmp_path / "new"), "--seed", "4"])
    assert again.exit_code == 1
    assert again.stderr.count("\n") == 1
    assert "has seed 3, not 4" in again.stderr
