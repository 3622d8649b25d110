"""Leases in one SQLite file per data set: they mean something to the processes that share its directory.

The time to live of a process of this machine is told by its monotonic clock, which nobody sets; only of a process of
another machine, over a shared directory, by the wall clock.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from connectors.lease import Holder, LeaseHeld, Leases, told
from connectors.sqlite import connect

_SCHEMA = """
CREATE TABLE IF NOT EXISTS leases (
    name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, pid INTEGER NOT NULL, started TEXT NOT NULL,
    host TEXT NOT NULL, machine TEXT NOT NULL, expires_s REAL NOT NULL, steady_s REAL NOT NULL DEFAULT 0
);
"""


class FileLeases(Leases):
    """The leases of one data set's directory."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "leases.sqlite"

    def grant(self, names: Sequence[str], ttl_s: float, above: int) -> _FileGrant:
        """Takes leases in one transaction."""
        db = _opened(self._path)
        try:
            epoch = _take(db, names, ttl_s, above)
        except BaseException:
            db.close()
            raise
        return _FileGrant(db, names, epoch, ttl_s)

    def holders(self, names: Sequence[str]) -> dict[str, Holder]:
        """Returns who holds leases now."""
        if not self._path.exists():
            return {}
        with closing(_opened(self._path)) as db:
            return _held(db, names)


class _FileGrant:
    """Leases that stand in the file under this process's name."""

    def __init__(self, db: sqlite3.Connection, names: Sequence[str], epoch: int, ttl_s: float) -> None:
        self.epoch = epoch
        self._db = db
        self._names = list(names)
        self._ttl_s = self.patience_s = ttl_s

    def renew(self) -> bool | None:
        """Renews all, or finds that one is another's now; None where the file could not be written."""
        try:
            with _transaction(self._db):
                renewed = sum(self._set("", name, *_ends(self._ttl_s)) for name in self._names)
        except sqlite3.Error:
            return None
        return renewed == len(self._names)

    def release(self) -> None:
        """Gives back what is not another's by now."""
        with _transaction(self._db):
            for name in self._names:
                self._set("pid = 0, ", name, 0.0, 0.0)
        self._db.close()

    def _set(self, what: str, name: str, expires_s: float, steady_s: float) -> int:
        query = f"UPDATE leases SET {what}expires_s = ?, steady_s = ? WHERE name = ? AND epoch = ?"
        return self._db.execute(query, (expires_s, steady_s, name, self.epoch)).rowcount


def _opened(path: Path) -> sqlite3.Connection:
    """Opens the file; one that an earlier version made gets the column that it lacks."""
    db = connect(path, _SCHEMA)
    if not any(row[1] == "steady_s" for row in db.execute("PRAGMA table_info(leases)")):
        with suppress(sqlite3.OperationalError):  # who opened it at the same time did it already
            db.execute("ALTER TABLE leases ADD COLUMN steady_s REAL NOT NULL DEFAULT 0")
    return db


def _ends(ttl_s: float) -> tuple[float, float]:
    """Returns when a lease ends that is granted now, on the wall clock and on the monotonic one."""
    return time.time() + ttl_s, time.monotonic() + ttl_s


def _take(db: sqlite3.Connection, names: Sequence[str], ttl_s: float, above: int) -> int:
    with _transaction(db):
        if held := _held(db, names):
            raise LeaseHeld(told(held))
        epoch = above
        for name in names:
            found = db.execute("SELECT epoch FROM leases WHERE name = ?", (name,)).fetchone()
            epoch = max(epoch, found[0] if found else 0)
        epoch += 1
        us = Holder.this_process(epoch)
        for name in names:
            row = (name, epoch, us.pid, us.started, us.host, us.machine, *_ends(ttl_s))
            db.execute("INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    return epoch


def _held(db: sqlite3.Connection, names: Sequence[str]) -> dict[str, Holder]:
    """Returns the leases that are held: not released, the process not known to be dead, the time not over."""
    held = {}
    query = "SELECT expires_s, steady_s, epoch, pid, started, host, machine FROM leases WHERE name = ? AND pid != 0"
    for name in names:
        for expires_s, steady_s, *row in db.execute(query, (name,)).fetchall():
            holder = Holder(*row)
            left_s = steady_s - time.monotonic() if holder.is_here() else expires_s - time.time()
            if left_s > 0 and not holder.is_dead():
                held[name] = holder
    return held


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
