"""Compiled operators are the sources: over one tape both give the same bytes, and go on from each other's snapshots."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from events.code import PLAIN, compiled_directory
from tests.conftest import require_engine

_ROOT = Path(__file__).parents[2]
#: Takes a random tape in two halves through the merge and both steps; reads the steps' states in between from a
#: directory where another process left them, or leaves its own there. Says how it ran and what came out, as digests.
_RUN = """
import sys, types
from hashlib import sha256
from pathlib import Path
# A vendor's package brings a `tests` of its own, which would win over a folder without __init__.py.
sys.modules["tests"] = types.ModuleType("tests")
sys.modules["tests"].__path__ = [sys.argv[1]]
import msgspec, orjson
from events.code import is_compiled
from events.codec import ended_lines
from events.control import Control
from events.settings import Rules
from operators.judging import Verdicts
from operators.merge import Merge
from operators.partition_step import PartitionStep, load
from operators.shard_step import ShardStep
from tests.tapes import FACTS, PRINTS, QUOTES, random_tape

seed, directory, way = int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
rules = Rules(classifier_z_min_samples=3, alert_cooldown_ms=5000)
tape = random_tape(seed, 4000, loud=True)
said = {}

def halves():
    topics = (PRINTS, QUOTES, FACTS)
    times = sorted(event.ts for topic in topics for event in tape.of(topic))
    middle, merge = times[len(times) // 2], Merge(topics=topics)
    for topic in topics:
        merge.feed_record(topic, 0, Control(control="member", state="required", ts=0), [(0, 0), (1, 0)])
        before = [event for event in tape.of(topic) if event.ts < middle]
        merge.feed_events(topic, 1, before, [(0, 0)])
        beat = Control(control="heartbeat", ts=middle)
        merge.feed_record(topic, 1 + len(before), beat, [(0, 0), (1, middle)])
    yield merge.release()
    said["merge"] = msgspec.json.encode(merge.state()).decode()
    merge = Merge(merge.state(), topics)
    for topic in topics:
        after = [event for event in tape.of(topic) if event.ts >= middle]
        merge.feed_events(topic, merge.next_offset(topic), after, [(0, middle)])
        merge.finish(topic)
    yield merge.release()

def half(name, items, partition, shard):
    step, judge = PartitionStep(load(partition), rules), ShardStep(rules, shard)
    stepped, verdicts = step.step(items, items[-1][0]), Verdicts()
    judge.step(stepped.work, verdicts)
    for topic in ("packets", "structures", "hits", "alerts", "outcomes", "checks"):
        events = getattr(verdicts, topic)
        said[f"{name} {topic}"] = [len(events), sha256(ended_lines(events)).hexdigest()]
    said[f"{name} marks"] = [len(stepped.marks), sha256(ended_lines(stepped.marks)).hexdigest()]
    said[f"{name} dead"] = [len(stepped.dead), sha256(ended_lines(stepped.dead)).hexdigest()]
    return step.dump(), judge.dump()

first, second = halves()
said["order"] = [len(first), len(second), sha256(orjson.dumps([item[:5] for item in first + second])).hexdigest()]
states = half("first", first, b"", None)
if way == "leave":
    for name, state in zip(("partition", "shard"), states, strict=True):
        (directory / name).write_bytes(state)
else:
    left = tuple((directory / name).read_bytes() for name in ("partition", "shard"))
    assert left == states
    states = left
states = half("second", second, *states)
said["states"] = [sha256(state).hexdigest() for state in states]
print(orjson.dumps([is_compiled("operators"), said]).decode())
"""


def _run(seed: int, directory: Path, way: str, plain: bool) -> tuple[bool, dict[str, list[object]]]:
    environment = {name: value for name, value in os.environ.items() if name != PLAIN} | ({PLAIN: "1"} if plain else {})
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(_ROOT / "tests"), str(seed), str(directory), way],
        cwd=_ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    compiled, said = orjson.loads(done.stdout)
    return compiled, said


@pytest.mark.parametrize(("seed", "first_plain"), [(1, True), (2, False)])
def test_they_say_what_the_sources_say_and_either_goes_on_from_the_other(
    seed: int, first_plain: bool, tmp_path: Path
) -> None:
    if not compiled_directory().is_dir():
        require_engine("compiled operators", f"{compiled_directory()} is missing: run `make compiled`")
    first, expected = _run(seed, tmp_path, "leave", first_plain)
    second, found = _run(seed, tmp_path, "go on", not first_plain)
    assert (first, second) == (not first_plain, first_plain)
    assert found == expected
    assert all(expected["order"][:2])
    assert all(expected[f"second {kind}"][0] for kind in ("marks", "packets", "hits", "alerts"))


def test_sources_that_changed_since_run_as_they_are(tmp_path: Path) -> None:
    """A copy of the rooms with one more line has no compiled form, whatever stands beside it."""
    for room in ("events", "operators"):
        for path in (each for each in (_ROOT / room).rglob("*") if each.suffix in (".py", ".c", ".h")):
            copy = tmp_path / path.relative_to(_ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    if compiled_directory().is_dir():
        (tmp_path / "build").symlink_to(_ROOT / "build")
    asks = "from events.code import is_compiled; import operators.mark; print(is_compiled('operators'))"

    def compiled() -> bool:
        done = subprocess.run(
            [sys.executable, "-c", asks], cwd=tmp_path, capture_output=True, text=True, check=True,
            env={name: value for name, value in os.environ.items() if name != PLAIN} | {"PYTHONPATH": str(tmp_path)},
        )  # fmt: skip
        return done.stdout == "True\n"

    assert compiled() == compiled_directory().is_dir()
    with (tmp_path / "operators" / "units.py").open("a") as source:
        source.write("# changed\n")
    assert not compiled()
