"""`bench latency`: feed, flow, archive and gateway as processes, and how long a print and an alert take to a client.

Raw: from before a print's append to the receipt of the frame that holds it, by offset. Alert and packet: from the end
of its window to the receipt of its frame. A window ends in event time; the feed keeps the pace of the wall clock, so
event time is placed on it by the appends around: the smallest distance between an append and the newest event in it.
Promises stand on a grid of 100 ms, which is part of an alert's way, as is the disorder that a feed declares (here 0).
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from bisect import bisect_right
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import uvloop

from connectors.dataset import Dataset
from connectors.store.wire import socket_path
from events.types import NS_PER_MS, NS_PER_S
from undertow.bench.processes import cpu_s, free_port, listens, percentile, resident_mb, running, wait_for
from undertow.bench.wsclient import WsClient

PRINTS = "options.prints"
DERIVED = ("flow.alerts", "flow.packets")
#: 15:00 UTC of a Wednesday: half an hour into the session.
START_NS = 1_768_402_800 * NS_PER_S
#: How far around an event its place on the wall clock is looked for.
_AROUND_NS = NS_PER_S
BARS = (("raw_p99_ms", "<=", 60), ("alert_p99_ms", "<=", 350), ("alerts", ">=", 20))


@dataclass(frozen=True, slots=True)
class Job:
    """What to run."""

    prints_per_s: int = 2000
    warm_s: float = 10.0
    seconds: float = 30.0
    planted_per_hour: int = 3600


@dataclass(slots=True)
class _Receipts:
    """Frames as they came."""

    #: Partition, first and next offset, wall clock.
    prints: list[tuple[int, int, int, int]] = field(default_factory=list)
    #: Topic, window's end, wall clock, id and revision.
    derived: list[tuple[str, int, int, str, int]] = field(default_factory=list)
    skipped: int = 0

    def take(self, payload: memoryview, now_ns: int) -> None:
        """Notes a frame."""
        frame = orjson.loads(payload)
        if "skipped" in frame:
            self.skipped += frame["skipped"]["count"]
        elif frame.get("topic") == PRINTS:
            self.prints.append((frame["partition"], frame["first"], frame["next"], now_ns))
        elif frame.get("topic") in DERIVED:
            self.derived += [
                (frame["topic"], event["ts"], now_ns, event["id"], event.get("revision", 0))
                for event in frame["events"]
            ]


class _Appends:
    """What the feed noted: when each record was appended, and where event time stood on the wall clock."""

    def __init__(self, stamps: Path) -> None:
        self._firsts: dict[int, list[int]] = {}
        self._walls: dict[int, list[tuple[int, int]]] = {}
        clock: list[tuple[int, int]] = []
        for line in stamps.read_text().splitlines():
            wall, topic, part, first, count, ts = line.split(" ")
            clock.append((int(ts), int(wall) - int(ts)))
            if topic == PRINTS:
                self._firsts.setdefault(int(part), []).append(int(first))
                self._walls.setdefault(int(part), []).append((int(wall), int(count)))
        self._clock = sorted(clock)

    def prints(self, partition: int, first: int, next_offset: int) -> list[tuple[int, int]]:
        """Returns (wall clock before the append, prints) of the appends that an offset range covers."""
        firsts = self._firsts.get(partition, [])
        found = []
        for place in range(max(bisect_right(firsts, first) - 1, 0), len(firsts)):
            wall, count = self._walls[partition][place]
            begin, end = max(firsts[place], first), min(firsts[place] + count, next_offset)
            if firsts[place] >= next_offset:
                break
            if end > begin:
                found.append((wall, end - begin))
        return found

    def wall_of(self, ts: int) -> int | None:
        """Returns where an event time stood on the wall clock, ns; None outside of what was appended."""
        low = bisect_right(self._clock, (ts - _AROUND_NS, 0))
        high = bisect_right(self._clock, (ts + _AROUND_NS, 0))
        if low == high or high == len(self._clock):
            return None
        return ts + min(distance for _, distance in self._clock[low:high])


def run(job: Job | None = None) -> dict[str, Any]:
    """Runs the bench in a data set of its own and returns its numbers."""
    wanted = job or Job()
    with ExitStack() as stack:
        path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="undertow-bench-")))
        data, stamps, port = path / "data", path / "stamps", free_port()
        dataset = Dataset.open(data, create=True, clock="synthetic")
        pids = _start(stack, dataset, path, port)
        feed = [str(data), str(stamps), str(wanted.prints_per_s), str(START_NS), str(wanted.planted_per_hour)]
        with running(["-m", "undertow.bench.stampedfeed", *feed], path / "feed.log") as pids["feed"]:
            got, used = uvloop.run(_listen(wanted, port, pids))
            memory = {f"{name}_rss_mb": resident_mb(pid) for name, pid in pids.items()}
        result = _measured(got, _Appends(stamps), wanted)
    return result | used | memory


def _start(stack: ExitStack, dataset: Dataset, path: Path, port: int) -> dict[str, int]:
    """Starts archive, flow and gateway, as `up` does; returns their process numbers."""
    data = ["--data", str(dataset.path)]
    environment = {"UNDERTOW_DATA": str(dataset.path)}
    flow = ["-r", str(dataset.recovery_dir("options")), "-s", "5", "-b", "0"]
    pids = {"archive": stack.enter_context(running(["-m", "undertow.cli", "archive", *data], path / "archive.log"))}
    wait_for(socket_path(dataset.path).exists, "the archive's start")
    command = ["-m", "bytewax.run", "flows.options", *flow]
    pids["flow"] = stack.enter_context(running(command, path / "flow.log", environment))
    wait_for(lambda: len(dataset.flow_holders()) == dataset.partitions, "the flow's start")
    command = ["-m", "undertow.cli", "gateway", *data, "--port", str(port)]
    pids["gateway"] = stack.enter_context(running(command, path / "gateway.log"))
    wait_for(lambda: listens(port), "the gateway's start")
    return pids


async def _listen(job: Job, port: int, pids: dict[str, int]) -> tuple[_Receipts, dict[str, Any]]:
    """Takes frames for the job's time, after warming up; returns them and the share of a core of each process."""
    got = _Receipts()
    client = await WsClient.connect("127.0.0.1", port, got.take)
    for topic in (PRINTS, *DERIVED):
        client.do(op="subscribe", sub=topic, topic=topic)
    await asyncio.sleep(job.warm_s)
    got.prints.clear()
    got.derived.clear()
    before = {name: cpu_s(pid) for name, pid in pids.items()}
    await asyncio.sleep(job.seconds)
    used = {f"{name}_cpu": round((cpu_s(pid) - before[name]) / job.seconds, 3) for name, pid in pids.items()}
    used["load_1m"] = round(os.getloadavg()[0], 1)
    client.close()
    return got, used


