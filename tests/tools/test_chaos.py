"""A short trial of chaos on each set of engines; the long ones are run by command (docs/engines.md)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tools.servers import require_servers, run_tool

pytestmark = [pytest.mark.chaos, pytest.mark.slow]
_SERVERS = [pytest.mark.engine(name) for name in ("kafka", "clickhouse", "redis")]


@pytest.mark.parametrize("engine", ["embedded", pytest.param("servers", marks=_SERVERS)])
def test_nothing_of_eight_faults_can_be_seen_in_the_end(engine: str) -> None:
    if engine == "servers":
        require_servers()
    result = run_tool("chaos.py", "--engine", engine, "--minutes", 0.4, "--faults", 8, "--seed", 4)
    assert result["faults"] >= 8
    assert result["missing_in_the_end"] == ""
    assert result["unequal"] == [], result["differences"]
    assert result["dead_letters"]["found"] == result["dead_letters"]["expected"]
    assert [_lost(each) for each in result["sockets"].values()] == [0, 0]
    assert result["sockets"]["untouched"]["connections"] == 1
    assert result["ok"]


def _lost(socket: dict[str, Any]) -> int:
    strange = sum(topic["missed"] + topic["doubled_or_strange"] for topic in socket["topics"].values())
    return len(socket["told_lost"]) + int(strange)
