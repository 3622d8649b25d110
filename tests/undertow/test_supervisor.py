"""The supervisor over real processes: restarts, giving up, a stuck part, and none left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from undertow import supervisor as module
from undertow.supervisor import Part, Supervisor, SupervisorError, python

SLEEP = python("-c", "import time; time.sleep(600)")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[..., Supervisor]]:
    started: list[Supervisor] = []

    def start(*parts: Part) -> Supervisor:
        supervisor = Supervisor(parts, tmp_path / "logs", os.environ)
        started.append(supervisor)
        supervisor.start(lambda: False)
        return supervisor

    yield start
    for supervisor in started:
        supervisor.stop()


def tend_until(supervisor: Supervisor, holds: Callable[[], bool], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        supervisor.tend()
        time.sleep(0.02)


def pid_of(supervisor: Supervisor, place: int = 0) -> int:
    process = supervisor.parts[place].process
    return process.pid if process else 0


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_a_killed_part_is_started_again_and_the_others_are_left_alone(running: Callable[..., Supervisor]) -> None:
    supervisor = running(Part("one", SLEEP), Part("two", SLEEP))
    first, other = pid_of(supervisor), pid_of(supervisor, 1)
    os.kill(first, signal.SIGKILL)
    tend_until(supervisor, lambda: pid_of(supervisor) not in (0, first))
    assert pid_of(supervisor, 1) == other
    assert supervisor.parts[0].total_restarts == 1


def test_a_part_with_an_end_is_left_ended_when_it_got_there_and_started_again_when_it_failed(
    running: Callable[..., Supervisor], tmp_path: Path
) -> None:
    fails_once = (
        "import sys; from pathlib import Path; p = Path(sys.argv[1]); n = len(p.read_text()) if p.exists() else 0\n"
        "p.write_text('x' * (n + 1)); sys.exit(1 if n == 0 else 0)"
    )
    supervisor = running(Part("feed", python("-c", fails_once, str(tmp_path / "runs")), ends=True))
    tend_until(supervisor, lambda: supervisor.parts[0].total_restarts == 1 and not supervisor.parts[0].runs())
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        supervisor.tend()
        time.sleep(0.02)
    assert (tmp_path / "runs").read_text() == "xx"


def test_a_part_that_keeps_ending_is_given_up_with_the_name_of_its_log(
    running: Callable[..., Supervisor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_BACKOFF_S", 0.3)
    supervisor = running(Part("broken", python("-c", "raise SystemExit(1)")))
    with pytest.raises(SupervisorError, match=r"broken ended 6 times in a minute; see .*broken\.log"):
        tend_until(supervisor, lambda: False)


def test_a_part_that_stays_stopped_is_killed_and_started_again(
    running: Callable[..., Supervisor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOPPED_S", 0.5)
    supervisor = running(Part("stuck", SLEEP))
    first = pid_of(supervisor)
    os.kill(first, signal.SIGSTOP)
    tend_until(supervisor, lambda: pid_of(supervisor) not in (0, first))
    assert not alive(first)


def test_a_part_that_is_never_ready_is_named(tmp_path: Path) -> None:
    supervisor = Supervisor([Part("archive", SLEEP, lambda: False, ready_within_s=0.3)], tmp_path, os.environ)
    try:
        with pytest.raises(SupervisorError, match="archive is not ready"):
            supervisor.start(lambda: False)
    finally:
        supervisor.stop()


def test_stopping_ends_stopped_and_deaf_parts_too(
    running: Callable[..., Supervisor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TERM_S", 1.0)
    deaf = python("-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)")
    supervisor = running(Part("deaf", deaf), Part("stopped", SLEEP))
    time.sleep(0.3)
    pids = [pid_of(supervisor), pid_of(supervisor, 1)]
    os.kill(pids[1], signal.SIGSTOP)
    supervisor.stop()
    assert not any(alive(pid) for pid in pids)


def test_no_part_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from undertow.supervisor import Part, Supervisor, python\n"
        "s = Supervisor([Part('one', python('-c', 'import time; time.sleep(600)'))], Path(sys.argv[1]), os.environ)\n"
        "s.start(lambda: False)\n"
        "print(s.parts[0].process.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child = int(parent.stdout.readline())
    assert alive(child)
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 5
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(child)
