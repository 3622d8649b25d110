"""Leases in a file of the data directory fulfil the contract of leases."""

from __future__ import annotations

from pathlib import Path

import pytest

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
