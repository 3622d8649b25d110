"""`undertow export` and `undertow verify` as a shell meets them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from connectors.bus.base import Batch
from connectors.dataset import Dataset
from connectors.store.client import ServedStore
from flows.archive import archive_all
from tests.connectors.store.samples import expected_lines, plain_events
from tests.lines import encode_lines

EVENTS = plain_events("options.prints", 5000)


def undertow(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "undertow.cli", *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(undertow(*arguments), capture_output=True, check=False)


@pytest.fixture
def archived(tmp_path: Path) -> str:
    dataset = Dataset.open(tmp_path, create=True, partitions=1)
    bus = dataset.open_bus()
    bus.append("options.prints", {0: Batch(len(EVENTS), encode_lines(EVENTS), ["SPY"] * len(EVENTS))}, 1)
    bus.close()
    served = ServedStore.open(tmp_path)
    archive_all(dataset, served.store)
    served.close()
    return str(tmp_path)


def test_lines_go_to_stdout_and_nothing_to_stderr(archived: str) -> None:
    done = run("export", "options.prints", "--data", archived)
    assert done.stdout == b"".join(line + b"\n" for line in expected_lines("options.prints", EVENTS))
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_reader_that_closes_early_is_no_error(archived: str) -> None:
    process = subprocess.Popen(
        undertow("export", "options.prints", "--data", archived), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(b"{")
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("export", "flow.nothing"), b"error: unknown topic 'flow.nothing'; topics are "),
        (("export", "flow.hits"), b"error: no archive in "),
        (("export", "flow.hits", "--symbol", "SPY"), b"error: "),
        (("verify",), b"error: no run 'main' in "),
    ],
)
def test_what_cannot_be_answered_is_one_line_and_status_1(
    tmp_path: Path, arguments: tuple[str, ...], text: bytes
) -> None:
    Dataset.open(tmp_path, create=True)
    done = run(*arguments, "--data", str(tmp_path))
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(text)
    assert done.stderr.count(b"\n") == 1
