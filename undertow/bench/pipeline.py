"""`bench pipeline`: a preloaded tape through tape, mark, packet, baseline, rules, alerts and sinks, on one core.

The flow runs in a process of its own, so that its memory is its own. Before it, in another, every message of the tape
is loaded by orjson and dropped, best of three: the yardstick for this machine at this moment. What each stage costs is
its processor time over all its calls, microseconds per print: two clock readings a batch do not show in it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import orjson

from connectors.bus.base import Bus
from connectors.bus.embedded import EmbeddedBus
from connectors.feeds.writer import TopicWriter
from connectors.tape import Span, heads_as_ends
from events.code import code_digest, is_compiled
from events.settings import load
from undertow.bench import market

PARTITIONS = 8
_TOPICS = ("options.prints", "options.quotes")
#: With every rule the underlyings are quoted too, so that the values of each print are found.
_TOPICS_ALL_RULES = (*_TOPICS, "equities.quotes")
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
        preload(Path(directory), _tape(job))
        preload_s = perf_counter() - began
        decoded = _child("decode", directory, job.rules)
        result = _child("flow", directory, job.rules)
    ratio = round(result["events_per_s"] / decoded["decode_events_per_s"], 4)
    by_cpu = (result["events_per_s"] * result["seconds"] / result["cpu_s"]) / decoded["decode_events_per_cpu_s"]
    shape = {"prints": job.prints, "contracts": job.contracts, "preload_s": round(preload_s, 2)}
    return {**shape, **result, **decoded, "ratio_to_decode": ratio, "ratio_by_cpu": round(by_cpu, 4)}


def _tape(job: Job) -> Iterator[market.Row]:
    """The default tape is as it always was; with every rule the underlyings are quoted too."""
    if job.rules != "all":
        return market.events(job.prints, job.contracts, job.seed)
    return market.with_stocks(market.events(job.prints, job.contracts, job.seed, spot=market.SPOT), job.seed)


def _child(what: str, directory: str, rules: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "undertow.bench.pipeline", what, directory, rules]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    result: dict[str, Any] = orjson.loads(done.stdout.splitlines()[-1])
    return result


def preload(directory: Path, events: Iterable[tuple[str, str, int, bytes]]) -> None:
    """Writes a tape as feeds would."""
    bus = EmbeddedBus(directory, PARTITIONS)
    writers: dict[str, TopicWriter] = {}
    for topic, underlying, ts, message in events:
        writer = writers.get(topic)
        if writer is None:
            writer = writers[topic] = TopicWriter(bus, topic)
            writer.member("required", 0)
        writer.add_encoded(ts, underlying, message)
    for writer in writers.values():
        writer.flush()
    bus.close()


def _measure(directory: Path, rules: str) -> dict[str, Any]:
    from flows.live import sinks  # Bytewax is loaded only in the measured process
    from flows.pipeline import run_span
    from flows.runtime import tune_memory
    from operators.rules import ALL, FIRST

    bus = EmbeddedBus(directory, PARTITIONS)
    ends = heads_as_ends(bus)
    settings = load()
    code_digest()
    tune_memory()
    spent = _time_stages()
    began, cpu_began = perf_counter(), process_time()
    span = Span(ends=ends, supply_end=True)
    chosen = ALL if rules == "all" else FIRST
    run_span(bus, span, settings.rules, settings.compute, sinks(bus, 1), rule_set=chosen)
    seconds, cpu_seconds = perf_counter() - began, process_time() - cpu_began
    # A preload writes one member record per topic and partition; the rest of the log is events.
    prints, *quotes = (sum(ends[topic]) - PARTITIONS for topic in _topics(rules))
    # Events alone: heartbeats come by the wall clock.
    counts = {topic: bus.tally(topic, 0)[1] for topic in ("flow.packets", "flow.alerts")}
    return {
        "operators": "compiled" if is_compiled("operators") else "as they are",
        "packets": counts["flow.packets"],
        "alerts": counts["flow.alerts"],
        "seconds": round(seconds, 3),
        "cpu_s": round(cpu_seconds, 3),
        "prints_per_s": round(prints / seconds),
        "events_per_s": round((prints + sum(quotes)) / seconds),
        "rss_mb": round(_peak_rss_mb(), 1),
        **{f"us_{stage}": round(each / prints * 1e6, 2) for stage, each in spent.items()},
        "us_rest": round((cpu_seconds - sum(spent.values())) / prints * 1e6, 2),
    }


def _time_stages() -> dict[str, float]:
    """Lets every stage of the flow count its processor seconds; marks are encoded in the stage that makes them."""
    from connectors.sinks import DerivedPartition
    from connectors.tape import TapePartition
    from flows.steps import PartitionLogic, ShardLogic

    spent: dict[str, float] = {}
    _count(spent, "read_and_merge", TapePartition, "next_batch")
    _count(spent, "mark_and_packet", PartitionLogic, "on_batch")
    _count(spent, "judge", ShardLogic, "on_batch")
    _count(spent, "to_the_log", DerivedPartition, "write_batch")
    return spent


def _count(spent: dict[str, float], stage: str, kind: type, name: str) -> None:
    method = getattr(kind, name)
    spent[stage] = 0.0

    def counted(*arguments: Any) -> Any:
        began = process_time()
        try:
            return method(*arguments)
        finally:
            spent[stage] += process_time() - began

    setattr(kind, name, counted)


def _decode(directory: Path, rules: str) -> dict[str, Any]:
    """Returns how many of the tape's messages a second orjson loads and drops, best of three."""
    messages = list(_messages(EmbeddedBus(directory, PARTITIONS), _topics(rules)))
    best = best_cpu = 0.0
    for _ in range(3):
        began, cpu_began = perf_counter(), process_time()
        for message in messages:
            orjson.loads(message)
        best = max(best, len(messages) / (perf_counter() - began))
        best_cpu = max(best_cpu, len(messages) / (process_time() - cpu_began))
    return {"decode_events_per_s": round(best), "decode_events_per_cpu_s": round(best_cpu)}


def _topics(rules: str) -> tuple[str, ...]:
    return _TOPICS_ALL_RULES if rules == "all" else _TOPICS


def _messages(bus: Bus, topics: tuple[str, ...]) -> Iterator[bytes]:
    for topic in topics:
        for partition, head in enumerate(bus.heads(topic)):
            offset = 0
            while offset < head.next:
                for batch in bus.read(topic, partition, offset, 50_000):
                    offset = batch.next
                    if not batch.control:
                        yield from batch.lines()


def _peak_rss_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    _, _what, _directory, _rules = sys.argv
    _result = _decode(Path(_directory), _rules) if _what == "decode" else _measure(Path(_directory), _rules)
    print(orjson.dumps(_result).decode())
