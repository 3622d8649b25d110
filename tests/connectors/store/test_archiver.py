"""Batches become rows: order times, bad neighbours, old lease epochs, progress behind rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.bus.base import StoredBatch
from connectors.store.archiver import Archiver, clear_run, finish_run, floors_of
from connectors.store.base import StoreError, read_progress
from connectors.store.chdb_engine import ChdbStore
from connectors.store.export import lines
from connectors.store.schema import PROGRESS, Columns, Table, table
from events.topics import DERIVED_TOPICS
from events.types import FOREVER_NS
from tests.connectors.store.samples import T0, batch_of, expected_lines, plain_events


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ChdbStore]:
    opened = ChdbStore(tmp_path)
    opened.ensure_tables()
    yield opened
    opened.close()


def archived(store: ChdbStore, *batches: StoredBatch, topic: str = "options.prints") -> Archiver:
    archiver = Archiver(store, "main")
    for batch in batches:
        archiver.take(topic, batch)
    archiver.flush()
    return archiver


@pytest.mark.parametrize(
    ("promises", "floors"),
    [
        ([(0, 5)], [5, 5, 5, 5]),
        ([(0, 5), (2, 7)], [5, 5, 7, 7]),
        ([(0, 5), (0, 6), (3, 7), (4, 9)], [6, 6, 6, 7]),
    ],
)
def test_each_record_meets_the_promise_in_force_before_it(promises: list[tuple[int, int]], floors: list[int]) -> None:
    assert floors_of(batch_of(plain_events("options.prints", 4), promises=promises)).tolist() == floors


def test_a_record_below_the_promise_is_late_and_ordered_at_it(store: ChdbStore) -> None:
    events = plain_events("options.prints", 4)
    promises = [(0, T0), (2, T0 + 3_000_000)]
    archived(store, batch_of(events, promises=promises))
    found = store.query("SELECT order_ts, arrived_late FROM options_prints FINAL ORDER BY ts")
    assert found["order_ts"] == [T0, T0 + 1_000_000, T0 + 3_000_000, T0 + 3_000_000]
    assert found["arrived_late"] == [0, 0, 1, 0]


def test_an_unreadable_record_is_counted_and_its_neighbours_arrive(store: ChdbStore) -> None:
    events = plain_events("options.prints", 3)
    batch = batch_of(events, promises=[(0, 0), (1, T0 + 10**9)])
    lines_of = batch.lines()
    batch.payload = b"\n".join([lines_of[0], b'{"ts": "yesterday"}', lines_of[2]])
    assert archived(store, batch).counters.unreadable == 1
    found = store.query("SELECT id, offset, arrived_late FROM options_prints FINAL ORDER BY ts")
    assert found == {"id": ["id:0", "id:2"], "offset": [0, 2], "arrived_late": [0, 1]}


def test_an_integer_beyond_64_bits_is_counted_and_its_neighbours_arrive(store: ChdbStore) -> None:
    events = plain_events("options.prints", 3)
    events[1].seq = 2**63
    archiver = archived(store, batch_of(events, promises=[(0, 0), (2, T0)]))
    assert (archiver.counters.rows, archiver.counters.unreadable) == (2, 1)
    assert list(lines(store, "options.prints")) == expected_lines("options.prints", [events[0], events[2]])


def test_a_control_record_beyond_64_bits_is_counted_and_its_neighbours_arrive(store: ChdbStore) -> None:
    payload = b"\n".join(b'{"control":"heartbeat","ts":%d}' % ts for ts in (5, 2**63, 2**64, 6))
    batch = StoredBatch(0, 0, 4, True, 0, [(0, 0)], payload, b"")
    counters = archived(store, batch).counters
    assert (counters.controls, counters.unreadable) == (2, 2)
    assert store.query("SELECT offset, ts FROM control FINAL") == {"offset": [0, 3], "ts": [5, 6]}


def test_derived_records_of_an_older_epoch_are_ignored(store: ChdbStore) -> None:
    newer, older = (
        batch_of(plain_events("flow.alerts", 2), epoch=7),
        batch_of(plain_events("flow.alerts", 4), 2, epoch=6),
    )
    archiver = archived(store, newer, older, topic="flow.alerts")
    assert archiver.counters.outdated == 4
    assert len(list(lines(store, "flow.alerts"))) == 2
    assert read_progress(store, "main").offsets("flow.alerts", 1) == [6]


def test_control_records_stand_apart_and_move_the_progress(store: ChdbStore) -> None:
    beat = b'{"control":"heartbeat","ts":5}'
    batch = StoredBatch(0, 0, 2, True, 1, [(0, 0), (2, 5)], beat + b"\n" + beat, b"")
    assert archived(store, batch, batch).counters.controls == 4
    assert list(lines(store, "options.prints")) == []
    assert store.query("SELECT offset, control FROM control FINAL") == {"offset": [0, 1], "control": ["heartbeat"] * 2}
    assert read_progress(store).by_partition == {("options.prints", 0): (2, 5)}


class _Refusing:
    """A store that notes the order of inserts and refuses rows of one table."""

    def __init__(self, store: ChdbStore, refused: str) -> None:
        self._store = store
        self.refused = refused
        self.inserts: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def insert(self, table: Table, columns: Columns) -> None:
        if table.name == self.refused:
            raise StoreError("full")
        self.inserts.append(table.name)
        self._store.insert(table, columns)


def test_progress_is_noted_behind_the_rows_and_a_failed_flush_loses_none(store: ChdbStore) -> None:
    refusing: Any = _Refusing(store, "options_prints")
    archiver = Archiver(refusing, "main")
    events = plain_events("options.prints", 3)
    archiver.take("options.prints", batch_of(events))
    with pytest.raises(StoreError):
        archiver.flush()
    assert read_progress(store).by_partition == {}
    refusing.refused = ""
    archiver.flush()
    assert refusing.inserts == ["options_prints", "progress"]
    assert list(lines(store, "options.prints")) == expected_lines("options.prints", events)


def test_clearing_a_run_leaves_raw_rows_and_other_runs(store: ChdbStore) -> None:
    for run in ("main", "other"):
        archiver = Archiver(store, run)
        for topic in ("options.prints", "flow.hits"):
            archiver.take(topic, batch_of(plain_events(topic, 3)))
        archiver.flush()
    clear_run(store, "main")
    assert store.query("SELECT DISTINCT run FROM flow_hits") == {"run": ["other"]}
    assert len(list(lines(store, "options.prints"))) == 3
    assert not read_progress(store, "main").holds("flow.hits")
    assert read_progress(store).offsets("options.prints", 1) == [3]


def test_a_finished_run_is_complete_in_every_derived_topic(store: ChdbStore) -> None:
    archived(store, batch_of(plain_events("flow.hits", 3)), topic="flow.hits")
    finish_run(store, "main", {"options.prints": [10, 20]})
    reached = read_progress(store, "main")
    assert {reached.promise(topic, 2) for topic in DERIVED_TOPICS} == {FOREVER_NS}
    assert reached.offsets("flow.hits", 2) == [3, 0]
    assert reached.offsets("options.prints", 2) == [10, 20]
    assert store.query(f"SELECT count() AS n FROM {PROGRESS.name} FINAL WHERE run = ''") == {"n": [0]}
    assert table("flow.hits").key[0] == "run"
