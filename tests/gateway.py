"""A real gateway over a data set of a test, and clients of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from websockets.sync.client import ClientConnection, connect

from connectors.bus.base import Batch, Bus
from events.control import Control, encode_control

ROOT = Path(__file__).parent.parent
HEARTBEAT = Batch(1, encode_control(Control(control="heartbeat", ts=1)), control=True)
_HOLDER = """
import sys, time
from pathlib import Path
from connectors.store.client import ServedStore
ServedStore.open(Path(sys.argv[1]))
print("open", flush=True)
time.sleep(600)
"""


class Running:
    """A gateway process."""

    def __init__(self, data: Path, port: int = 0, **environment: str) -> None:
        self.port = port or free_port()
        command = [sys.executable, "-m", "undertow.cli", "gateway", "--data", str(data), "--port", str(self.port)]
        environ = {**os.environ, **environment}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url == f"http://127.0.0.1:{self.port}"

    def stop(self) -> int:
        self.process.terminate()
        code = self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        """Returns status and JSON of a path."""
        status, body = self.raw(path, **headers)
        return status, orjson.loads(body)

    def raw(self, path: str, **headers: str) -> tuple[int, bytes]:
        request = urllib.request.Request(self.url + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    @contextmanager
    def client(self, **options: Any) -> Iterator[Client]:
        with connect(f"ws://127.0.0.1:{self.port}/ws", compression=None, max_size=None, **options) as link:
            client = Client(link)
            assert "hello" in client.frame()
            yield client


@contextmanager
def running(data: Path, port: int = 0, **environment: str) -> Iterator[Running]:
    gateway = Running(data, port, **environment)
    try:
        yield gateway
    finally:
        if gateway.process.poll() is None:
            assert gateway.stop() == 0


@contextmanager
def holding(data: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the archive, as the archive's does."""
    process = subprocess.Popen([sys.executable, "-c", _HOLDER, str(data)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "open\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class Client:
    """A WebSocket client that keeps status frames, and where each subscription began, out of the way."""

    def __init__(self, link: ClientConnection) -> None:
        self.link = link
        self.statuses: list[Any] = []
        #: Where each subscription was told to stand before anything came, by partition.
        self.starts: dict[str, dict[int, int]] = {}

    def do(self, **operation: Any) -> None:
        self.link.send(orjson.dumps({name.rstrip("_"): value for name, value in operation.items()}).decode())

    def frame(self, timeout_s: float = 20.0) -> Any:
        """Returns the next frame that is no status and no start."""
        while True:
            frame = self._take(timeout_s)
            if frame is not None:
                return frame

    def begun(self, sub: str, partitions: int) -> dict[int, int]:
        """Waits until a subscription was told where it stands in every partition, and returns that."""
        while len(self.starts.get(sub, {})) < partitions:
            assert self._take(20.0) is None
        return self.starts[sub]

    def _take(self, timeout_s: float) -> Any:
        frame = orjson.loads(self.link.recv(timeout_s))
        if "status" in frame:
            self.statuses.append(frame["status"])
        elif "first" in frame and frame["first"] == frame["next"]:
            self.starts.setdefault(frame["sub"], {})[frame["partition"]] = frame["next"]
        else:
            return frame
        return None

    def until(self, true: Callable[[], bool], take: Callable[[Any], None]) -> None:
        """Takes frames until a condition holds."""
        while not true():
            take(self.frame())


class Seen:
    """The frames of one subscription, checked to tile each partition without hole or repeat."""

    def __init__(self) -> None:
        self.events: dict[int, list[Any]] = {}
        #: First offset told and the next one expected, by partition.
        self.began: dict[int, int] = {}
        self.next: dict[int, int] = {}
        self.skipped: dict[int, list[tuple[int, int, int]]] = {}
        self.expired: dict[int, int] = {}

    def take(self, frame: Any) -> None:
        partition = frame["partition"]
        if "expired" in frame:
            self.expired[partition] = self.next[partition] = frame["expired"]["next"]
            return
        part = frame.get("skipped", frame)
        assert part["first"] == self.next.get(partition, part["first"])
        assert part["next"] > part["first"]
        self.began.setdefault(partition, part["first"])
        self.next[partition] = part["next"]
        if "skipped" in frame:
            self.skipped.setdefault(partition, []).append((part["first"], part["next"], part["count"]))
        else:
            self.events.setdefault(partition, []).extend(frame["events"])

    def all(self) -> list[Any]:
        return [event for partition in sorted(self.events) for event in self.events[partition]]


def append(bus: Bus, topic: str, events: Sequence[tuple[int, str, int]], epoch: int = 0) -> None:
    """Appends (partition, key, number) events, one batch per partition."""
    batches = {}
    for partition in {partition for partition, _, _ in events}:
        mine = [(key, number) for part, key, number in events if part == partition]
        payload = b"\n".join(orjson.dumps({"n": number, "k": key, "ts": number}) for key, number in mine)
        batches[partition] = Batch(len(mine), payload, [key for key, _ in mine])
    bus.append(topic, batches, epoch)


def free_port() -> int:
    with socket.socket() as link:
        link.bind(("127.0.0.1", 0))
        return int(link.getsockname()[1])


def wait_until(true: Callable[[], bool], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
