"""Partitions move to another machine: killed there, begun here without a recovery store; `verify` finds no fault."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest

from connectors.anchors import last_anchors
from connectors.dataset import Dataset
from events.code import code_digest
from events.partitions import subset_of
from events.topics import DERIVED_TOPICS
from events.types import NS_PER_S
from tests.conftest import require_engine
from tests.engines.kafka import KafkaMissing
from tests.engines.kafka import running as started
from tests.liveflow import ROOT, Feed, environment, until

pytestmark = [pytest.mark.chaos, pytest.mark.slow]
#: A minute before 03:00 New York on 16 January 2026.
_START = 1_768_550_340 * NS_PER_S
_SETTINGS = {"classifier_z_min_samples": 3, "alert_cooldown_ms": 5000}


@dataclass
class Machines:
    """Directories that stand for machines, and what runs on them; with Kafka they share nothing but the brokers."""

    root: Path
    settings: Mapping[str, object]
    shared: bool
    stack: ExitStack = field(default_factory=ExitStack)

    def data(self, machine: str) -> Path:
        """The data directory of a machine; on the embedded bus there is one machine."""
        path = self.root / ("one" if self.shared else machine) / "day"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def log(self, machine: str) -> str:
        """What the processes of a machine said."""
        return (self.root / f"{machine}.log").read_text()

    def run(self, machine: str, *command: str, **settings: object) -> subprocess.Popen[bytes]:
        """Starts a process on a machine; killed at the end."""
        with (self.root / f"{machine}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=ROOT, stdout=log, stderr=log,
                env=environment(self.data(machine), **{**self.settings, **_SETTINGS, **settings}),
            )  # fmt: skip
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        return process

    def flow(self, machine: str, partitions: str) -> subprocess.Popen[bytes]:
        """Starts a flow process with a recovery store of its machine's own."""
        store = str(self.root / machine / "recovery")
        command = ("bytewax.run", "flows.options", "-r", store, "-s", "1", "-b", "0")
        return self.run(machine, *command, flow_partitions=partitions)

    def undertow(self, machine: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Runs a command on a machine to its end."""
        return subprocess.run(
            [sys.executable, "-m", "undertow.cli", *arguments], cwd=ROOT, capture_output=True, check=False,
            env=environment(self.data(machine), **{**self.settings, **_SETTINGS}), timeout=120,
        )  # fmt: skip


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.engine("kafka"))])
def machines(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    with ExitStack() as stack:
        settings: dict[str, object] = {}
        if request.param == "kafka":
            (tmp_path / "kafka").mkdir()
            try:
                broker = stack.enter_context(started(tmp_path / "kafka"))
            except KafkaMissing as missing:
                require_engine("kafka", str(missing))
            settings["kafka_brokers"] = broker.address
            monkeypatch.setenv("KAFKA_BROKERS", broker.address)
        made = Machines(tmp_path, settings, shared=not settings)
        stack.enter_context(made.stack)
        yield made


def test_killed_on_one_machine_and_begun_on_another_the_archive_is_what_the_log_says(machines: Machines) -> None:
    feed = Feed(machines.data("a"), 31, 2500, 8, 15, _START, **machines.settings)
    machines.stack.callback(feed.close)
    archive = machines.run("a", "undertow.cli", "archive")
    stays, dies = machines.flow("a", "4-7"), machines.flow("b", "0-3")
    dataset = Dataset.open(machines.data("a"))
    bus = dataset.open_bus()
    machines.stack.callback(dataset.close)
    machines.stack.callback(bus.close)
    until(lambda: _holds(dataset, stays, "4-7") and _holds(dataset, dies, "0-3"), [stays, dies])
    until(lambda: len(last_anchors(bus, code_digest(), range(4)).tapes) >= 2, [stays, dies])
    dies.kill()
    dies.wait()
    arrived = machines.flow("c", "0-3")
    until(lambda: _holds(dataset, arrived, "0-3"), [stays, arrived])
    promise = feed.promise()
    until(
        lambda: all(head.promise >= promise for topic in DERIVED_TOPICS for head in bus.heads(topic)),
        [stays, arrived, archive],
    )
    assert "begin at anchors" in machines.log("c")
    for flow in (stays, arrived):
        flow.send_signal(signal.SIGTERM)
    assert [stays.wait(30), arrived.wait(30)] == [0, 0], machines.log("c")
    until(lambda: _archived(machines), [archive])
    archive.send_signal(signal.SIGTERM)
    assert archive.wait(30) == 0
    verified = machines.undertow("a", "verify", "--json")
    assert verified.returncode == 0, verified.stderr
    rows = {topic: each["rows"] for topic, each in orjson.loads(verified.stdout).items()}
    assert all(
        rows[topic] for topic in ("options.prints", "options.marked", "flow.packets", "flow.hits", "flow.alerts")
    )


def _holds(dataset: Dataset, flow: subprocess.Popen[bytes], partitions: str) -> bool:
    held = dataset.flow_holders()
    return all(p in held and held[p].pid == flow.pid for p in subset_of(partitions, dataset.partitions))


def _archived(machines: Machines) -> bool:
    """Says whether the archive holds all that the log holds."""
    found = orjson.loads(machines.undertow("a", "status", "--json", "--seconds", "0.2").stdout)
    topics = found["topics"]
    return all(each["archived_records"] == each["log_records"] for name, each in topics.items() if name != "anchors")


@pytest.mark.engine("kafka")
@pytest.mark.parametrize("machines", ["kafka"], indirect=True)
def test_another_machine_s_directory_is_made_from_what_the_cluster_says(machines: Machines) -> None:
    made = Dataset.open(machines.data("a"), create=True, clock="live", partitions=3)
    found = Dataset.open(machines.data("b"))
    assert (found.clock, found.partitions) == ("live", 3)
    made.record_run("main", {"CLUSTER_WINDOW_MS": 250}, "abc", "start", "live")
    assert found.run("main") == made.run("main")
    (machines.data("c") / "dataset.json").write_text('{"format":1,"clock":"live","partitions":5,"partition_table":1}\n')
    with pytest.raises(ValueError, match=r"live, 5 partitions.*live, 3 partitions.*KAFKA_TOPIC_PREFIX") as refused:
        Dataset.open(machines.data("c"))
    assert len(str(refused.value).splitlines()) == 1
    for dataset in (made, found):
        dataset.close()


@pytest.mark.parametrize("machines", ["embedded"], indirect=True)
def test_processes_that_take_up_new_parameters_one_after_the_other_are_verified_each_by_its_own(
    machines: Machines,
) -> None:
    """The first half goes on under old parameters while the second runs under new ones, which its log says."""
    data = machines.data("a")
    feed = Feed(data, 33, 2500, 8, 10)
    machines.stack.callback(feed.close)
    archive = machines.run("a", "undertow.cli", "archive")
    dataset = Dataset.open(data)
    flows = {"0-3": machines.flow("a", "0-3"), "4-7": machines.flow("b", "4-7")}
    until(lambda: all(_holds(dataset, flow, text) for text, flow in flows.items()), list(flows.values()))
    flows["4-7"].send_signal(signal.SIGTERM)
    assert flows["4-7"].wait(30) == 0
    store = str(machines.root / "b" / "recovery")
    command = ("bytewax.run", "flows.options", "-r", store, "-s", "1", "-b", "0")
    flows["4-7"] = machines.run("b", *command, flow_partitions="4-7", cluster_window_ms=250)
    until(lambda: _holds(dataset, flows["4-7"], "4-7"), list(flows.values()))
    promise = feed.promise()
    bus = dataset.open_bus()
    machines.stack.callback(bus.close)
    until(
        lambda: all(head.promise >= promise for topic in DERIVED_TOPICS for head in bus.heads(topic)),
        [*flows.values(), archive],
    )
    for flow in flows.values():
        flow.send_signal(signal.SIGTERM)
    assert [flow.wait(30) for flow in flows.values()] == [0, 0]
    changes = {
        partition: sum(
            b'"parameters"' in line
            for batch in bus.read("options.prints", partition, 0, 10**9)
            for line in (batch.lines() if batch.control else ())
        )
        for partition in range(8)
    }
    assert changes == dict.fromkeys(range(4), 0) | dict.fromkeys(range(4, 8), 1)
    until(lambda: _archived(machines), [archive])
    archive.send_signal(signal.SIGTERM)
    assert archive.wait(30) == 0
    verified = machines.undertow("a", "verify", "--json")
    assert verified.returncode == 0, verified.stderr
