"""The processes that a bench starts and ends itself, and what it asks of them."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_PATIENCE_S = 60.0
_GRACE_S = 15.0


@contextmanager
def running(arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """Runs `python ARGUMENTS` and gives its process number; stopped, in the end killed, when the block is left."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=_ROOT, env={**os.environ, **(environment or {})},
            stdout=file, stderr=file,
        )  # fmt: skip
        try:
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(true: Callable[[], bool], what: str) -> None:
    """Waits until something holds; raises ValueError that names it when it takes too long."""
    deadline = time.monotonic() + _PATIENCE_S
    while not true():
        if time.monotonic() > deadline:
            raise ValueError(f"{what} did not happen within {_PATIENCE_S:g} s")
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Says whether somebody listens on a local port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """Returns a local port that nobody listens on."""
    with socket.socket() as link:
        link.bind(("127.0.0.1", 0))
        port: int = link.getsockname()[1]
        return port


def resident_mb(pid: int) -> float:
    """Returns a process's resident memory, MB; 0 where the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return round(pages * resource.getpagesize() / 1e6, 1)


def cpu_s(pid: int) -> float:
    """Returns the processor time that a process has used, seconds; 0 where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """Returns a percentile of sorted values; None when there is none."""
    return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)], 2) if ordered else None
