"""ClickHouse fulfils the store's contract, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count as counting
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connectors.store.address import address_of
from connectors.store.base import StoreError
from connectors.store.chdb_engine import ChdbStore
from connectors.store.clickhouse_client import connect, dialect_of
from connectors.store.clickhouse_engine import ClickHouseStore
from connectors.store.schema import table, tables
from events.settings import Store, shown
from tests.connectors.store.samples import columns_of_marks
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


WORDS = ["buy", None, "", "sell", "buy", *(f"w{n}" for n in range(300))]
#: (type, values): what native columns must carry exactly, the driver's own encoding of dictionaries included.
NATIVE: list[tuple[str, list[Any]]] = [
    ("Int64", [0, -(2**63), 2**63 - 1]),
    ("UInt64", [0, 2**64 - 1, 1]),
    ("Float64", [-0.0, 5e-324, 1.7976931348623157e308]),
    ("Nullable(Int64)", [None, -(2**63), 0]),
    ("Nullable(Float64)", [None, 0.0, 0.1 + 0.2]),
    ("Nullable(UInt8)", [True, None, False]),
    ("Nullable(String)", [None, "", "é漢🙂\0\n"]),
    ("Nullable(Float64)", [None, None, None]),
    ("Nullable(String)", [None, None, None]),
    ("String", ["x" * 70_000, "", "y"]),
    ("Array(String)", [(), ("a", "", "é"), ("b",)]),
    ("LowCardinality(Nullable(String))", WORDS),
    ("LowCardinality(String)", [word or "" for word in WORDS]),
]


@pytest.mark.engine("clickhouse")
@pytest.mark.parametrize(("kind", "values"), NATIVE)
def test_a_column_is_carried_exactly_and_its_list_is_left_alone(
    server: ClickHouse, kind: str, values: list[Any]
) -> None:
    client = connect(server.address("default"), "default")
    client.execute("SET allow_experimental_low_cardinality_type = 1")
    client.execute("DROP TABLE IF EXISTS one")
    client.execute(f"CREATE TABLE one (n UInt64, v {kind}) ENGINE = MergeTree ORDER BY n")
    given = list(values)
    for _ in range(2):
        client.execute("INSERT INTO one (n, v) VALUES", [np.arange(len(given)), given], columnar=True)
    found = client.execute("SELECT v FROM one ORDER BY n LIMIT 1 BY n", columnar=True)[0]
    client.disconnect()
    assert given == values
    plain = [list(value) if isinstance(value, tuple) else value for value in values]
    assert list(map(repr, found)) == [repr(int(value) if isinstance(value, bool) else value) for value in plain]


@pytest.mark.parametrize("version", [(18, 16), (19, 17), (20, 4), (25, 8)])
def test_tables_as_a_newer_server_has_them_hold_the_same_columns(tmp_path: Path, version: tuple[int, int]) -> None:
    store = ChdbStore(tmp_path)
    for made in tables():
        store.query_arrow(made.create(dialect_of(version)))
    store.insert(table("options.marked"), columns_of_marks(3))
    found = store.query("SELECT * FROM options_marked FINAL")
    assert set(found) == set(table("options.marked").names)
    if version >= (20, 12):
        found = store.query("SELECT toString(min(time)) AS t FROM options_marked")
        assert found == {"t": ["2026-01-15 18:00:00.000000000"]}
    store.close()
    assert ("CODEC" in table("options.marked").create(dialect_of(version))) == (version >= (20, 3))


@pytest.mark.parametrize(
    ("url", "host", "port", "secure", "http"),
    [
        ("clickhouse://ch", "ch", 9000, False, False),
        ("clickhouses://ch", "ch", 9440, True, False),
        ("clickhouse://u:p@ch:1234", "ch", 1234, False, False),
        ("ch:9001", "ch", 9001, False, False),
        ("http://ch:8123", "ch", 9000, False, True),
        ("https://ch:8443", "ch", 9440, True, True),
        ("clickhouse://ch:8123", "ch", 9000, False, True),
        ("clickhouse://ch?secure=1", "ch", 9440, True, False),
    ],
)
def test_an_address_says_where_the_native_protocol_is(url: str, host: str, port: int, secure: bool, http: bool) -> None:
    found = address_of(Store(clickhouse_url=url))
    assert (found.host, found.port, found.secure) == (host, port, secure)
    assert ("HTTP interface" in str(found)) == http


def test_a_database_in_the_address_counts_where_the_setting_says_nothing() -> None:
    assert address_of(Store(clickhouse_url="clickhouse://ch/mine")).database == "mine"
    assert address_of(Store(clickhouse_url="clickhouse://ch/mine", clickhouse_database="set")).database == "set"
    assert address_of(Store(clickhouse_url="clickhouse://ch")).database == "undertow"
    with pytest.raises(StoreError, match="letters, digits"):
        address_of(Store(clickhouse_url="clickhouse://ch/a`b"))


def test_no_password_is_shown() -> None:
    assert shown("clickhouse://u:p:1/2@ch:9000/x") == "clickhouse://u:***@ch:9000/x"
    assert shown("redis://:secret@here:6379/0") == "redis://:***@here:6379/0"
    assert shown("a:b@c") == "a:b@c"
    with pytest.raises(StoreError) as refused:
        address_of(Store(clickhouse_url="ftp://u:secret@ch"))
    assert "secret" not in str(refused.value)
