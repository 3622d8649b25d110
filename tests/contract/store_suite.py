"""What every store engine must do; an engine's test module inherits the suite and says how it is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from connectors.store.base import Store, StoreError, read_progress
from connectors.store.schema import PROGRESS, table, tables
from tests.connectors.store.samples import columns_of_marks

MARKED = table("options.marked")
NASTY = "q' \" \\ \n\t\r\0 {run:String} %(run)s ; DROP TABLE progress -- é漢🙂"


@dataclass(slots=True)
class Opened:
    """An open store, and a way past its interface to what only a test needs (merging, say)."""

    store: Store
    execute: Callable[[str], Any]


def count(store: Store, name: str) -> int:
    found: int = store.query(f"SELECT count() AS n FROM {name} FINAL")["n"][0]
    return found


class StoreSuite:
    """Inherit it and give a fixture `opened`."""

    def test_making_tables_again_keeps_their_rows(self, opened: Opened) -> None:
        opened.store.insert(MARKED, columns_of_marks(3))
        opened.store.ensure_tables()
        assert count(opened.store, MARKED.name) == 3
        assert {count(opened.store, made.name) for made in tables() if made != MARKED} == {0}

    def test_a_table_of_before_a_field_came_gets_its_column_and_keeps_its_rows(self, opened: Opened) -> None:
        opened.store.insert(MARKED, columns_of_marks(2))
        opened.execute(f"ALTER TABLE {MARKED.name} DROP COLUMN limit_state")
        opened.store.ensure_tables()
        opened.store.insert(MARKED, {**columns_of_marks(1, run="other"), "limit_state": [True]})
        found = opened.store.query(f"SELECT run, limit_state FROM {MARKED.name} FINAL ORDER BY run")
        assert found == {"run": ["main", "main", "other"], "limit_state": [0, 0, 1]}

    def test_rows_of_one_identity_read_as_one_before_and_after_a_merge(self, opened: Opened) -> None:
        for _ in range(3):
            opened.store.insert(MARKED, columns_of_marks(5))
        opened.store.insert(MARKED, columns_of_marks(5, run="other"))
        assert count(opened.store, MARKED.name) == 10
        opened.execute(f"OPTIMIZE TABLE {MARKED.name} FINAL")
        assert count(opened.store, MARKED.name) == 10
        assert opened.store.query(f"SELECT count() AS n FROM {MARKED.name}")["n"] == [10]

    def test_the_highest_offset_stands_whatever_order_rows_come_in(self, opened: Opened) -> None:
        opened.store.insert(PROGRESS, progress_row(next_offset=9, promise=90))
        opened.store.insert(PROGRESS, progress_row(next_offset=5, promise=50))
        assert read_progress(opened.store, "main").by_partition == {("flow.hits", 0): (9, 90)}
        opened.execute(f"OPTIMIZE TABLE {PROGRESS.name} FINAL")
        opened.store.insert(PROGRESS, progress_row(next_offset=9, promise=95))
        assert read_progress(opened.store, "main").by_partition == {("flow.hits", 0): (9, 95)}

    @pytest.mark.parametrize("run", [NASTY, "", "plain"])
    def test_a_parameter_is_never_part_of_the_statement(self, opened: Opened, run: str) -> None:
        opened.store.insert(PROGRESS, progress_row(run=run))
        found = opened.store.query(
            "SELECT run, {run:String} AS given FROM progress WHERE run = {run:String}", {"run": run}
        )
        assert found == {"run": [run], "given": [run]}

    @pytest.mark.parametrize("value", [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0])
    def test_a_float_parameter_is_exact(self, opened: Opened, value: float) -> None:
        found = opened.store.query("SELECT {value:Float64} AS value", {"value": value})
        assert repr(found["value"]) == repr([value])

    def test_parameters_that_the_template_does_not_name_are_refused(self, opened: Opened) -> None:
        with pytest.raises(StoreError, match="names parameters"):
            opened.store.query("SELECT {a:Int64} AS a", {"b": 1})

    def test_a_refused_statement_is_one_line_and_the_store_goes_on(self, opened: Opened) -> None:
        with pytest.raises(StoreError) as refused:
            opened.store.query("SELECT nothing_of_that_name FROM progress")
        assert "\n" not in str(refused.value)
        assert count(opened.store, PROGRESS.name) == 0

    def test_delete_removes_what_its_condition_names_and_no_more(self, opened: Opened) -> None:
        opened.store.insert(MARKED, columns_of_marks(4))
        opened.store.insert(MARKED, columns_of_marks(2, run="other"))
        opened.store.delete(MARKED, "run = {run:String}", {"run": "main"})
        assert opened.store.query(f"SELECT DISTINCT run FROM {MARKED.name}") == {"run": ["other"]}
        opened.store.delete(MARKED, "run = {run:String}", {"run": "other"})
        assert count(opened.store, MARKED.name) == 0


def progress_row(run: str = "main", next_offset: int = 1, promise: int = 1) -> dict[str, list[Any]]:
    row = (run, "flow.hits", 0, next_offset, promise, 1)
    return {name: [value] for name, value in zip(PROGRESS.names, row, strict=True)}
