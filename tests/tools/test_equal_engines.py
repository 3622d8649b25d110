"""One tape through the embedded engines and through real servers: every topic, table and answer equal to the byte."""

from __future__ import annotations

import pytest

from tests.tools.servers import ROOT, require_servers, run_tool

pytestmark = [pytest.mark.engine("kafka"), pytest.mark.engine("clickhouse"), pytest.mark.engine("redis")]
DBN_FILES = [ROOT / "tests/data/dbn/OPRA.PILLAR" / f"test_data.{schema}.dbn.zst" for schema in ("definition", "tbbo")]


@pytest.mark.slow
@pytest.mark.parametrize("tape", ["synthetic", "dbn"])
def test_a_tape_leaves_the_same_bytes_whatever_the_engines(tape: str) -> None:
    require_servers()
    result = run_tool("equal_engines.py", *(("--prints", 4000, "--seed", 5) if tape == "synthetic" else DBN_FILES))
    assert result["unequal"] == []
    rows = {name: each["rows"] for name, each in result["digests"].items()}
    assert rows["table options.prints"] == rows["log options.prints"] > 0
    assert rows["table flow.packets"] == rows["log flow.packets"] > 0
