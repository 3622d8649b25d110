"""`bench epoch`: how long a snapshot keeps a flow that remembers much from releasing, and the way back of a killed one.

The flow runs as `up` starts it. It begins at anchors that hold instruments and baselines of many contracts, and reads
a tape whose event time runs ten times as fast as the wall clock, so that the grid of promises (100 ms) does not hide a
pause. A gap is the time in which `options.marked` grows nowhere; an epoch is seen by the recovery store's commit.

On a machine that does other things too a gap holds time in which the flow could have run and was not let. The system
counts that for the flow's thread: beside the gap by the wall clock stand the gap without it and the processor time.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from bisect import bisect_left
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from connectors.bus.base import Bus
from connectors.dataset import Dataset
from connectors.feeds.writer import TopicWriter
from events.code import code_digest
from events.codec import encode
from events.contracts import parse_contract
from events.raw import OptionPrint
from events.settings import Rules, plain_rules
from events.types import NS_PER_S
from flows.beginning import RUN
from undertow.bench.processes import percentile, resident_mb, running, wait_for
from undertow.bench.warmstate import contracts, quote, write_anchors

PRINTS, QUOTES, MARKED = "options.prints", "options.quotes", "options.marked"
#: 15:00 UTC of a Wednesday; the anchor's boundary is the 03:00 New York before it.
START_NS = 1_768_402_800 * NS_PER_S
BOUNDARY_NS = 1_768_377_600 * NS_PER_S
SPEED = 10
_TICK_S = 0.004
_LOOK_S = 0.001
#: Prints of one burst.
_BURST = 3
#: How far before a commit is seen the pause that belongs to it may have begun, and behind it ended, s.
_BEFORE_S, _BEHIND_S = 0.5, 0.1
#: A flow at the head lacks no more prints than come in this time; one that is not there after the other is not coming.
_AT_HEAD_S, _PATIENCE_S = 0.1, 120.0
BARS = (("epoch_gap_ms", "<=", 50), ("recovery_s", "<=", 10))


@dataclass(frozen=True, slots=True)
class Job:
    """What to measure; rates are per second of the wall clock."""

    contracts: int = 200_000
    samples: int = 12
    prints_per_s: int = 2000
    quotes_per_s: int = 4000
    warm_s: float = 25.0
    seconds: float = 40.0


class _Market:
    """Writes prints and quotes of the contracts, event time ten times the wall clock's."""

    def __init__(self, bus: Bus, job: Job) -> None:
        self._job, self._random = job, Random(7)
        self.prints_per_s = job.prints_per_s
        self._chosen = contracts(job.contracts)
        self._writers = {topic: TopicWriter(bus, topic) for topic in (PRINTS, QUOTES)}
        for writer in self._writers.values():
            writer.member("required", 0)
        self._began = time.monotonic()
        self._prints = self._quotes = 0

    def now_ns(self) -> int:
        """Returns the event time."""
        return START_NS + int((time.monotonic() - self._began) * SPEED * NS_PER_S)

    def tick(self) -> None:
        """Appends what is due and promises what has passed."""
        elapsed, now = time.monotonic() - self._began, self.now_ns()
        while self._quotes < elapsed * self._job.quotes_per_s:
            each = quote(self._contract(), now, self._random)
            self._writers[QUOTES].add_encoded(now, parse_contract(each.contract).underlying, encode(each))
            self._quotes += 1
        while self._prints < elapsed * self._job.prints_per_s:
            self._burst(now)
        for writer in self._writers.values():
            writer.heartbeat(now)

    def _contract(self) -> str:
        return self._chosen[int(len(self._chosen) * self._random.random() ** 2)]

    def _burst(self, now: int) -> None:
        contract = self._contract()
        underlying = parse_contract(contract).underlying
        for _ in range(_BURST):
            self._prints += 1
            size = 1 + int(self._random.expovariate(0.3)) * (40 if self._random.random() < 0.03 else 1)
            report = OptionPrint(
                id=f"bench:options.prints:{contract}:{now}:{self._prints}", ts=now, contract=contract,
                price=self._random.randrange(50, 500) / 100, size=size, exchange="C", conditions=("I",),
                source="databento", seq=self._prints,
            )  # fmt: skip
            self._writers[PRINTS].add_encoded(now, underlying, encode(report))


class _Used(NamedTuple):
    """Processor time of all its threads, s; time that its main thread, which does the work, waited for a processor."""

    on_cpu_s: float
    waited_s: float


@dataclass(slots=True)
class _Watch:
    """When the marks grew, and what the flow had used then; when an epoch was committed."""

    grew: list[tuple[float, _Used]] = field(default_factory=list)
    commits: list[float] = field(default_factory=list)


def run(job: Job | None = None) -> dict[str, Any]:
    """Runs the bench in a data set of its own and returns its numbers."""
    wanted = job or Job()
    with ExitStack() as stack:
        path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="undertow-bench-")))
        dataset = Dataset.open(path / "data", create=True, clock="synthetic")
        bus = dataset.open_bus()
        stack.callback(bus.close)
        state_bytes = write_anchors(bus, contracts(wanted.contracts), wanted.samples, BOUNDARY_NS)
        for run_name in (RUN, f"{RUN}/now"):
            dataset.record_run(run_name, plain_rules(Rules()), code_digest(), "start", "live")
        market = _Market(bus, wanted)
        with _flow(dataset, path) as pid:
            wait_for(lambda: bool(dataset.flow_holders()), "the flow's start")
            watch = _Watch()
            _drive(market, bus, dataset, pid, watch, wanted.warm_s)
            watch.grew.clear()
            watch.commits.clear()
            _drive(market, bus, dataset, pid, watch, wanted.seconds)
            memory = resident_mb(pid)
            os.kill(pid, signal.SIGKILL)
        result = _measured(watch)
        result |= {"rss_mb": memory, "state_mb": round(state_bytes / 1e6, 1)}
        result["state_bytes_per_contract"] = round(state_bytes / wanted.contracts)
        result |= _recovery(market, bus, dataset, path)
    return {"contracts": wanted.contracts, "samples": wanted.samples} | result | {
        "load_1m": round(os.getloadavg()[0], 1)
    }  # fmt: skip


