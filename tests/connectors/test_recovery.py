"""No start resumes from a snapshot of the future (contract 12): real Bytewax processes, killed twice."""

from __future__ import annotations

import pickle
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from bytewax.recovery import init_db_dir

from connectors import recovery

_ROOT = Path(__file__).parents[2]
_ITEMS = 400
#: Counts 400 items, one an epoch. `work` dies in the sink's 30th snapshot, when the count's snapshot of that epoch is
#: written but not committed; `idle` reads nothing for 60 epochs and dies; `finish` counts to the end.
_COUNT = """
import os, signal, sys
from datetime import timedelta
from pathlib import Path
import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main
from connectors import recovery

store, mode, purged, items = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "True", int(sys.argv[4])

def die():
    os.kill(os.getpid(), signal.SIGKILL)

class Numbers(StatefulSourcePartition):
    def __init__(self, at):
        self.at, self.idled = at or 0, 0
    def next_batch(self):
        if mode == "idle":
            self.idled += 1
            return die() if self.idled > 60 else []
        if self.at >= items:
            raise StopIteration
        self.at += 1
        return [("all", self.at)]
    def snapshot(self):
        return self.at

class Source(FixedPartitionedSource):
    def list_parts(self):
        return ["0"]
    def build_part(self, step_id, for_part, resume_state):
        return Numbers(resume_state)

class Last(StatefulSinkPartition):
    def __init__(self):
        self.snapshots = 0
    def write_batch(self, values):
        (store / "counted").write_text(str(values[-1]))
    def snapshot(self):
        self.snapshots += 1
        if mode == "work" and self.snapshots == 30:
            die()

class Sink(FixedPartitionedSink):
    def list_parts(self):
        return ["all"]
    def build_part(self, step_id, for_part, resume_state):
        return Last()

if purged:
    recovery.prepare(store)
elif not any(store.glob("part-*")):
    store.mkdir(parents=True)
    init_db_dir(store, 1)
flow = Dataflow("toy")
numbers = op.input("numbers", flow, Source())
counts = op.stateful_map("count", numbers, lambda count, _: ((count or 0) + 1,) * 2)
op.output("last", counts, Sink())
zero = timedelta(0)
run_main(flow, epoch_interval=zero, recovery_config=RecoveryConfig(str(store), zero))
"""


def _run(store: Path, mode: str, purged: bool) -> int:
    arguments = [sys.executable, "-c", _COUNT, str(store), mode, str(purged), str(_ITEMS)]
    return subprocess.run(arguments, cwd=_ROOT, check=False, timeout=60).returncode


def _counted(store: Path, *, purged: bool) -> int:
    assert _run(store, "work", purged) == -signal.SIGKILL
    assert _run(store, "idle", purged) == -signal.SIGKILL
    assert _run(store, "finish", purged) == 0
    return int((store / "counted").read_text())


@pytest.mark.chaos
def test_killed_in_a_snapshot_and_again_while_idle_a_prepared_flow_counts_each_item_once(tmp_path: Path) -> None:
    assert _counted(tmp_path / "store", purged=True) == _ITEMS


@pytest.mark.chaos
def test_the_purge_is_still_needed(tmp_path: Path) -> None:
    # When this fails, Bytewax has learned to do it: the purge can go.
    assert _counted(tmp_path / "store", purged=False) > _ITEMS


def _store(tmp_path: Path, parts: int = 1) -> list[Path]:
    init_db_dir(tmp_path, parts)  # type: ignore[no-untyped-call]
    return sorted(tmp_path.glob("part-*.sqlite3"))


def _write(file: Path, statement: str, *rows: tuple[object, ...]) -> None:
    with closing(sqlite3.connect(file)) as db, db:
        db.executemany(statement, rows)


_EXS = "INSERT INTO exs (ex_num, worker_count, resume_epoch) VALUES (?, ?, ?)"
_FRONTS = "INSERT INTO fronts (ex_num, worker_index, worker_frontier) VALUES (?, ?, ?)"
_SNAPS = "INSERT INTO snaps (step_id, state_key, snap_epoch, ser_change) VALUES (?, ?, ?, ?)"


def test_a_note_of_a_store_is_there_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a note would have the store refused, or its run taken for another."""
    notes = [(recovery.note_form, recovery.form), (recovery.note_generation, recovery.generation)]
    for note, _ in notes:
        note(tmp_path, "before")

    def dies(number: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", dies)
    for note, read in notes:
        with pytest.raises(KeyboardInterrupt):
            note(tmp_path, "behind")
        assert read(tmp_path) == "before"


def test_the_resume_epoch_is_the_smallest_frontier_of_the_newest_execution(tmp_path: Path) -> None:
    files = _store(tmp_path, 2)
    assert recovery.resume_epoch(files) is None
    _write(files[0], _EXS, (0, 3, 1), (1, 2, 40))
    _write(files[0], _FRONTS, (0, 0, 900), (0, 1, 5))
    assert recovery.resume_epoch(files) == 40
    # A worker's frontier may stand in any partition of the store.
    _write(files[1], _FRONTS, (1, 1, 60))
    assert recovery.resume_epoch(files) == 40
    _write(files[0], _FRONTS, (1, 0, 50))
    assert recovery.resume_epoch(files) == 50


def test_only_snapshots_before_the_resume_epoch_are_kept_in_every_partition(tmp_path: Path) -> None:
    files = _store(tmp_path, 2)
    _write(files[0], _EXS, (0, 1, 1))
    _write(files[1], _FRONTS, (0, 0, 7))
    for file in files:
        _write(file, _SNAPS, *[("f.tape", key, at, pickle.dumps(at)) for key in "ab" for at in (3, 6, 7, 9)])
    assert recovery.purge(tmp_path) == 7
    for file in files:
        with closing(sqlite3.connect(file)) as db:
            assert db.execute("SELECT DISTINCT snap_epoch FROM snaps ORDER BY 1").fetchall() == [(3,), (6,)]
    assert recovery.snapshots(tmp_path, "f.tape") == {"a": 6, "b": 6}
    assert recovery.snapshots(tmp_path, "f.other") == {}


def test_a_key_that_was_let_go_does_not_come_back(tmp_path: Path) -> None:
    (file,) = _store(tmp_path)
    _write(file, _EXS, (0, 1, 9))
    _write(file, _SNAPS, ("f.tape", "a", 3, pickle.dumps(3)), ("f.tape", "a", 5, None))
    assert recovery.snapshots(tmp_path, "f.tape") == {}


def test_a_store_is_made_when_missing_kept_when_there_and_forgotten_when_asked(tmp_path: Path) -> None:
    store = tmp_path / "deep" / "store"
    assert not recovery.prepare(store)
    # Made, but no execution began: nothing to resume.
    assert not recovery.prepare(store)
    _write(store / "part-0.sqlite3", _EXS, (0, 1, 1))
    _write(store / "part-0.sqlite3", _SNAPS, ("f.tape", "0", 1, pickle.dumps(1)))
    # Begun, but died before its first commit: still nothing.
    assert not recovery.prepare(store)
    _write(store / "part-0.sqlite3", _FRONTS, (0, 0, 2))
    _write(store / "part-0.sqlite3", _SNAPS, ("f.tape", "0", 1, pickle.dumps(1)))
    assert recovery.prepare(store)
    assert not recovery.prepare(store, forget=True)
    assert recovery.resume_epoch(sorted(store.glob("part-*.sqlite3"))) is None
