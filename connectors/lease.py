"""Leases: the right to write a topic as its feed or a run as its flow, with a number that only grows.

One SQLite file per data set holds them, so a lease means something to the processes that share that directory. Whoever
finds the holder's process dead on this machine takes the lease at once; on another machine, after its time to live. A
holder that was stopped and wakes after losing it learns so from `check`, and the bus refuses its older epoch.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from connectors.bus.base import BusError, LeaseLost
from connectors.sqlite import connect

DEFAULT_TTL_S = 10.0
_LOOK_S = 1.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS leases (
    name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, pid INTEGER NOT NULL, started TEXT NOT NULL,
    host TEXT NOT NULL, machine TEXT NOT NULL, expires_s REAL NOT NULL
);
"""


class LeaseHeld(BusError):
    """Another living process holds the lease; the text names it."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease: its process, and until when it holds without renewing (Unix seconds)."""

    epoch: int
    pid: int
    #: Start time of the process in the kernel's words: a process number is used again, the pair is not.
    started: str
    host: str
    #: Boot and process namespace: within one, a process number can be looked up.
    machine: str
    expires_s: float

    def holds(self, now_s: float) -> bool:
        """Says whether the lease is held: not released, its process not known to be dead, its time not over."""
        if self.pid == 0:
            return False
        if self.machine == _machine():
            alive = _started(self.pid)
            if alive is None or alive != self.started:
                return False
        return now_s < self.expires_s


class Lease:
    """A lease held by this process, renewed in the background until released or lost."""

    def __init__(self, db: sqlite3.Connection, name: str, epoch: int, ttl_s: float) -> None:
        self.name = name
        self.epoch = epoch
        self._db = db
        self._ttl_s = ttl_s
        self._guard = threading.Lock()
        self._over = threading.Event()
        self._lost = False
        self._renewed_s = time.monotonic()
        self._thread = threading.Thread(target=self._renew_forever, name=f"lease {name}", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises LeaseLost once the lease is lost, released, or could not be renewed within its time to live."""
        if not self._lost and time.monotonic() - self._renewed_s > self._ttl_s:
            self._renew()
        if self._lost or self._over.is_set() or time.monotonic() - self._renewed_s > self._ttl_s:
            raise LeaseLost(f"the lease {self.name!r} (epoch {self.epoch}) is lost: another process may hold it now")

    def release(self) -> None:
        """Gives the lease back; its number is never used again."""
        if self._over.is_set():
            return
        self._over.set()
        self._thread.join()
        self._db.execute(
            "UPDATE leases SET pid = 0, expires_s = 0 WHERE name = ? AND epoch = ?", (self.name, self.epoch)
        )
        self._db.close()

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()

    def _renew_forever(self) -> None:
        while not self._lost and not self._over.wait(self._ttl_s / 3):
            self._renew()

    def _renew(self) -> None:
        asked_s = time.monotonic()
        with self._guard:
            try:
                renewed = self._db.execute(
                    "UPDATE leases SET expires_s = ? WHERE name = ? AND epoch = ?",
                    (time.time() + self._ttl_s, self.name, self.epoch),
                ).rowcount
            except sqlite3.Error:
                return  # tried again; `check` refuses once the time to live is over
        if renewed:
            self._renewed_s = asked_s
        else:
            self._lost = True


class Followed:
    """A lease that another process of the same job holds: its number, for as long as that process holds it."""

    def __init__(self, leases: Leases, name: str, epoch: int) -> None:
        self._leases, self._name, self.epoch = leases, name, epoch
        self._looked_s = time.monotonic()

    def check(self) -> None:
        """Raises LeaseLost once its holder is gone; looks once a second."""
        if time.monotonic() - self._looked_s > _LOOK_S:
            self._looked_s = time.monotonic()
            holder = self._leases.holder(self._name)
            if holder is None or holder.epoch != self.epoch:
                raise LeaseLost(
                    f"the lease {self._name!r} (epoch {self.epoch}) is no longer held by its job's first process"
                )


class Leases:
    """The leases of one data set's directory."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "leases.sqlite"

    def acquire(self, name: str, ttl_s: float = DEFAULT_TTL_S) -> Lease:
        """Takes a lease that nobody holds; raises LeaseHeld, in one line that names the holder, otherwise."""
        db = connect(self._path, _SCHEMA)
        try:
            epoch = _take(db, name, ttl_s)
        except BaseException:
            db.close()
            raise
        return Lease(db, name, epoch, ttl_s)

    def follow(self, name: str, within_s: float = 30.0) -> Followed:
        """Waits until the job's first process holds a lease and follows it; raises LeaseHeld when it does not come."""
        deadline = time.monotonic() + within_s
        while (holder := self.holder(name)) is None:
            if time.monotonic() > deadline:
                raise LeaseHeld(f"no first process took the lease {name!r} within {within_s:g} s: start it too")
            time.sleep(0.05)
        return Followed(self, name, holder.epoch)

    def holder(self, name: str) -> Holder | None:
        """Returns who holds a lease now, or None."""
        if not self._path.exists():
            return None
        db = connect(self._path, _SCHEMA)
        try:
            found = _row(db, name)
        finally:
            db.close()
        return found if found is not None and found.holds(time.time()) else None

    def refuse_while_held(self, name: str, what: str) -> None:
        """Raises LeaseHeld when somebody holds the lease, naming `what` cannot be done meanwhile."""
        holder = self.holder(name)
        if holder is not None:
            raise LeaseHeld(f"{what}: process {holder.pid} on {holder.host} holds {name!r}; stop it first")


def _take(db: sqlite3.Connection, name: str, ttl_s: float) -> int:
    with _transaction(db):
        held = _row(db, name)
        now_s = time.time()
        if held is not None and held.holds(now_s):
            raise LeaseHeld(f"{name!r} is held by process {held.pid} on {held.host} (epoch {held.epoch})")
        epoch = 1 if held is None else held.epoch + 1
        pid = os.getpid()
        db.execute(
            "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?, ?, ?)",
            (name, epoch, pid, _started(pid) or "", socket.gethostname(), _machine(), now_s + ttl_s),
        )
    return epoch


def _row(db: sqlite3.Connection, name: str) -> Holder | None:
    row = db.execute(
        "SELECT epoch, pid, started, host, machine, expires_s FROM leases WHERE name = ?", (name,)
    ).fetchone()
    return None if row is None else Holder(*row)


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _started(pid: int) -> str | None:
    """Returns when a process of this machine started, empty where the kernel does not say; None when it is dead."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None if Path("/proc/self/stat").exists() else _started_without_proc(pid)
    return None if fields[0] in "ZX" else fields[19]


def _started_without_proc(pid: int) -> str | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return ""


def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return socket.gethostname()
