"""The one reader of the log's end: tails each topic that somebody wants and hands its bytes on, undecoded.

One query per topic and poll, in the event loop itself: a query without news costs 4 us of processor, one with news 0.2
ms at the 99th percentile; in a thread beside a busy loop it waits for the interpreter at every row, 51 ms [measured].

Catching up (resume, snapshot) reads in threads, each with its own bus, and joins the live end without a gap: on the
loop, in the moment when its cursors have reached it.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from api.chunks import chunks
from api.client import Subscription
from connectors.bus.base import Bus, BusError, StoredBatch
from connectors.telemetry.health import pulse
from events.topics import TOPICS

#: Batches of one poll and topic; a backlog is read over several turns of the loop.
_TAIL_BATCHES = 64
_CATCH_UP_RECORDS = 1000
_READERS = 2
_FAULT_PAUSE_S = 0.5
T = TypeVar("T")
OpenBus = Callable[[], Bus]
_log = logging.getLogger(__name__)


class LogReaders:
    """A few threads that read the log, each with a bus of its own."""

    def __init__(self, open_bus: OpenBus, threads: int = _READERS) -> None:
        self._open_bus = open_bus
        self._local = threading.local()
        self._opened: list[Bus] = []
        self._pool = ThreadPoolExecutor(threads, "log reader")

    async def run(self, work: Callable[[Bus], T]) -> T:
        """Runs a read in one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._run, work)

    def _run(self, work: Callable[[Bus], T]) -> T:
        bus = getattr(self._local, "bus", None)
        if bus is None:
            bus = self._local.bus = self._open_bus()
            self._opened.append(bus)
        return work(bus)

    def close(self) -> None:
        """Waits for reads under way and closes the buses."""
        self._pool.shutdown(cancel_futures=True)
        for bus in self._opened:
            bus.close()


class _TopicTail:
    """Where the tail of one topic stands, and who follows it."""

    def __init__(self, topic: str, bus: Bus) -> None:
        self.topic = topic
        self.subs: set[Subscription] = set()
        #: Those that have reached the end.
        self.live: set[Subscription] = set()
        self.position, heads = bus.mark(topic)
        #: Offset behind the newest batch seen, by partition.
        self.reached = [head.next for head in heads]
        derived = TOPICS[topic].layer == "derived"
        #: Lease epochs seen, by partition, where an older one is to be dropped.
        self.epochs = [head.epoch for head in heads] if derived else None
        #: Where the run before stood, by partition of which nothing has come since the topic was cleared.
        self._before: dict[int, int] = {}

    def poll(self, bus: Bus) -> bool:
        """Reads what is new and hands it on; says whether more may be waiting."""
        self.position, batches = bus.tail(self.topic, self.position, _TAIL_BATCHES)
        if self._cleared(bus, batches):
            self.begin_anew()
        for chunk in chunks(filter(self._is_of_now, batches), self.epochs):
            self.reached[chunk.partition] = chunk.next
            for sub in self.live:
                sub.take(chunk)
        return len(batches) == _TAIL_BATCHES

    def _cleared(self, bus: Bus, batches: Sequence[StoredBatch]) -> bool:
        """Says whether the topic was cleared, a run computed afresh, before one of these."""
        if TOPICS[self.topic].layer == "raw":
            return False
        reached = list(self.reached)
        for batch in batches:
            if batch.partition not in self._before and batch.first < reached[batch.partition]:
                return True
            reached[batch.partition] = batch.next
        # The new run may come first where the one before had nothing: only the other partitions' heads tell.
        firsts = any(batch.first == 0 and batch.partition not in self._before for batch in batches)
        return firsts and any(self.reached) and self.is_beyond_end(bus)

    def is_beyond_end(self, bus: Bus) -> bool:
        """Says whether more was read than is there now: the topic was cleared."""
        try:
            heads = bus.heads(self.topic)
        except (BusError, sqlite3.Error):
            return False  # the batches are read and must go on; another partition's will tell
        return any(head.next < reached for head, reached in zip(heads, self.reached, strict=True))

    def begin_anew(self) -> None:
        """Everybody begins with the new run's records: in every partition at once, before the first of them."""
        self._before = dict(enumerate(self.reached))
        self.reached = [0] * len(self.reached)
        for sub in self.subs:
            sub.expire_all([0] * len(self.reached))

    def _is_of_now(self, batch: StoredBatch) -> bool:
        """Says whether a batch is none of a run that was cleared; partitions come by turns, and one may lag behind."""
        before = self._before.get(batch.partition, 0)
        if batch.first and batch.first == before:
            self._before[batch.partition] = batch.next
            return False
        self._before.pop(batch.partition, None)
        return True


