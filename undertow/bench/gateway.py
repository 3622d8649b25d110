"""`bench gateway`: a hundred clients over a real gateway, paced and flat out, beside the bare WebSocket library.

A message is one event to one client. Paced: 1,000 messages a second in all, each client one underlying, first with
everybody reading, then with one more client that has stopped. Flat out: every client takes four topics, as fast as the
gateway forwards them, no more than WINDOW rounds under way; then the bare library sends texts of the same size. The two
take turns, and the ratio is the median turn's, for a shared machine is not the same from one second to the next.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from connectors.bus.base import Batch, Bus
from connectors.dataset import Dataset
from events.partitions import partition_of
from undertow.bench.processes import cpu_s, free_port, listens, percentile, resident_mb, running, wait_for
from undertow.bench.wsclient import WsClient

TOPIC = "options.prints"
FLAT_OUT_TOPICS = (TOPIC, "equities.prints", "options.marked", "flow.packets")
#: Rounds (an event in every partition of each topic) that may be under way when flat out.
WINDOW = 16
TURNS = 3
_TICK_S = 0.02
_PAD = "x" * 200
#: (result, comparison, bar) of `--check`.
BARS = (("ratio", ">=", 0.5), ("skipped", "<=", 0), ("rss_growth_mb", "<=", 20))


@dataclass(frozen=True, slots=True)
class Job:
    """What to run."""

    clients: int = 100
    messages_per_s: int = 1000
    seconds: float = 8.0


def run(job: Job | None = None) -> dict[str, Any]:
    """Runs the bench in a data set of its own and returns its numbers."""
    wanted = job or Job()
    with ExitStack() as stack:
        path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="undertow-bench-")))
        bus = Dataset.open(path / "data", create=True, clock="synthetic").open_bus()
        stack.callback(bus.close)
        port = free_port()
        command = ["-m", "undertow.cli", "gateway", "--data", str(path / "data"), "--port", str(port)]
        pid = stack.enter_context(running(command, path / "gateway.log"))
        wait_for(lambda: listens(port), "the gateway's start")
        return uvloop.run(_bench(wanted, bus, port, pid, path / "bare.log"))


@dataclass(slots=True)
class _Receipts:
    """What the clients got."""

    events: int = 0
    skipped: int = 0
    latencies_ms: list[float] = field(default_factory=list)

    def take(self, payload: memoryview, now_ns: int) -> None:
        """Counts a frame's events; the first one's stamp gives the latency."""
        text = bytes(payload)
        at = text.find(b'{"at":')
        if at >= 0:
            self.events += text.count(b'{"at":', at)
            self.latencies_ms.append((now_ns - int(text[at + 6 : at + 25])) / 1e6)
        elif b'"skipped"' in text:
            self.skipped += 1


async def _bench(job: Job, bus: Bus, port: int, pid: int, log: Path) -> dict[str, Any]:
    got = _Receipts()
    clients = [await WsClient.connect("127.0.0.1", port, got.take) for _ in range(job.clients)]
    keys = [f"K{number}" for number in range(job.clients)]
    for client, key in zip(clients, keys, strict=True):
        client.do(op="subscribe", sub="own", topic=TOPIC, keys=[key])
    await asyncio.sleep(1)
    result: dict[str, Any] = {"clients": job.clients, "messages_per_s": job.messages_per_s}
    await _paced(job, bus, keys, 2.0)
    got.latencies_ms.clear()
    result["rss_before_mb"] = resident_mb(pid)
    result |= _named("paced", await _paced(job, bus, keys, job.seconds), got)
    stopped = await WsClient.connect("127.0.0.1", port, lambda payload, now_ns: None)
    stopped.do(op="subscribe", sub="all", topic=TOPIC)
    stopped.stop_reading()
    result |= _named("one_stopped", await _paced(job, bus, keys, job.seconds), got)
    for client in clients:
        client.do(op="unsubscribe", sub="own")
        for topic in FLAT_OUT_TOPICS:
            client.do(op="subscribe", sub=topic, topic=topic)
    await asyncio.sleep(1)
    turns = []
    for _ in range(TURNS):
        turn = await _flat_out(job, bus, clients, got, pid)
        turns.append(turn | await _bare(job, turn["frame_bytes"], log))
    turns.sort(key=lambda turn: turn["sends_per_s"] / turn["bare_sends_per_s"])
    result |= turns[TURNS // 2]
    result["ratio"] = round(result["sends_per_s"] / result["bare_sends_per_s"], 3)
    result["ratio_per_cpu"] = round(result["sends_per_cpu_s"] / result["bare_sends_per_cpu_s"], 3)
    result["skipped"] = got.skipped
    result["rss_after_mb"] = resident_mb(pid)
    result["rss_growth_mb"] = round(result["rss_after_mb"] - result["rss_before_mb"], 1)
    for client in (*clients, stopped):
        client.close()
    return result


def _named(phase: str, delivered: float, got: _Receipts) -> dict[str, Any]:
    ordered = sorted(got.latencies_ms)
    got.latencies_ms.clear()
    return {
        f"{phase}_messages_per_s": delivered,
        f"{phase}_p50_ms": percentile(ordered, 0.5),
        f"{phase}_p99_ms": percentile(ordered, 0.99),
    }


async def _paced(job: Job, bus: Bus, keys: list[str], seconds: float) -> float:
    """Appends at the job's rate, the underlyings by turns; returns the rate that was reached."""
    began_s = time.monotonic()
    sent = 0
    while (passed_s := time.monotonic() - began_s) < seconds:
        due = int(passed_s * job.messages_per_s)
        if due > sent:
            _append(bus, [keys[number % len(keys)] for number in range(sent, due)])
            sent = due
        await asyncio.sleep(_TICK_S)
    await asyncio.sleep(0.3)
    return round(sent / seconds, 1)


