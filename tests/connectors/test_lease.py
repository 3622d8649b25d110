"""A lease has one holder, its number only grows, and a dead or silent holder loses it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.bus.base import LeaseLost
from connectors.lease import LeaseHeld, Leases

_HOLD = (
    "import sys, time; from pathlib import Path; from connectors.lease import Leases\n"
    "lease = Leases(Path(sys.argv[1])).acquire('flow:main:options', ttl_s=float(sys.argv[2]))\n"
    "print(lease.epoch, flush=True); time.sleep(60)"
)


def _holder(directory: Path, ttl_s: float) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", _HOLD, str(directory), str(ttl_s)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert int(process.stdout.readline()) >= 1
    process.stdout.close()
    return process


def _until(true: Callable[[], bool], within_s: float = 10) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_held_lease_is_refused_and_names_its_holder(tmp_path: Path) -> None:
    leases = Leases(tmp_path)
    with leases.acquire("feed:options.prints"):
        with pytest.raises(LeaseHeld, match=f"process {os.getpid()} on "):
            leases.acquire("feed:options.prints")
        with pytest.raises(LeaseHeld, match="stop it first"):
            leases.refuse_while_held("feed:options.prints", "compute cannot start")
        leases.acquire("feed:options.quotes").release()


def test_the_number_only_grows(tmp_path: Path) -> None:
    leases = Leases(tmp_path)
    epochs = []
    for _ in range(3):
        with leases.acquire("a") as lease:
            epochs.append(lease.epoch)
            holder = leases.holder("a")
            assert holder is not None
            assert holder.epoch == lease.epoch
        assert leases.holder("a") is None
    assert epochs == [1, 2, 3]


def test_a_released_lease_is_no_longer_good(tmp_path: Path) -> None:
    lease = Leases(tmp_path).acquire("a")
    lease.check()
    lease.release()
    with pytest.raises(LeaseLost):
        lease.check()


@pytest.mark.chaos
def test_a_killed_holder_is_replaced_at_once(tmp_path: Path) -> None:
    process = _holder(tmp_path, ttl_s=600)
    try:
        with pytest.raises(LeaseHeld, match=f"process {process.pid} on"):
            Leases(tmp_path).acquire("flow:main:options")
    finally:
        process.kill()
    # The killed process is not even reaped yet: its entry stands in the process table as a zombie.
    _until(lambda: Leases(tmp_path).holder("flow:main:options") is None, within_s=5)
    with Leases(tmp_path).acquire("flow:main:options") as lease:
        assert lease.epoch == 2
    process.wait()


@pytest.mark.chaos
def test_a_stopped_holder_loses_it_after_the_time_to_live(tmp_path: Path) -> None:
    process = _holder(tmp_path, ttl_s=0.5)
    try:
        process.send_signal(signal.SIGSTOP)
        _until(lambda: Leases(tmp_path).holder("flow:main:options") is None)
        with Leases(tmp_path).acquire("flow:main:options") as lease:
            process.send_signal(signal.SIGCONT)
            assert lease.epoch == 2
            lease.check()
    finally:
        process.kill()
        process.wait()


def test_a_holder_that_wakes_after_losing_it_learns_so(tmp_path: Path) -> None:
    lease = Leases(tmp_path).acquire("a", ttl_s=0.3)
    other = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); "
            "db.execute('UPDATE leases SET epoch = epoch + 1'); db.commit()",
            str(tmp_path / "leases.sqlite"),
        ],
        check=True,
    )
    assert other.returncode == 0

    def lost() -> bool:
        try:
            lease.check()
        except LeaseLost:
            return True
        return False

    _until(lost)
    lease.release()
    holder = Leases(tmp_path).holder("a")
    assert holder is None or holder.epoch == 2


def test_renewal_outlasts_the_time_to_live(tmp_path: Path) -> None:
    with Leases(tmp_path).acquire("a", ttl_s=0.3) as lease:
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            lease.check()
            assert Leases(tmp_path).holder("a") is not None
            time.sleep(0.05)
