"""Seeded chaos over a live market, and whether anything of it can be seen in the end.

    python tools/chaos.py                                        # 10 minutes, embedded engines
    python tools/chaos.py --engine servers --minutes 30 --faults 60
    python tools/chaos.py --minutes 0.5 --faults 8 --json

The same synthetic market (seed, start, end) runs twice: in peace, and under faults to its processes, to the supervisor,
to the servers and the connections to them, with poison in its raw topics, a moved wall clock and a full disk. Then the
archive and every topic are compared by digest (tools/support/digests.py): raw and derived, every revision, rows as a
reader sees them whether merged or not. Two WebSocket clients listen all the while, one to the gateway that is killed
and one to a gateway of its own that nobody touches: each must have seen everything once, the second over one
connection. Each poisonous record has one dead letter. Exit status 0 when all of that holds.

A feed that is away for longer than WATCHDOG_GRACE_MS is declared absent, which is a fact in the log and changes what
is concluded; the trial sets that grace above its longest fault. A moved clock takes a C compiler, a full
disk under the data directory the right to mount; what is missing is left out and said.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import support
from support.faults import Clock, Disk, Faults
from support.listener import Listener, Seen
from support.market import UNDERTOW, Market, Up, complete, difference, logged, results, undisturbed
from support.poison import LIMIT_BYTES, Poison
from support.servers import Servers, environment, servers

from connectors.dataset import Dataset
from tests.engines.process import free_port

START, START_NS = "2026-01-14T14:30", 1_768_401_000 * 10**9
_DISK_MB = 600
_SETTLE_S = 240.0
#: Kafka's producer has room for so few messages that most appends find its queue full.
_QUEUE = "200"


async def trial(arguments: argparse.Namespace, here: Path, stack: ExitStack) -> dict[str, Any]:
    """Runs the market in peace and under faults; returns what came of it."""
    market = Market(arguments.seed, START, START_NS + round(arguments.minutes * 54) * 10**9, arguments.rate)
    say("the undisturbed run")
    peace, expected = await undisturbed(here / "peace", environment({}), market)
    disk, clock = Disk(here / "disk", _DISK_MB), Clock(here)
    stack.callback(disk.close)
    stack.callback(keep_logs, here, arguments.keep)
    running = stack.enter_context(servers(here / "engines")) if arguments.engine == "servers" else None
    env = environment(
        {} if running is None else running.environ, WATCHDOG_GRACE_MS="600000",
        KAFKA_MESSAGE_MAX_BYTES=str(LIMIT_BYTES), KAFKA_QUEUE_MESSAGES=_QUEUE, **clock.environ,
    )  # fmt: skip
    data = here / "disk" / "market"
    Dataset.open(data, create=True, clock="synthetic")
    up = Up(data, env, free_port(), market.options())
    stack.callback(up.stop)
    say("the disturbed run")
    await up.start()
    async with listening(up, env) as listeners:
        poison = Poison(data, env, market.until, "" if running is None else running.brokers)
        began_s = time.monotonic()
        done = await disturb(arguments, up, running, poison, clock, disk)
        disturbed_s = time.monotonic() - began_s
        say("the end of the market")
        missing = await complete(up, market, listeners, _SETTLE_S + 60 * arguments.minutes)
        touched = {"supervised": listeners[0], "untouched": listeners[1]}
    up.stop()
    say("the comparison")
    war = await asyncio.to_thread(results, data, env)
    judged = judge(peace, war, expected, touched, poison)
    in_log = await asyncio.to_thread(logged, data, env)
    judged["log_is_as_expected"] = in_log == expected
    judged["differences"] = {
        name: await asyncio.to_thread(difference, name, here / "peace", data, env) for name in judged["unequal"]
    }
    judged["ok"] = judged["ok"] and not missing and in_log == expected
    return {
        "engine": arguments.engine, "seed": arguments.seed, "faults": len(done), "minutes": round(disturbed_s / 60, 1),
        "by_fault": dict(sorted(Counter(done).items())), "left_out": [why for why in (clock.why, disk.why) if why],
        "missing_in_the_end": missing, "gave_up": up.given_up, **judged,
    }  # fmt: skip


@asynccontextmanager
async def listening(up: Up, env: dict[str, str]) -> AsyncIterator[list[Listener]]:
    """Two clients: of the gateway that is killed, and of one of their own that nobody touches."""
    partitions = Dataset.open(up.data).partitions
    with Path(f"{up.data}.gateway.log").open("ab") as log:
        command = [*UNDERTOW, "gateway", "--data", str(up.data), "--port", str(free_port())]
        gateway = subprocess.Popen(command, env=env, cwd=support.ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
    assert gateway.stdout
    url = next(word for line in gateway.stdout for word in line.split() if word.startswith("http://"))
    clients = [
        Listener(lambda: up.url.replace("http", "ws", 1).rstrip("/") + "/ws", partitions),
        Listener(lambda: url.replace("http", "ws", 1).rstrip("/") + "/ws", partitions),
    ]
    # In a thread with a loop of its own: nothing that this program waits for may keep them from answering a ping.
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    for client in clients:
        asyncio.run_coroutine_threadsafe(client.listen(), loop)
    try:
        yield clients
    finally:
        await asyncio.to_thread(asyncio.run_coroutine_threadsafe(cancelled(), loop).result, 30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        gateway.terminate()
        try:
            await asyncio.to_thread(gateway.wait, 30)
        except subprocess.TimeoutExpired:
            gateway.kill()


async def cancelled() -> None:
    """Ends every other task of this loop."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def disturb(
    arguments: argparse.Namespace, up: Up, running: Servers | None, poison: Poison, clock: Clock, disk: Disk
) -> list[str]:
    """Does faults in turn until the time is over and there were enough; returns what was done."""
    chosen, until = random.Random(arguments.seed), time.monotonic() + 60 * arguments.minutes
    slow = min(1.0, arguments.minutes / 5)
    faults = Faults(up, running, poison, clock, disk, slow)
    done: list[str] = []
    planned: list[str] = []
    while time.monotonic() < until or len(done) < arguments.faults:
        planned = planned or faults.draw(20 if done else max(arguments.faults, 1), chosen)
        await asyncio.sleep(chosen.uniform(1, 2 + 10 * slow))
        await up.tend()
        done.append(await faults.kinds[planned.pop()][1](chosen))
        say(f"{len(done):>4}  {done[-1]}")
    return done


