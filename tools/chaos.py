"""Chaos over a live market: kills and stops its processes in turn, then holds the archive and a socket to the log.

    python tools/chaos.py --minutes 10 --data /tmp/chaos [--seed 1] [--rate 50]

Starts `undertow up`, and until the time is over picks a process, by seed, and sends it kill -9, or SIGSTOP and, after a
while or never, SIGCONT. A WebSocket client reads alerts and packets all the while and reconnects by its cursors. Exit
status 0 when `undertow verify` agrees and the client saw every (id, revision) of the log once, none twice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from connectors.dataset import Dataset

TOPICS = ("flow.alerts", "flow.packets")
PARTS = ("feed", "options", "archive", "gateway")
UNDERTOW = [sys.executable, "-m", "undertow.cli"]


class Listener:
    """A client that never stops: what it saw, by topic and (id, revision), and where it would go on."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.seen: dict[str, Counter[tuple[str, int]]] = {topic: Counter() for topic in TOPICS}
        self.cursors: dict[str, dict[str, int]] = {topic: {} for topic in TOPICS}
        self.skipped = 0
        self.connections = 0

    async def listen(self, partitions: int) -> None:
        """Reads until cancelled; a lost connection is taken up again at the cursors."""
        for topic in TOPICS:
            self.cursors[topic] = {str(partition): 0 for partition in range(partitions)}
        while True:
            try:
                async with connect(self.url, max_size=None, open_timeout=5) as link:
                    self.connections += 1
                    for topic in TOPICS:
                        ask = {"op": "subscribe", "sub": topic, "topic": topic, "from": self.cursors[topic]}
                        await link.send(json.dumps(ask))
                    async for frame in link:
                        self.take(orjson.loads(frame))
            except (OSError, WebSocketException, TimeoutError):
                await asyncio.sleep(0.2)

    def take(self, frame: dict[str, Any]) -> None:
        """Counts a frame's events and moves its cursor."""
        topic = frame.get("topic")
        if "events" in frame and topic in self.seen:
            for event in frame["events"]:
                self.seen[topic][event["id"], event.get("revision", 0)] += 1
            self.cursors[topic][str(frame["partition"])] = frame["next"]
        elif "skipped" in frame and topic in self.seen:
            self.skipped += frame["skipped"]["count"]


def pids(data: Path) -> dict[str, int]:
    """Returns the running parts' process ids."""
    try:
        found = json.loads((data / "up.json").read_text())
    except (OSError, ValueError):
        return {}
    return {name: each["pid"] for name, each in found.items() if each["pid"]}


async def disturb(data: Path, chosen: random.Random, until: float) -> list[str]:
    """Sends faults to parts in turn until the time is over; returns what was done."""
    done: list[str] = []
    place = 0
    while time.monotonic() < until:
        await asyncio.sleep(chosen.uniform(4, 12))
        name = PARTS[place % len(PARTS)]
        place += 1
        pid = pids(data).get(name)
        if pid is None:
            continue
        kind = chosen.choice(("kill", "kill twice", "stop and continue", "stop for good"))
        done.append(f"{name}: {kind}")
        try:
            if kind.startswith("kill"):
                os.kill(pid, signal.SIGKILL)
                if kind == "kill twice":
                    await asyncio.sleep(chosen.uniform(0.5, 3))
                    os.kill(pids(data)[name], signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGSTOP)
                if kind == "stop and continue":
                    await asyncio.sleep(chosen.uniform(0.5, 15))
                    os.kill(pid, signal.SIGCONT)
        except (ProcessLookupError, KeyError):
            done[-1] += " (already gone)"
    return done


async def run(arguments: argparse.Namespace) -> int:
    """Runs the whole trial; returns the exit status."""
    data: Path = arguments.data
    command = [*UNDERTOW, "up", "--data", str(data), "--port", str(arguments.port), "--", "--rate", str(arguments.rate)]
    up = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert up.stdout
    url = next(line for line in up.stdout if "Undertow is up" in line).split()[3]
    dataset = Dataset.open(data)
    listener = Listener(url.replace("http", "ws", 1) + "/ws")
    listening = asyncio.create_task(listener.listen(dataset.partitions))
    done = await disturb(data, random.Random(arguments.seed), time.monotonic() + 60 * arguments.minutes)
    # Let everything that was killed or stopped come back and catch up.
    await asyncio.sleep(40)
    for name, pid in pids(data).items():
        if name == "feed":
            os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(10)
    logged = {topic: in_log(dataset, topic) for topic in TOPICS}
    await asyncio.sleep(1)
    listening.cancel()
    up.send_signal(signal.SIGINT)
    up.wait(30)
    return judge(data, listener, logged, done)


def in_log(dataset: Dataset, topic: str) -> Counter[tuple[str, int]]:
    """Returns how often each (id, revision) stands in the log."""
    bus = dataset.open_bus()
    found: Counter[tuple[str, int]] = Counter()
    for partition, head in enumerate(bus.heads(topic)):
        offset = head.start
        while offset < head.next:
            for batch in bus.read(topic, partition, offset, 5000):
                offset = batch.next
                if not batch.control:
                    for event in map(orjson.loads, batch.lines()):
                        found[event["id"], event.get("revision", 0)] += 1
    bus.close()
    return found


def judge(data: Path, listener: Listener, logged: dict[str, Counter[tuple[str, int]]], done: list[str]) -> int:
    """Prints what happened and returns 0 when nothing was lost or doubled."""
    verify = subprocess.run([*UNDERTOW, "verify", "--data", str(data), "--json"], stdout=subprocess.PIPE)
    result: dict[str, Any] = {
        "faults": len(done),
        "by_fault": dict(Counter(done)),
        "connections": listener.connections,
        "skipped": listener.skipped,
        "verify": verify.returncode,
        "rows": {topic: each["rows"] for topic, each in orjson.loads(verify.stdout or b"{}").items()},
    }
    failed = verify.returncode != 0
    for topic in TOPICS:
        seen, log = listener.seen[topic], logged[topic]
        result[topic] = {
            "in_log": len(log),
            "doubled_in_log": sum(count > 1 for count in log.values()),
            "seen": len(seen),
            "seen_twice": sum(count > 1 for count in seen.values()),
            "missed": len(set(log) - set(seen)),
        }
        failed |= any(result[topic][name] for name in ("doubled_in_log", "seen_twice", "missed"))
    result["ok"] = not failed
    print(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())
    return int(failed)


def main() -> None:
    """Reads the arguments and runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--port", type=int, default=8500)
    sys.exit(asyncio.run(run(parser.parse_args())))


if __name__ == "__main__":
    main()
