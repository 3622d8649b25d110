"""Leases: the right to write a topic as its feed or a partition of a run as its flow, with a number that only grows.

A process takes one lease or several at once, all or none, under one number (the lease epoch) that is above every number
those leases had. Two engines grant them: a file in the data directory (`connectors.lease_files`) and a compacted topic
of the cluster (`connectors.lease_kafka`). Whoever finds the holder's process dead on this machine takes the lease at
once; otherwise after its time to live. A holder that was stopped and wakes after losing it learns so from `check`, and
the bus refuses its older epoch.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

from connectors.bus.base import BusError, LeaseLost
from events.partitions import subset_text

DEFAULT_TTL_S = 10.0
_LOOK_S, _RETRY_S = 1.0, 0.05
#: The live flow's lease of a partition is this, a slash and its number.
FLOW = "flow:main:options"


def flow_leases(partitions: Iterable[int]) -> list[str]:
    """Returns the names of the live flow's leases of some partitions."""
    return [f"{FLOW}/{partition}" for partition in partitions]


class LeaseHeld(BusError):
    """Another living process holds the lease; the text names it."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a lease."""

    epoch: int
    pid: int
    #: Start time of the process in the kernel's words: a process number is used again, the pair is not.
    started: str
    host: str
    #: Boot and process namespace: within one, a process number can be looked up.
    machine: str

    @classmethod
    def this_process(cls, epoch: int) -> Holder:
        """Returns this process as the holder of a lease."""
        pid = os.getpid()
        return cls(epoch, pid, _started(pid) or "", socket.gethostname(), _machine())

    def is_here(self) -> bool:
        """Says whether it is a process of this machine, since its last boot."""
        return self.machine == _machine()

    def is_dead(self) -> bool:
        """Says whether the process is known to be dead; on another machine that is not known."""
        if not self.is_here():
            return False
        alive = _started(self.pid)
        return alive is None or alive != self.started


class Grant(Protocol):
    """What an engine hands out: leases of one process under one number."""

    epoch: int
    #: How long the lease may go unrenewed before its holder must stop. Where the fence on what it guards is the same
    #: brokers', that is longer than the time to live: who cannot reach them cannot write either.
    patience_s: float

    def renew(self) -> bool | None:
        """Renews; False once another holds one of them, None where that could not be found out now."""
        ...

    def release(self) -> None:
        """Gives the leases back."""
        ...


class Lease:
    """One lease or several held by this process, renewed in the background until released or lost."""

    def __init__(self, names: Sequence[str], grant: Grant, ttl_s: float) -> None:
        self.names = tuple(names)
        self.epoch = grant.epoch
        self._grant = grant
        self._ttl_s = ttl_s
        self._guard = threading.Lock()
        self._over = threading.Event()
        self._lost = False
        self._renewed_s = time.monotonic()
        self._thread = threading.Thread(target=self._renew_forever, name=f"lease {self.name}", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        """What is held, in words."""
        return spoken(self.names)

    def check(self) -> None:
        """Raises LeaseLost once the lease is lost, released, or could not be renewed within its time to live."""
        if not self._lost and time.monotonic() - self._renewed_s > self._ttl_s:
            self._renew()
        if self._lost or self._over.is_set() or time.monotonic() - self._renewed_s > self._grant.patience_s:
            raise LeaseLost(f"the lease {self.name} (epoch {self.epoch}) is lost: another process may hold it now")

    def release(self) -> None:
        """Gives the lease back; its number is never used again."""
        if self._over.is_set():
            return
        self._over.set()
        self._thread.join()
        self._grant.release()

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
            renewed = self._grant.renew()
        if renewed:
            self._renewed_s = asked_s
        elif renewed is False:
            self._lost = True  # where it is not known, it is tried again until the time to live is over


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


class Leases(ABC):
    """The leases of one data set."""

    @abstractmethod
    def grant(self, names: Sequence[str], ttl_s: float, above: int) -> Grant:
        """Takes leases that nobody holds, all or none; raises LeaseHeld, in one line that names the holder."""

    @abstractmethod
    def holders(self, names: Sequence[str]) -> dict[str, Holder]:
        """Returns who holds leases now; those that nobody holds are left out."""

    def acquire(self, names: str | Sequence[str], ttl_s: float = DEFAULT_TTL_S, above: int = 0) -> Lease:
        """Takes leases that nobody holds, all or none; raises LeaseHeld, in one line that names the holder, otherwise.

        Their number is above every one they had and above `above`, which is for what the log has seen: a log may know
        more than whoever grants leases, for example when they moved to another engine.
        """
        wanted = [names] if isinstance(names, str) else list(names)
        return Lease(wanted, self.grant(wanted, ttl_s, above), ttl_s)

    def acquire_within(self, name: str, within_s: float) -> Lease:
        """Waits for a lease that is held for moments only; raises LeaseHeld when that takes too long."""
        deadline = time.monotonic() + within_s
        while True:
            try:
                return self.acquire(name)
            except LeaseHeld:
                if time.monotonic() > deadline:
                    raise
            time.sleep(_RETRY_S)

    def follow(self, name: str, within_s: float = 30.0) -> Followed:
        """Waits until the job's first process holds a lease and follows it; raises LeaseHeld when it does not come."""
        deadline = time.monotonic() + within_s
        while (holder := self.holder(name)) is None:
            if time.monotonic() > deadline:
                raise LeaseHeld(f"no first process took the lease {name!r} within {within_s:g} s: start it too")
            time.sleep(_RETRY_S)
        return Followed(self, name, holder.epoch)

    def holder(self, name: str) -> Holder | None:
        """Returns who holds a lease now, or None."""
        return self.holders([name]).get(name)

    def refuse_while_held(self, names: str | Sequence[str], what: str) -> None:
        """Raises LeaseHeld when somebody holds one of the leases, naming `what` cannot be done meanwhile."""
        held = self.holders([names] if isinstance(names, str) else names)
        if held:
            raise LeaseHeld(f"{what}: {told(held)}; stop it first")

    def close(self) -> None:  # noqa: B027  an engine without connections has nothing to close
        """Closes what is open; leases that are held stay so until their time to live is over."""


def told(held: Mapping[str, Holder]) -> str:
    """Returns who holds what, in words, of the first holder."""
    holder = next(iter(held.values()))
    names = [name for name, each in held.items() if (each.host, each.pid) == (holder.host, holder.pid)]
    return f"process {holder.pid} on {holder.host} holds {spoken(names)} (epoch {holder.epoch})"


def spoken(names: Sequence[str]) -> str:
    """Returns leases in words: leases of partitions are named together."""
    split = [name.rpartition("/") for name in names]
    if all(slash and number.isdigit() for _, slash, number in split) and len({of for of, _, _ in split}) == 1:
        return f"{split[0][0]!r} of partitions {subset_text(int(number) for _, _, number in split)}"
    return ", ".join(map(repr, names))


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
