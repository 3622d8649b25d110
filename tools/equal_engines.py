"""One tape through both sets of engines, and whether everything that comes out is equal to the byte.

    python tools/equal_engines.py                                   # synthetic, 500,000 option prints
    python tools/equal_engines.py --prints 5000 --json
    python tools/equal_engines.py FILE…                             # tape files and DBN, imported

The tape goes through the embedded bus, chDB and no cache, and through a real Kafka broker, ClickHouse server and Redis
server, which this starts itself on free ports and ends again. Then every topic on the bus and every table of the
archive are digested (tools/support/digests.py), and what the gateway answers for the newest packets, alerts and
baselines, which comes out of Redis on the one side. Exit status 0 when all digests are equal.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from support import ROOT
from support.digests import Digests, digest_of
from support.servers import environment, opened, servers

from connectors.cache.keys import HOT_TOPICS, Keys, connect
from connectors.store.owner import owner_of
from events.settings import Cache

UNDERTOW = [sys.executable, "-m", "undertow.cli"]
START = "2026-01-14T14:30"
#: What the gateway is asked for: path, and the field of the answer that both sides must agree in.
_ASKED = (
    ("/api/newest/flow.packets?limit=1000", "events"),
    ("/api/newest/flow.alerts?limit=1000", "events"),
    ("/api/baselines?underlying=SPY", "baselines"),
)


class Tape:
    """What goes in: files, or a synthetic market of so many option prints."""

    def __init__(self, files: Sequence[Path], prints: int, seed: int, rate: int) -> None:
        self.files, self._prints, self._seed, self._rate = files, prints, seed, rate

    def write(self, data: Path, env: dict[str, str]) -> None:
        """Writes the raw topics of a data set."""
        if self.files:
            run(env, "import", *self.files, "--data", data)
            return
        feed = ["feed", "synthetic", "--fast", "--seed", self._seed, "--start", START, "--rate", self._rate, "--json"]
        wrote, seconds = 0, max(1, self._prints // (2 * self._rate))
        # The same pieces of event time on either side, so the same events.
        while wrote < self._prints:
            report = orjson.loads(run(env, *feed, "--data", data, "--duration", f"{seconds}s"))
            wrote += report["events"]["options.prints"]
            pace = max(wrote / seconds, 1.0) if wrote else 1.0
            seconds = max(1, round((self._prints - wrote) / pace))


def run(env: dict[str, str], *arguments: object) -> bytes:
    """Runs one command of undertow's; its one line of an error ends this program."""
    done = subprocess.run([*UNDERTOW, *map(str, arguments)], env=env, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f"error: undertow {arguments[0]} ended with {done.returncode}")
    return done.stdout


def through(tape: Tape, data: Path, engines: dict[str, str], say: Callable[[str], None]) -> dict[str, Any]:
    """Takes the tape through one set of engines; returns the digests and how long each stage took."""
    env, seconds = environment(engines, UNDERTOW_DATA=str(data)), {}

    def timed(stage: str, work: Callable[[], bytes | None]) -> bytes:
        say(stage)
        began_s = time.monotonic()
        out = work()
        seconds[stage] = round(time.monotonic() - began_s, 1)
        return out or b""

    timed("write", lambda: tape.write(data, env))
    computed = orjson.loads(timed("compute", lambda: run(env, "compute", "--data", data, "--json")))
    digesting = [sys.executable, str(ROOT / "tools/support/digests.py"), str(data)]
    out = timed("digest", lambda: subprocess.run(digesting, env=env, stdout=subprocess.PIPE, check=True).stdout)
    found: Digests = orjson.loads(out)["digests"]
    timed("gateway", lambda: found.update(answers(data, env)))
    return {"digests": found, "events": computed["events"], "seconds": seconds}


