"""The archive: every topic of a data set's log into its store, which other processes read through its socket.

    python -m bytewax.run flows.archive -r DATA/recovery/archive -s 1 -b 0

The data set is `UNDERTOW_DATA`. Kill it at any moment: rows collapse on their identity, progress stands behind them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink
from bytewax.testing import run_main

from connectors.bus.base import BusError
from connectors.dataset import Dataset, DatasetError
from connectors.store.archiver import Archiver, Counters
from connectors.store.base import Store, StoreError
from connectors.store.client import ServedStore
from connectors.store.log_source import Chunk, LogSource
from connectors.store.sink import STORE, StoreSink
from events.settings import Compute, SettingsError, load
from events.topics import TOPICS
from flows.runtime import prepare, stopping

#: How long a starting archive waits for a reader that holds the store's path.
_WAIT_S = 60.0
#: An in-process run keeps no recovery store, so its epochs only cut work short.
_EPOCH = timedelta(seconds=10)


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
        prepare(settings)
        dataset = Dataset.open(settings.bus.undertow_data)
        served = ServedStore.open(dataset.path, _WAIT_S)
    except (SettingsError, DatasetError, BusError, StoreError) as error:
        sys.exit(f"error: {error}")
    source = LogSource(dataset.open_bus, list(TOPICS), dataset.partitions, stopping)
    return build(source, _sink(lambda: (Archiver(served.store, run), served.close), settings.compute))


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
