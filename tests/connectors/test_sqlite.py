"""A file that is no database is named in one line, by whoever opens it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from connectors.bus.base import BusError
from connectors.bus.embedded import EmbeddedBus
from connectors.sqlite import DamagedFile, connect
from tests.importing import imported, print_line, write


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").write_bytes(b"garbage" * 1000)
    with pytest.raises(DamagedFile, match=r"a.sqlite is damaged: file is not a database") as raised:
        connect(tmp_path / "a.sqlite", "")
    assert isinstance(raised.value, sqlite3.DatabaseError)


@pytest.mark.parametrize("name", ["imports.sqlite", "bus/equities.prints.sqlite"])
def test_a_damaged_data_set_is_an_error_that_every_command_says_in_one_line(tmp_path: Path, name: str) -> None:
    imported(tmp_path / "d", write(tmp_path / "1.jsonl", [print_line(0)]))
    file = tmp_path / "d" / name
    for each in file.parent.glob(f"{file.name}*"):
        each.unlink()
    file.write_bytes(b"garbage" * 1000)
    with pytest.raises(BusError, match=f"{file} is damaged"):
        imported(tmp_path / "d", write(tmp_path / "2.jsonl", [print_line(1)]))
    if name.startswith("bus"):
        with pytest.raises(BusError, match=f"{file} is damaged"):
            EmbeddedBus(tmp_path / "d" / "bus", 8).heads("equities.prints")