class Tailer:
    """Follows the topics that somebody wants; see the module."""

    def __init__(self, open_bus: OpenBus, poll_ms: int) -> None:
        self._bus = open_bus()
        self._open_bus = open_bus
        self._poll_s = poll_ms / 1000
        self._tails: dict[str, _TopicTail] = {}
        self._task: asyncio.Task[None] | None = None
        self.readers = LogReaders(open_bus)
        #: Seconds from one poll to the next, at worst since last asked.
        self.worst_turn_s = 0.0

    def start(self) -> None:
        """Begins to poll."""
        self._task = asyncio.create_task(self._run(), name="tailer")

    async def stop(self) -> None:
        """Stops polling and closes the log."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await asyncio.to_thread(self.readers.close)
        self._bus.close()

    def end(self, topic: str) -> list[int]:
        """Returns the offset behind the newest batch seen of every partition; the topic's tail begins here."""
        return list(self._tail(topic).reached)

    def join(self, sub: Subscription) -> None:
        """Takes a subscription in; its topic is read from now on."""
        self._tail(sub.topic).subs.add(sub)

    def _tail(self, topic: str) -> _TopicTail:
        tail = self._tails.get(topic)
        if tail is None:
            tail = self._tails[topic] = _TopicTail(topic, self._bus)
        return tail

    async def read(self, topic: str, work: Callable[[Bus], T]) -> T:
        """Runs a read of a topic in one of the threads; while the log cannot be read it waits, as the live end does."""
        while True:
            try:
                return await self.readers.run(work)
            except (BusError, sqlite3.Error) as error:
                _log.warning("%s cannot be read now: %s", topic, error)
                await asyncio.sleep(_FAULT_PAUSE_S)

    def leave(self, sub: Subscription) -> None:
        """Ends a subscription; a topic that nobody wants any more is no longer read."""
        if sub.task is not None:
            sub.task.cancel()
        tail = self._tails[sub.topic]
        tail.live.discard(sub)
        tail.subs.discard(sub)
        if not tail.subs:
            del self._tails[sub.topic]

    def follow(self, sub: Subscription) -> bool:
        """Makes a subscription live if it has reached the end of every partition; says whether it has."""
        tail = self._tails[sub.topic]
        if any(cursor < reached for cursor, reached in zip(sub.cursors, tail.reached, strict=True)):
            return False
        tail.live.add(sub)
        return True

    async def catch_up(self, sub: Subscription, other_run: bool = False) -> None:
        """Reads from the subscription's cursors on until it is live; never faster than its client takes.

        `other_run`: its cursors belong to a run that was cleared since.
        """
        heads = await self.read(sub.topic, lambda bus: bus.heads(sub.topic))
        beyond = any(head.next < cursor for head, cursor in zip(heads, sub.cursors, strict=True))
        if (beyond or other_run) and TOPICS[sub.topic].layer != "raw":
            sub.expire_all([head.start for head in heads])
        for partition, head in enumerate(heads):
            if not head.start <= sub.cursors[partition] <= head.next:
                sub.expire(partition, head.start)
        while not self.follow(sub):
            for partition, reached in enumerate(self.end(sub.topic)):
                if sub.cursors[partition] < reached:
                    await sub.client.room()
                    await self._read_on(sub, partition)

    async def _read_on(self, sub: Subscription, partition: int) -> None:
        topic, cursor = sub.topic, sub.cursors[partition]
        derived = TOPICS[topic].layer == "derived"
        batches = await self.read(topic, lambda bus: bus.read(topic, partition, cursor, _CATCH_UP_RECORDS))
        if sub.cursors[partition] != cursor:
            return  # cleared while it was read
        if not batches:
            head = (await self.read(topic, lambda bus: bus.heads(topic)))[partition]
            self._seen(topic, partition, head.next)
            if sub.cursors[partition] == cursor and not head.start <= cursor <= head.next:
                sub.expire(partition, head.start)
        for chunk in chunks(batches, sub.epochs if derived else None):
            sub.take(chunk)

    def _seen(self, topic: str, partition: int, next_offset: int) -> None:
        """Corrects a tail that stands beyond the end of a log that was cleared under it."""
        tail = self._tails.get(topic)
        if tail is None or next_offset >= tail.reached[partition]:
            return
        if TOPICS[topic].layer == "raw":
            tail.reached[partition] = next_offset
        elif tail.is_beyond_end(self._bus):
            tail.begin_anew()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        polled_s, turn = loop.time(), pulse("tail")
        while True:
            turn.beat()
            more = False
            for tail in list(self._tails.values()):
                try:
                    more = tail.poll(self._bus) or more
                except (BusError, sqlite3.Error) as error:
                    _log.warning("%s cannot be read now: %s", tail.topic, error)
                    await asyncio.sleep(_FAULT_PAUSE_S)
            now_s = loop.time()
            self.worst_turn_s = max(self.worst_turn_s, now_s - polled_s)
            polled_s = now_s
            await asyncio.sleep(0 if more else self._poll_s)
