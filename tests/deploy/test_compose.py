"""The compose file: its parts fit together, and each command of ours in it runs on real engines until it is healthy."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from connectors.dataset import Dataset
from connectors.store.base import read_progress
from connectors.store.client import open_reader
from events.partitions import subset_of
from events.settings import described, load
from tests.conftest import require_engine
from tests.engines.clickhouse import clickhouse
from tests.engines.kafka import KafkaMissing
from tests.engines.kafka import running as broker
from tests.engines.process import program
from tests.engines.redis import redis_server
from tests.gateway import free_port, wait_until
from tests.scraping import scraped

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "redpanda-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: each for name, each in SERVICES.items() if each["image"] == "undertow:local"}
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
ENVIRON = dict(
    line.split("=", 1) for line in (DEPLOY / "undertow.env").read_text().splitlines() if line and line[0] != "#"
)


def test_every_part_of_a_stack_is_a_service() -> None:
    engines = {"redpanda", "console", "clickhouse", "redis"}
    assert engines | {"feed", "archive", "watchdog", "gateway", "prometheus", "grafana"} <= set(SERVICES)
    assert sum(name.startswith("flow") for name in SERVICES) == 2


def test_every_service_is_limited_restarted_and_looked_at() -> None:
    for name, each in SERVICES.items():
        assert each["restart"] == "unless-stopped", name
        assert "memory" in each["deploy"]["resources"]["limits"], name
        assert "latest" not in each["image"], name
        if name != "console":  # its image holds no program that could ask
            assert each["healthcheck"]["test"], name


def test_services_wait_only_for_services_that_can_say_that_they_are_well() -> None:
    for each in SERVICES.values():
        for other, how in each.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert "healthcheck" in SERVICES[other]


def test_ours_run_without_root_and_cannot_become_it() -> None:
    assert re.search(r"^USER undertow$", DOCKERFILE, re.MULTILINE)
    for name, each in OURS.items():
        assert each["cap_drop"] == ["ALL"], name
        assert each["security_opt"] == ["no-new-privileges:true"], name
        assert each["read_only"], name


def test_nothing_is_published_beyond_this_host() -> None:
    published = [port for each in SERVICES.values() for port in each.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_every_volume_is_declared_and_used() -> None:
    named = {
        mount.partition(":")[0]
        for each in SERVICES.values()
        for mount in each.get("volumes", ())
        if not mount.startswith(".")
    }
    assert named == set(COMPOSE["volumes"])
    for each in SERVICES.values():
        for mount in each.get("volumes", ()):
            if mount.startswith("."):
                assert (DEPLOY / mount.partition(":")[0]).exists()


def test_the_env_file_names_settings_that_exist_and_work() -> None:
    names = {name for _, name, _, _ in described()}
    given = [each.get("environment", {}) for each in OURS.values()]
    assert set().union(ENVIRON, *given) <= names
    for each in given:
        load(ENVIRON | each)


def test_the_store_is_made_with_the_user_that_the_env_file_signs_in_with() -> None:
    made = SERVICES["clickhouse"]["environment"]
    user, password = made["CLICKHOUSE_USER"], made["CLICKHOUSE_PASSWORD"]
    assert ENVIRON["CLICKHOUSE_URL"] == f"clickhouse://{user}:{password}@clickhouse:9000"
    assert ENVIRON["CLICKHOUSE_DATABASE"] == made["CLICKHOUSE_DB"]


def test_the_flows_share_the_partitions_each_with_a_recovery_store_of_its_own() -> None:
    flows = [each for name, each in OURS.items() if name.startswith("flow")]
    count = int(ENVIRON["BUS_PARTITIONS"])
    taken = [part for each in flows for part in subset_of(each["environment"]["FLOW_PARTITIONS"], count)]
    assert sorted(taken) == list(range(count))
    stores = [each["command"][each["command"].index("-r") + 1] for each in flows]
    assert len(set(stores)) == len(flows)


def test_the_broker_has_an_inner_and_an_outer_address_and_one_core() -> None:
    command = SERVICES["redpanda"]["command"]
    assert {"--smp=1", "--overprovisioned", "--reserve-memory=0M"} <= set(command)
    advertised = next(each for each in command if each.startswith("--advertise-kafka-addr="))
    inner, outer = re.findall(r"\w+://([\w.]+:\d+)", advertised)
    assert inner == ENVIRON["KAFKA_BROKERS"] == SERVICES["console"]["environment"]["KAFKA_BROKERS"]
    assert f"127.0.0.1:{outer.partition(':')[2]}:{outer.partition(':')[2]}" in SERVICES["redpanda"]["ports"]


def test_prometheus_scrapes_every_part_of_ours() -> None:
    jobs = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"]
    targets = {target for job in jobs for config in job["static_configs"] for target in config["targets"]}
    assert {f"{name}:{ENVIRON['METRICS_PORT']}" for name in OURS} <= targets
    assert {target.partition(":")[0] for target in targets} <= set(SERVICES)


def test_grafana_finds_its_dashboard_and_its_source() -> None:
    provisioning = DEPLOY / "grafana" / "provisioning"
    source = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"][0]
    folder = yaml.safe_load((provisioning / "dashboards" / "undertow.yml").read_text())["providers"][0]
    mounts = dict(each.split(":")[:2] for each in SERVICES["grafana"]["volumes"])
    assert mounts["./grafana/dashboards"] == folder["options"]["path"]
    dashboard = orjson.loads((DEPLOY / "grafana" / "dashboards" / "undertow.json").read_bytes())
    used = {panel["datasource"]["uid"] for panel in dashboard["panels"] if panel["type"] != "row"}
    assert used == {source["uid"]}


def test_the_image_holds_every_room_and_installs_only_what_the_lock_names() -> None:
    copied = {line.split()[1] for line in DOCKERFILE.splitlines() if line.startswith("COPY ") and "--from" not in line}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    rooms = {each.rstrip("*") for each in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert rooms <= copied
    installs = [line for line in DOCKERFILE.splitlines() if "pip install" in line]
    assert installs
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {name.partition("/")[0] for line in DOCKERFILE.splitlines() for name in _sources(line)} <= let_in


def _sources(line: str) -> list[str]:
    return line.split()[1:-1] if line.startswith("COPY ") and "--from" not in line else []


def test_docker_compose_accepts_the_file() -> None:
    docker = shutil.which("docker")
    known = docker and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0
    if not docker or not known:
        pytest.skip("no `docker compose` here; the other tests hold the file to what it must be")
    command = [docker, "compose", "-f", str(DEPLOY / "redpanda-compose.yml"), "--profile", "watch", "config", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# ---- every command of ours, on real engines -------------------------------------------------------


class Stack:
    """The services of ours as processes of this machine, each with its environment and a metrics port of its own."""

    def __init__(self, directory: Path, engines: dict[str, str]) -> None:
        self.data = directory / "data"
        self.data.mkdir()
        self.environ = os.environ | ENVIRON | engines | {"UNDERTOW_DATA": str(self.data), "METRICS_HOST": "127.0.0.1"}
        self.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.logs = directory
        self.ports = {name: free_port() for name in OURS}
        self.gateway = free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def environ_of(self, name: str) -> dict[str, str]:
        own: dict[str, str] = OURS[name].get("environment", {})
        return self.environ | own | {"METRICS_PORT": str(self.ports[name])}

    def start(self, name: str) -> None:
        command = [each.replace("/data/", f"{self.data}/") for each in OURS[name]["command"]]
        command = [str(self.gateway) if each == ENVIRON["API_PORT"] else each for each in command]
        with (self.logs / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=ROOT, env=self.environ_of(name), stdout=log, stderr=log, start_new_session=True
            )

    def healthy(self, name: str) -> bool:
        """Runs the service's own health check."""
        assert self.processes[name].poll() is None, (self.logs / f"{name}.log").read_text()[-2000:]
        kind, *command = OURS[name]["healthcheck"]["test"]
        assert kind == "CMD"
        return subprocess.run(command, cwd=ROOT, env=self.environ_of(name), capture_output=True).returncode == 0

    def start_all(self) -> None:
        """Starts the services in the order of what they wait for."""
        waiting = dict(OURS)
        while waiting:
            ready = [n for n, each in waiting.items() if not set(each.get("depends_on", ())) & set(waiting)]
            for name in ready:
                self.start(name)
            for name in ready:
                del waiting[name]
                wait_until(lambda name=name: self.healthy(name), 60)  # type: ignore[misc]

    def stop(self) -> dict[str, int]:
        for process in reversed(self.processes.values()):
            process.send_signal(signal.SIGTERM)
        return {name: process.wait(30) for name, process in self.processes.items()}

    def kill(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        try:
            kafka = stack.enter_context(broker(tmp_path_factory.mktemp("kafka")))
        except KafkaMissing as missing:
            require_engine("kafka", str(missing))
        store = stack.enter_context(clickhouse(tmp_path_factory.mktemp("clickhouse")))
        cache = stack.enter_context(redis_server(tmp_path_factory.mktemp("redis")))
        yield {"KAFKA_BROKERS": kafka.address, "CLICKHOUSE_URL": store.url, "REDIS_URL": cache.url}


@pytest.mark.engine("kafka")
@pytest.mark.slow
def test_every_service_of_ours_starts_turns_healthy_does_its_work_and_stops_clean(
    tmp_path: Path, engines: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, each in (engines | {"CLICKHOUSE_DATABASE": ENVIRON["CLICKHOUSE_DATABASE"]}).items():
        monkeypatch.setenv(name, each)
    stack = Stack(tmp_path, engines)
    try:
        stack.start_all()
        dataset = Dataset.open(stack.data)
        assert dataset.partitions == int(ENVIRON["BUS_PARTITIONS"])
        with open_reader(stack.data) as reader:
            wait_until(lambda: sum(read_progress(reader, "main").offsets("flow.packets", dataset.partitions)) > 0, 60)
        flows = [name for name in OURS if name.startswith("flow")]
        released = {name: scraped(stack.ports[name]).values["undertow_tape_released_events_total"] for name in flows}
        partitions = [dict(labels)["partition"] for samples in released.values() for labels in samples]
        assert sorted(partitions) == [str(part) for part in range(dataset.partitions)]
        assert scraped(stack.ports["archive"]).values["undertow_cache_up"] == {frozenset({("cache", "redis")}): 1.0}
        assert stack.stop() == dict.fromkeys(OURS, 0)
        for name in OURS:
            assert "change-me" not in (tmp_path / f"{name}.log").read_text()
    finally:
        stack.kill()


@pytest.mark.engine("redis")
def test_the_cache_starts_with_the_arguments_it_is_given_here(tmp_path: Path) -> None:
    command = [program("redis-server", "redis-server"), *SERVICES["redis"]["command"][1:]]
    port = str(free_port())
    process = subprocess.Popen(
        [*command, "--port", port, "--dir", str(tmp_path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        asks, *words = SERVICES["redis"]["healthcheck"]["test"][1:]
        asked = [asks, "-p", port, *words]
        wait_until(lambda: subprocess.run(asked, capture_output=True, text=True).stdout == "PONG\n")
    finally:
        process.terminate()
        assert process.wait(20) == 0
