"""Whole processes with servers that do not answer and passwords in every address: none reaches their output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.dataset import Dataset
from tests.gateway import free_port, wait_until

ROOT = Path(__file__).parents[3]
SECRETS = {
    "CLICKHOUSE_URL": "clickhouse://flow:store-secret@127.0.0.1:1",
    "REDIS_URL": "redis://:cache-secret@127.0.0.1:1/0",
}
#: What each must have said by then, of the server that is away or of the address that is none.
SAYS = {
    "archive": "127.0.0.1:1",
    "doctor": "127.0.0.1:1",
    "export": "127.0.0.1:1",
    "gateway": "http://127.0.0.1:",
    "flow": "from snapshots",
    "broken": "gopher://flow:***@host",
}
PARTS = {
    "archive": ["-m", "undertow.cli", "archive"],
    "gateway": ["-m", "undertow.cli", "gateway"],
    "doctor": ["-m", "undertow.cli", "doctor"],
    "export": ["-m", "undertow.cli", "export", "flow.alerts"],
    "flow": ["-m", "bytewax.run", "flows.options"],
    "broken": ["-m", "undertow.cli", "archive"],
}


@pytest.mark.parametrize("part", PARTS)
def test_a_process_never_says_a_password(part: str, tmp_path: Path) -> None:
    data = tmp_path / "market"
    Dataset.open(data, create=True)
    environ = os.environ | SECRETS | {"UNDERTOW_DATA": str(data), "LOG_LEVEL": "debug", "API_PORT": str(free_port())}
    if part == "broken":  # the address itself is what is wrong, and is said
        environ |= {"CLICKHOUSE_URL": "gopher://flow:store-secret@host", "REDIS_URL": "no://:cache-secret@host"}
    log = tmp_path / "out.log"
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, *PARTS[part]], cwd=ROOT, env=environ, stdout=out, stderr=out)
    try:
        wait_until(lambda: SAYS[part] in log.read_text(), 60)
    finally:
        process.terminate()
        process.wait(60)
    assert "secret" not in log.read_text()
