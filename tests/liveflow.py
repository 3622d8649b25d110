"""The live flow as a real process over a log that grows meanwhile, and what its derived topics hold in the end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import orjson

from connectors.dataset import Dataset
from connectors.sinks import Emission
from connectors.tape import Span, heads_as_ends
from events.codec import canonical_line, fields_of
from events.settings import Compute, Rules
from events.topics import DERIVED_TOPICS, decoder
from flows.pipeline import collect
from tests.tapes import T0

ROOT = Path(__file__).parents[1]
PATIENCE_S = 60.0
#: By topic and underlying, the events in the order in which the topic holds them.
Found = dict[str, dict[str, list[bytes]]]

#: Feeds a random tape into a data set, a little at a time: directory, seed, length, partitions, seconds it takes,
#: and where its time begins.
_WRITE = """
import sys, time, types
from pathlib import Path
# A vendor's package brings a `tests` of its own, which would win over a folder without __init__.py.
sys.modules["tests"] = types.ModuleType("tests")
sys.modules["tests"].__path__ = [sys.argv.pop(1)]
from connectors.dataset import Dataset
from connectors.feeds.writer import TopicWriter
from events.types import NS_PER_S
from tests.tapes import random_tape
path, seed, length, partitions, seconds = Path(sys.argv[1]), *map(float, sys.argv[2:6])
tape = random_tape(int(seed), int(length), loud=True, start_ts=int(sys.argv[6]))
bus = Dataset.open(path, create=True, partitions=int(partitions)).open_bus()
writers = {topic: TopicWriter(bus, topic, batch=7) for topic in ("reference", "options.prints", "options.quotes")}
for writer in writers.values():
    writer.member("required", 0)
print("ready", flush=True)
events = sorted(((e.ts, topic, e) for topic in writers for e in tape.of(topic)), key=lambda row: row[0])
for place, (ts, topic, event) in enumerate(events):
    writers[topic].add(event)
    if place % 25 == 24:
        for writer in writers.values():
            writer.heartbeat(ts - NS_PER_S)
        time.sleep(seconds * 25 / len(events))
for writer in writers.values():
    writer.heartbeat(events[-1][0] + 60 * NS_PER_S)
print(writer.promise, flush=True)
"""


def environment(data: Path, **settings: object) -> dict[str, str]:
    """Returns what a process needs to work on a data set with these settings."""
    plain = {name.upper(): str(value) for name, value in settings.items()}
    return os.environ | {"UNDERTOW_DATA": str(data), "PYTHONPATH": str(ROOT)} | plain


class Feed:
    """A process that writes a random tape into a data set while others read it."""

    def __init__(
        self, data: Path, seed: int, length: int, partitions: int, seconds: float, start_ts: int = T0,
        **settings: object,
    ) -> None:  # fmt: skip
        here = str(Path(__file__).parent)
        arguments = [here, str(data), str(seed), str(length), str(partitions), str(seconds), str(start_ts)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _WRITE, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env=environment(data, **settings),
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def promise(self) -> int:
        """Waits until everything is written and returns the last promise."""
        said, _ = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0
        return int(said)

    def close(self) -> None:
        """Ends the process, whatever happened."""
        self.process.kill()
        self.process.communicate()


def start(data: Path, *options: str, **settings: object) -> subprocess.Popen[bytes]:
    """Starts the live flow as a person would, its recovery store in the data set."""
    recovery = Dataset.open(data).recovery_dir("options")
    with (data / "flow.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "bytewax.run", "flows.options", "-r", str(recovery), "-s", "1", "-b", "0", *options],
            cwd=ROOT, env=environment(data, **settings), stderr=log,
        )  # fmt: skip


def runs(data: Path, flow: subprocess.Popen[bytes]) -> Callable[[], bool]:
    """Returns a condition: the process has come so far that it holds leases of the flow."""
    dataset = Dataset.open(data)

    def true() -> bool:
        return any(holder.pid == flow.pid for holder in dataset.flow_holders().values())

    return true


def until(true: Callable[[], bool], processes: Sequence[subprocess.Popen[bytes]] = ()) -> None:
    """Waits for a condition, as long as the processes live."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        for process in processes:
            assert process.poll() is None, f"the flow ended with {process.returncode}"
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def reached(data: Path, promise: int) -> Callable[[], bool]:
    """Returns a condition: every derived topic is complete up to a promise of the raw ones."""
    bus = Dataset.open(data).open_bus()

    def true() -> bool:
        return all(head.promise >= promise for topic in DERIVED_TOPICS for head in bus.heads(topic))

    return true


def derived(data: Path) -> Found:
    """Returns what the derived topics hold, in their order; fails when an event stands there twice."""
    bus = Dataset.open(data).open_bus()
    found: Found = {}
    for topic in DERIVED_TOPICS:
        read, seen = decoder(topic), set()
        for partition in range(bus.partitions):
            for batch in bus.read(topic, partition, 0, 10**9):
                for line in () if batch.control else batch.lines():
                    event = read.decode(line)
                    identity = event.id, getattr(event, "revision", 0)
                    assert identity not in seen, f"{identity} stands twice in {topic}"
                    seen.add(identity)
                    found.setdefault(topic, {}).setdefault(event.underlying, []).append(
                        canonical_line(fields_of(event))
                    )
    bus.close()
    return found


def replayed(data: Path, rules: Rules) -> Found:
    """Returns what a bounded run in this process makes of the same log."""
    bus = Dataset.open(data).open_bus()
    found: Found = {}

    def take(emission: Emission) -> None:
        for topic, keys, events in emission.parts:
            for key, event in zip(keys, events, strict=True):
                if topic in DERIVED_TOPICS:
                    found.setdefault(topic, {}).setdefault(key, []).append(canonical_line(fields_of(event)))

    collect(bus, Span(ends=heads_as_ends(bus)), rules, Compute(), take, follow_log=False)
    bus.close()
    return found


def logged(data: Path) -> str:
    """Returns what the flow's processes wrote to stderr."""
    return (data / "flow.log").read_text()


def fields(lines: Sequence[bytes]) -> list[dict[str, object]]:
    """Returns export lines as plain fields."""
    return [orjson.loads(line) for line in lines]
