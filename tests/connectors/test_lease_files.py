"""Leases in a file of the data directory fulfil the contract of leases."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from connectors.lease import LeaseHeld
from connectors.lease_files import FileLeases
from tests.contract.lease_suite import LeaseEngine, LeaseSuite


@pytest.fixture
def leasing(tmp_path: Path) -> LeaseEngine:
    elsewhere = (
        f"from pathlib import Path\nfrom connectors.lease_files import FileLeases\n"
        f"leases = FileLeases(Path({str(tmp_path)!r}))"
    )
    return LeaseEngine(lambda: FileLeases(tmp_path), elsewhere)


class TestFileLeases(LeaseSuite):
    pass


@pytest.mark.parametrize("hours", [-30, 30])
def test_a_clock_that_is_set_moves_no_lease_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    leases, real = FileLeases(tmp_path), time.time
    with leases.acquire("feed:options.prints") as lease:
        monkeypatch.setattr("connectors.lease_files.time.time", lambda: real() + hours * 3600)
        assert leases.holder("feed:options.prints") is not None
        with pytest.raises(LeaseHeld):
            leases.acquire("feed:options.prints")
        lease.check()
    assert leases.holder("feed:options.prints") is None


def test_a_file_of_an_earlier_version_is_taken_up(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "leases.sqlite")) as db:
        db.execute(
            "CREATE TABLE leases (name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, pid INTEGER NOT NULL, "
            "started TEXT NOT NULL, host TEXT NOT NULL, machine TEXT NOT NULL, expires_s REAL NOT NULL)"
        )
        db.execute("INSERT INTO leases VALUES ('feed:reference', 7, 1, '', 'here', 'elsewhere', 0)")
        db.commit()
    with FileLeases(tmp_path).acquire("feed:reference") as lease:
        assert lease.epoch == 8
