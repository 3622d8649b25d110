"""The gateway's queries on a real ClickHouse server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.archive import Archive
from connectors.store.base import StoreAway
from connectors.store.clickhouse_engine import ClickHouseStore
from connectors.store.client import open_store
from connectors.store.owner import owner_of
from tests.contract.gateway_queries_suite import GatewayQueriesSuite
from tests.engines.clickhouse import clickhouse, settings_of


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseStore]:
    with clickhouse(tmp_path_factory.mktemp("clickhouse")) as server:
        opened = ClickHouseStore(server.address("gateway"), "me")
        opened.ensure_tables()
        yield opened
        opened.close()


@pytest.mark.engine("clickhouse")
def test_another_data_sets_archive_is_told_and_not_served(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    mine, others = tmp_path / "mine", tmp_path / "others"
    for directory in (mine, others):
        directory.mkdir()
    with clickhouse(tmp_path / "server") as server:
        settings = settings_of({"CLICKHOUSE_URL": server.url, "CLICKHOUSE_DATABASE": "archive"})
        open_store(mine, 5, settings).close()
        owner_of(others)
        for directory, up in ((mine, True), (others, False)):
            archive = Archive(directory, 1, 10, settings)
            archive.probe()
            assert archive.up == up
            for _ in range(2):
                if up:
                    assert asyncio.run(archive.run(lambda reader: reader.query("SELECT 1 AS one"))) == {"one": [1]}
                else:
                    with pytest.raises(StoreAway, match="holds the archive of another data set"):
                        asyncio.run(archive.run(lambda reader: reader.query("SELECT 1 AS one")))
            archive.close()


@pytest.mark.engine("clickhouse")
class TestClickHouse(GatewayQueriesSuite):
    pass
