"""Retention: a trimmed log still proves its archive from the anchor on, and the archive keeps every row."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from connectors.dataset import Dataset
from events.sessions import next_boundary
from tests.undertow.test_commands import exported, run
from undertow.bench import market

DAY_NS = 86_400 * 10**9
TOPICS = ("options.prints", "options.quotes", "options.marked", "flow.packets", "flow.hits", "flow.alerts")


@pytest.fixture(scope="module")
def three_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a computed data set of three sessions of the same tape."""
    directory = tmp_path_factory.mktemp("days")
    path = directory / "days.jsonl"
    with path.open("wb") as out:
        for day in range(3):
            for topic, _, _, message in market.events(1500, 40, 3 + day):
                event = orjson.loads(message)
                del event["id"], event["source"], event["recv_ts"]
                event["ts"] += day * DAY_NS
                out.write(orjson.dumps({"topic": topic, "event": event}) + b"\n")
    run("import", path, "--data", directory / "tape", "--batch", 100)
    assert run("compute", "--data", directory / "tape", "--batch", 100).returncode == 0
    return directory / "tape"


def starts(data: Path) -> dict[str, list[int]]:
    bus = Dataset.open(data).open_bus()
    found = {topic: [head.start for head in bus.heads(topic)] for topic in TOPICS}
    bus.close()
    return found


def test_a_trimmed_log_verifies_from_its_anchor_and_loses_no_archived_row(three_days: Path) -> None:
    before = {topic: exported(three_days, topic) for topic in TOPICS}
    assert run("trim", "--data", three_days, "--keep-days", 10).stdout.startswith("nothing to drop")
    done = run("trim", "--data", three_days, "--keep-days", 0.5, "--json")
    assert done.returncode == 0, done.stderr
    dropped = orjson.loads(done.stdout)
    assert dropped["options.prints"] > 1000
    assert dropped["options.marked"] > 0
    assert any(starts(three_days)["options.prints"])
    assert {topic: exported(three_days, topic) for topic in TOPICS} == before

    verified = run("verify", "--data", three_days, "--json")
    assert verified.returncode == 0, verified.stderr
    rows = orjson.loads(verified.stdout)
    first_boundary = next_boundary(market.START_TS)
    later_days = [line for line in before["options.marked"] if orjson.loads(line)["ts"] >= first_boundary]
    assert rows["options.marked"]["rows"] == len(later_days) > 2000

    again = run("trim", "--data", three_days, "--keep-days", 0.5)
    assert again.stdout.startswith("nothing to drop")
    refused = run("compute", "--data", three_days)
    assert refused.returncode == 1
    assert "trimmed" in refused.stderr
