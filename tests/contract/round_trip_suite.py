"""Every event of every topic comes out of an archive as the line it went in as, whichever engine holds it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.store.archiver import Archiver
from connectors.store.base import Store
from connectors.store.export import Selection, lines
from connectors.store.schema import table
from events.topics import TOPICS
from tests.connectors.store.samples import T0, batch_of, events_of, expected_lines, plain_events


class RoundTripSuite:
    """Inherit it and give a fixture `store` of the scope of a module, open and with its tables."""

    @pytest.mark.parametrize("topic", TOPICS)
    @settings(max_examples=15)
    @given(data=st.data())
    def test_an_archived_event_is_exported_as_its_canonical_line(
        self, store: Store, topic: str, data: st.DataObject
    ) -> None:
        events: list[Any] = data.draw(events_of(topic))
        promises = [(0, T0), (len(events) // 2, T0 + 10**15)] if len(events) > 1 else [(0, T0)]
        store.delete(table(topic), "1 = 1")
        archiver = Archiver(store, "main")
        for _ in range(2):
            archiver.take(topic, batch_of(events, promises=promises))
            archiver.flush()
        assert archiver.counters.unreadable == 0
        exported = list(lines(store, topic, Selection(all_revisions=True)))
        assert exported == expected_lines(topic, events, promises)

    def test_an_export_in_pages_is_the_export_in_one(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        events = plain_events("options.prints", 50)
        for number, event in enumerate(events):
            event.ts = T0 + number // 3
        store.delete(table("options.prints"), "1 = 1")
        archiver = Archiver(store, "main")
        archiver.take("options.prints", batch_of(events))
        archiver.flush()
        whole = list(lines(store, "options.prints"))
        monkeypatch.setattr("connectors.store.export.PAGE_ROWS", 7)
        assert list(lines(store, "options.prints")) == whole == expected_lines("options.prints", events)

    @pytest.mark.parametrize(
        ("topic", "selection", "count"),
        [
            ("options.prints", Selection(underlying="SPX"), 5),
            ("options.prints", Selection(contract="SPY260116C00450000"), 5),
            ("options.marked", Selection(underlying="SPX"), 5),
            ("options.marked", Selection(run="other"), 0),
            ("equities.prints", Selection(underlying="SPY", from_ts=T0 + 1_000_000, to_ts=T0 + 3_000_000), 2),
            ("reference", Selection(symbol="SPY", to_ts=T0 + 1), 1),
        ],
    )
    def test_a_selection_narrows_the_lines(self, store: Store, topic: str, selection: Selection, count: int) -> None:
        store.delete(table(topic), "1 = 1")
        archiver = Archiver(store, "main")
        archiver.take(topic, batch_of(plain_events(topic, 10)))
        archiver.flush()
        assert len(list(lines(store, topic, selection))) == count

    def test_readers_see_the_last_revision_unless_they_ask(self, store: Store) -> None:
        first, other, again = plain_events("flow.packets", 3)
        again.id, again.revision = first.id, 2
        store.delete(table("flow.packets"), "1 = 1")
        archiver = Archiver(store, "main")
        archiver.take("flow.packets", batch_of([first, other, again]))
        archiver.flush()
        assert list(lines(store, "flow.packets")) == expected_lines("flow.packets", [other, again])
        everything = list(lines(store, "flow.packets", Selection(all_revisions=True)))
        assert everything == expected_lines("flow.packets", [first, other, again])
