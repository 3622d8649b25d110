"""What cannot be meant is refused in one line that names it, and what is missing is said truthfully."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from api.archive import Archive
from api.server import listen
from api.terminal import Terminal
from connectors.dataset import Dataset
from connectors.store.base import StoreAway
from connectors.store.client import ServedStore, archive_ready, open_reader, open_store
from events.settings import SettingsError, load
from flows import archive
from tests.importing import imported, print_line, write
from undertow.cli import main
from undertow.commands.explain import _lines, _room
from undertow.commands.status import _state


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    imported(tmp_path / "d", write(tmp_path / "a.jsonl", [print_line(0)]))
    return tmp_path / "d"


@pytest.fixture
def archived(data: Path) -> Path:
    dataset = Dataset.open(data)
    dataset.record_run("main", {}, "", "start", "compute")
    served = ServedStore.open(data)
    archive.archive_all(dataset, served.store)
    served.close()
    return data


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("verify", "--from", "2026-11-27T14:31", "--to", "2026-11-27T14:30"), "--from is not before --to: the range"),
        (("export", "flow.alerts", "--from", "2026-11-28", "--to", "2026-11-27"), "--from is not before --to: the ran"),
        (
            ("export", "flow.alerts", "--from", "2026-11-27", "--to", "2026-11-27"),
            "--from is not before --to: the range holds nothing",
        ),
        (("export", "flow.alerts", "--run", "nosuch"), "no run 'nosuch' in "),
        (("export", "equities.prints", "--run", "nosuch"), "no run 'nosuch' in "),
        (("export", "flow.alerts", "--contract", "FOO"), "--contract: 'FOO' is not a compact OCC contract id such as "),
        (("export", "flow.alerts", "--underlying", "spx"), "--underlying: 'spx' is no underlying such as SPX or BRK.B"),
        (("export", "flow.alerts", "--underlying", "SPXW"), "--underlying: SPXW is a root of SPX: write that"),
        (("tail", "flow.alerts", "--underlying", ""), "--underlying: '' is no underlying such as SPX or BRK.B"),
    ],
)
def test_what_cannot_be_meant_is_one_line(archived: Path, arguments: tuple[str, ...], error: str) -> None:
    done = _run(*arguments, "--data", archived)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {error}")
    assert done.stderr.count("\n") == 1


def test_a_run_without_alerts_and_a_padded_contract_are_no_errors(archived: Path) -> None:
    done = _run(
        "export", "flow.alerts", "--data", archived, "--contract", "SPY   260116C00450000", "--from", "1990-01-01"
    )
    assert (done.exit_code, done.output) == (0, "")


def test_a_market_that_would_end_before_it_begins_is_refused(tmp_path: Path) -> None:
    span = ("--start", "2026-01-14T15:30", "--until", "2026-01-14T14:30")
    done = _run("feed", "synthetic", "--data", tmp_path / "d", *span)
    assert done.exit_code == 1
    assert done.stderr == "error: the market's start is not before --until: the range holds nothing\n"


@pytest.mark.parametrize("time", ["-1", "1960-01-01", "20260114", "²", "tomorrow"])
def test_a_time_that_is_none_is_a_usage_error(data: Path, time: str) -> None:
    done = _run("verify", "--data", data, f"--from={time}")
    assert done.exit_code == 2
    assert f"Error: Invalid value for '--from': {time!r} is no " in done.stderr


def test_export_names_every_topic() -> None:
    text = " ".join(_run("export", "--help").stdout.split())
    assert all(name in text for name in ("flow.structures", "alert.outcomes", "position.check", "deadletter"))


def test_tail_says_when_nothing_is_there(data: Path) -> None:
    done = _run("tail", "flow.alerts", "--data", data)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "flow.alerts holds nothing yet\n")
    assert _run("tail", "equities.prints", "--data", data).stderr == ""
    assert "nothing of KO among" in _run("tail", "equities.prints", "--data", data, "--underlying", "KO").stderr


# ---- settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "error"),
    [
        ({"ALERT_MEDIUM_SCORE": "90"}, r"^ALERT_HIGH_SCORE=82 cannot work: it is below ALERT_MEDIUM_SCORE=90"),
        ({"ALERT_HIGH_SCORE": "50"}, r"^ALERT_HIGH_SCORE='50' cannot work: it is below ALERT_MEDIUM_SCORE=60"),
        (
            {"CLASSIFIER_SELL_MIN_DAYS": "90"},
            "^CLASSIFIER_SELL_MAX_DAYS=60 cannot work: it is below CLASSIFIER_SELL_MIN_",
        ),
        ({"CLASSIFIER_0DTE_MIN_DELTA": "0.9"}, "^CLASSIFIER_0DTE_MAX_DELTA=0.75 cannot work: it is below "),
        (
            {"CLASSIFIER_Z_MIN_SAMPLES": "51"},
            "^CLASSIFIER_Z_MIN_SAMPLES='51' cannot work: it is above ROLLING_WINDOW_SIZE=50",
        ),
        ({"CLASSIFIER_SWEEP_MIN_PREMIUM_Z": "nan"}, "^CLASSIFIER_SWEEP_MIN_PREMIUM_Z='nan' cannot work: "),
        ({"CLASSIFIER_SWEEP_MIN_PREMIUM": "inf"}, "^CLASSIFIER_SWEEP_MIN_PREMIUM='inf' cannot work: "),
        ({"ALERT_COOLDOWN_MS": "9" * 23}, "^ALERT_COOLDOWN_MS='9+' cannot work: nothing it could mean is beyond "),
        ({"SYNTHETIC_START": "1969-01-01"}, "^SYNTHETIC_START='1969-01-01' cannot work: "),
        ({"SYNTHETIC_START": "yesterday"}, r"^SYNTHETIC_START='yesterday' cannot work: 'yesterday' is no ISO time "),
    ],
)
def test_settings_that_contradict_each_other_or_are_no_time_fail_at_start(environ: dict[str, str], error: str) -> None:
    with pytest.raises(SettingsError, match=error):
        load(environ)
    assert load({"ALERT_MEDIUM_SCORE": "90", "ALERT_HIGH_SCORE": "90"}).rules.alert_high_score == 90


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("FLOW_PARTITIONS", "9-12", "FLOW_PARTITIONS: '9-12' is not among the partitions 0-7 of the data set in "),
        ("BUS_PARTITIONS", "3", "BUS_PARTITIONS=3: the data set in "),
        ("CLUSTER_WINDOW_MS", "abc", "CLUSTER_WINDOW_MS='abc' cannot work: "),
        ("ALERT_MEDIUM_SCORE", "90", "ALERT_HIGH_SCORE=82 cannot work: it is below ALERT_MEDIUM_SCORE=90"),
    ],
)
def test_doctor_names_what_does_not_fit_and_shows_the_other_settings(
    data: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, fault: str
) -> None:
    monkeypatch.setenv(name, value)
    done = _run("doctor", "--data", data, "--json")
    assert done.exit_code == 1
    found = orjson.loads(done.stdout)
    assert [text.startswith(fault) for text in found["faults"]] == [True]
    assert str(found["settings"][name]["value"]) == value
    assert found["settings"]["ROLLING_WINDOW_SIZE"]["value"] == 50
    text = _run("doctor", "--data", data).stdout
    assert f"fault: {fault}" in text
    assert "no data set" not in text


def test_doctor_names_every_setting_that_cannot_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLUSTER_WINDOW_MS", "abc")
    monkeypatch.setenv("API_PORT", "0")
    faults = orjson.loads(_run("doctor", "--data", tmp_path, "--json").stdout)["faults"]
    assert [fault.partition("=")[0] for fault in faults] == ["CLUSTER_WINDOW_MS", "API_PORT"]


@pytest.mark.parametrize("directory", ["a_file", "a_file/below", "/proc/none"])
def test_doctor_says_where_no_data_set_can_be_made(tmp_path: Path, directory: str) -> None:
    (tmp_path / "a_file").write_text("")
    done = _run("doctor", "--data", tmp_path / directory)
    assert done.exit_code == 1
    assert f"fault: UNDERTOW_DATA={tmp_path / directory}: no data set can be made there, " in done.stdout
    assert _run("doctor", "--data", tmp_path / "new" / "below").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a_file"]


def test_doctor_names_a_setting_that_is_misspelt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLASSIFIER_SWEEP_MINPREMIUM", "3")
    monkeypatch.setenv("UNDERTOW_OTHER", "3")
    faults = orjson.loads(_run("doctor", "--data", tmp_path, "--json").stdout)["faults"]
    assert faults == ["CLASSIFIER_SWEEP_MINPREMIUM is no setting: write CLASSIFIER_SWEEP_MIN_PREMIUM"]


@pytest.mark.parametrize(
    ("option", "error"),
    [
        ("--bogus", "error: of the feed: No such option"),
        ("--rate=abc", "error: of the feed: Invalid value for '--rate'"),
        ("stray", "error: of the feed: Got unexpected extra argument"),
    ],
)
def test_up_refuses_what_its_feed_does_not_take_before_anything_begins(tmp_path: Path, option: str, error: str) -> None:
    done = _run("up", "--data", tmp_path / "d", "--", option)
    assert done.exit_code == 1
    assert done.stderr.startswith(error)
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "d").exists()


# ---- the archive -------------------------------------------------------------------------------


def test_status_tells_an_archive_that_runs_from_one_that_can_be_read(archived: Path) -> None:
    status = ("status", "--data", archived, "--seconds", "0.2")
    assert "archive readable, nobody writes it\n" in _run(*status).stdout
    with open_reader(archived):
        assert not archive_ready(archived)
    served = ServedStore.open(archived)
    try:
        assert archive_ready(archived)
        assert "archive up\n" in _run(*status).stdout
    finally:
        served.close()
    assert [_state(False, {}), _state(True, {})] == ["away or empty", "away"]


def test_an_archive_that_waits_says_once_for_whom_and_can_be_stopped(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = Dataset.open(data)
    with caplog.at_level(logging.WARNING):
        archive._say_who_is_waited_for(dataset)
        assert caplog.messages == []
        served = ServedStore.open(data)
        archive._say_who_is_waited_for(dataset)
        began = time.monotonic()
        with pytest.raises(StoreAway, match="holds the archive"):
            open_store(data, 60.0, stopping=lambda: True)
        assert time.monotonic() - began < 30
        served.close()
    (message,) = caplog.messages
    assert "(to write) holds the archive in" in message
    assert "waiting up to 60 s" in message


def test_an_archive_that_is_away_is_told_with_the_command_that_brings_it(data: Path) -> None:
    async def asked() -> str:
        reader = Archive(data, 1, 5.0)
        try:
            with pytest.raises(StoreAway) as away:
                await reader.run(lambda link: link.query("SELECT 1 AS one"))
            return str(away.value)
        finally:
            reader.close()

    command = f"`undertow archive --data {data}`"
    assert asyncio.run(asked()).startswith(f"no archive was made in {data} yet: {command} makes it and serves it")
    ServedStore.open(data).close()
    assert asyncio.run(asked()).startswith(f"nobody serves the archive in {data}: {command} does")


def test_up_says_how_a_day_of_real_prints_is_seen(data: Path) -> None:
    done = _run("up", "--data", data)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: the data set in {data} is historical, not synthetic, and up runs the ")
    assert f"`undertow archive --data {data}` and `undertow gateway --data {data}`" in done.stderr


def test_the_page_without_a_terminal_says_where_it_looked(tmp_path: Path) -> None:
    page = asyncio.run(Terminal(tmp_path / "<dist>").get_response(".", {"type": "http"}))
    assert page.status_code == 404
    assert f"<code>{tmp_path}/&lt;dist&gt;</code>" in bytes(page.body).decode()


def test_a_port_that_was_asked_for_is_that_port_and_no_other() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"^port {port} at 127.0.0.1 is taken"):
            listen("127.0.0.1", port, exact=True)


# ---- explain -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("observed", "comparison", "threshold", "room"),
    [
        (3, "<=", 5, 2), (7, "<", 5, -2), (7, ">=", 5, 2), (3, ">", 5, -2), (5, "==", 5, 0), (4, "==", 5, -1),
        (4, "!=", 5, 1), ("C", "==", "P", None), (None, ">=", 5, None),
    ],
)  # fmt: skip
def test_a_margin_is_the_room_to_spare(observed: Any, comparison: str, threshold: Any, room: float | None) -> None:
    assert _room({"observed": observed, "comparison": comparison, "threshold": threshold}) == room


def _check(observed: float, comparison: str, threshold: float, passed: bool) -> dict[str, Any]:
    return {
        "name": "premium", "observed": observed, "comparison": comparison, "threshold": threshold, "passed": passed,
        "required": True, "margin": observed - threshold,
    }  # fmt: skip


def test_explain_writes_margins_with_separators_and_says_why_a_packet_is_bare() -> None:
    rule = {
        "rule": "block", "fired": False, "passed": 1, "required": 2, "nearest": "premium", "sentences": [],
        "against": [], "note": None,
        "checks": [_check(40_000, ">=", 160_000, False), _check(1_000, "<=", 2_500, True)],
    }  # fmt: skip
    packet = {"packet": "pk:1", "contract": "SPY260116C00450000", "revision": 0, "in_structures": [], "rules": [rule]}
    bare = packet | {"packet": "pk:2", "rules": []}
    structure = {"structure": "st:1", "name": "call vertical", "revision": 0, "rules": [rule]}
    lines = _lines({"packets": [packet, bare], "structures": [structure], "later": [], "not_judged": []})
    assert "    no  premium: 40,000 >= 160,000  margin -120,000" in lines
    assert "    ok  premium: 1,000 <= 2,500  margin +1,500" in lines
    heading = lines.index("packet pk:2 (SPY260116C00450000, revision 0)")
    assert lines[heading + 1] == "  it is a leg of the structure below, and judged there"
