"""The gateway's queries on a real ClickHouse server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.store.clickhouse_engine import ClickHouseStore
from tests.contract.gateway_queries_suite import GatewayQueriesSuite
from tests.engines.clickhouse import clickhouse


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseStore]:
    with clickhouse(tmp_path_factory.mktemp("clickhouse")) as server:
        opened = ClickHouseStore(server.address("gateway"), "me")
        opened.ensure_tables()
        yield opened
        opened.close()


@pytest.mark.engine("clickhouse")
class TestClickHouse(GatewayQueriesSuite):
    pass
