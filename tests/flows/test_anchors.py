"""Anchors are complete, the same however the tape was read, and a start from one gives what a start from 0 gives."""

from __future__ import annotations

import shutil
import signal
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from connectors import recovery
from connectors.anchors import last_anchors
from connectors.bus.base import Batch
from connectors.bus.embedded import EmbeddedBus
from connectors.dataset import Dataset
from connectors.feeds.writer import TopicWriter
from events.code import code_digest
from events.codec import encode
from events.control import Control, encode_control
from events.derived import Anchor
from events.raw import OptionPrint
from events.settings import Rules, plain_rules
from events.topics import DERIVED_TOPICS
from events.types import NS_PER_MS, NS_PER_S
from tests.collecting import Events, emitted, lines
from tests.liveflow import Found, derived, reached, replayed, runs, start, until
from tests.tapes import CONTRACTS, FACTS, PRINTS, QUOTES, Tape, append, random_tape

#: 03:00 New York on 16 and 17 January 2026.
FIRST, SECOND = 1_768_550_400 * NS_PER_S, 1_768_636_800 * NS_PER_S
_ALWAYS = ("options.marked", "flow.packets", "flow.hits", "flow.alerts")
_RULES = Rules(classifier_z_min_samples=3, alert_cooldown_ms=5000)
_SETTINGS = {"classifier_z_min_samples": 3, "alert_cooldown_ms": 5000}


def _session(number: int, boundary: int, before_s: int = 25) -> Tape:
    """A tape of a minute that is busy while a boundary passes, or ends before it."""
    tape = random_tape(number, 700, start_ts=boundary - before_s * NS_PER_S, loud=True)
    for topic in (PRINTS, QUOTES, FACTS):
        for event in tape.of(topic):
            event.id = f"{number}-{event.id}"
    return tape


def _two_sessions() -> Tape:
    """Both sessions as one tape, silent between."""
    one, two = _session(0, FIRST), _session(1, SECOND)
    gaps = one.gaps + [len(one.quotes) + gap for gap in two.gaps]
    return Tape(one.prints + two.prints, one.quotes + two.quotes, one.facts + two.facts, gaps)


def _bus(directory: Path, partitions: int = 3) -> EmbeddedBus:
    return EmbeddedBus(directory, partitions)


def _digests(events: Events) -> dict[str, tuple[int, str, int]]:
    anchors: list[Anchor] = events["anchors"]
    assert len({anchor.id for anchor in anchors}) == len(anchors)
    return {anchor.id: (anchor.ts, anchor.digest, anchor.parts) for anchor in anchors}


@contextmanager
def _keep(bus: EmbeddedBus, events: Events) -> Iterator[None]:
    """Puts a run's anchors where a start looks for them."""
    for anchor in events["anchors"]:
        bus.append("anchors", {anchor.partition: Batch(1, encode(anchor), [anchor.part])})
    yield
    bus.clear("anchors")


def test_every_partition_is_anchored_whole_at_each_boundary_it_passes(tmp_path: Path) -> None:
    bus = _bus(tmp_path)
    append(bus, _two_sessions())
    anchors: list[Anchor] = emitted(bus, _RULES)["anchors"]
    assert {(anchor.ts, anchor.partition) for anchor in anchors} == {
        (ts, p) for ts in (FIRST, SECOND) for p in range(3)
    }
    for anchor in anchors:
        together = [each for each in anchors if (each.ts, each.partition) == (anchor.ts, anchor.partition)]
        assert len(together) == anchor.parts
        assert len({each.part for each in together}) == anchor.parts
        assert (anchor.part == "partition") == (anchor.tape is not None)
    bus.close()


def test_no_way_of_feeding_and_reading_changes_an_anchor(tmp_path: Path) -> None:
    tape = _two_sessions()
    found = []
    for place, (order, batch, pieces) in enumerate(
        [("quotes first", 1000, 1), ("by turns", 7, 5), ("prints first", 1, 2)]
    ):
        bus = _bus(tmp_path / str(place))
        append(bus, tape, order, batch=batch, pieces=pieces)  # type: ignore[arg-type]
        found += [_digests(emitted(bus, _RULES, read_batch=read)) for read in (1, 7, 1000)]
        bus.close()
    assert all(each == found[0] for each in found)


