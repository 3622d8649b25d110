"""Every metric of every process, in one table; names, units and labels as Prometheus has them.

Event times are Unix seconds of the market's clock. Counters move once a batch. A gauge that reads state which is there
anyway (`set_function`) does so when it is scraped, in the thread that answers, and costs the process nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from events.types import NS_PER_S

S = TypeVar("S")
T = TypeVar("T")
disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry(auto_describe=True)
ProcessCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)
_PAUSES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


#: Metrics without labels, by the one part that has them: in another they would stand at a 0 that means nothing.
_only: dict[str, list[Gauge | Histogram]] = {}


def _counter(name: str, meaning: str, *labels: str) -> Counter:
    return Counter(f"undertow_{name}", meaning, labels, registry=REGISTRY)


def _gauge(name: str, meaning: str, *labels: str, only: str = "") -> Gauge:
    made = Gauge(f"undertow_{name}", meaning, labels, registry=REGISTRY)
    _only.setdefault(only, []).append(made)
    return made


def _histogram(name: str, meaning: str, *labels: str, only: str = "") -> Histogram:
    made = Histogram(f"undertow_{name}", meaning, labels, registry=REGISTRY, buckets=_PAUSES)
    _only.setdefault(only, []).append(made)
    return made


def keep(part: str) -> None:
    """Leaves out what only other parts can say; for the start of a process."""
    for owner in [owner for owner in _only if owner not in ("", part)]:
        for metric in _only.pop(owner):
            REGISTRY.unregister(metric)


INFO = _gauge("process_info", "1, labelled with the part that this process is", "part")

# ---- how far behind, by stage --------------------------------------------------------------------
LAG_RECORDS = _gauge("lag_records", "records in the log that a stage has not read", "stage", "topic", "partition")
LAG_SECONDS = _gauge("lag_seconds", "how far a stage is behind the feeds' promises, in event time", "stage")
LATE_EVENTS = _counter("late_events", "events below their feed's promise, as archived", "topic")

# ---- feeds ---------------------------------------------------------------------------------------
FEED_EVENTS = _counter("feed_events", "raw events appended", "topic")
FEED_PROMISE = _gauge("feed_promise_seconds", "event time below which nothing will follow", "topic")
FEED_EVENT_TIME = _gauge("feed_event_time_seconds", "newest event time appended", "topic")
FEED_CLOCK_OFFSET = _gauge(
    "feed_clock_offset_seconds",
    "this machine's clock minus the newest event time, at its append: transit and clock error of a live feed",
    "topic",
)
FEED_WAITING = _gauge("feed_waiting_events", "events that wait for their append", "topic")

# ---- the flow ------------------------------------------------------------------------------------
TAPE_RELEASED = _counter("tape_released_events", "records that the tape released, in order", "partition")
TAPE_WATERMARK = _gauge("tape_watermark_seconds", "event time below which the tape has released all", "partition")
TAPE_GAP = _histogram("tape_gap_seconds", "time between two turns of one partition of the tape", only="options")
FLOW_EVENTS = _counter("flow_events", "derived events appended", "topic")
FLOW_REPEATED = _counter("flow_repeated_events", "derived events made again after a restart and dropped", "topic")
SNAPSHOT = _histogram("snapshot_seconds", "time a step takes for one key's part of a snapshot; no event moves", "step")

# ---- the archive ---------------------------------------------------------------------------------
ARCHIVE_ROWS = _counter("archive_rows", "rows taken for the store", "topic")
ARCHIVE_WAITING = _gauge("archive_waiting_rows", "rows gathered and not inserted", only="archive")
ARCHIVE_FLUSH = _histogram(
    "archive_flush_seconds", "time of one round of inserts, waiting for the store included", only="archive"
)
ARCHIVE_UNREADABLE = _counter("archive_unreadable_records", "records that no row could be made of", "topic")
ARCHIVE_OUTDATED = _counter("archive_outdated_records", "records of a lease epoch that was over", "topic")
ARCHIVE_PROMISE = _gauge("archive_promise_seconds", "event time below which a topic is archived", "topic", "partition")
CACHE_UP = _gauge("cache_up", "whether the mirror's last step reached it", "cache")

# ---- the watchdog --------------------------------------------------------------------------------
FEED_HELD = _gauge("feed_lease_held", "whether a feed holds the topic's lease", "topic")
ABSENCES = _counter("absences_written", "topics whose absence the watchdog wrote", "topic")

# ---- the gateway ---------------------------------------------------------------------------------
CLIENTS = _gauge("gateway_clients", "WebSocket clients connected", only="gateway")
QUEUED_BYTES = _gauge("gateway_queued_bytes", "bytes of frames that wait, over all clients", only="gateway")
FULLEST_BYTES = _gauge(
    "gateway_fullest_queue_bytes", "bytes of frames that wait for the slowest client", only="gateway"
)
TAIL_TURN = _gauge(
    "gateway_tail_turn_seconds", "longest time between two polls of the log since last asked", only="gateway"
)
TOPIC_RATE = _gauge("topic_events_per_second", "events appended to the log in the last second", "topic")
TOPIC_EVENT_TIME = _gauge("topic_event_time_seconds", "newest event time seen in the log", "topic")
DEAD_LETTERS = _gauge("dead_letters", "records that stand in the topic of dead letters", only="gateway")
BUS_UP = _gauge("bus_up", "whether the log answers", only="gateway")
ARCHIVE_UP = _gauge("archive_up", "whether the archive answers reads", only="gateway")
FEED_UP = _gauge("feed_up", "whether the promise of every topic that is fed moves", only="gateway")

# ---- the supervisor ------------------------------------------------------------------------------
PART_UP = _gauge("part_up", "whether a part's process runs", "part")
PART_RESTARTS = _counter("part_restarts", "times a part was started again", "part")


def seconds(ts: int) -> float:
    """Returns a time of the market's clock as Prometheus has times, s."""
    return ts / NS_PER_S


def appended(topic: str, events: int, newest_ts: int, promise: int) -> None:
    """Takes note of a feed's append: its events, the newest event time and the promise behind it, ns."""
    FEED_EVENTS.labels(topic).inc(events)
    FEED_PROMISE.labels(topic).set(seconds(promise))
    if events:
        FEED_EVENT_TIME.labels(topic).set(seconds(newest_ts))
        FEED_CLOCK_OFFSET.labels(topic).set(time.time() - seconds(newest_ts))


def timed(step: str) -> Callable[[Callable[[S], T]], Callable[[S], T]]:
    """Measures each call of a `snapshot` under the name of its step."""
    took = SNAPSHOT.labels(step)

    def wrapped(snapshot: Callable[[S], T]) -> Callable[[S], T]:
        @wraps(snapshot)
        def measured(self: S) -> T:
            began_s = time.perf_counter()
            try:
                return snapshot(self)
            finally:
                took.observe(time.perf_counter() - began_s)

        return measured

    return wrapped