def judge(
    peace: dict[str, Any], war: dict[str, Any], expected: Seen, listeners: dict[str, Listener], poison: Poison
) -> dict[str, Any]:
    """Compares the disturbed run with the undisturbed one."""
    left, right = peace["digests"], war["digests"]
    unequal = [name for name in left if name != "table deadletter" and left[name] != right[name]]
    buried = poison.found()
    sockets = {
        name: {
            "connections": each.connections, "told_lost": each.told_lost, "errors": each.errors[-3:],
            "topics": each.against(expected),
        }
        for name, each in listeners.items()
    }  # fmt: skip
    whole = all(
        not each["told_lost"] and not any(t["missed"] or t["doubled_or_strange"] for t in each["topics"].values())
        for each in sockets.values()
    )
    ok = not unequal and buried == poison.expected and whole and listeners["untouched"].connections == 1
    return {
        "ok": ok, "unequal": unequal,
        "digests": {name: [left[name], right[name]] if name in unequal else left[name] for name in left},
        "rows_not_yet_merged": war["rows_not_yet_merged"],
        "dead_letters": {
            "expected": poison.expected.total(), "found": buried.total(),
            "missing": [topic for topic, _ in (poison.expected - buried).elements()],
            "strange": [(topic, raw[:100]) for topic, raw in (buried - poison.expected).elements()],
        },
        "sockets": sockets,
    }  # fmt: skip


def say(text: str) -> None:
    """Says how far it is."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Reads the arguments and runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=("embedded", "servers"), default="embedded")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--faults", type=int, default=20, help="at least so many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=int, default=50, help="background option prints a second")
    parser.add_argument("--keep", type=Path, help="where logs go when something failed  [a directory in /tmp]")
    parser.add_argument("--json", action="store_true", help="print nothing but the result, as one JSON object")
    arguments = parser.parse_args()
    here = Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        with ExitStack() as stack:
            result = asyncio.run(trial(arguments, here, stack))
            if not result["ok"]:
                kept = arguments.keep or Path(f"{here}.failed")
                shutil.copytree(
                    here / "disk", kept, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock", "filler")
                )
                say(f"what stands in the end is in {kept}")
        # First: ClickHouse leaves a file for each column of each part, which takes minutes to remove.
        print(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode(), flush=True)
    finally:
        shutil.rmtree(here, ignore_errors=True)
    sys.exit(0 if result["ok"] else 1)


def keep_logs(here: Path, kept: Path | None) -> None:
    """Copies the processes' logs to where they were asked for."""
    if kept is not None:
        for log in here.glob("disk/**/*.log"):
            target = kept / "logs" / log.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(log, target)


if __name__ == "__main__":
    main()
