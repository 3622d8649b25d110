"""`bench scale`: one flow process beside several over partition subsets, on the same preloaded log (contract 16).

The tape is balanced: every partition holds as many underlyings and about as many prints. Processes are started, say
that they are ready, and begin together; the time is that of the last one. Rounds go by turns, so that whatever else
the machine does meets both alike; the best of each counts. Each run's derived topics are digested and must be equal.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from connectors.bus.embedded import EmbeddedBus
from connectors.loads import loads, subsets
from connectors.tape import Span, heads_as_ends
from events.codec import canonical_line, fields_of
from events.partitions import partition_of, subset_of, subset_text
from events.settings import load
from events.topics import DERIVED_TOPICS, decoder
from undertow.bench import market
from undertow.bench.pipeline import PARTITIONS, preload

BARS: tuple[tuple[str, str, float], ...] = (("ratio", ">=", 1.7), ("equal", ">=", 1))
_UNDERLYINGS_EACH = 12
_READ = 50_000
#: Records of each topic and partition that a process is warmed with.
_WARM = 100


@dataclass(frozen=True, slots=True)
class Job:
    """What to measure."""

    prints: int = 300_000
    contracts: int = 1920
    seed: int = 1
    processes: int = 2
    rounds: int = 3


def run(job: Job) -> dict[str, Any]:
    """Makes the log, runs it by one process and by several, in turns; returns times, their ratio, equality."""
    with tempfile.TemporaryDirectory(prefix="undertow-bench-") as directory:
        path = Path(directory)
        preload(path, market.events(job.prints, job.contracts, job.seed, balanced_names()))
        bus = EmbeddedBus(path, PARTITIONS)
        found = loads(bus)
        bus.close()
        splits = {1: subsets(found, 1), job.processes: subsets(found, job.processes)}
        seconds: dict[int, list[float]] = {count: [] for count in splits}
        cpu_s: dict[int, list[float]] = {count: [] for count in splits}
        digests: list[dict[str, str]] = []
        for _ in range(job.rounds):
            for count, split in splits.items():
                _forget_derived(path)
                took, used = _run_split(path, split)
                seconds[count].append(took)
                cpu_s[count].append(used)
                digests.append(_digests(path))
    one, many = min(seconds[1]), min(seconds[job.processes])
    return {
        "prints": job.prints, "processes": job.processes, "subsets": [subset_text(s) for s in splits[job.processes]],
        "one_s": round(one, 3), "several_s": round(many, 3), "ratio": round(one / many, 3),
        "one_prints_per_s": round(job.prints / one), "several_prints_per_s": round(job.prints / many),
        "one_cpu_s": round(min(cpu_s[1]), 3), "several_cpu_s": round(min(cpu_s[job.processes]), 3),
        "equal": int(all(each == digests[0] for each in digests)), "digests": digests[0],
        "rounds_s": {str(count): [round(each, 3) for each in times] for count, times in seconds.items()},
        "cores": os.cpu_count(), "load_1m": round(os.getloadavg()[0], 2),
    }  # fmt: skip


def balanced_names() -> list[str]:
    """Returns underlyings, as many in each partition, by turns."""
    by_partition: list[list[str]] = [[] for _ in range(PARTITIONS)]
    names = (f"{chr(65 + n // 676 % 26)}{chr(65 + n // 26 % 26)}{chr(65 + n % 26)}" for n in range(26**3))
    for name in names:
        place = by_partition[partition_of(name, PARTITIONS)]
        if len(place) < _UNDERLYINGS_EACH:
            place.append(name)
    return [each[n] for n in range(_UNDERLYINGS_EACH) for each in by_partition]


def _run_split(path: Path, split: Sequence[tuple[int, ...]]) -> tuple[float, float]:
    """Runs a process for each subset at once; returns the time until the last is done, and their processor time."""
    with ExitStack() as stack:
        children = []
        for subset in split:
            command = [sys.executable, "-m", "undertow.bench.scale", str(path), subset_text(subset)]
            child = stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            stack.callback(child.kill)
            children.append(child)
        for child in children:
            assert child.stdout is not None
            if child.stdout.readline() != "ready\n":
                raise ValueError("a flow process did not start")
        began = perf_counter()
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        used = 0.0
        for child in children:
            assert child.stdout is not None
            said = child.stdout.readline()
            if not said:
                raise ValueError("a flow process ended before its work")
            used += float(said)
        return perf_counter() - began, used


def _work(path: Path, text: str) -> None:
    """One flow process: says when it is ready, waits for the word, says what processor time the work took."""
    from flows.live import sinks  # Bytewax is loaded only in the measured process
    from flows.pipeline import collect, run_span
    from flows.runtime import tune_memory

    bus, settings = EmbeddedBus(path, PARTITIONS), load()
    subset = subset_of(text, PARTITIONS)
    span = Span(ends=heads_as_ends(bus), supply_end=True)
    # What is loaded with the first event, such as calendars, costs each process once and not per print.
    first = {topic: [min(end, _WARM) for end in ends] for topic, ends in heads_as_ends(bus).items()}
    collect(bus, Span(ends=first, supply_end=True), settings.rules, settings.compute, lambda _: None)
    tune_memory()
    print("ready", flush=True)
    sys.stdin.readline()
    before = process_time()
    run_span(bus, span, settings.rules, settings.compute, sinks(bus, 1, subset), partitions=subset)
    print(process_time() - before, flush=True)


def _forget_derived(path: Path) -> None:
    for topic in (*DERIVED_TOPICS, "anchors", "deadletter"):
        for file in path.glob(f"{topic}.sqlite*"):
            file.unlink()


def _digests(path: Path) -> dict[str, str]:
    """Returns the digest of each derived topic's sorted canonical lines."""
    bus = EmbeddedBus(path, PARTITIONS)
    found = {}
    for topic in DERIVED_TOPICS:
        read = decoder(topic)
        lines: list[bytes] = []
        for partition, head in enumerate(bus.heads(topic)):
            offset = 0
            while offset < head.next:
                for batch in bus.read(topic, partition, offset, _READ):
                    offset = batch.next
                    events = () if batch.control else read.decode_lines(batch.payload)
                    lines += [canonical_line(fields_of(event)) for event in events]
        found[topic] = sha256(b"\n".join(sorted(lines))).hexdigest()
    bus.close()
    return found


if __name__ == "__main__":
    _work(Path(sys.argv[1]), sys.argv[2])
