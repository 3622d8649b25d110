"""What the tests of tools/ need to be there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson

from tests.conftest import require_engine
from tests.engines.kafka import KafkaMissing, jars
from tests.engines.process import program

ROOT = Path(__file__).parents[2]


def require_servers() -> None:
    """Ends the test where one of the three servers cannot run here."""
    program("clickhouse-server", "clickhouse-server")
    program("redis-server", "redis-server")
    try:
        jars()
    except KafkaMissing as missing:
        require_engine("kafka", str(missing))


def run_tool(name: str, *arguments: object, within_s: float = 500) -> dict[str, Any]:
    """Runs a tool as a person would; returns the object that it prints."""
    command = [sys.executable, str(ROOT / "tools" / name), "--json", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=within_s, check=False)
    assert done.stdout, f"{name} ended with {done.returncode} and said nothing"
    result: dict[str, Any] = orjson.loads(done.stdout)
    assert (done.returncode == 0) == result["ok"]
    return result