@contextmanager
def process(env: dict[str, str], *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A command of undertow's for the length of a block."""
    command = [*UNDERTOW, *map(str, arguments)]
    started = subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield started
    finally:
        started.terminate()
        started.wait(60)


def answers(data: Path, env: dict[str, str]) -> Digests:
    """Digests what a gateway answers, from Redis where it is among the engines, once its mirror has everything."""
    found: Digests = {}
    with process(env, "archive", "--data", data), process(env, "gateway", "--data", data) as gateway:
        if env["REDIS_URL"]:
            _wait_for_cache(data, env)
        assert gateway.stdout
        url = next(word for line in gateway.stdout for word in line.split() if word.startswith("http://"))
        for path, field in _ASKED:
            body = _get(f"{url.rstrip('/')}{path}")
            if env["REDIS_URL"] and body[field] and "cache" not in str(body.get("source", "cache")):
                sys.exit(f"error: {path} was not answered from the cache: {body['source']}")
            found[f"gateway {path}"] = digest_of(
                orjson.dumps(each, option=orjson.OPT_SORT_KEYS) for each in body[field]
            )
    return found


def _get(url: str) -> dict[str, Any]:
    """Asks the gateway; an archive that is starting is waited for."""
    until = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                body: dict[str, Any] = orjson.loads(answer.read())
                return body
        except urllib.error.HTTPError as error:
            if error.code != 503 or time.monotonic() > until:
                sys.exit(f"error: {url} answered {error.code}")
        time.sleep(0.2)


def _wait_for_cache(data: Path, env: dict[str, str]) -> None:
    """Waits until the mirror has read everything that the log holds."""
    client, bus, until = connect(Cache(redis_url=env["REDIS_URL"])), opened(data, env), time.monotonic() + 300
    heads = {f"{t}/{p}": head.next for t in HOT_TOPICS for p, head in enumerate(bus.heads(t)) if head.next}
    bus.close()
    while True:
        noted: dict[bytes, bytes] = client.hgetall(Keys(owner_of(data)).positions)  # type: ignore[assignment]
        if all(int(noted.get(place.encode(), b"0 0").split()[0]) >= end for place, end in heads.items()):
            break
        if time.monotonic() > until:
            sys.exit("error: the cache was not filled within 300 s")
        time.sleep(0.2)
    client.close()


def compare(embedded: dict[str, Any], served: dict[str, Any]) -> dict[str, Any]:
    """Puts both sides next to each other."""
    left, right = embedded["digests"], served["digests"]
    names = [*left, *(name for name in right if name not in left)]
    unequal = [name for name in names if left.get(name) != right.get(name)]
    return {
        "ok": not unequal, "unequal": unequal, "events": embedded["events"],
        "seconds": {"embedded": embedded["seconds"], "servers": served["seconds"]},
        "digests": {name: [left.get(name), right.get(name)] if name in unequal else left[name] for name in names},
    }  # fmt: skip


def show(result: dict[str, Any]) -> None:
    """Prints a comparison for people."""
    print(f"{'':<48} {'rows':>10}  sha256")
    for name, found in result["digests"].items():
        for side, each in (
            zip(("embedded", "servers"), found, strict=True) if isinstance(found, list) else [("", found)]
        ):
            print(f"{name:<48} {each['rows']:>10}  {each['sha256'][:16]}… {side}")
    print("equal on both sides, to the byte" if result["ok"] else f"NOT EQUAL: {', '.join(result['unequal'])}")


def main() -> None:
    """Reads the arguments and runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="imported in place of the synthetic tape")
    parser.add_argument("--prints", type=int, default=500_000, help="option prints of the synthetic tape, at least")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--keep", type=Path, help="a directory for the data sets, which stay; else a temporary one")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    arguments = parser.parse_args()
    missing = [str(path) for path in arguments.files if not path.exists()]
    if missing:
        parser.error(f"no such file: {missing[0]}")
    tape = Tape(arguments.files, arguments.prints, arguments.seed, arguments.rate)
    with tempfile.TemporaryDirectory(prefix="equal-engines-") as made:
        here = arguments.keep or Path(made)
        embedded = through(tape, here / "embedded", {}, lambda stage: print(f"embedded: {stage}", file=sys.stderr))
        with servers(here / "engines") as running:
            served = through(
                tape, here / "servers", running.environ, lambda stage: print(f"servers: {stage}", file=sys.stderr)
            )
    result = compare(embedded, served)
    if arguments.json:
        print(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())
    else:
        show(result)
    sys.exit(0 if result["ok"] else 1)


if __name__ == "__main__":
    main()
