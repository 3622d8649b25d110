"""A data set whose files are damaged is told in one line by every command that opens it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.importing import imported, print_line, write
from undertow.cli import main

#: No database, and one whose first page alone is sound.
_SOUND_BYTES = (0, 4096)


@pytest.mark.parametrize("sound", _SOUND_BYTES)
@pytest.mark.parametrize("command", ["import", "compute", "status", "doctor"])
def test_a_damaged_log_is_told_in_one_line(tmp_path: Path, command: str, sound: int) -> None:
    imported(tmp_path / "d", write(tmp_path / "1.jsonl", [print_line(ms) for ms in range(500)]))
    file = tmp_path / "d" / "bus" / "equities.prints.sqlite"
    data = file.read_bytes()
    file.write_bytes(data[:sound] + b"garbage" * (len(data) // 7))
    files = [write(tmp_path / "2.jsonl", [print_line(1000)])] if command == "import" else []
    found = CliRunner().invoke(main, [command, *map(str, files), "--data", str(tmp_path / "d")])
    assert found.exit_code == 1
    assert isinstance(found.exception, SystemExit)
    if command != "doctor":
        assert found.stderr.count("\n") == 1
    told = found.stdout + found.stderr
    assert "file is not a database" in told or "malformed" in told
