"""The whole way through a ClickHouse server gives the bytes that the embedded store gives, whatever is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

from connectors.bus.base import Batch
from connectors.dataset import Dataset
from connectors.store.base import StoreAway, read_progress
from connectors.store.clickhouse_client import NativeClient, connect
from connectors.store.client import archive_ready, open_reader, open_store
from connectors.store.export import lines
from events.settings import Store
from events.topics import TOPICS
from flows.archive import log_heads
from tests.connectors.store.samples import expected_lines, plain_events
from tests.engines.clickhouse import PASSWORD, ClickHouse, clickhouse, settings_of
from tests.lines import encode_lines
from tests.tapes import FACTS, PRINTS, QUOTES, random_tape

pytestmark = pytest.mark.engine("clickhouse")
_number = count()
#: What of the log's operational topics has rows here.
EXPORTED = [name for name, entry in TOPICS.items() if entry.layer != "operational"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    with clickhouse(tmp_path_factory.mktemp("clickhouse")) as running:
        yield running


@pytest.fixture
def there(server: ClickHouse) -> dict[str, str]:
    return server.environ(f"d{next(_number)}")


def undertow(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "undertow.cli", *arguments]
    return subprocess.run(command, capture_output=True, check=False, env={**os.environ, **environ})


def tape_file(path: Path) -> Path:
    tape = random_tape(11, 3000, loud=True)
    events = [(topic, event) for topic in (FACTS, PRINTS, QUOTES) for event in tape.of(topic)]
    with path.open("wb") as file:
        for topic, event in sorted(events, key=lambda each: each[1].ts):
            plain = {name: value for name, value in msgspec.to_builtins(event).items() if name != "id"}
            file.write(orjson.dumps({"topic": topic, "event": plain}) + b"\n")
    return path


def computed(environ: dict[str, str], tape: Path, data: Path) -> dict[str, bytes]:
    for command in (["import", str(tape)], ["compute"]):
        done = undertow(environ, *command, "--data", str(data))
        assert done.returncode == 0, done.stderr
    with open_reader(data, 10, settings_of(environ)) as reader:
        exported = {topic: b"".join(line + b"\n" for line in lines(reader, topic)) for topic in EXPORTED}
    assert undertow(environ, "export", "flow.alerts", "--data", str(data)).stdout == exported["flow.alerts"]
    return exported


def test_import_compute_export_give_the_embedded_bytes_and_verify_passes(there: dict[str, str], tmp_path: Path) -> None:
    tape = tape_file(tmp_path / "tape.jsonl")
    embedded = computed({}, tape, tmp_path / "embedded")
    served = computed(there, tape, tmp_path / "served")
    assert served == embedded
    assert {topic for topic in EXPORTED if embedded[topic]} >= {"options.prints", "flow.packets", "flow.alerts"}
    assert not (tmp_path / "served" / "store").exists()
    again = undertow(there, "compute", "--data", str(tmp_path / "served"))
    assert again.returncode == 0, again.stderr
    verified = undertow(there, "verify", "--json", "--data", str(tmp_path / "served"))
    assert verified.returncode == 0, verified.stderr
    found = orjson.loads(verified.stdout)
    assert all(each["equal"] for each in found.values())
    assert found["flow.packets"]["rows"] > 100


def test_a_database_belongs_to_one_data_set(there: dict[str, str], tmp_path: Path) -> None:
    tape = tape_file(tmp_path / "tape.jsonl")
    for name, code in (("one", 0), ("two", 1)):
        undertow(there, "import", str(tape), "--data", str(tmp_path / name))
        done = undertow(there, "compute", "--data", str(tmp_path / name))
        assert done.returncode == code, done.stderr
    assert b"holds the archive of another data set" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_what_is_missing_or_away_is_one_line(there: dict[str, str], server: ClickHouse, tmp_path: Path) -> None:
    Dataset.open(tmp_path / "d", create=True)
    wrong: list[tuple[dict[str, str], bytes]] = [
        (there, b"no archive in"),
        ({**there, "CLICKHOUSE_URL": "clickhouse://127.0.0.1:1"}, b"no ClickHouse answers at"),
        ({**there, "CLICKHOUSE_URL": "http://127.0.0.1:8123"}, b"speaks the native protocol"),
        ({**there, "CLICKHOUSE_URL": "ftp://here"}, b"its form is clickhouse://"),
        ({**there, "CLICKHOUSE_URL": f"clickhouse://flow:wrong@127.0.0.1:{server.port}"}, b"assword"),
    ]
    for environ, why in wrong:
        done = undertow(environ, "export", "flow.alerts", "--data", str(tmp_path / "d"))
        assert (done.returncode, done.stdout) == (1, b"")
        assert why in done.stderr
        assert done.stderr.count(b"\n") == 1
        assert b"wrong@" not in done.stderr


def test_an_archive_that_is_just_being_made_is_away_and_keeps_no_connection(server: ClickHouse, tmp_path: Path) -> None:
    environ = server.environ(f"d{next(_number)}")
    settings = settings_of(environ)
    client = connect(server.address("default"), "default")
    client.execute(f"CREATE DATABASE {settings.clickhouse_database}")
    client.execute(f"CREATE TABLE {settings.clickhouse_database}.dataset (id String) ENGINE = Memory")
    before = _connections(client)
    with pytest.raises(StoreAway, match="no archive in") as refused:
        open_reader(tmp_path, 0, settings)
    deadline = time.monotonic() + 10
    while _connections(client) > before:
        assert time.monotonic() < deadline, refused
        time.sleep(0.05)
    client.disconnect()


def _connections(client: NativeClient) -> int:
    found: int = client.execute("SELECT value FROM system.metrics WHERE metric = 'TCPConnection'")[0][0]
    return found


def test_doctor_names_the_servers_version_and_one_that_is_away(there: dict[str, str], tmp_path: Path) -> None:
    done = undertow(there, "doctor", "--json", "--data", str(tmp_path))
    assert orjson.loads(done.stdout)["servers"]["ClickHouse"]
    done = undertow({"CLICKHOUSE_URL": "clickhouse://u:secret@127.0.0.1:1"}, "doctor", "--json")
    assert done.returncode == 1
    assert "no ClickHouse answers" in orjson.loads(done.stdout)["faults"][0]
    assert b"secret" not in done.stdout


class Archive:
    """The archive's process, and a log that grows under it."""

    def __init__(self, dataset: Dataset, environ: dict[str, str]) -> None:
        self.dataset = dataset
        self.settings = settings_of(environ)
        self._environ = environ
        self.process: subprocess.Popen[bytes] | None = None
        self.events = {topic: plain_events(topic, 40_000) for topic in ("options.prints", "flow.alerts")}
        self.place = 0

    def start(self) -> None:
        command = [sys.executable, "-m", "bytewax.run", "flows.archive", "-s", "1", "-b", "0"]
        recovery = ["-r", str(self.dataset.recovery_dir("archive"))]
        environ = {**os.environ, **self._environ, "UNDERTOW_DATA": str(self.dataset.path)}
        self.process = subprocess.Popen([*command, *recovery], env=environ, stderr=subprocess.PIPE)

    def end(self, number: signal.Signals) -> tuple[int, str]:
        assert self.process is not None
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=90)
        return self.process.returncode, said.decode()

    def append(self, rows: int) -> None:
        bus = self.dataset.open_bus()
        for topic, events in self.events.items():
            some = events[self.place : self.place + rows]
            batch = Batch(len(some), encode_lines(some), ["SPY"] * len(some), ((0, 0),))
            bus.append(topic, {self.place // rows % 3: batch}, 1)
        bus.close()
        self.place += rows

    def wait(self, seconds: float = 90.0) -> None:
        deadline = time.monotonic() + seconds
        while not self._caught_up():
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def _caught_up(self) -> bool:
        heads = log_heads(self.dataset)
        try:
            with open_reader(self.dataset.path, 0, self.settings) as reader:
                raw, run = read_progress(reader), read_progress(reader, "main")
        except StoreAway:
            return False
        return all((run if topic == "flow.alerts" else raw).offsets(topic, 3) == to for topic, to in heads.items())

    def exported(self) -> dict[str, list[bytes]]:
        with open_reader(self.dataset.path, 0, self.settings) as reader:
            return {topic: list(lines(reader, topic)) for topic in self.events}

    def right(self) -> dict[str, list[bytes]]:
        return {topic: expected_lines(topic, events[: self.place]) for topic, events in self.events.items()}

    def rows(self) -> dict[str, int]:
        with open_reader(self.dataset.path, 0, self.settings) as reader:
            return {
                topic: reader.query(f"SELECT count() AS n FROM {topic.replace('.', '_')} FINAL")["n"][0]
                for topic in self.events
            }


@pytest.fixture
def archive(there: dict[str, str], tmp_path: Path) -> Iterator[Archive]:
    made = Archive(Dataset.open(tmp_path / "data", create=True, partitions=3), there)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.communicate()


@pytest.mark.chaos
@pytest.mark.slow
def test_a_server_killed_and_stopped_under_the_archive_loses_and_doubles_nothing(
    archive: Archive, server: ClickHouse
) -> None:
    chance = random.Random(7)
    archive.start()
    for turn in range(8):
        for _ in range(4):
            archive.append(1000)
            time.sleep(chance.random() * 0.3)
        match turn % 4:
            case 0 | 2:
                server.kill()
                archive.append(500)
                time.sleep(chance.random())
                server.start()
            case 1:
                server.signal(signal.SIGSTOP)
                archive.append(500)
                time.sleep(chance.random())
                server.signal(signal.SIGCONT)
            case _:
                status, said = archive.end(signal.SIGKILL)
                assert status == -signal.SIGKILL, said
                archive.start()
    archive.wait()
    assert archive.exported() == archive.right()
    assert archive.rows() == {topic: archive.place for topic in archive.events}
    code, said = archive.end(signal.SIGTERM)
    assert code == 0, said
    assert archive.exported() == archive.right()


@pytest.mark.chaos
@pytest.mark.slow
def test_an_archive_waits_for_its_server_and_a_stop_meanwhile_loses_nothing(
    archive: Archive, server: ClickHouse
) -> None:
    archive.append(1000)
    server.kill()
    archive.start()
    deadline = time.monotonic() + 60
    while not archive_ready(archive.dataset.path, archive.settings):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    archive.append(1000)
    code, said = archive.end(signal.SIGTERM)
    assert code != 0
    assert said.count("no ClickHouse answers at") <= 2
    server.start()
    archive.start()
    archive.wait()
    assert archive.end(signal.SIGTERM)[0] == 0
    assert archive.exported() == archive.right()


def test_who_writes_waits_for_its_server_when_it_asks_too(
    there: dict[str, str], server: ClickHouse, tmp_path: Path
) -> None:
    Dataset.open(tmp_path, create=True)
    settings = settings_of(there)
    store = open_store(tmp_path, 1.0, settings, patience_s=60.0)
    server.kill()
    back = threading.Timer(0.5, server.start)
    back.start()
    assert not read_progress(store).by_partition
    back.join()
    store.close()


def test_another_store_is_filled_from_the_logs_start(archive: Archive, server: ClickHouse) -> None:
    archive.append(1000)
    archive.start()
    archive.wait()
    assert archive.end(signal.SIGTERM)[0] == 0
    elsewhere = Archive(archive.dataset, server.environ(f"d{next(_number)}"))
    elsewhere.place = archive.place
    elsewhere.append(1000)
    elsewhere.start()
    elsewhere.wait()
    code, said = elsewhere.end(signal.SIGTERM)
    assert code == 0, said
    assert elsewhere.exported() == elsewhere.right()


def test_a_user_with_an_awkward_password_is_let_in(server: ClickHouse, tmp_path: Path) -> None:
    assert PASSWORD == "p@ss:w/rd"
    settings: dict[str, Any] = {
        "clickhouse_url": f"clickhouse://flow:p%40ss%3Aw%2Frd@127.0.0.1:{server.port}", "clickhouse_database": "none",
    }  # fmt: skip
    with pytest.raises(StoreAway, match="no archive in"):
        open_reader(tmp_path, 0, Store(**settings))
