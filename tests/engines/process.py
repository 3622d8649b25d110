"""A real server in a directory of a test's own: started on a free port, waited for, killed, gone at the end."""

from __future__ import annotations

import shutil
import signal as signals
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.conftest import require_engine

_START_S = 60.0
_STOP_S = 20.0


def free_port() -> int:
    """Returns a port that nobody listened on just now."""
    with socket.socket() as link:
        link.bind(("127.0.0.1", 0))
        port: int = link.getsockname()[1]
        return port


def program(name: str, package: str) -> str:
    """Returns a server's program; ends the test when its Debian package is not installed."""
    found = shutil.which(name)
    if found is None:
        require_engine(package, f"no {name} here; `apt-get install {package}` gives it (its service stays off)")
    return found


class Server:
    """One server process; it may be killed and started again over the same data."""

    def __init__(self, command: Sequence[str], log: Path, answers: Callable[[], bool]) -> None:
        self._command = command
        self._log = log
        self._answers = answers
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the server and returns when it answers."""
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        deadline = time.monotonic() + _START_S
        while not self._answers():
            assert self._process.poll() is None, f"{self._command[0]} ended: {self._log.read_text()[-2000:]}"
            assert time.monotonic() < deadline, f"{self._command[0]} does not answer: {self._log.read_text()[-2000:]}"
            time.sleep(0.05)

    def kill(self) -> None:
        """Kills the server as a crash would."""
        self._end(signals.SIGKILL)

    def stop(self) -> None:
        """Stops the server; a second time is nothing."""
        self._end(signals.SIGTERM)

    def signal(self, number: signals.Signals) -> None:
        """Sends a signal: SIGSTOP, SIGCONT."""
        if self._process is not None:
            self._process.send_signal(number)

    def _end(self, number: signals.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signals.SIGCONT)
        process.send_signal(number)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
