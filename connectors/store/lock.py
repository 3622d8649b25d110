"""The right to write a data set's archive: a lock on a file in its directory, whichever engine holds the rows."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

_RETRY_S = 0.05


class PathLock:
    """The right to open a store's path, as a lock on a file beside it; it ends with the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = -1

    def take(self, wait_s: float) -> bool:
        """Takes the lock, trying until `wait_s` is over; says whether it is held."""
        deadline = time.monotonic() + wait_s
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(file)
                    return False
                time.sleep(_RETRY_S)
            else:
                self._file = file
                return True

    def release(self) -> None:
        """Lets go of the lock."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def lock_of(directory: Path) -> PathLock:
    """Returns the lock of the store under a data directory."""
    return PathLock(directory / "store.lock")
