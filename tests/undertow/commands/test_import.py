"""`undertow import` prints one law, one line of error, and nothing else."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from tests.importing import print_line, write
from undertow.commands.import_ import command


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_the_result_as_json_is_one_object(tmp_path: Path) -> None:
    tape = write(tmp_path / "a.jsonl", [print_line(0), b"bad"])
    result = _run(tape, "--data", tmp_path / "d", "--json")
    assert result.exit_code == 0
    report = orjson.loads(result.stdout)
    assert (report["dataset"], report["clock"]) == ("d (historical)", "historical")
    assert [report[name] for name in ("read", "written", "duplicate", "dead", "unsupported")] == [2, 1, 0, 1, 0]


def test_the_summary_names_the_data_set_and_says_when_nothing_happened(tmp_path: Path) -> None:
    tape = write(tmp_path / "a.jsonl", [print_line(0)])
    first = _run(tape, "--data", tmp_path / "d").stdout
    assert first.startswith("data set d (historical)\n")
    assert "read 1 = written 1 + duplicate 0 + dead 0 + unsupported 0" in first
    assert "nothing to do: these bytes were imported before" in _run(tape, "--data", tmp_path / "d").stdout


def test_a_refused_suffix_leaves_no_data_set_behind(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    result = _run(tmp_path / "a.csv", "--data", tmp_path / "d")
    assert result.exit_code == 1
    assert result.stderr == "error: a.csv: cannot be imported; accepted are .jsonl, .jsonl.zst, .dbn, .dbn.zst\n"
    assert not (tmp_path / "d").exists()


def test_a_file_that_ends_early_is_one_line_of_error_unless_its_damage_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "cut.jsonl").write_bytes(print_line(0) + b"\n" + print_line(1)[:-9])
    result = _run(tmp_path / "cut.jsonl", "--data", tmp_path / "d")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "error: cut.jsonl: the file ends inside the line (line 2); nothing was imported: give the whole file again; "
        "--allow-damaged imports what stands before it (1 record)\n"
    )
    allowed = _run(tmp_path / "cut.jsonl", "--data", tmp_path / "d", "--allow-damaged")
    assert allowed.exit_code == 0
    assert "cut.jsonl: imported up to its damage, 2 records" in allowed.stdout


def test_one_record_is_no_plural(tmp_path: Path) -> None:
    assert (
        "a.jsonl: imported, 1 record\n"
        in _run(write(tmp_path / "a.jsonl", [print_line(0)]), "--data", tmp_path / "d").stdout
    )


def test_clocks_and_partitions_are_refused_only_where_they_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tape = write(tmp_path / "a.jsonl", [print_line(0)])
    assert _run(tape, "--data", tmp_path / "d", "--partitions", 3, "--clock", "delayed").exit_code == 0
    assert "is delayed, not historical" in _run(tape, "--data", tmp_path / "d").stderr
    assert _run(tape, "--data", tmp_path / "d", "--clock", "delayed").exit_code == 0
    monkeypatch.setenv("BUS_PARTITIONS", "8")
    refused = _run(tape, "--data", tmp_path / "d", "--clock", "delayed")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("error: ")
    assert "3 partitions, not 8" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_no_file_is_a_usage_error(tmp_path: Path) -> None:
    assert _run("--data", tmp_path / "d").exit_code == 2
