"""A Bytewax sink into the store: one partition, for one process holds a store.

At least once, and a batch written again changes nothing that a reader sees. Rows gather until `batch_rows` or
`flush_ms`, and are durable when a snapshot is taken (contract 13); the progress is noted behind the rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from connectors.store.archiver import Archiver
from connectors.store.log_source import Chunk
from connectors.telemetry import meters

#: The one key and the one partition of the sink.
STORE = "store"


class _StorePartition(StatefulSinkPartition[Chunk, None]):
    def __init__(self, archiver: Archiver, close: Callable[[], None], batch_rows: int, flush_ms: int) -> None:
        self._archiver = archiver
        self._close = close
        self._batch_rows = batch_rows
        self._flush_s = flush_ms / 1000
        self._flushed_s = time.monotonic()
        meters.ARCHIVE_WAITING.set_function(lambda: archiver.waiting)

    def write_batch(self, values: list[Chunk]) -> None:
        for topic, batch in values:
            self._archiver.take(topic, batch)
            if self._archiver.waiting >= self._batch_rows:
                self._flush()
        if time.monotonic() - self._flushed_s >= self._flush_s:
            self._flush()

    @meters.timed("store")
    def snapshot(self) -> None:
        self._flush()

    def close(self) -> None:
        self._flush()
        self._close()

    def _flush(self) -> None:
        with meters.ARCHIVE_FLUSH.time():
            self._archiver.flush()
        self._flushed_s = time.monotonic()


class StoreSink(FixedPartitionedSink[Chunk, None]):
    """Archives every (STORE, chunk) it is given; `opened` gives the archiver and how to close what it writes to."""

    def __init__(
        self, opened: Callable[[], tuple[Archiver, Callable[[], None]]], batch_rows: int, flush_ms: int
    ) -> None:
        self._opened = opened
        self._batch_rows = batch_rows
        self._flush_ms = flush_ms

    def list_parts(self) -> list[str]:
        """Returns the one partition."""
        return [STORE]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _StorePartition:
        """Opens the store on the worker that has it."""
        return _StorePartition(*self._opened(), self._batch_rows, self._flush_ms)
