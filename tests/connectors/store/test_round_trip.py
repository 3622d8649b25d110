"""chDB gives every event back as it took it; and what an export line holds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.store.chdb_engine import ChdbStore
from connectors.store.schema import canonical_fields
from events.topics import TOPICS
from tests.contract.round_trip_suite import RoundTripSuite


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbStore]:
    opened = ChdbStore(tmp_path_factory.mktemp("store"))
    opened.ensure_tables()
    yield opened
    opened.close()


class TestChdb(RoundTripSuite):
    pass


@pytest.mark.parametrize("topic", TOPICS)
def test_a_line_holds_the_events_own_fields_and_no_place_in_the_log(topic: str) -> None:
    own = set(TOPICS[topic].type.__struct_fields__)
    added = {"order_ts", "arrived_late"} if TOPICS[topic].layer == "raw" else set()
    assert set(canonical_fields(topic)) == own | added
    assert not {"run", "offset", "lease_epoch"} & set(canonical_fields(topic))
