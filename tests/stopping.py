"""Stopping a process of a data set (SIGSTOP) where that stops it alone."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

_TRIES, _SETTLE_S = 200, 0.05


def stop_between_writes(process: subprocess.Popen[Any], directory: Path) -> None:
    """Stops a process at a moment when it is writing none of a directory's shared files.

    In the middle of a write it would keep the file's lock, and whoever writes there next would wait for it: that is a
    case of its own (tests/connectors/test_bus_embedded.py), not that of a process that sleeps beyond its lease.
    """
    for _ in range(_TRIES):
        process.send_signal(signal.SIGSTOP)
        time.sleep(_SETTLE_S)
        if not any(_kept_locked(path) for path in directory.glob("**/*.sqlite")):
            return
        process.send_signal(signal.SIGCONT)
        time.sleep(_SETTLE_S)
    raise AssertionError(f"process {process.pid} was writing each of {_TRIES} times")


def _kept_locked(path: Path) -> bool:
    """Whether a file's write lock cannot be had in a second, which is longer than any write of one that runs."""
    with closing(sqlite3.connect(path, timeout=1.0, isolation_level=None)) as db:
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        db.execute("ROLLBACK")
        return False
