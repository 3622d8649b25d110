"""`compute`: one whole, fresh run over a data set's log, its results on the bus and in the archive (contract 33)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from time import monotonic

from connectors.bus.base import Bus
from connectors.dataset import Dataset, DatasetError
from connectors.sinks import heartbeat
from connectors.store.archiver import clear_run, finish_run
from connectors.store.base import Store
from connectors.store.client import open_store
from connectors.tape import Span, heads_as_ends
from events.code import code_digest
from events.settings import Settings, plain_rules
from events.topics import DERIVED_TOPICS, RAW_TOPICS, TOPICS
from events.types import FOREVER_NS
from flows.archive import archive_all
from flows.beginning import RUN, new_generation
from flows.live import sinks
from flows.pipeline import is_trimmed, run_span
from flows.runtime import stopping, tune_memory

#: Said of each stage as it begins.
OnStage = Callable[[str], None]
_STORE_WAIT_S = 2.0


@dataclass(frozen=True, slots=True)
class ComputeReport:
    """What a computation read, concluded and archived."""

    dataset: str
    run: str
    #: Events by topic, raw and derived.
    events: dict[str, int]
    archived_rows: int
    seconds: float


def compute(dataset: Dataset, settings: Settings, on_stage: OnStage = lambda _: None) -> ComputeReport:
    """Replaces the run `main` of a data set by a fresh one; raises LeaseHeld, StoreError, DatasetError.

    Interrupted at any moment, the same command begins again and ends the same.
    """
    began = monotonic()
    bus = dataset.open_bus()
    with closing(bus), dataset.acquire_flow(bus, range(bus.partitions)) as lease:
        store = open_store(dataset.path, _STORE_WAIT_S, settings.store, stopping=stopping)
        try:
            if is_trimmed(bus):
                raise DatasetError(
                    f"the log in {dataset.path} was trimmed: its archived results stay, and `verify` holds"
                )
            on_stage("clearing the earlier run")
            _clear(dataset, bus, store, settings, lease.epoch)
            ends = heads_as_ends(bus)
            on_stage("computing")
            tune_memory()
            span = Span(ends=ends, supply_end=True)
            run_span(bus, span, settings.rules, settings.compute, sinks(bus, lease.epoch))
            if stopping():
                raise DatasetError("stopped before the end: `undertow compute` again begins afresh")
            for topic in DERIVED_TOPICS:
                bus.append(topic, {p: heartbeat(FOREVER_NS) for p in range(bus.partitions)}, lease.epoch)
            on_stage("archiving")
            rows = archive_all(dataset, store, RUN).rows
            if stopping():
                raise DatasetError("stopped before the end: `undertow compute` again begins afresh")
            finish_run(store, RUN, ends)
            counts = count_events(bus)
        finally:
            store.close()
    return ComputeReport(dataset.name, RUN, counts, rows, round(monotonic() - began, 3))


def _clear(dataset: Dataset, bus: Bus, store: Store, settings: Settings, epoch: int) -> None:
    """Forgets the earlier run: snapshots first, so that nothing resumes into a log that is gone.

    Stores on other machines, or of processes that took some partitions, learn from the run's generation.
    """
    new_generation(dataset, epoch, clearing=True)
    for snapshots in (*dataset.path.glob("recovery/options*"), dataset.recovery_dir("archive")):
        shutil.rmtree(snapshots, ignore_errors=True)
    for topic in (*DERIVED_TOPICS, "anchors"):
        bus.clear(topic)
    clear_run(store, RUN)
    dataset.record_run(RUN, plain_rules(settings.rules), code_digest(), "start", "compute")
    new_generation(dataset, epoch)


def count_events(bus: Bus) -> dict[str, int]:
    """Returns the number of events in the log by topic, control records left out."""
    counts: dict[str, int] = {}
    for topic in TOPICS:
        if topic in RAW_TOPICS or topic in DERIVED_TOPICS or topic == "deadletter":
            counts[topic] = sum(_events_of(bus, topic, partition) for partition in range(bus.partitions))
    return {topic: count for topic, count in counts.items() if count}


def _events_of(bus: Bus, topic: str, partition: int) -> int:
    head = bus.heads(topic)[partition]
    offset, count = head.start, 0
    while offset < head.next:
        for batch in bus.read(topic, partition, offset, 20_000):
            offset = batch.next
            count += 0 if batch.control else batch.count
    return count