def _append(bus: Bus, keys: list[str], topic: str = TOPIC) -> None:
    batches: dict[int, list[str]] = {}
    for key in keys:
        batches.setdefault(partition_of(key, bus.partitions), []).append(key)
    line = f'{{"at":{time.time_ns()},"pad":"{_PAD}"}}'.encode()
    bus.append(topic, {part: Batch(len(mine), b"\n".join([line] * len(mine)), mine) for part, mine in batches.items()})


async def _flat_out(job: Job, bus: Bus, clients: list[WsClient], got: _Receipts, pid: int) -> dict[str, Any]:
    """Appends rounds as fast as all clients together take them."""
    events, frames, size = got.events, sum(c.frames for c in clients), sum(c.bytes for c in clients)
    began_s, cpu_began_s = time.monotonic(), cpu_s(pid)
    rounds = 0
    each = len(FLAT_OUT_TOPICS) * bus.partitions * job.clients
    by_partition = [
        next(f"P{n}" for n in range(999) if partition_of(f"P{n}", bus.partitions) == p) for p in range(bus.partitions)
    ]
    while time.monotonic() - began_s < job.seconds / TURNS:
        while rounds * each - (got.events - events) < WINDOW * each:
            for topic in FLAT_OUT_TOPICS:
                _append(bus, by_partition, topic)
            rounds += 1
        await asyncio.sleep(0.0005)
    took_s, used_s = time.monotonic() - began_s, cpu_s(pid) - cpu_began_s
    sent = sum(c.frames for c in clients) - frames
    return {
        "sends_per_s": round(sent / took_s),
        "sends_per_cpu_s": round(sent / max(used_s, 0.01)),
        "events_per_s": round((got.events - events) / took_s),
        "frame_bytes": round((sum(c.bytes for c in clients) - size) / max(sent, 1)),
    }


async def _bare(job: Job, size: int, log: Path) -> dict[str, Any]:
    got, port = _Receipts(), free_port()
    with running(["-m", "undertow.bench.bare", str(port), str(size), str(job.clients)], log) as pid:
        await asyncio.to_thread(wait_for, lambda: listens(port), "the bare server's start")
        clients = [await WsClient.connect("127.0.0.1", port, got.take, "/") for _ in range(job.clients)]
        await asyncio.sleep(0.3)
        frames, began_s, cpu_began_s = sum(client.frames for client in clients), time.monotonic(), cpu_s(pid)
        await asyncio.sleep(job.seconds / TURNS)
        sent = sum(client.frames for client in clients) - frames
        took_s, used_s = time.monotonic() - began_s, cpu_s(pid) - cpu_began_s
        for client in clients:
            client.close()
    return {"bare_sends_per_s": round(sent / took_s), "bare_sends_per_cpu_s": round(sent / max(used_s, 0.01))}
