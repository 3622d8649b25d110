"""One tape through the embedded engines and through real servers: every topic, table and answer equal to the byte."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.conftest import require_engine
from tests.engines.kafka import KafkaMissing, jars
from tests.engines.process import program

pytestmark = [pytest.mark.engine("kafka"), pytest.mark.engine("clickhouse"), pytest.mark.engine("redis")]
ROOT = Path(__file__).parents[2]
DBN_FILES = [ROOT / "tests/data/dbn/OPRA.PILLAR" / f"test_data.{schema}.dbn.zst" for schema in ("definition", "tbbo")]


@pytest.fixture(autouse=True, scope="module")
def _engines() -> None:
    program("clickhouse-server", "clickhouse-server")
    program("redis-server", "redis-server")
    try:
        jars()
    except KafkaMissing as missing:
        require_engine("kafka", str(missing))


def equal_engines(*arguments: object) -> dict[str, Any]:
    command = [sys.executable, str(ROOT / "tools/equal_engines.py"), "--json", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=500, check=False)
    result: dict[str, Any] = orjson.loads(done.stdout)
    assert (done.returncode == 0) == result["ok"]
    return result


@pytest.mark.slow
@pytest.mark.parametrize("tape", ["synthetic", "dbn"])
def test_a_tape_leaves_the_same_bytes_whatever_the_engines(tape: str) -> None:
    arguments = ("--prints", 4000, "--seed", 5) if tape == "synthetic" else DBN_FILES
    result = equal_engines(*arguments)
    assert result["unequal"] == []
    rows = {name: each["rows"] for name, each in result["digests"].items()}
    assert rows["table options.prints"] > 0
    assert rows["table options.prints"] == rows["log options.prints"]
    assert rows["table flow.packets"] == rows["log flow.packets"] > 0
