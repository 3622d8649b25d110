"""chDB fulfils the store's contract, and lets go of its path."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.store.base import StoreAway
from connectors.store.chdb_engine import ChdbStore
from tests.contract.store_suite import Opened, StoreSuite


class TestChdb(StoreSuite):
    @pytest.fixture
    def opened(self, tmp_path: Path) -> Iterator[Opened]:
        store = ChdbStore(tmp_path)
        store.ensure_tables()
        yield Opened(store, store.query_arrow)
        store.close()


def test_a_second_opener_waits_and_is_told_who_has_it(tmp_path: Path) -> None:
    first = ChdbStore(tmp_path)
    with pytest.raises(StoreAway, match=r"process \d+ \(to write\) holds the archive in"):
        ChdbStore(tmp_path, wait_s=0.1)
    first.close()
    first.close()
    ChdbStore(tmp_path, wait_s=0).close()


def test_another_path_opens_in_the_same_process_after_the_first_closed(tmp_path: Path) -> None:
    for name in ("one", "two", "one"):
        (tmp_path / name).mkdir(exist_ok=True)
        store = ChdbStore(tmp_path / name)
        store.ensure_tables()
        store.close()
