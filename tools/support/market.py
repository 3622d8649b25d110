"""`undertow up` over one synthetic market with an end, and what stands in the end."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

import support
from connectors.bus.base import Bus
from connectors.cache.keys import HOT_TOPICS, Keys, connect
from connectors.store.base import StoreError, read_progress
from connectors.store.client import open_reader
from connectors.store.owner import owner_of
from events import settings
from events.topics import DERIVED_TOPICS, RAW_TOPICS, TOPICS
from support.digests import log_lines
from support.listener import TOPICS as LISTENED
from support.listener import Listener, Seen, fingerprint
from support.servers import environment, opened
from tests.engines.process import free_port

UNDERTOW = [sys.executable, "-m", "undertow.cli"]
_UP_WITHIN_S = 300.0
_DIGEST_TRIES = 5
#: Lines that are shown of what differs.
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Market:
    """Which market, and where it ends (ns)."""

    seed: int
    start: str
    until: int
    rate: int

    def options(self, *further: str) -> list[str]:
        """Returns what the feed is told."""
        return ["--seed", str(self.seed), "--start", self.start, "--until", str(self.until), "--rate", str(self.rate),
                *further]  # fmt: skip


class Up:
    """One `undertow up` that is started again when it ends, and what its parts' process ids are."""

    def __init__(self, data: Path, env: dict[str, str], port: int, feed: list[str]) -> None:
        self.data, self.env = data, env
        self._command = [*UNDERTOW, "up", "--data", str(data), "--port", str(port), "--", *feed]
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        #: How often it gave up by itself, with its last words.
        self.given_up: list[str] = []

    async def start(self) -> None:
        """Starts it and returns when everything runs; where it gives up first, it is started again."""
        until = time.monotonic() + _UP_WITHIN_S
        while not await asyncio.to_thread(self._start):
            if time.monotonic() > until:
                raise RuntimeError(f"undertow up does not start; see {self.data}.up.log")

    def _start(self) -> bool:
        with Path(f"{self.data}.up.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self.env, cwd=support.ROOT, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self._process.stdout
        for line in self._process.stdout:
            if "Undertow is up" in line:
                self.url = line.split()[3]
                return True
        self._note_end()
        return False

    def _note_end(self) -> None:
        assert self._process
        self._process.wait()
        said = Path(f"{self.data}.up.log").read_text().splitlines()
        self.given_up.append(said[-1] if said else "it said nothing")

    async def tend(self) -> None:
        """Starts it again when it gave up."""
        if self._process is None or self._process.poll() is not None:
            if self._process is not None:
                self._note_end()
            await self.start()

    def pid(self, part: str) -> int | None:
        """Returns the process of a part, or of the supervisor itself."""
        if part == "supervisor":
            return self._process.pid if self._process and self._process.poll() is None else None
        try:
            found = json.loads((self.data / "up.json").read_text())
            pid: int | None = found[part]["pid"]
        except (OSError, ValueError, KeyError):
            return None
        return pid

    async def kill(self) -> None:
        """Kills the supervisor and starts it again."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        await self.start()

    def stop(self) -> None:
        """Stops everything in order."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process = None


def behind(data: Path, env: dict[str, str], bus: Bus, market: Market, listeners: list[Listener]) -> str:
    """Says what is not yet complete of a market that has ended; empty when everything is."""
    heads = {topic: bus.heads(topic) for topic in TOPICS}
    for topic in RAW_TOPICS:
        low = min(head.promise for head in heads[topic])
        if low < market.until:
            return f"{topic} is promised to {low}, {(market.until - low) / 1e9:.1f} s before the end"
    for topic in DERIVED_TOPICS:
        low = min(head.promise for head in heads[topic])
        if low < market.until:
            return f"{topic} is complete to {low}, {(market.until - low) / 1e9:.1f} s before the end"
    for topic in LISTENED:
        ends = [head.next for head in heads[topic]]
        for number, listener in enumerate(listeners):
            if not listener.reached(topic, ends):
                return f"listener {number} has not had all of {topic}"
    return _archive_behind(data, env, heads) or _cache_behind(data, env, heads)


def _archive_behind(data: Path, env: dict[str, str], heads: dict[str, Any]) -> str:
    try:
        with open_reader(data, 5, settings.load(env).store) as reader:
            raw, derived = read_progress(reader), read_progress(reader, "main")
    except StoreError as error:
        return str(error)
    for topic, found in heads.items():
        held = (derived if TOPICS[topic].layer == "derived" else raw).offsets(topic, len(found))
        if any(have < head.next for have, head in zip(held, found, strict=True)):
            return f"the archive has not had all of {topic}"
    return ""


def _cache_behind(data: Path, env: dict[str, str], heads: dict[str, Any]) -> str:
    if not env["REDIS_URL"]:
        return ""
    client = connect(settings.load(env).cache)
    noted: dict[bytes, bytes] = client.hgetall(Keys(owner_of(data)).positions)  # type: ignore[assignment]
    client.close()
    for topic in HOT_TOPICS:
        for partition, head in enumerate(heads[topic]):
            if int(noted.get(f"{topic}/{partition}".encode(), b"0").split()[0]) < head.next:
                return f"the cache has not had all of {topic}"
    return ""


async def complete(up: Up, market: Market, listeners: list[Listener], within_s: float) -> str:
    """Waits until everything there is of the market is everywhere; returns what was missing when patience ended."""
    until = time.monotonic() + within_s
    bus = await asyncio.to_thread(opened, up.data, up.env)
    try:
        while True:
            await up.tend()
            missing = await asyncio.to_thread(behind, up.data, up.env, bus, market, listeners)
            if not missing or time.monotonic() > until:
                return missing
            await asyncio.sleep(0.5)
    finally:
        bus.close()


def results(data: Path, env: dict[str, str]) -> dict[str, Any]:
    """Returns the digests of everything that a data set holds."""
    found: dict[str, Any] = orjson.loads(_digested(data, env))
    return found


def difference(name: str, peace: Path, data: Path, env: dict[str, str]) -> dict[str, Any]:
    """Returns how the lines of one digest differ between two data sets, the first embedded: how many, and the first."""
    left = Counter(_digested(peace, environment({}), name).splitlines())
    right = Counter(_digested(data, env, name).splitlines())
    only = {"only in peace": left - right, "only disturbed": right - left}
    return {
        where: {"lines": found.total(), "first": [line.decode() for line in sorted(found)[:_SHOWN]]}
        for where, found in only.items()
    }


def _digested(data: Path, env: dict[str, str], *name: str) -> bytes:
    command = [sys.executable, str(support.ROOT / "tools/support/digests.py"), str(data), *name]
    clocked = {name: value for name, value in env.items() if name != "LD_PRELOAD"}
    for patience in range(_DIGEST_TRIES):
        done = subprocess.run(command, env=clocked, stdout=subprocess.PIPE, check=patience == _DIGEST_TRIES - 1)
        if done.returncode == 0:
            break
        # Servers that a loaded machine keeps waiting are no result.
        time.sleep(10)
    return done.stdout


def logged(data: Path, env: dict[str, str]) -> Seen:
    """Returns what a listener has to see."""
    bus = opened(data, env)
    try:
        return {topic: Counter(map(fingerprint, log_lines(bus, topic))) for topic in LISTENED}
    finally:
        bus.close()


async def undisturbed(data: Path, env: dict[str, str], market: Market) -> tuple[dict[str, Any], Seen]:
    """Runs the same market in peace, as fast as it goes; returns its digests and what a listener has to see."""
    up = Up(data, env, free_port(), market.options("--fast"))
    await up.start()
    try:
        missing = await complete(up, market, [], 600)
    finally:
        up.stop()
    if missing:
        raise RuntimeError(f"the undisturbed run does not end: {missing}")
    return await asyncio.to_thread(results, data, env), await asyncio.to_thread(logged, data, env)
