"""The archive: every topic of a data set's log into its store, which other processes read through its socket.

    python -m bytewax.run flows.archive -r DATA/recovery/archive -s 1 -b 0

The data set is `UNDERTOW_DATA`. Kill it at any moment: rows collapse on their identity, progress stands behind them.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink
from bytewax.testing import run_main

from connectors import recovery
from connectors.bus.base import BusError
from connectors.cache.keys import CacheError, Keys, connect
from connectors.cache.mirror import MirrorThread
from connectors.dataset import Dataset, DatasetError
from connectors.store.archiver import Archiver, Counters, clear_run
from connectors.store.base import Store, StoreAway, StoreError, read_progress
from connectors.store.client import hold_archive
from connectors.store.lock import holder_text, lock_of
from connectors.store.log_source import Chunk, LogSource
from connectors.store.owner import owner_of
from connectors.store.sink import STORE, StoreSink
from connectors.telemetry import begin
from connectors.telemetry.health import beating
from events.settings import Cache, Compute, SettingsError, load
from events.topics import TOPICS
from flows.runtime import BEGIN_AGAIN, prepare, recovery_directory, stop_status, stopping

#: How long a starting archive waits for a reader that holds the store's path.
_WAIT_S = 60.0
#: How often it looks whether its run was cleared, s.
_LOOK_S = 1.0
#: The name under which Bytewax keeps the source's snapshots.
_SOURCE_STEP = "archive.log"
#: An in-process run keeps no recovery store, so its epochs only cut work short.
_EPOCH = timedelta(seconds=10)
_log = logging.getLogger("undertow.flows")


def build(source: Source[Chunk], sink: Sink[tuple[str, Chunk]]) -> Dataflow:
    """Returns the dataflow: the log's batches, all to the one that holds the store."""
    flow = Dataflow("archive")
    batches = op.input("log", flow, source)
    keyed = op.key_on("store", batches, lambda _: STORE)
    op.output("archive", keyed, sink)
    return flow


def live(run: str = "main") -> Dataflow:
    """Returns the dataflow over the data set that the settings name; ends the process with one line if it cannot."""
    try:
        settings = load()
        begin("archive", settings)
        prepare(settings)
        dataset = Dataset.open(settings.bus.undertow_data)
        _say_who_is_waited_for(dataset)
        held = hold_archive(dataset.path, _WAIT_S, stopping, settings.store)
        life = _forget_a_cleared_run(dataset, held.store, run)
        _forget_what_the_store_lacks(held.store, run)
        _note(life)
        mirror = _mirror(dataset, run, settings.cache)
    except (SettingsError, DatasetError, BusError, StoreError, CacheError) as error:
        sys.exit(stop_status() if isinstance(error, StoreAway) and stopping() else f"error: {error}")

    def close() -> None:
        if mirror is not None:
            mirror.close()
        held.close()

    until_cleared = ends_when_cleared(dataset, life, stopping)
    source = LogSource(dataset.open_bus, list(TOPICS), dataset.partitions, beating("log", until_cleared))
    return build(source, _sink(lambda: (Archiver(held.store, run), close), settings.compute))


def _say_who_is_waited_for(dataset: Dataset) -> None:
    """Says once, where another process holds the archive, which it is and how long this one waits for it."""
    lock = lock_of(dataset.path)
    if lock.take(0):
        lock.release()
    else:
        who = holder_text(dataset.path)
        _log.warning("%s holds the archive in %s: waiting up to %.0f s until it lets go", who, dataset.path, _WAIT_S)


def _mirror(dataset: Dataset, run: str, cache: Cache) -> MirrorThread | None:
    """Begins to fill the cache where there is one, beside the flow: it waits for nothing of it."""
    if not cache.redis_url:
        return None
    return MirrorThread(dataset.open_bus, connect(cache), Keys(owner_of(dataset.path), run), cache.rolling_ttl_sec)


def _note(life: str) -> None:
    if (directory := recovery_directory()) is not None:
        recovery.note_generation(directory, life)


def _forget_a_cleared_run(dataset: Dataset, store: Store, run: str) -> str:
    """Removes the rows of a run that a flow has cleared since they were archived; returns the life that it is in.

    Killed before that is noted, it removes them again when it starts.
    """
    life, directory = dataset.generation, recovery_directory()
    known = "" if directory is None else recovery.generation(directory)
    if known not in ("", life):
        _log.warning("the run %s was cleared and begun anew: so are its rows", run)
        clear_run(store, run)
    return life


def ends_when_cleared(
    dataset: Dataset, life: str, stopping: Callable[[], bool], end: Callable[[int], object] = os._exit
) -> Callable[[], bool]:
    """Returns `stopping` so that it ends the process, to be started again, once a flow has cleared the run.

    Offsets of its topics begin at 0 again, and what was archived belongs to nothing any more.
    """
    looked_s = time.monotonic()

    def asked() -> bool:
        nonlocal life, looked_s
        if time.monotonic() - looked_s >= _LOOK_S:
            looked_s = time.monotonic()
            with suppress(BusError):  # Brokers that are away say so elsewhere.
                before, life = life, dataset.generation
                if not before and life:
                    _note(life)
                elif before != life:
                    _log.critical("the run was cleared: ending, to be started again without its rows")
                    end(BEGIN_AGAIN)
        return stopping()

    return asked


def _forget_what_the_store_lacks(store: Store, run: str) -> None:
    """Forgets snapshots that stand ahead of the store's progress: the store is another or an older one.

    A snapshot is taken behind the progress that it speaks of, so of one's own store none is ever ahead.
    """
    directory = recovery_directory()
    if directory is None:
        return
    raw, derived = read_progress(store), read_progress(store, run)
    for part, offset in recovery.snapshots(directory, _SOURCE_STEP).items():
        topic, _, partition = part.rpartition("/")
        noted = (derived if TOPICS[topic].layer == "derived" else raw).by_partition.get((topic, int(partition)))
        if offset > (noted[0] if noted else 0):
            _log.warning("the archive holds less of %s than was noted: archiving from the log's start again", part)
            recovery.prepare(directory, forget=True)
            return


def archive_all(
    dataset: Dataset, store: Store, run: str = "main", heads: Mapping[str, Sequence[int]] | None = None
) -> Counters:
    """Archives the log up to given heads (next offset by topic and partition; None: as it stands) and returns."""
    until = log_heads(dataset) if heads is None else heads
    archiver = Archiver(store, run)
    source = LogSource(dataset.open_bus, list(until), dataset.partitions, stopping, until)
    execute: Any = run_main  # carries no types
    execute(build(source, _sink(lambda: (archiver, lambda: None), load().compute)), epoch_interval=_EPOCH)
    archiver.flush()
    return archiver.counters


def log_heads(dataset: Dataset) -> dict[str, list[int]]:
    """Returns the next offset of every partition of every topic that the log has."""
    bus = dataset.open_bus()
    try:
        return {name: [head.next for head in bus.heads(name)] for name in TOPICS if name in bus.topics()}
    finally:
        bus.close()


def _sink(opened: Callable[[], tuple[Archiver, Callable[[], None]]], compute: Compute) -> StoreSink:
    return StoreSink(opened, compute.archive_batch_rows, compute.archive_flush_ms)


def __getattr__(name: str) -> Any:
    """Builds `flow` when it is asked for, never on import (contract 15)."""
    if name == "flow":
        return live()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
