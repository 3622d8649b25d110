"""Bytewax's recovery store: made when missing, forgotten when asked, and rid of snapshots of the future (contract 12).

Bytewax 0.21.1 numbers the epochs of a restarted execution from its resume epoch on, but leaves the snapshots that a
killed execution had written at and beyond that epoch without committing them. After a second kill they would be
taken for snapshots of the new execution. Every start deletes them first.
"""

from __future__ import annotations

import pickle
import shutil
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from bytewax.recovery import init_db_dir

from connectors.whole import write_whole

_PARTITIONS = 1
_GENERATION, _FORM = "generation", "form"


def prepare(directory: Path, *, forget: bool = False) -> bool:
    """Makes the store ready for a start; returns whether it holds snapshots to resume from.

    An execution that died before its first commit left none: the next one begins where it began.
    """
    if forget and directory.exists():
        shutil.rmtree(directory)
    if not any(directory.glob("part-*.sqlite3")):
        _make(directory)
        return False
    purge(directory)
    return any(_has_snapshots(file) for file in directory.glob("part-*.sqlite3"))


def _make(directory: Path) -> None:
    """Makes an empty store, whole or not at all, whenever it is killed."""
    draft = directory / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    # What a killed clearing left of an earlier store: a log beside a new file would be taken for its own.
    for left in directory.glob("part-*.sqlite3-*"):
        left.unlink()
    draft.mkdir(parents=True)
    init_db_dir(draft, _PARTITIONS)  # type: ignore[no-untyped-call]
    for file in draft.glob("part-*.sqlite3"):
        file.replace(directory / file.name)
    draft.rmdir()


def _has_snapshots(file: Path) -> bool:
    with closing(sqlite3.connect(file, timeout=30)) as db:
        return bool(db.execute("SELECT EXISTS (SELECT 1 FROM snaps)").fetchone()[0])


def purge(directory: Path) -> int | None:
    """Deletes every snapshot at or beyond the resume epoch; returns that epoch, None before the first execution."""
    files = sorted(directory.glob("part-*.sqlite3"))
    epoch = resume_epoch(files)
    if epoch is not None:
        for file in files:
            with closing(sqlite3.connect(file, timeout=30)) as db, db:
                db.execute("DELETE FROM snaps WHERE snap_epoch >= ?", (epoch,))
    return epoch


def keep_only(directory: Path, partitions: Collection[int]) -> None:
    """Deletes the snapshots of every other partition; keys begin with their partition's number."""
    for file in directory.glob("part-*.sqlite3"):
        with closing(sqlite3.connect(file, timeout=30)) as db, db:
            keys = [key for (key,) in db.execute("SELECT DISTINCT state_key FROM snaps")]
            gone = [(key,) for key in keys if _partition(key) not in partitions]
            db.executemany("DELETE FROM snaps WHERE state_key = ?", gone)


def journals(directory: Path) -> Path:
    """Returns where the journals of a store's keys stand: forgotten with it."""
    return directory / "journals"


def _partition(key: str) -> int:
    """Returns the partition that a key of the options flow belongs to: it begins with its number."""
    return int(key.partition("-")[0])


