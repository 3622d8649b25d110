"""Faults, each drawn by seed: kills and stops, cut and halted connections, poison, a moved clock, a full disk.

Every fault is over when its function returns. What a fault needs and this machine does not have is left out and said.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import support  # noqa: F401
from support.market import UNDERTOW, Up
from support.poison import Poison
from support.servers import Servers

PARTS = ("feed", "options", "archive", "watchdog", "gateway")
Fault = Callable[[random.Random], Awaitable[str]]
#: Seconds beside the machine's clock.
_MOVES = (3600, -3600, 86_400, -30, 5, 0)
#: How large any file may grow of a process whose disk is full.
_FULL_BYTES = 4096


class Faults:
    """The faults that can be done to one market; `slow` stretches how long they last."""

    def __init__(self, up: Up, servers: Servers | None, poison: Poison, clock: Clock, disk: Disk, slow: float) -> None:
        self._up, self._servers, self._poison, self._clock, self._disk = up, servers, poison, clock, disk
        self._slow = slow
        #: Kinds with their weights: a draw is by kind first, so that no kind is rare because it has few variants.
        self.kinds: dict[str, tuple[int, Fault]] = {
            "process": (6, self._process),
            "supervisor": (1, self._supervisor),
            "poison": (2, self._poisoned),
            "full disk": (1, self._full_disk),
        }
        if clock.can:
            self.kinds |= {"clock": (1, self._moved), "stranger": (1, self._stranger)}
        if servers is not None:
            self.kinds |= {"server": (4, self._server), "connection": (4, self._connection)}

    def draw(self, count: int, chosen: random.Random) -> list[str]:
        """Returns kinds in a random order, every kind at least once where `count` allows it."""
        weights = [weight for weight, _ in self.kinds.values()]
        drawn = [*self.kinds, *chosen.choices(list(self.kinds), weights, k=max(count - len(self.kinds), 0))]
        chosen.shuffle(drawn)
        return drawn[:count]

    async def _process(self, chosen: random.Random) -> str:
        part = chosen.choice(PARTS)
        kind = chosen.choice(("kill", "kill twice", "stop and continue", "stop for good"))
        if kind == "stop for good" and self._slow < 1:
            kind = "kill"
        pid = self._up.pid(part)
        if pid is None:
            return f"{part}: {kind} (not running)"
        with suppress(ProcessLookupError):
            if kind.startswith("kill"):
                os.kill(pid, signal.SIGKILL)
                await asyncio.sleep(chosen.uniform(0.5, 3))
                if kind == "kill twice" and (again := self._up.pid(part)) is not None:
                    os.kill(again, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGSTOP)
                # The supervisor kills what stays stopped for twelve seconds.
                await asyncio.sleep(15 if kind == "stop for good" else chosen.uniform(0.5, 11 * self._slow))
                os.kill(pid, signal.SIGCONT)
        return f"{part}: {kind}"

    async def _supervisor(self, chosen: random.Random) -> str:
        if chosen.random() < 0.5:
            await self._up.kill()
            return "supervisor: kill"
        pid = self._up.pid("supervisor")
        if pid is not None:
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(chosen.uniform(0.5, 8 * self._slow))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        return "supervisor: stop and continue"

    async def _server(self, chosen: random.Random) -> str:
        assert self._servers
        name, behind = chosen.choice(list(self._servers.by_name.items()))
        if chosen.random() < 0.5:
            await asyncio.to_thread(behind.server.kill)
            await asyncio.sleep(chosen.uniform(0.2, 8 * self._slow))
            await asyncio.to_thread(behind.server.start)
            return f"{name}: kill"
        behind.server.signal(signal.SIGSTOP)
        await asyncio.sleep(chosen.uniform(0.5, 10 * self._slow))
        behind.server.signal(signal.SIGCONT)
        return f"{name}: stop and continue"

    async def _connection(self, chosen: random.Random) -> str:
        assert self._servers
        name, behind = chosen.choice(list(self._servers.by_name.items()))
        kind = chosen.choice(("cut", "refuse", "halt", "halt and cut"))
        if kind == "cut":
            for _ in range(chosen.randint(1, 4)):
                behind.proxy.cut()
                await asyncio.sleep(chosen.uniform(0.05, 0.5))
        elif kind == "refuse":
            behind.proxy.refuse(True)
            await asyncio.sleep(chosen.uniform(0.5, 10 * self._slow))
            behind.proxy.refuse(False)
        else:
            behind.proxy.halt(True)
            await asyncio.sleep(chosen.uniform(0.5, 10 * self._slow))
            if kind == "halt and cut":
                behind.proxy.cut()
            behind.proxy.halt(False)
        return f"connections to {name}: {kind}"

    async def _poisoned(self, chosen: random.Random) -> str:
        return await asyncio.to_thread(self._poison.write, chosen)

    async def _moved(self, chosen: random.Random) -> str:
        move = chosen.choice(_MOVES)
        self._clock.move(move)
        await asyncio.sleep(2)
        return f"wall clock of every process: {move:+} s"

    async def _stranger(self, chosen: random.Random) -> str:
        """A further watchdog, from whose clock's point of view every lease ran out long ago."""
        ahead = Clock(self._up.data.parents[1], "ahead")
        ahead.move(3600)
        env = {**self._up.env, **ahead.environ}
        command = [*UNDERTOW, "watchdog", "--data", str(self._up.data)]
        with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as stranger:
            await asyncio.sleep(chosen.uniform(3, 6 + 6 * self._slow))
            stranger.kill()
        return "a second watchdog, an hour ahead"

    async def _full_disk(self, chosen: random.Random) -> str:
        seconds = chosen.uniform(0.5, 1 + 3 * self._slow)
        if self._disk.can and chosen.random() < 0.6:
            # In a thread: a loaded machine takes its time, and who listens must not be kept from it meanwhile.
            await asyncio.to_thread(self._disk.fill)
            try:
                await asyncio.sleep(seconds)
            finally:
                await asyncio.to_thread(self._disk.empty)
            return "full disk under the data directory"
        part = chosen.choice(("feed", "options", "archive"))
        pid = self._up.pid(part)
        if pid is None:
            return f"{part}: its files may not grow (not running)"
        with suppress(ProcessLookupError):
            before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (_FULL_BYTES, before[1]))
            await asyncio.sleep(seconds)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
        return f"{part}: its files may not grow"


