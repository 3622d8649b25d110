"""The right to write a data set's archive: a lock on a file in its directory, whichever engine holds the rows.

Who has it writes its process and what it holds the archive for into the file; read only while somebody has it.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

Use = Literal["write", "read"]
_RETRY_S = 0.05


class PathLock:
    """The right to open a store's path, as a lock on a file beside it; it ends with the process."""

    def __init__(self, path: Path, use: Use = "write") -> None:
        self.path = path
        self._use = use
        self._file = -1

    def take(self, wait_s: float, stopping: Callable[[], bool] = lambda: False) -> bool:
        """Takes the lock, trying until `wait_s` is over or `stopping`; says whether it is held."""
        deadline = time.monotonic() + wait_s
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline or stopping():
                    os.close(file)
                    return False
                time.sleep(_RETRY_S)
            else:
                self._file = file
                os.ftruncate(file, 0)
                os.pwrite(file, f"{os.getpid()} {self._use}\n".encode(), 0)
                return True

    def release(self) -> None:
        """Lets go of the lock."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def lock_of(directory: Path, use: Use = "write") -> PathLock:
    """Returns the lock of the store under a data directory."""
    return PathLock(directory / "store.lock", use)


def noted_use(directory: Path) -> str:
    """Returns what the lock's holder holds the archive for, `write` or `read`, as it noted; empty where none did."""
    return _noted(directory)[1]


def holder_text(directory: Path) -> str:
    """Returns who holds the archive, as a message names it."""
    pid, use = _noted(directory)
    return f"process {pid} (to {use})" if pid else "another process"


def _noted(directory: Path) -> tuple[str, str]:
    try:
        pid, use = lock_of(directory).path.read_text().split()
    except (OSError, ValueError):
        return "", ""
    return pid, use