def gather(directory: Path, stores: Mapping[Path, Collection[int]]) -> None:
    """Makes a store of what others hold: of each one the snapshots that its partitions would resume with.

    The store appears whole or not at all; one of the same name is replaced. None of them may be running.
    """
    draft, old = (directory.with_name(f"{directory.name}.{end}") for end in ("draft", "old"))
    shutil.rmtree(draft, ignore_errors=True)
    _make(draft)
    with closing(sqlite3.connect(next(draft.glob("part-*.sqlite3")), timeout=30)) as db, db:
        for store, partitions in stores.items():
            rows = [row for row in _newest(store) if _partition(row[1]) in partitions]
            db.executemany("INSERT INTO snaps (step_id, state_key, snap_epoch, ser_change) VALUES (?, ?, 1, ?)", rows)
            _copy_journals(journals(store), journals(draft), [pickle.loads(state) for _, _, state in rows])
        # As an execution leaves it that ended behind epoch 1.
        db.execute("INSERT INTO exs (ex_num, worker_count, resume_epoch) VALUES (0, 1, 1)")
        db.execute("INSERT INTO fronts (ex_num, worker_index, worker_frontier) VALUES (0, 0, 2)")
        db.execute("INSERT INTO commits (part_index, commit_epoch) VALUES (0, 1)")
    note_generation(draft, generation(next(iter(stores))))
    forms = {form(store) for store in stores}
    note_form(draft, forms.pop() if len(forms) == 1 else "")
    shutil.rmtree(old, ignore_errors=True)
    if directory.exists():
        directory.replace(old)
    draft.replace(directory)
    shutil.rmtree(old, ignore_errors=True)


def _copy_journals(source: Path, target: Path, states: Iterable[Any]) -> None:
    """Copies what snapshots that are marks speak of; one that is damaged is found when the store is begun from."""
    target.mkdir(exist_ok=True)
    for mark in states:
        if isinstance(mark, tuple) and (source / f"{mark[0]}.{mark[1]}").exists():
            shutil.copy(source / f"{mark[0]}.{mark[1]}", target)


def generation(directory: Path) -> str:
    """Returns which of a run's lives the store belongs to, as noted; empty for a store of before there were notes."""
    file = directory / _GENERATION
    return file.read_text() if file.exists() else ""


def note_generation(directory: Path, text: str) -> None:
    """Notes which of a run's lives the store belongs to."""
    write_whole(directory / _GENERATION, text.encode())


def form(directory: Path) -> str:
    """Returns in which form the store's states were kept, as noted; empty for a store of before there were notes."""
    file = directory / _FORM
    return file.read_text() if file.exists() else ""


def note_form(directory: Path, text: str) -> None:
    """Notes in which form states are kept from here on."""
    write_whole(directory / _FORM, text.encode())


def snapshots(directory: Path, step: str) -> dict[str, Any]:
    """Returns what a step's keys would resume with, by key; empty before the first execution."""
    return {key: pickle.loads(state) for of, key, state in _newest(directory, step) if of == step}


def _newest(directory: Path, step: str = "%") -> list[tuple[str, str, bytes]]:
    """Returns (step, key, state) of what every key would resume with."""
    files = sorted(directory.glob("part-*.sqlite3"))
    epoch = resume_epoch(files)
    newest: dict[tuple[str, str], tuple[int, bytes | None]] = {}
    query = "SELECT step_id, state_key, snap_epoch, ser_change FROM snaps WHERE step_id LIKE ? AND snap_epoch < ?"
    for file in files if epoch is not None else ():
        with closing(sqlite3.connect(file, timeout=30)) as db:
            for of, key, at, state in db.execute(query, (step, epoch)):
                if (of, key) not in newest or at > newest[of, key][0]:
                    newest[of, key] = (at, state)
    return [(of, key, state) for (of, key), (_, state) in newest.items() if state is not None]


def resume_epoch(files: list[Path]) -> int | None:
    """Returns the epoch at which the next execution will resume: the smallest frontier of the newest execution.

    A worker that never reported one stands at the execution's own resume epoch.
    """
    executions: dict[int, tuple[int, int]] = {}
    frontiers: dict[tuple[int, int], int] = {}
    for file in files:
        with closing(sqlite3.connect(file, timeout=30)) as db:
            for number, workers, epoch in db.execute("SELECT ex_num, worker_count, resume_epoch FROM exs"):
                executions[number] = (workers, epoch)
            for number, worker, frontier in db.execute("SELECT ex_num, worker_index, worker_frontier FROM fronts"):
                frontiers[number, worker] = frontier
    if not executions:
        return None
    newest = max(executions)
    workers, epoch = executions[newest]
    return min(frontiers.get((newest, worker), epoch) for worker in range(workers))
