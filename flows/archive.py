"""The archive: every topic of a data set's log into its store, which other processes read through its socket.

    python -m bytewax.run flows.archive -r DATA/recovery/archive -s 1 -b 0

The data set is `UNDERTOW_DATA`. Kill it at any moment: rows collapse on their identity, progress stands behind them.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
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
from connectors.store.archiver import Archiver, Counters
from connectors.store.base import Store, StoreError, read_progress
from connectors.store.client import hold_archive
from connectors.store.log_source import Chunk, LogSource
from connectors.store.owner import owner_of
from connectors.store.sink import STORE, StoreSink
from connectors.telemetry import begin
from connectors.telemetry.health import beating
from events.settings import Cache, Compute, SettingsError, load
from events.topics import TOPICS
from flows.runtime import prepare, recovery_directory, stopping

#: How long a starting archive waits for a reader that holds the store's path.
_WAIT_S = 60.0
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
        held = hold_archive(dataset.path, _WAIT_S, stopping, settings.store)
        _forget_what_the_store_lacks(held.store, run)
        mirror = _mirror(dataset, run, settings.cache)
    except (SettingsError, DatasetError, BusError, StoreError, CacheError) as error:
        sys.exit(f"error: {error}")

    def close() -> None:
        if mirror is not None:
            mirror.close()
        held.close()

    source = LogSource(dataset.open_bus, list(TOPICS), dataset.partitions, beating("log", stopping))
    return build(source, _sink(lambda: (Archiver(held.store, run), close), settings.compute))


def _mirror(dataset: Dataset, run: str, cache: Cache) -> MirrorThread | None:
    """Begins to fill the cache where there is one, beside the flow: it waits for nothing of it."""
    if not cache.redis_url:
        return None
    return MirrorThread(dataset.open_bus, connect(cache), Keys(owner_of(dataset.path), run), cache.rolling_ttl_sec)


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
