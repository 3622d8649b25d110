"""ClickHouse fulfils the store's contract, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count as counting

import pytest

from connectors.store.clickhouse_engine import ClickHouseStore
from tests.contract.store_suite import Opened, StoreSuite
from tests.engines.clickhouse import ClickHouse, clickhouse

_number = counting()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    with clickhouse(tmp_path_factory.mktemp("clickhouse")) as running:
        yield running


@pytest.fixture
def store(server: ClickHouse) -> Iterator[ClickHouseStore]:
    opened = ClickHouseStore(server.address(f"t{next(_number)}"), "me")
    opened.ensure_tables()
    yield opened
    opened.close()


@pytest.mark.engine("clickhouse")
class TestClickHouse(StoreSuite):
    @pytest.fixture
    def opened(self, store: ClickHouseStore) -> Opened:
        return Opened(store, store.execute)