class Clock:
    """A wall clock that processes started with `environ` go by; their monotonic one goes on (tools/support/clock.c)."""

    def __init__(self, directory: Path, name: str = "clock") -> None:
        self._file, self._library = directory / name, directory / "clock.so"
        self.move(0)
        self.why = ""
        if not self._library.exists():
            source = str(Path(__file__).with_name("clock.c"))
            try:
                subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", str(self._library), source], check=True)
            except (OSError, subprocess.CalledProcessError) as error:
                self.why = f"the clock is not moved, which takes a C compiler: {error}"
        self.can = not self.why

    def move(self, seconds: int) -> None:
        """Sets it so many seconds beside the machine's, in the running processes too."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write((seconds * 10**9).to_bytes(8, "little", signed=True))

    @property
    def environ(self) -> dict[str, str]:
        """What makes a process go by it."""
        return {"LD_PRELOAD": str(self._library), "TRIAL_CLOCK": str(self._file)} if self.can else {}


class Disk:
    """A small file system of its own for the data directory, where this machine lets us mount one."""

    def __init__(self, at: Path, megabytes: int) -> None:
        at.mkdir(parents=True)
        self._at, self._filler = at, at / "filler"
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(at)]
        self.can = subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0
        self.why = "" if self.can else "no file system can be mounted here: only single processes have a full disk"

    def fill(self) -> None:
        """Takes all the room that is left."""
        with self._filler.open("wb", buffering=0) as file, suppress(OSError):
            left = os.statvfs(self._at)
            os.posix_fallocate(file.fileno(), 0, left.f_bavail * left.f_frsize)
        with self._filler.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(512))

    def empty(self) -> None:
        """Gives the room back."""
        self._filler.unlink()

    def close(self) -> None:
        """Takes the file system away with everything on it."""
        if self.can:
            subprocess.run(["umount", "-l", str(self._at)], check=False)