def _print(number: int, ts: int, contract: str = CONTRACTS[0], size: int = 5) -> OptionPrint:
    return OptionPrint(id=f"p{number}", ts=ts, contract=contract, price=1.2, size=size, exchange="C")


#  03:00 - 100 ms    03:00    + 400 ms        + 10 s                    + 20 s
#  three prints |------|---------| due          | heartbeats only         | the next print
#                      ^ the anchor holds the three open packets, whoever reads how much at a time
def test_silence_behind_a_boundary_does_not_change_the_anchor_at_it(tmp_path: Path) -> None:
    bus = _bus(tmp_path, 1)
    writers = [TopicWriter(bus, topic) for topic in (PRINTS, QUOTES)]
    for writer in writers:
        writer.member("required", 0)
    for number in range(5):
        writers[0].add(_print(number, FIRST - (100 - number) * NS_PER_MS, CONTRACTS[number]))
    for seconds in range(1, 11):
        for writer in writers:
            writer.heartbeat(FIRST + seconds * NS_PER_S)
    silent = _digests(emitted(bus, _RULES, supply_end=False))
    writers[0].add(_print(9, FIRST + 20 * NS_PER_S))
    for writer in writers:
        writer.heartbeat(FIRST + 30 * NS_PER_S)
    found = [_digests(emitted(bus, _RULES, read_batch=read)) for read in (1, 2, 1000)]
    assert [ts for ts, _, _ in silent.values()] == [FIRST]
    assert found == [silent] * 3
    bus.close()


def test_a_start_from_an_anchor_gives_what_a_start_from_the_beginning_gives_behind_it(tmp_path: Path) -> None:
    bus = _bus(tmp_path)
    tape = _two_sessions()
    append(bus, tape)
    whole = emitted(bus, _RULES)
    for boundary in (FIRST, SECOND):
        until_here: Events = {"anchors": [anchor for anchor in whole["anchors"] if anchor.ts <= boundary]}
        with _keep(bus, until_here):
            begin = last_anchors(bus, code_digest())
        assert {ts for ts, _ in begin.tapes.values()} == {boundary}
        expected = lines(whole, boundary)
        assert all(expected[topic] for topic in _ALWAYS)
        for read_batch in (1, 1000):
            again = emitted(bus, _RULES, begin=begin, read_batch=read_batch)
            # A late print's time lies before the boundary that it arrived behind.
            assert lines(again, boundary) == expected
            assert {k: v for k, v in _digests(whole).items() if v[0] > boundary} == _digests(again)
    bus.close()


def test_an_anchor_that_is_damaged_incomplete_or_of_other_code_is_passed_over(tmp_path: Path) -> None:
    bus = _bus(tmp_path, 1)
    append(bus, _two_sessions())
    anchors: list[Anchor] = emitted(bus, _RULES)["anchors"]
    second = [anchor for anchor in anchors if anchor.ts == SECOND]
    first = [anchor for anchor in anchors if anchor.ts == FIRST]
    bad = Anchor(**{name: getattr(second[-1], name) for name in Anchor.__struct_fields__})
    bad.data = b64encode(b"other").decode()
    assert sha256(b"other").hexdigest() != bad.digest
    for broken in ([*second[:-1]], [*second[:-1], bad]):
        with _keep(bus, {"anchors": first + broken}):
            assert last_anchors(bus, code_digest()).tapes[0][0] == FIRST
    with _keep(bus, {"anchors": anchors}):
        assert last_anchors(bus, code_digest()).tapes[0][0] == SECOND
        assert last_anchors(bus, "other code").tapes == {}
    bus.close()


