"""`undertow evaluate` as its user meets it: tapes made of seeds, the same report again, stopped before its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from backtest.evaluation.evaluate import Stopped, evaluate_seeds
from backtest.evaluation.page import page
from backtest.evaluation.report import Report
from backtest.evaluation.table import lines
from backtest.evaluation.tapes import ScratchDataset, TapeConfig, TapeError, make, take
from connectors.feeds.synthetic.scenarios.splits import TEST_SEEDS, TUNE_SEEDS
from events.settings import Settings
from undertow.cli import main

_SMALL = TapeConfig(hours=0.02, warm_minutes=0, rate=20.0, planted_per_hour=7200.0)


def test_a_tape_is_its_seeds_and_labels_are_read_back(tmp_path: Path) -> None:
    tape = make(tmp_path / "a", 101, _SMALL)
    assert tape.seed == 101
    assert {label.split for label in tape.labels} == {"tune"}
    again = make(tmp_path / "b", 101, _SMALL)
    assert again.labels == tape.labels
    other = make(tmp_path / "c", 102, _SMALL)
    assert other.labels != tape.labels
    with pytest.raises(TapeError, match=r"no labels\.jsonl"):
        take(ScratchDataset.open(tmp_path / "d", create=True, clock="synthetic"))


def _evaluate(*options: str) -> Any:
    small = ("--hours", "0.02", "--warm", "0", "--rate", "20", "--planted", "7200")
    return CliRunner().invoke(main, ["evaluate", *small, *options])


def test_the_command_gives_the_same_report_for_the_same_seeds(tmp_path: Path) -> None:
    page_path = tmp_path / "report.html"
    runs = [_evaluate("--seed", "101", "--json", "--html", str(page_path)) for _ in range(2)]
    assert runs[0].exit_code == 0, runs[0].output
    reports = [msgspec.json.decode(run.stdout, type=Report) for run in runs]
    for report in reports:
        report.tapes[0].seconds = None
    assert reports[0] == reports[1]
    assert reports[0].tapes[0].planted > 50
    assert reports[0].rules[0].found > 0
    assert page_path.read_text().startswith("<!doctype html>")


def test_seeds_that_judge_are_their_own() -> None:
    refused = _evaluate("--split", "test", "--seed", str(TUNE_SEEDS[0]))
    assert refused.exit_code == 1
    assert refused.stderr.count("\n") == 1
    assert f"seed {TUNE_SEEDS[0]}" in refused.stderr
    assert str(TEST_SEEDS[0]) in refused.stderr
    unknown = _evaluate("--only", "straddel")
    assert unknown.exit_code == 1
    assert "no scenario 'straddel'" in unknown.stderr


class _After:
    """Asks to stop once it has been asked about so often since the seed began."""

    def __init__(self, seed: int, asked: int) -> None:
        self.seed, self.left, self.now = f"seed {seed}: making", asked, ""

    def watch(self, what: str) -> None:
        self.now = what

    def __call__(self) -> bool:
        if self.now.startswith(self.seed):
            self.left -= 1
        return self.left < 0


@pytest.mark.parametrize("asked", [1, 40], ids=["at once", "while its tape is made"])
def test_a_seed_that_was_cut_short_is_left_out_and_named(asked: int) -> None:
    """A tape that stopped in its reference has no prints at all, and once was judged as if that were the market."""
    whole = evaluate_seeds([101], _SMALL, Settings(), lambda what: None, lambda: False)
    stop = _After(102, asked)
    report = evaluate_seeds([101, 102, 103], _SMALL, Settings(), stop.watch, stop)
    assert [tape.seed for tape in report.tapes] == [101]
    assert report.missing_seeds == [102, 103]
    assert report.rules == whole.rules
    assert whole.missing_seeds == []
    assert "102, 103" in "\n".join(line for line in lines(report) if "NOT WHOLE" in line)
    assert "seeds 102, 103 were not judged" in page(report)
    stop = _After(101, asked)
    with pytest.raises(Stopped, match="seeds 101, 102 not judged"):
        evaluate_seeds([101, 102], _SMALL, Settings(), stop.watch, stop)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_with_one_line_and_its_own_status(number: int, status: int, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "from undertow.cli import main; main()",
        "evaluate",
        "--seed",
        "101",
        "--seed",
        "102",
    ]
    kept = tmp_path / "seed-101"
    process = subprocess.Popen(
        [*command, "--keep", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not kept.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, number)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, out) == (status, "")
    assert error.strip().splitlines()[-1] == "stopped: seeds 101, 102 not judged"
