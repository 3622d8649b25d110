"""The supervisor: starts the parts of a data set in order, restarts them with backoff, leaves none (contract 36).

Children get their own process group, so that a Ctrl-C reaches only the supervisor, and a death signal from the kernel,
so that none is left behind even when the supervisor is killed.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from connectors.telemetry import meters

#: Restarts within this span after which a part is given up, and how many.
GIVE_UP_SPAN_S = 60.0
GIVE_UP_AFTER = 5
_FIRST_BACKOFF_S = 0.25
_MAX_BACKOFF_S = 8.0
#: Of a log that is looked at for why its part ended.
_TAIL_BYTES = 4096
#: A part that stays stopped (SIGSTOP, a debugger) this long is killed and started again: its lease is over by then.
STOPPED_S = 12.0
_TERM_S = 10.0
_PR_SET_PDEATHSIG = 1


class SupervisorError(RuntimeError):
    """A part that does not stay up; the text names it and its log."""


@dataclass(frozen=True, slots=True)
class Part:
    """One process to keep running."""

    name: str
    command: Sequence[str]
    #: Says when the next part may start.
    ready: Callable[[], bool] = lambda: True
    ready_within_s: float = 30.0
    #: Settings of its own, over those of all parts.
    environ: Mapping[str, str] = field(default_factory=dict)
    #: One that ends by itself with status 0 has done its work and is not started again.
    ends: bool = False


@dataclass(slots=True)
class Running:
    """A part and its process, with the times of its restarts."""

    part: Part
    process: subprocess.Popen[bytes] | None = None
    restarts: deque[float] = field(default_factory=deque)
    total_restarts: int = 0
    backoff_s: float = _FIRST_BACKOFF_S
    start_at: float = 0.0
    started_at: float = 0.0
    stopped_since: float | None = None

    def runs(self) -> bool:
        """Says whether its process runs; asked by whoever watches, from another thread."""
        process = self.process
        return process is not None and process.returncode is None


class Supervisor:
    """Keeps parts running until told to stop."""

    def __init__(self, parts: Sequence[Part], logs: Path, environ: Mapping[str, str]) -> None:
        self.parts = [Running(part) for part in parts]
        self._logs = logs
        for running in self.parts:
            meters.PART_UP.labels(running.part.name).set_function(running.runs)
            meters.PART_RESTARTS.labels(running.part.name)
        self._environ = dict(environ)
        logs.mkdir(parents=True, exist_ok=True)

    def log_of(self, name: str) -> Path:
        """Returns the log file of a part."""
        return self._logs / f"{name}.log"

    def start(self, stopping: Callable[[], bool]) -> None:
        """Starts every part in order, each when the one before is ready; raises SupervisorError."""
        for running in self.parts:
            self._spawn(running)
            deadline = time.monotonic() + running.part.ready_within_s
            while not running.part.ready() and not stopping():
                self.tend()
                if time.monotonic() > deadline:
                    raise SupervisorError(f"{running.part.name} is not ready; see {self.log_of(running.part.name)}")
                time.sleep(0.02)
            if stopping():
                return

    def tend(self) -> None:
        """Restarts what has died, kills what is stuck; raises SupervisorError when a part must be given up."""
        now = time.monotonic()
        for running in self.parts:
            if running.process is None:
                if running.start_at and now >= running.start_at:
                    self._spawn(running)
            elif (status := running.process.poll()) is not None:
                if not (running.part.ends and status == 0):
                    self._note_death(running, now)
            elif self._stuck(running, now):
                running.process.kill()
            elif now - running.started_at > GIVE_UP_SPAN_S:
                running.backoff_s = _FIRST_BACKOFF_S

    def stop(self) -> None:
        """Stops every part, last started first, so that each still takes in what the one before it wrote."""
        deadline = time.monotonic() + _TERM_S
        for running in reversed(self.parts):
            if running.process is None or running.process.poll() is not None:
                continue
            # A stopped process cannot hear a request to end.
            running.process.send_signal(signal.SIGCONT)
            running.process.terminate()
            try:
                running.process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                running.process.kill()
                running.process.wait()

    def _spawn(self, running: Running) -> None:
        parent = os.getpid()
        with self._opened_log(running.part.name) as out:
            running.process = subprocess.Popen(
                running.part.command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=self._environ | dict(running.part.environ),
                start_new_session=True,
                preexec_fn=lambda: _die_with(parent),
            )
        running.started_at = time.monotonic()
        running.start_at = 0.0
        running.stopped_since = None

    def _opened_log(self, name: str) -> BinaryIO:
        """Opens a part's log; on a full disk what it says is lost, and the part runs."""
        try:
            return self.log_of(name).open("ab")
        except OSError:
            return open(os.devnull, "ab")

    def _note_death(self, running: Running, now: float) -> None:
        running.process = None
        running.restarts.append(now)
        running.total_restarts += 1
        meters.PART_RESTARTS.labels(running.part.name).inc()
        while running.restarts and now - running.restarts[0] > GIVE_UP_SPAN_S:
            running.restarts.popleft()
        if len(running.restarts) > GIVE_UP_AFTER:
            log = self.log_of(running.part.name)
            raise SupervisorError(
                f"{running.part.name} ended {len(running.restarts)} times in a minute; see {log}{_last_error(log)}"
            )
        running.start_at = now + running.backoff_s
        running.backoff_s = min(running.backoff_s * 2, _MAX_BACKOFF_S)

    def _stuck(self, running: Running, now: float) -> bool:
        assert running.process is not None
        if _state(running.process.pid) not in ("T", "t"):
            running.stopped_since = None
            return False
        running.stopped_since = running.stopped_since or now
        return now - running.stopped_since > STOPPED_S


def python(*arguments: str) -> list[str]:
    """Returns the command that runs this Python with arguments."""
    return [sys.executable, *arguments]


def _last_error(log: Path) -> str:
    """Returns what a part's log ends with, where that is one line that says why it cannot run."""
    try:
        lines = log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").splitlines()
    except OSError:
        return ""
    return f"; it says: {lines[-1]}" if lines and lines[-1].startswith("error: ") else ""


def _state(pid: int) -> str:
    """Returns the kernel's letter for a process's state; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def _die_with(parent: int) -> None:
    """Runs in the child before its program: be killed when the parent dies, also if it already has."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