def _measured(got: _Receipts, appends: _Appends, job: Job) -> dict[str, Any]:
    raw: list[float] = []
    for partition, first, next_offset, wall in got.prints:
        for appended, prints in appends.prints(partition, first, next_offset):
            raw += [(wall - appended) / NS_PER_MS] * prints
    raw.sort()
    result: dict[str, Any] = {
        "prints_per_s": round(len(raw) / job.seconds, 1),
        "raw_p50_ms": percentile(raw, 0.5),
        "raw_p99_ms": percentile(raw, 0.99),
        "raw_worst_ms": percentile(raw, 1.0),
    }
    for name, topic in (("alert", "flow.alerts"), ("packet", "flow.packets")):
        since = [
            (wall - ended) / NS_PER_MS
            for of, ts, wall, _, _ in got.derived
            if of == topic and (ended := appends.wall_of(ts)) is not None
        ]
        since.sort()
        result |= {f"{name}s": len(since), f"{name}_p50_ms": percentile(since, 0.5)}
        result[f"{name}_p99_ms"] = percentile(since, 0.99)
    alerts = [(ident, revision) for of, _, _, ident, revision in got.derived if of == "flow.alerts"]
    return result | {"alerts_twice": len(alerts) - len(set(alerts)), "skipped": got.skipped}
