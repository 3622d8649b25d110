"""`bench pipeline`: a preloaded tape through tape, mark, packet, baseline, rules, alerts and sinks, on one core.

The flow runs in a process of its own, so that its memory is its own. In the same process, before it, every message of
the tape is loaded by orjson and dropped, best of three: the yardstick for this machine at this moment.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson

from connectors.bus.base import Bus
from connectors.bus.embedded import EmbeddedBus
from connectors.code import code_digest
from connectors.feeds.writer import TopicWriter
from connectors.tape import Span, heads_as_ends
from events.settings import load
from undertow.bench import market

PARTITIONS = 8
_TOPICS = ("options.prints", "options.quotes")
#: What the pipeline is held to by `--check`: (key, comparison, value).
BARS: tuple[tuple[str, str, float], ...] = (
    ("prints_per_s", ">=", 60_000.0),
    ("ratio_to_decode", ">=", 0.06),
    ("rss_mb", "<=", 600.0),
)
BARS_ALL_RULES: tuple[tuple[str, str, float], ...] = (
    ("prints_per_s", ">=", 45_000.0),
    ("ratio_to_decode", ">=", 0.05),
    ("rss_mb", "<=", 600.0),
)


@dataclass(frozen=True, slots=True)
class Job:
    """What to measure."""

    prints: int
    contracts: int
    seed: int
    rules: str


def run(job: Job) -> dict[str, Any]:
    """Makes the tape, runs the flow over it in a process of its own, and returns its measurements."""
    with tempfile.TemporaryDirectory(prefix="undertow-bench-") as directory:
        began = perf_counter()
        _preload(Path(directory), job)
        preload_s = perf_counter() - began
        command = [sys.executable, "-m", "undertow.bench.pipeline", directory, job.rules]
        child = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        result: dict[str, Any] = orjson.loads(child.stdout.splitlines()[-1])
    return {"prints": job.prints, "contracts": job.contracts, "preload_s": round(preload_s, 2), **result}


def _preload(directory: Path, job: Job) -> None:
    bus = EmbeddedBus(directory, PARTITIONS)
    writers = {topic: TopicWriter(bus, topic) for topic in _TOPICS}
    for writer in writers.values():
        writer.member("required", 0)
    for topic, underlying, ts, message in market.events(job.prints, job.contracts, job.seed):
        writers[topic].add_encoded(ts, underlying, message)
    for writer in writers.values():
        writer.flush()
    bus.close()


def _measure(directory: Path, rules: str) -> dict[str, Any]:
    from flows.live import sinks  # Bytewax is loaded only in the measured process
    from flows.pipeline import run_span
    from flows.runtime import tune_collector
    from operators.rules import ALL, FIRST

    bus = EmbeddedBus(directory, PARTITIONS)
    ends = heads_as_ends(bus)
    events, decode_per_s = _decode_rate(bus, ends)
    settings = load()
    code_digest()
    tune_collector()
    began = perf_counter()
    span = Span(ends=ends, supply_end=True)
    chosen = ALL if rules == "all" else FIRST
    run_span(bus, span, settings.rules, settings.compute, sinks(bus, 1), rule_set=chosen)
    seconds = perf_counter() - began
    # A preload writes one member record per topic and partition; the rest of the log is events.
    prints = sum(ends["options.prints"]) - PARTITIONS
    counts = {topic: sum(head.next for head in bus.heads(topic)) for topic in ("flow.packets", "flow.alerts")}
    return {
        "packets": counts["flow.packets"],
        "alerts": counts["flow.alerts"],
        "seconds": round(seconds, 3),
        "prints_per_s": round(prints / seconds),
        "events_per_s": round(events / seconds),
        "decode_events_per_s": round(decode_per_s),
        "ratio_to_decode": round(events / seconds / decode_per_s, 4),
        "rss_mb": round(_peak_rss_mb(), 1),
    }


def _decode_rate(bus: Bus, ends: dict[str, list[int]]) -> tuple[int, float]:
    """Returns the number of events and how many a second orjson loads and drops, best of three."""
    events, best = 0, [0.0, 0.0, 0.0]
    for topic in _TOPICS:
        for partition, end in enumerate(ends[topic]):
            messages = _messages(bus, topic, partition, end)
            events += len(messages)
            for attempt in range(3):
                began = perf_counter()
                for message in messages:
                    orjson.loads(message)
                best[attempt] += perf_counter() - began
    return events, events / min(best)


def _messages(bus: Bus, topic: str, partition: int, end: int) -> list[bytes]:
    found: list[bytes] = []
    offset = 0
    while offset < end:
        for batch in bus.read(topic, partition, offset, 50_000):
            offset = batch.next
            if not batch.control:
                found += batch.lines()
    return found


def _peak_rss_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    print(orjson.dumps(_measure(Path(sys.argv[1]), sys.argv[2])).decode())
