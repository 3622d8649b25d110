"""compute: killed at any moment and run again, the data set ends as if nothing had happened."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import orjson
import pytest

from undertow.bench import market

TOPICS = ("options.prints", "options.marked", "flow.packets", "flow.hits", "flow.alerts")
UNDERTOW = [sys.executable, "-m", "undertow.cli"]


def undertow(*arguments: object) -> bytes:
    return subprocess.run([*UNDERTOW, *map(str, arguments)], check=True, capture_output=True, timeout=120).stdout


def exports(data: Path) -> dict[str, bytes]:
    return {topic: undertow("export", topic, "--data", data) for topic in TOPICS}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "all.jsonl"
    with path.open("wb") as out:
        for topic, _, _, message in market.events(4000, 80, 11):
            event = orjson.loads(message)
            del event["id"], event["source"]
            out.write(orjson.dumps({"topic": topic, "event": event}) + b"\n")
    undertow("import", path, "--data", tmp_path / "tape")
    return tmp_path / "tape"


@pytest.mark.parametrize("seed", range(2))
def test_a_killed_computation_begun_again_ends_the_same(data: Path, seed: int) -> None:
    undertow("compute", "--data", data)
    undisturbed = exports(data)
    random = Random(seed)
    for _ in range(3):
        process = subprocess.Popen([*UNDERTOW, "compute", "--data", str(data)], stdout=subprocess.DEVNULL)
        time.sleep(random.uniform(0.4, 2.0))
        process.kill()
        process.wait()
    undertow("compute", "--data", data)
    assert exports(data) == undisturbed
    undertow("verify", "--data", data)


def test_a_stopped_computation_says_to_begin_again(data: Path) -> None:
    process = subprocess.Popen(
        [*UNDERTOW, "compute", "--data", str(data)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(1.0)
    process.terminate()
    _, said = process.communicate(timeout=60)
    # It was already done, or it stopped with one line, or it had not begun.
    stopped = process.returncode == 1 and len(said.splitlines()) == 1
    assert process.returncode in (0, -signal.SIGTERM) or stopped
    undertow("compute", "--data", data)
    undertow("verify", "--data", data)