def _flow(dataset: Dataset, path: Path) -> Any:
    from undertow.commands.up import flow_command

    command = flow_command(dataset.recovery_dir("options"))
    return running(command, path / "flow.log", {"UNDERTOW_DATA": str(dataset.path)})


def _drive(market: _Market, bus: Bus, dataset: Dataset, pid: int, watch: _Watch, seconds: float) -> None:
    """Feeds the market for a time and watches the flow."""
    store = dataset.recovery_dir("options") / "part-0.sqlite3-wal"
    until = time.monotonic() + seconds
    position, written, tick = bus.end_position(MARKED), _written(store), 0.0
    while (now := time.monotonic()) < until:
        position, events, _ = bus.tally(MARKED, position)
        if events:
            watch.grew.append((now, _used(pid)))
        at = _written(store)
        if at != written:
            written = at
            watch.commits.append(now)
        if now >= tick:
            market.tick()
            tick = now + _TICK_S
        time.sleep(_LOOK_S)


def _written(store: Path) -> int:
    try:
        return store.stat().st_mtime_ns
    except OSError:
        return 0


def _used(pid: int) -> _Used:
    """Returns what the process has used and waited for; 0 where the system does not say."""
    spent = waited = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            running, waiting, _ = map(int, task.read_text().split())
        except (OSError, ValueError):
            continue
        spent += running
        if task.parent.name == str(pid):
            waited = waiting
    return _Used(spent / NS_PER_S, waited / NS_PER_S)


class _Gap(NamedTuple):
    """A time in which no mark was written, ms; by the wall clock it lasted from begin to end, s."""

    wall: float
    own: float
    on_cpu: float
    begin: float
    end: float


def _gap(begin: tuple[float, _Used], end: tuple[float, _Used]) -> _Gap:
    wall = end[0] - begin[0]
    waited = end[1].waited_s - begin[1].waited_s
    on_cpu = end[1].on_cpu_s - begin[1].on_cpu_s
    return _Gap(wall * 1000, max(wall - waited, 0.0) * 1000, on_cpu * 1000, begin[0], end[0])


def _measured(watch: _Watch) -> dict[str, Any]:
    """Sets the longest gap around every commit beside the gaps away from them."""
    gaps = [_gap(begin, end) for begin, end in pairwise(watch.grew)]
    epochs = _epochs(watch.commits)
    at_epochs: list[list[_Gap]] = []
    for epoch in epochs:
        near = [gap for gap in gaps if gap.end > epoch - _BEFORE_S and gap.begin < epoch + _BEHIND_S]
        if near:
            at_epochs.append(near)
    elsewhere = []
    for gap in gaps:
        place = bisect_left(epochs, gap.begin - _BEHIND_S)
        if place == len(epochs) or gap.end <= epochs[place] - _BEFORE_S:
            elsewhere.append(gap)
    walls = sorted(max(gap.wall for gap in near) for near in at_epochs)
    owns = sorted(max(gap.own for gap in near) for near in at_epochs)
    other = sorted(gap.wall for gap in elsewhere)
    return {
        "epochs": len(at_epochs),
        "epoch_gap_ms": percentile(walls, 1.0),
        "epoch_gap_median_ms": percentile(walls, 0.5),
        "epoch_gap_own_ms": percentile(owns, 1.0),
        "epoch_gap_own_median_ms": percentile(owns, 0.5),
        "epoch_gap_cpu_ms": round(max((max(near).on_cpu for near in at_epochs), default=0.0), 1),
        "other_gap_ms": percentile(other, 1.0),
        "other_gap_own_ms": percentile(sorted(gap.own for gap in elsewhere), 1.0),
        "other_gap_p99_ms": percentile(other, 0.99),
        "batches_per_s": round(len(gaps) / max(watch.grew[-1][0] - watch.grew[0][0], 1e-9), 1) if gaps else 0.0,
    }


def _epochs(commits: list[float]) -> list[float]:
    """Returns the commits, those of one epoch taken as one, at the last of them."""
    found: list[float] = []
    for at in commits:
        if found and at - found[-1] < 1.0:
            found[-1] = at
        else:
            found.append(at)
    return found


def _recovery(market: _Market, bus: Bus, dataset: Dataset, path: Path) -> dict[str, Any]:
    """Starts the killed flow again; returns how long it took until every print but the newest was marked."""
    at = {topic: bus.tally(topic, 0)[:2] for topic in (PRINTS, MARKED)}
    missed = at[PRINTS][1] - at[MARKED][1]
    first, began = 0.0, time.monotonic()
    with _flow(dataset, path):
        while (now := time.monotonic() - began) < _PATIENCE_S:
            market.tick()
            for topic, (position, events) in at.items():
                position, more, _ = bus.tally(topic, position)
                at[topic] = position, events + more
                if topic == MARKED and more and not first:
                    first = now
            if first and at[PRINTS][1] - at[MARKED][1] <= market.prints_per_s * _AT_HEAD_S:
                return {"recovery_first_s": round(first, 2), "recovery_s": round(now, 2), "missed_prints": missed}
            time.sleep(_TICK_S)
    raise ValueError(f"the killed flow was not back at the head within {_PATIENCE_S:g} s")
