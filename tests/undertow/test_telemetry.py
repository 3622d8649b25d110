"""What every part of a running `undertow up` exports, and the dashboard that reads it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.gateway import free_port, wait_until
from tests.scraping import Scraped, scraped

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "undertow.json"
PARTS = ["archive", "options", "feed", "watchdog", "gateway"]
#: Names that only stand there once something has gone wrong; their family is declared all the same.
QUIET = {
    "undertow_absences_written_total",
    "undertow_archive_unreadable_records_total",
    "undertow_archive_outdated_records_total",
    "undertow_flow_repeated_events_total",
}
#: Labels that Prometheus adds itself.
ADDED = {"job", "instance"}


class Up:
    """A running `undertow up` over a fast synthetic market."""

    def __init__(self, data: Path) -> None:
        self.metrics_port = free_port()
        command = [sys.executable, "-m", "undertow.cli", "up", "--data", str(data), "--port", str(free_port())]
        environ = os.environ | {"METRICS_PORT": str(self.metrics_port)}
        self.process = subprocess.Popen(
            [*command, "--", "--rate", "300"], cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith("Undertow is up")

    def ask(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}{path}", timeout=10) as answer:
            return orjson.loads(answer.read())

    def ports(self) -> dict[str, int]:
        """Returns the metrics port of every part, as Prometheus would be told."""
        return {
            target["labels"]["job"]: int(target["targets"][0].rpartition(":")[2]) for target in self.ask("/targets")
        }

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    running = Up(tmp_path_factory.mktemp("up") / "market")
    try:
        yield running
    finally:
        running.stop()


def value(seen: Scraped, name: str) -> float:
    return sum(seen.values.get(name, {}).values())


def test_each_part_counts_the_work_that_is_its_own(up: Up) -> None:
    ports = up.ports()
    assert list(ports) == PARTS
    counts = {
        "feed": "undertow_feed_events_total",
        "options": "undertow_flow_events_total",
        "archive": "undertow_archive_rows_total",
        "gateway": "undertow_topic_events_total",
        "watchdog": "undertow_feed_lease_held",
    }

    def counts_something(part: str, name: str) -> bool:
        # A part is named to Prometheus from its start, and answers once it has loaded.
        with suppress(urllib.error.URLError):
            return value(scraped(ports[part]), name) > 0
        return False

    for part, name in counts.items():
        wait_until(lambda part=part, name=name: counts_something(part, name))  # type: ignore[misc]
    options = scraped(ports["options"])
    assert value(options, "undertow_tape_released_events_total") >= value(options, "undertow_flow_events_total") / 4
    assert "undertow_bus_up" not in options.values
    assert value(scraped(ports["gateway"]), "undertow_bus_up") == 1
    feed = scraped(ports["feed"])
    marks = options.values["undertow_tape_watermark_seconds"].values()
    assert max(marks) <= max(feed.values["undertow_feed_promise_seconds"].values())


def test_every_part_says_that_it_works_and_the_supervisor_says_it_of_all(up: Up) -> None:
    for port in up.ports().values():
        command = [sys.executable, "-m", "undertow.cli", "health", "--port", str(port), "--json"]
        wait_until(lambda command=command: subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL).returncode == 0)  # type: ignore[misc]
    assert up.ask("/health")["ok"]
    assert sorted(up.ask("/health")["checks"]) == sorted(PARTS)


def test_a_part_that_nobody_runs_is_not_healthy() -> None:
    port = free_port()
    command = [sys.executable, "-m", "undertow.cli", "health", "--port", str(port)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: nobody answers at http://127.0.0.1:{port}/health")


def test_every_metric_and_label_of_the_dashboard_is_exported(up: Up) -> None:
    seen = [scraped(port) for port in (up.metrics_port, *up.ports().values())]
    declared = set().union(*(each.declared for each in seen))
    labels: dict[str, set[str]] = {}

    def full() -> bool:
        for each in [scraped(port) for port in (up.metrics_port, *up.ports().values())]:
            for name, samples in each.values.items():
                labels.setdefault(name, set()).update(name for sample in samples for name, _ in sample)
        return names_of(expressions()) - QUIET - {"up"} <= set(labels)

    wait_until(full, 40)
    assert declared >= QUIET
    for expression, legend in targets():
        for label in re.findall(r"{{(\w+)}}", legend):
            known = set().union(*(labels.get(name, ADDED) for name in names_of([expression])))
            assert label in known | ADDED or names_of([expression]) <= QUIET, (expression, label)


def targets() -> list[tuple[str, str]]:
    """Returns (expression, legend) of every query of the dashboard."""
    panels = orjson.loads(DASHBOARD.read_bytes())["panels"]
    return [(each["expr"], each["legendFormat"]) for panel in panels for each in panel.get("targets", ())]


def expressions() -> list[str]:
    return [expression for expression, _ in targets()]


def names_of(texts: Sequence[str]) -> set[str]:
    """Returns the metric names in expressions."""
    plain = [re.sub(r'"[^"]*"', "", text) for text in texts]
    return {name for text in plain for name in re.findall(r"\b(?:undertow|process)_\w+", text)}