#  parameters changed | boundary |  a shard that never had a packet wakes: it judges by the new ones
def test_a_shard_that_wakes_behind_an_anchor_judges_by_the_parameters_in_force(tmp_path: Path) -> None:
    bus = _bus(tmp_path, 1)
    new = Rules(classifier_spike_min_size=5, classifier_spike_min_premium=100)
    change = encode_control(Control(control="parameters", ts=FIRST - 30 * NS_PER_S, parameters=plain_rules(new)))
    writer = TopicWriter(bus, PRINTS)
    writer.member("required", 0)
    writer.add(_print(1, FIRST - 60 * NS_PER_S, CONTRACTS[0]))
    writer.flush()
    bus.append(PRINTS, {0: Batch(1, change, control=True)})
    writer.add(_print(2, FIRST - 20 * NS_PER_S, CONTRACTS[0]))
    writer.add(_print(3, FIRST + 20 * NS_PER_S, CONTRACTS[2]))
    writer.heartbeat(FIRST + 30 * NS_PER_S)
    whole = emitted(bus, Rules(), follow_log=True)
    assert [hit.packet_id for hit in whole["flow.hits"]] == ["pk:p2", "pk:p3"]
    assert {hit.thresholds["CLASSIFIER_SPIKE_MIN_SIZE"] for hit in whole["flow.hits"]} == {5.0}
    with _keep(bus, whole):
        begin = last_anchors(bus, code_digest())
    again = emitted(bus, Rules(), follow_log=True, begin=begin)
    assert [hit.packet_id for hit in again["flow.hits"]] == ["pk:p3"]
    # A run with parameters of its own follows neither the log nor what an anchor remembers of it.
    assert emitted(bus, Rules())["flow.hits"] == []
    assert emitted(bus, Rules(), begin=begin)["flow.hits"] == []
    bus.close()


def _feed(data: Path, number: int, boundary: int) -> int:
    """Writes a session and a minute of silence behind it as live feeds do; returns the last promise."""
    bus = Dataset.open(data, create=True, partitions=3).open_bus()
    session = _session(number, boundary, before_s=150)
    assert session.prints[-1].ts < boundary
    append(bus, session, joined=number > 0)
    promise = 0
    for topic in (FACTS, PRINTS, QUOTES):
        writer = TopicWriter(bus, topic)
        writer.heartbeat(boundary + 60 * NS_PER_S)
        promise = writer.promise
    bus.close()
    return promise


def _run(data: Path, promise: int, **settings: object) -> None:
    flow = start(data, **_SETTINGS, **settings)
    try:
        until(runs(data, flow), [flow])
        until(reached(data, promise), [flow])
        flow.send_signal(signal.SIGTERM)
        assert flow.wait(30) == 0
    finally:
        flow.kill()
        flow.wait()


@pytest.mark.slow
@pytest.mark.chaos
@pytest.mark.parametrize("policy", ["new", "all"])
def test_without_its_recovery_store_a_live_flow_begins_as_its_policy_says_and_ends_the_same(
    tmp_path: Path, policy: str
) -> None:
    _run(tmp_path, _feed(tmp_path, 0, FIRST))
    dataset = Dataset.open(tmp_path)
    store = dataset.recovery_dir("options")
    shutil.rmtree(store)
    _forget_derived(dataset)
    # Killed behind its first snapshot, with nothing to do yet: what it began with must be in there.
    flow = start(tmp_path, **_SETTINGS, compute_deliver_policy=policy)
    try:
        until(lambda: any(store.glob("part-*.sqlite3")) and bool(recovery.snapshots(store, "options.tape")), [flow])
    finally:
        flow.kill()
        flow.wait()
    _run(tmp_path, _feed(tmp_path, 1, SECOND), compute_deliver_policy=policy)
    assert [ts for ts, _ in last_anchors(dataset.open_bus(), code_digest()).tapes.values()] == [SECOND] * 3
    expected, found = replayed(tmp_path, _RULES), derived(tmp_path)
    if policy == "all":
        assert found == expected
    else:
        assert _behind(found, FIRST) == _behind(expected, FIRST)
        assert not any(_ts(row) < FIRST - NS_PER_S for rows in found["options.marked"].values() for row in rows)


def _forget_derived(dataset: Dataset) -> None:
    """What stood before the anchor is then only to be had from the log's start."""
    bus = dataset.open_bus()
    for topic in DERIVED_TOPICS:
        bus.clear(topic)
    bus.close()


def _behind(found: Found, ts: int) -> Found:
    """Returns the events from a time on, packets of before it left out."""
    kept = {
        topic: {name: [row for row in rows if _ts(row) >= ts] for name, rows in by_underlying.items()}
        for topic, by_underlying in found.items()
    }
    return {topic: {name: rows for name, rows in each.items() if rows} for topic, each in kept.items()}


def _ts(line: bytes) -> int:
    ts: int = orjson.loads(line)["ts"]
    return ts
