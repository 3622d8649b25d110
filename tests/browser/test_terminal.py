"""The terminal in headless Chromium over a running stack: it shows, holds, and loses nothing in a restart."""

from __future__ import annotations

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import require_engine

ROOT = Path(__file__).parents[2]
UNDERTOW = Path(sys.executable).with_name("undertow")
#: Before the newest alert on the screen by this much every alert has arrived: its partition's cursor has passed it.
SETTLED_NS = 3_000_000_000
MAX_HEAP_MB = 120
MAX_ELEMENTS = 6000


class Stack:
    """`undertow up` over a data set of its own."""

    def __init__(self, data: Path) -> None:
        self.data = data
        environ = {**os.environ, "API_TERMINAL": str(ROOT / "frontend" / "dist")}
        self.log = data.parent / "up.log"
        log = self.log.open("wb")
        self.process = subprocess.Popen(
            [UNDERTOW, "up", "--data", data, "--", "--rate", "120", "--start", "2026-01-14T14:30"],
            cwd=ROOT, env=environ, stdout=log, stderr=log,
        )  # fmt: skip
        log.close()

    def url(self) -> str:
        """Returns the gateway's address once it listens."""
        found: re.Match[str] = wait(lambda: re.search(r"http://\S+", self.log.read_text()), 120)
        return found.group()

    def status(self) -> dict[str, Any]:
        """Returns `undertow status`."""
        return self._json("status", "--data", self.data, "--seconds", "0.2", "--json")

    def alerts(self) -> dict[str, int]:
        """Returns when each alert of the archive first became known, by id."""
        done = subprocess.run([UNDERTOW, "export", "flow.alerts", "--data", self.data], capture_output=True, check=True)
        known: dict[str, int] = {}
        for line in done.stdout.splitlines():
            alert = json.loads(line)
            known[alert["id"]] = min(alert["ts"], known.get(alert["id"], alert["ts"]))
        return known

    def stop(self) -> None:
        """Ends it as Ctrl-C does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _json(self, *args: object) -> dict[str, Any]:
        done = subprocess.run([str(each) for each in (UNDERTOW, *args)], capture_output=True, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found


class Driver:
    """The node process that drives the browser: its lines, and the lines it waits for."""

    def __init__(self, node: str, url: str, screenshot: Path) -> None:
        self.process = subprocess.Popen(
            [node, ROOT / "tests/browser/terminal.mjs", url], cwd=ROOT, text=True,
            env={**os.environ, "SCREENSHOT": str(screenshot)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def step(self, name: str, within_s: float = 150) -> dict[str, Any]:
        """Returns what the named step reports; a failed step fails the test."""
        try:
            found: dict[str, Any] = json.loads(self._lines.get(timeout=within_s))
        except queue.Empty:
            raise AssertionError(f"{name} did not come to an end in {within_s:.0f} s") from None
        assert found["step"] == name, found.get("error", found)
        return found

    def go_on(self) -> None:
        """Lets a step that waits go on."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def stop(self) -> None:
        """Ends the browser."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(30)
        self._reader.join(10)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


def wait(look: Any, within_s: float) -> Any:
    """Returns what `look` finds, once it finds something."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"in vain for {within_s:.0f} s"
        time.sleep(0.1)
    return found


def _node() -> str:
    node = shutil.which("node")
    if node is None or not shutil.which(os.environ.get("CHROMIUM", "chromium")):
        require_engine("chromium", "needs node and chromium (Debian's packages nodejs and chromium)")
    if not (ROOT / "frontend/node_modules/playwright-core").exists():
        require_engine("chromium", "frontend/node_modules is missing: make terminal")
    if not (ROOT / "frontend/dist/index.html").exists():
        require_engine("chromium", "frontend/dist is missing: make terminal")
    return node


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    _node()
    running = Stack(tmp_path / "market")
    yield running
    running.stop()


@pytest.fixture
def driver(stack: Stack, tmp_path: Path) -> Iterator[Driver]:
    url = stack.url()
    wait(lambda: len(stack.alerts()) >= 3 if stack.status()["archive"] == "up" else False, 120)
    driving = Driver(_node(), url, tmp_path / "failed.png")
    yield driving
    driving.stop()


@pytest.mark.engine("chromium")
@pytest.mark.slow
@pytest.mark.chaos
def test_the_terminal_shows_a_market_and_loses_nothing_when_the_gateway_dies(stack: Stack, driver: Driver) -> None:
    for name in ("loads", "moves", "holds", "evidence", "filter", "pause", "restart"):
        driver.step(name)

    before = stack.alerts()
    os.kill(stack.status()["processes"]["gateway"]["pid"], signal.SIGKILL)
    driver.go_on()
    driver.step("reconnected")

    # Alerts of the time without a gateway, and some of the time after it, are what must not be missing.
    wait(lambda: len(stack.alerts()) > len(before) + 5, 120)
    driver.go_on()
    shown = driver.step("alerts")
    ids: list[str] = shown["ids"]
    assert len(ids) == len(set(ids)), "an alert stands twice"
    wait(lambda: set(ids) <= set(stack.alerts()), 30)
    known = stack.alerts()
    settled = max(known[each] for each in ids) - SETTLED_NS
    assert {each for each, ts in known.items() if ts <= settled} <= set(ids), "an alert is missing"
    assert shown["heap_mb"] < MAX_HEAP_MB
    assert shown["elements"] < MAX_ELEMENTS
    driver.step("done")
