"""What every engine of leases must do; an engine's test module inherits the suite and says how it is opened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.bus.base import LeaseLost
from connectors.lease import FLOW, LeaseHeld, Leases, flow_leases

_ROOT = Path(__file__).parents[2]
#: Takes leases, says their number, and holds them until told to let go or killed.
_HOLD = """
import sys
lease = leases.acquire(sys.argv[2].split(), ttl_s=float(sys.argv[1]))
print(lease.epoch, flush=True)
sys.stdin.readline()
try:
    lease.check()
    print("held", flush=True)
except BaseException as error:
    print(type(error).__name__, flush=True)
"""
#: Takes the same lease again and again, beside others that do; says each number.
_RACE = """
import sys
from connectors.lease import LeaseHeld
for _ in range(int(sys.argv[1])):
    while True:
        try:
            lease = leases.acquire(["x/0", "x/" + sys.argv[2]], ttl_s=5.0)
            break
        except LeaseHeld:
            pass
    print(lease.epoch, flush=True)
    lease.release()
"""


@dataclass(frozen=True, slots=True)
class LeaseEngine:
    """How a test opens leases: here, and in another process as Python that makes `leases`."""

    open: Callable[[], Leases]
    elsewhere: str

    def start(self, script: str, *arguments: object) -> subprocess.Popen[str]:
        """Starts a process that has opened the leases and runs a script."""
        return subprocess.Popen(
            [sys.executable, "-c", f"{self.elsewhere}\n{script}", *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(_ROOT)},
        )  # fmt: skip

    @contextmanager
    def holder(self, ttl_s: float, *names: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
        """A process that holds leases, and their number."""
        process = self.start(_HOLD, ttl_s, " ".join(names))
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline())
        finally:
            process.kill()
            process.communicate()


class LeaseSuite:
    """A lease has one holder, its number only grows, and a dead or silent holder loses it."""

    #: Of the tests that wait for a time to live to be over.
    ttl_s = 0.9

    def test_a_held_lease_is_refused_and_names_its_holder(self, leasing: LeaseEngine) -> None:
        leases, other = leasing.open(), leasing.open()
        with leases.acquire("feed:options.prints"):
            with pytest.raises(LeaseHeld, match=f"process {os.getpid()} on .* holds 'feed:options.prints'"):
                other.acquire("feed:options.prints")
            with pytest.raises(LeaseHeld, match="compute cannot start: .*; stop it first"):
                other.refuse_while_held("feed:options.prints", "compute cannot start")
            other.acquire("feed:options.quotes").release()

    def test_the_number_only_grows(self, leasing: LeaseEngine) -> None:
        leases, epochs = leasing.open(), []
        for _ in range(3):
            with leases.acquire("a") as lease:
                epochs.append(lease.epoch)
                holder = leases.holder("a")
                assert holder is not None
                assert (holder.epoch, holder.pid) == (lease.epoch, os.getpid())
            assert leases.holder("a") is None
        assert epochs[0] >= 1
        assert epochs == sorted(set(epochs))

    def test_the_number_is_above_what_the_log_has_seen(self, leasing: LeaseEngine) -> None:
        leases = leasing.open()
        with leases.acquire("a", above=7000) as lease:
            assert lease.epoch > 7000
            first = lease.epoch
        with leasing.open().acquire("a") as lease:
            assert lease.epoch > first

    def test_several_are_taken_under_one_number_above_all_of_theirs(self, leasing: LeaseEngine) -> None:
        leases = leasing.open()
        for _ in range(3):
            leases.acquire("x/2").release()
        with leases.acquire(["x/1", "x/2"]) as lease:
            before = lease.epoch
            found = leases.holders(["x/0", "x/1", "x/2"])
            assert {name: holder.epoch for name, holder in found.items()} == {"x/1": before, "x/2": before}
        with leases.acquire("x/1") as lease:
            assert lease.epoch > before

    def test_subsets_that_overlap_are_refused_whole_and_others_run_side_by_side(self, leasing: LeaseEngine) -> None:
        leases, other = leasing.open(), leasing.open()
        with leases.acquire(flow_leases(range(4))):
            said = f"process {os.getpid()} on .* holds '{FLOW}' of partitions 2-3 "
            with pytest.raises(LeaseHeld, match=said) as refused:
                other.acquire(flow_leases(range(2, 8)))
            assert len(str(refused.value).splitlines()) == 1
            # What was refused holds nothing: the partitions that were free are free.
            with other.acquire(flow_leases(range(4, 8))):
                assert sorted(leases.holders(flow_leases(range(8)))) == sorted(flow_leases(range(8)))
        with other.acquire(flow_leases(range(8))) as merged:
            merged.check()

    def test_a_released_lease_is_over(self, leasing: LeaseEngine) -> None:
        lease = leasing.open().acquire("a")
        lease.check()
        lease.release()
        with pytest.raises(LeaseLost):
            lease.check()

    def test_a_killed_holder_of_this_machine_loses_it_at_once(self, leasing: LeaseEngine) -> None:
        leases = leasing.open()
        with leasing.holder(600, "x/0", "x/1") as (process, epoch):
            with pytest.raises(LeaseHeld, match=f"process {process.pid} "):
                leases.acquire("x/1")
            process.kill()
            process.wait()
            with leases.acquire(["x/1", "x/2"]) as lease:
                assert lease.epoch > epoch

    def test_a_stopped_holder_loses_it_after_the_time_to_live_and_learns_so(self, leasing: LeaseEngine) -> None:
        leases = leasing.open()
        with leasing.holder(self.ttl_s, "x/0", "x/1") as (process, epoch):
            process.send_signal(signal.SIGSTOP)
            until(lambda: leases.holder("x/1") is None)
            with leases.acquire(["x/1", "x/2"]) as lease:
                process.send_signal(signal.SIGCONT)
                assert lease.epoch > epoch
                said, _ = process.communicate("\n", timeout=30)
                assert said == "LeaseLost\n"
                lease.check()
                assert set(leases.holders(["x/1", "x/2"])) == {"x/1", "x/2"}

    def test_a_stopped_holder_that_nobody_replaced_goes_on(self, leasing: LeaseEngine) -> None:
        with leasing.holder(self.ttl_s, "a") as (process, _):
            process.send_signal(signal.SIGSTOP)
            leases = leasing.open()
            until(lambda: leases.holder("a") is None)
            process.send_signal(signal.SIGCONT)
            said, _ = process.communicate("\n", timeout=30)
            assert said == "held\n"

    def test_renewal_outlasts_the_time_to_live(self, leasing: LeaseEngine) -> None:
        leases = leasing.open()
        with leases.acquire("a", ttl_s=self.ttl_s) as lease:
            deadline = time.monotonic() + 3 * self.ttl_s
            while time.monotonic() < deadline:
                lease.check()
                assert leases.holder("a") is not None
                time.sleep(0.05)

    def test_who_comes_late_gives_up_a_lease_that_is_another_s_by_now(self, leasing: LeaseEngine) -> None:
        leases = leasing.open()
        with leasing.holder(self.ttl_s, "a") as (process, _):
            process.send_signal(signal.SIGSTOP)
            until(lambda: leases.holder("a") is None)
            with leases.acquire("a") as lease:
                process.send_signal(signal.SIGCONT)
                process.communicate("\n", timeout=30)
                holder = leases.holder("a")
                assert holder is not None
                assert holder.epoch == lease.epoch

    def test_who_races_for_it_never_gets_the_same_number(self, leasing: LeaseEngine) -> None:
        racers = [leasing.start(_RACE, 5, number) for number in (1, 2, 3)]
        said = [[int(line) for line in racer.communicate(timeout=90)[0].split()] for racer in racers]
        assert [len(each) for each in said] == [5, 5, 5]
        assert all(each == sorted(each) for each in said)
        assert len({epoch for each in said for epoch in each}) == 15

    def test_a_second_process_of_a_job_follows_the_first(self, leasing: LeaseEngine) -> None:
        leases = leasing.open()
        with leasing.holder(5, "a") as (process, epoch):
            followed = leases.follow("a", within_s=20)
            assert followed.epoch == epoch
            followed.check()
            process.kill()
            process.wait()

            def lost() -> bool:
                try:
                    followed.check()
                except LeaseLost:
                    return True
                return False

            until(lost)


def until(true: Callable[[], bool], within_s: float = 20) -> None:
    """Waits for a condition."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
