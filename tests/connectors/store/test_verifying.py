"""Verification finds any altered, missing or extra row, and compares no more than the archive holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.bus.base import Batch
from connectors.bus.embedded import EmbeddedBus
from connectors.store.archiver import Archiver, finish_run
from connectors.store.base import read_progress
from connectors.store.chdb_engine import ChdbStore
from connectors.store.compare import Span, archived_lines, compare, gathered, raw_offsets
from connectors.store.schema import PROGRESS, canonical_fields, has_revisions, table
from connectors.store.verifying import verify
from events.control import Control, encode_control
from events.topics import DERIVED_TOPICS, RAW_TOPICS, TOPICS
from tests.connectors.store.samples import T0, altered, expected_lines, one_row, plain_events
from tests.lines import encode_lines

ROWS = 4
PROMISES = [(0, T0), (2, T0 + 2_500_000)]


@dataclass(slots=True)
class Archive:
    """A log of two partitions, the archive of it, and what a right computation concludes."""

    store: ChdbStore
    bus: EmbeddedBus
    derived: dict[str, list[Any]]

    def recompute(self, until: Mapping[str, Sequence[int]], end: bool) -> Iterable[tuple[str, bytes, int]]:
        for topic, events in self.derived.items():
            for event, line in zip(events, expected_lines(topic, events), strict=True):
                yield topic, line, getattr(event, "order_ts", event.ts)

    def unequal(self, span: Span | None = None) -> set[str]:
        results = verify(self.store, self.bus, "main", self.recompute, span)
        return {topic for topic, result in results.items() if not result.equal}


def append(bus: EmbeddedBus, topic: str, events: Sequence[Any]) -> None:
    bus.append(topic, {0: Batch(len(events), encode_lines(events), ["SPY"] * len(events), PROMISES)}, 1)


def archive_log(archive: Archive) -> None:
    archiver = Archiver(archive.store, "main")
    for topic in archive.bus.topics():
        for partition in range(2):
            for batch in archive.bus.read(topic, partition, 0, 1000):
                archiver.take(topic, batch)
    archiver.flush()


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    bus, store = EmbeddedBus(tmp_path / "bus", 2), ChdbStore(tmp_path)
    store.ensure_tables()
    made = Archive(store, bus, {topic: plain_events(topic, ROWS) for topic in DERIVED_TOPICS})
    for topic in RAW_TOPICS:
        append(bus, topic, plain_events(topic, ROWS))
    for topic, events in made.derived.items():
        append(bus, topic, events)
    archive_log(made)
    finish_run(store, "main", {topic: [ROWS, 0] for topic in RAW_TOPICS})
    yield made
    store.close()
    bus.close()


def stored_columns(archive: Archive, topic: str) -> dict[str, list[Any]]:
    return archive.store.query(f"SELECT * FROM {table(topic).name} FINAL ORDER BY ts, id")


def test_an_archive_of_its_log_is_equal_in_every_topic(archive: Archive) -> None:
    results = verify(archive.store, archive.bus, "main", archive.recompute)
    assert {topic: (result.rows, result.equal) for topic, result in results.items()} == {
        topic: (ROWS, True) for topic, entry in TOPICS.items() if entry.layer != "operational"
    }


@pytest.mark.parametrize("topic", [*RAW_TOPICS, *DERIVED_TOPICS])
def test_an_altered_value_of_any_exported_column_is_found(archive: Archive, topic: str) -> None:
    store, made = archive.store, table(topic)
    offsets = raw_offsets(archive.bus.heads(topic), read_progress(store), topic) if topic in RAW_TOPICS else []
    right = gathered(archived_lines(store, topic, "main", Span(), offsets))
    original = one_row(stored_columns(archive, topic), 1)
    for column in canonical_fields(topic):
        changed = {**original, column: [altered(original[column][0])]}
        assert changed != original, column
        if column in made.key:
            store.delete(made, "id = 'id:1'")
        store.insert(made, changed)
        found = compare(gathered(archived_lines(store, topic, "main", Span(), offsets)), right)
        assert not found.equal, column
        if column in made.key:
            store.delete(made, "id = {id:String}", {"id": changed["id"][0]})
        store.insert(made, original)
    assert compare(gathered(archived_lines(store, topic, "main", Span(), offsets)), right).equal


@pytest.mark.parametrize("topic", [*RAW_TOPICS, *DERIVED_TOPICS])
def test_a_deleted_row_is_found_and_named(archive: Archive, topic: str) -> None:
    archive.store.delete(table(topic), "id = 'id:2'")
    results = verify(archive.store, archive.bus, "main", archive.recompute)
    assert {name for name, result in results.items() if not result.equal} == {topic}
    assert results[topic].differing == ["id:2"]
    assert (results[topic].rows, results[topic].expected) == (ROWS - 1, ROWS)


@pytest.mark.parametrize("topic", ["options.quotes", "flow.hits"])
def test_an_extra_row_is_found_and_named(archive: Archive, topic: str) -> None:
    archive.store.insert(table(topic), {**one_row(stored_columns(archive, topic), 0), "id": ["invented"]})
    results = verify(archive.store, archive.bus, "main", archive.recompute)
    assert results[topic].differing == ["invented"]
    assert not results[topic].equal


def test_a_log_with_events_and_an_archive_without_rows_is_a_failure(archive: Archive) -> None:
    for topic in (*RAW_TOPICS, *DERIVED_TOPICS):
        archive.store.delete(table(topic), "1 = 1")
    assert archive.unequal() == {*RAW_TOPICS, *DERIVED_TOPICS}
    archive.store.delete(PROGRESS, "1 = 1")
    assert archive.unequal() == {*RAW_TOPICS, *DERIVED_TOPICS}


def test_a_span_narrows_what_is_compared(archive: Archive) -> None:
    archive.store.delete(table("flow.hits"), "id = 'id:2'")
    assert archive.unequal(Span(T0, T0 + 2_000_000)) == set()
    assert archive.unequal(Span(T0 + 2_000_000, T0 + 2_000_001)) == {"flow.hits"}


def test_what_the_log_holds_behind_the_archive_is_left_out(archive: Archive) -> None:
    later = plain_events("options.prints", ROWS + 3)[ROWS:]
    append(archive.bus, "options.prints", later)
    assert archive.unequal() == set()


def test_a_live_run_is_compared_below_the_smallest_promise_of_its_partitions(archive: Archive) -> None:
    archive.store.delete(PROGRESS, "1 = 1")
    for topic in (*RAW_TOPICS, *DERIVED_TOPICS):
        beat = encode_control(Control(control="heartbeat", ts=T0))
        promises = [(1, T0 + 2_000_000)]
        archive.bus.append(topic, {1: Batch(1, beat, (), promises, control=True)}, 1)
    archive_log(archive)
    archive.store.delete(table("flow.hits"), "id = 'id:2'")
    assert archive.unequal() == set()
    archive.store.delete(table("flow.hits"), "id = 'id:1'")
    assert archive.unequal() == {"flow.hits"}


def test_a_revision_is_part_of_the_identity(archive: Archive) -> None:
    assert has_revisions("flow.packets")
    archive.store.delete(table("flow.packets"), "id = 'id:0'")
    row = one_row(stored_columns(archive, "flow.packets"), 0)
    archive.store.insert(table("flow.packets"), {**row, "revision": [1]})
    assert archive.unequal() == {"flow.packets"}
