"""A Bytewax source over every partition of many topics, a record batch an item, for readers that need no order
across them.

Unit of parallelism: (topic, partition). At least once: resumes at the offset of its snapshot; batches after it are
read again. A snapshot beyond the log's end (a power cut, a cleared topic) is refused and the log read from its start.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.bus.base import Bus, Head, StoredBatch
from connectors.telemetry import meters

#: Records read at a time from one partition: whole batches until so many are reached.
READ_RECORDS = 2000
#: Pause between looks at an idle log.
POLL_S = 0.2
#: A topic and a batch of one of its partitions.
Chunk = tuple[str, StoredBatch]
_log = logging.getLogger(__name__)


class _Log(threading.local):
    """The bus as one worker thread sees it: its heads are asked for once a topic and poll, not once a partition."""

    def __init__(self, open_bus: Callable[[], Bus]) -> None:
        self.bus = open_bus()
        self.readers = 0
        self._heads: dict[str, tuple[float, list[Head]]] = {}

    def head(self, topic: str, partition: int) -> Head:
        asked_s, heads = self._heads.get(topic, (-POLL_S, []))
        now_s = time.monotonic()
        if now_s - asked_s >= POLL_S:
            heads = self.bus.heads(topic)
            self._heads[topic] = (now_s, heads)
        return heads[partition]

    def release(self) -> None:
        self.readers -= 1
        if self.readers == 0:
            self.bus.close()


class _LogPartition(StatefulSourcePartition[Chunk, int]):
    def __init__(
        self, log: _Log, topic: str, partition: int, offset: int, until: int | None, stopping: Callable[[], bool]
    ) -> None:
        self._log = log
        log.readers += 1
        self._topic = topic
        self._partition = partition
        self._offset = offset
        self._until = until
        self._stopping = stopping
        self._awake: datetime | None = None
        #: What the log held, as of the newest look, and was not read: records, and event time up to its promise, ns.
        self.behind = self.behind_ns = 0
        self._promise = 0
        lag = meters.LAG_RECORDS.labels("archive", topic, partition)
        lag.set_function(lambda: self.behind)

    def next_batch(self) -> list[Chunk]:
        if self._stopping() or (self._until is not None and self._offset >= self._until):
            raise StopIteration
        self._awake = None
        head = self._log.head(self._topic, self._partition)
        self.behind = max(head.next - self._offset, 0)
        self.behind_ns = head.promise - self._promise if self.behind and self._promise else 0
        if self._until is None and self._offset >= head.next:
            return self._nothing(head)
        batches = self._log.bus.read(self._topic, self._partition, self._offset, READ_RECORDS)
        if not batches:
            return self._nothing(head)
        chunks = [(self._topic, batch) for batch in batches if self._until is None or batch.first < self._until]
        for _, batch in chunks:
            self._offset = batch.next
            self._promise = batch.promises[-1][1]
        return chunks

    def _nothing(self, head: Head) -> list[Chunk]:
        """Notes that nothing stands here: what was trimmed away is passed over, and nothing else ever is."""
        self._offset = max(self._offset, head.start)
        self._awake = datetime.now(UTC) + timedelta(seconds=POLL_S)
        return []

    def next_awake(self) -> datetime | None:
        return self._awake

    def snapshot(self) -> int:
        return self._offset

    def close(self) -> None:
        self._log.release()


class LogSource(FixedPartitionedSource[Chunk, int]):
    """Reads topics from their first kept record, or from a snapshot, and goes on until told to stop.

    With `until` (next offset by topic and partition) it ends when every partition has reached its offset.
    """

    def __init__(
        self,
        open_bus: Callable[[], Bus],
        topics: Sequence[str],
        partitions: int,
        stopping: Callable[[], bool],
        until: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        self._open_bus = open_bus
        self._topics = topics
        self._partitions = partitions
        self._stopping = stopping
        self._until = until
        self._log: _Log | None = None
        self._parts: list[_LogPartition] = []
        meters.LAG_SECONDS.labels("archive").set_function(self._behind_s)

    def _behind_s(self) -> float:
        """Returns the event time that the partition furthest behind has not read, s."""
        return meters.seconds(max((part.behind_ns for part in self._parts), default=0))

    def list_parts(self) -> list[str]:
        """Returns `topic/partition` of every partition."""
        return [f"{topic}/{partition}" for topic in self._topics for partition in range(self._partitions)]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> _LogPartition:
        """Opens one partition where its snapshot stands."""
        topic, _, number = for_part.rpartition("/")
        partition = int(number)
        if self._log is None:
            self._log = _Log(self._open_bus)
        head = self._log.head(topic, partition)
        offset = head.start if resume_state is None else resume_state
        if offset > head.next:
            _log.warning(
                "%s ends at %d, before the snapshot's %d: read again from its start", for_part, head.next, offset
            )
            offset = head.start
        until = None if self._until is None else self._until[topic][partition]
        self._parts.append(_LogPartition(self._log, topic, partition, offset, until, self._stopping))
        return self._parts[-1]
