"""An import that is killed anywhere and repeated leaves what an undisturbed one leaves."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from connectors.dataset import Dataset
from events.control import decode_control
from tests.importing import imported, line, log, print_line, write

pytestmark = pytest.mark.chaos

_IMPORT = (
    "import sys; from pathlib import Path\n"
    "from connectors.dataset import Dataset\n"
    "from connectors.importing.importer import import_files\n"
    "data = Dataset.open(Path(sys.argv[1]), create=True)\n"
    "print('ready', flush=True)\n"
    "r = import_files(data, [Path(p) for p in sys.argv[2:]], batch=7)\n"
    "print(r.read, r.written, r.duplicate, r.dead, flush=True)\n"
)
_KILLS = 6


def _tape(here: Path, first: int, last: int, name: str) -> Path:
    """Prints with twins, quotes, and a line in a hundred that is none."""
    chance = random.Random(name)
    lines = []
    for number in range(first, last):
        symbol = chance.choice(["IBM", "SPY", "KO", "F"])
        ms = number // 3
        lines.append(print_line(ms, symbol, chance.choice([1.0, 2.0])))
        lines.append(line("equities.quotes", ms, symbol=symbol, bid=1.0, ask=chance.choice([2.0, 3.0])))
        if number % 100 == 0:
            lines.append(b"not an event %d" % number)
    return write(here / name, lines)


def _start(data: Path, *files: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _IMPORT, str(data), *map(str, files)], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def _controls(data: Path) -> dict[str, Sequence[str]]:
    """Returns the control records of each topic's first partition; what they say matters, heartbeats do not."""
    bus = Dataset.open(data).open_bus()
    found: dict[str, Sequence[str]] = {
        topic: [
            record.control
            for batch in bus.read(topic, 0, 0, 10**9)
            if batch.control and (record := decode_control(batch.payload)).control != "heartbeat"
        ]
        for topic in ("equities.prints", "equities.quotes")
    }
    bus.close()
    return found


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random_moments_and_repeated(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    first = _tape(tmp_path, 0, 2000, "first.jsonl")
    # The second begins at the first one's last time stamp, in the middle of its twins.
    second = _tape(tmp_path, 2000, 6000, "second.jsonl")
    calm = tmp_path / "calm"
    imported(calm, first)
    started_s = time.monotonic()
    whole = imported(calm, second)
    took_s = time.monotonic() - started_s

    data = tmp_path / "killed"
    imported(data, first)
    for _ in range(_KILLS):
        process = _start(data, second)
        try:
            time.sleep(chance.uniform(0, 2.5 * took_s))
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
    process = _start(data, second)
    said, _ = process.communicate()
    assert process.returncode == 0
    read, written, duplicate, dead = map(int, said.split())
    assert read == written + duplicate + dead
    assert read in (0, whole.read)
    assert log(data) == log(calm)
    for topic, controls in _controls(data).items():
        assert controls[0] == "member"
        assert controls.count("member") == 1
        assert set(controls[1:]) == {"feed"}, topic


def test_an_import_interrupted_and_replaced_by_another_says_so(tmp_path: Path) -> None:
    tape = _tape(tmp_path, 0, 6000, "long.jsonl")
    data = tmp_path / "d"
    process = _start(data, tape)
    deadline = time.monotonic() + 20
    while not log(data, ["equities.prints"]):
        assert time.monotonic() < deadline
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
    other = write(tmp_path / "other.jsonl", [print_line(-5)])
    with pytest.raises(ValueError, match=r"the import of long.jsonl was interrupted: the same command again"):
        imported(data, other)
    imported(data, tape)
    imported(tmp_path / "calm", tape)
    assert log(data) == log(tmp_path / "calm")
