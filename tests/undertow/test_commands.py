"""The command line as a user meets it: import, compute, export, verify, tail, doctor."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from undertow.bench import market

UNDERTOW = [sys.executable, "-m", "undertow.cli"]


def run(*arguments: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("UNDERTOW_")}
    command = [*UNDERTOW, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env={**environ, **(env or {})})


def tape_file(path: Path, prints: int = 3000) -> Path:
    """Writes a tape of one quote to two prints over fifty contracts."""
    with path.open("wb") as out:
        for topic, _, _, message in market.events(prints, 50, 3):
            event = orjson.loads(message)
            del event["id"], event["source"]
            out.write(orjson.dumps({"topic": topic, "event": event}) + b"\n")
    return path


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a data set that was imported and computed."""
    directory = tmp_path_factory.mktemp("cli")
    data = directory / "tape"
    assert run("import", tape_file(directory / "all.jsonl"), "--data", data).returncode == 0
    done = run("compute", "--data", data, "--json")
    assert done.returncode == 0, done.stderr
    return data


def exported(data: Path, topic: str, *arguments: object) -> list[bytes]:
    done = run("export", topic, "--data", data, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.encode().splitlines()


def test_every_print_becomes_one_mark(computed: Path) -> None:
    prints = {orjson.loads(line)["id"] for line in exported(computed, "options.prints")}
    marks = [orjson.loads(line)["id"] for line in exported(computed, "options.marked")]
    assert len(marks) == len(set(marks))
    assert set(marks) == prints


def test_members_of_packets_are_the_prints_each_once(computed: Path) -> None:
    prints = {orjson.loads(line)["id"] for line in exported(computed, "options.prints")}
    members = [member for line in exported(computed, "flow.packets") for member in orjson.loads(line)["members"]]
    assert sorted(members) == sorted(prints)


def test_export_lines_are_in_canonical_order_with_sorted_keys(computed: Path) -> None:
    lines = [orjson.loads(line) for line in exported(computed, "flow.packets")]
    assert [(line["ts"], line["id"]) for line in lines] == sorted((line["ts"], line["id"]) for line in lines)
    assert all(list(line) == sorted(line) for line in lines)
    assert not {"offset", "partition", "run", "lease_epoch"} & set(lines[0])


@pytest.mark.parametrize(
    ("topic", "fields"),
    [
        ("options.marked", "contract ts price size quote_ts bid ask placement position side"),
        ("flow.packets", "id contract underlying start_ts end_ts count size premium members"),
        ("flow.hits", "id packet_id rule direction confidence checks"),
        ("flow.alerts", "id direction score severity hits evidence"),
    ],
)
def test_export_holds_the_fields_that_the_contract_names(computed: Path, topic: str, fields: str) -> None:
    lines = exported(computed, topic)
    assert lines
    assert set(fields.split()) <= set(orjson.loads(lines[0]))


def test_evidence_of_an_alert_leads_to_its_packets_and_hits(computed: Path) -> None:
    packets = {orjson.loads(line)["id"] for line in exported(computed, "flow.packets")}
    hits = {orjson.loads(line)["id"] for line in exported(computed, "flow.hits")}
    for line in exported(computed, "flow.alerts"):
        alert = orjson.loads(line)
        assert alert["evidence"]
        assert set(alert["evidence"]) <= packets
        assert set(alert["hits"]) <= hits


def test_verify_agrees_and_says_so_by_topic(computed: Path) -> None:
    done = run("verify", "--data", computed, "--json")
    assert done.returncode == 0, done.stderr
    result = orjson.loads(done.stdout)
    assert result["options.marked"]["equal"]
    assert result["options.prints"]["rows"] == len(exported(computed, "options.prints"))


def test_computing_again_gives_the_same_bytes(computed: Path) -> None:
    before = {topic: exported(computed, topic) for topic in ("options.marked", "flow.packets", "flow.alerts")}
    assert run("compute", "--data", computed, "--batch", 7).returncode == 0
    assert {topic: exported(computed, topic) for topic in before} == before


def test_each_decision_is_stamped_with_the_thresholds_of_the_day(computed: Path, tmp_path: Path) -> None:
    data = tmp_path / "stamped"
    run("import", tape_file(tmp_path / "all.jsonl"), "--data", data)
    env = {"CLASSIFIER_SWEEP_MIN_PREMIUM": "25000"}
    assert run("compute", "--data", data, env=env).returncode == 0
    sweeps = [hit for hit in map(orjson.loads, exported(data, "flow.hits")) if hit["rule"].endswith("_sweep")]
    assert sweeps
    assert all(hit["thresholds"]["CLASSIFIER_SWEEP_MIN_PREMIUM"] == 25000 for hit in sweeps)
    # verify recomputes with what was recorded, not with the settings of its own environment.
    assert run("verify", "--data", data).returncode == 0


def test_compute_is_refused_while_a_live_flow_holds_the_lock(computed: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(computed)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    assert holder.stdout
    assert holder.stdout.readline().strip() == "held"
    try:
        done = run("compute", "--data", computed)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert str(holder.pid) in done.stderr
    finally:
        holder.communicate("\n")


_HOLD = """
import sys
from pathlib import Path
from connectors.dataset import Dataset
with Dataset.open(Path(sys.argv[1])).leases.acquire("flow:main:options/3"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("export", "flow.nothing"), "flow.nothing"),
        (("compute", "--data", "/nowhere/at/all"), "/nowhere/at/all"),
        (("verify", "--data", "/nowhere/at/all"), "/nowhere/at/all"),
        (("tail", "flow.nothing"), "flow.nothing"),
    ],
)
def test_an_error_is_one_line_that_names_it(arguments: tuple[str, ...], named: str) -> None:
    done = run(*arguments)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert named in done.stderr
    assert done.stdout == ""


def test_a_setting_that_cannot_work_fails_at_start_and_is_named(computed: Path) -> None:
    done = run("compute", "--data", computed, env={"CLUSTER_WINDOW_MS": "100"})
    assert done.returncode == 1
    assert done.stderr.startswith("error: CLUSTER_WINDOW_MS='100'")
    assert len(done.stderr.splitlines()) == 1


def test_tail_shows_the_newest_events_as_json(computed: Path) -> None:
    done = run("tail", "flow.packets", "--data", computed, "-n", 5, "--json")
    lines = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 5
    newest = exported(computed, "flow.packets")[-1]
    assert lines[-1]["event"]["ts"] == orjson.loads(newest)["ts"]


def test_doctor_shows_every_setting_and_the_data_set(computed: Path) -> None:
    done = run("doctor", "--data", computed, "--json", env={"ROLLING_WINDOW_SIZE": "20"})
    assert done.returncode == 0, done.stdout
    found = orjson.loads(done.stdout)
    assert found["settings"]["ROLLING_WINDOW_SIZE"]["value"] == 20
    assert found["settings"]["CLASSIFIER_SPIKE_MIN_SIZE"]["value"] == 400
    assert found["dataset"]["clock"] == "historical"


@pytest.mark.parametrize(
    "command", ["import", "compute", "export", "verify", "tail", "bench", "doctor", "up", "status"]
)
def test_every_command_teaches(command: str) -> None:
    done = run(command, "--help")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) > 5
