"""The options flow over a bounded span in this process: what `compute`, `verify` and `bench` run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from queue import Queue
from threading import Thread
from typing import Any

from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import run_main

from connectors.anchors import Start, first_anchors
from connectors.bus.base import Bus
from connectors.dataset import Dataset
from connectors.sinks import Emission
from connectors.tape import Span, TapeSource
from events.code import code_digest
from events.codec import canonical_line, fields_of
from events.settings import Compute, Rules, load, rules_from
from events.topics import RAW_TOPICS
from flows import options
from flows.keeping import Nothing
from flows.runtime import stopping
from flows.steps import Config
from operators.rules import ALL
from operators.rules.rule import Rule

#: Epochs only cut the work of a run that keeps no recovery store.
_EPOCH = timedelta(seconds=10)
#: Emissions that may wait between the flow's thread and whoever reads them.
_QUEUED = 64


def run_span(
    bus: Bus,
    span: Span,
    rules: Rules,
    compute: Compute,
    sinks: options.Sinks,
    *,
    follow_log: bool = False,
    rule_set: Sequence[Rule] = ALL,
    states: Mapping[str, bytes] | None = None,
    partitions: Sequence[int] | None = None,
) -> None:
    """Runs the flow over a bounded span, of all partitions or some, with the given sinks and returns at its end."""
    source = TapeSource(
        bus,
        span,
        batch=compute.tape_read_batch,
        poll_ms=compute.tape_poll_ms,
        partitions=partitions,
        stopping=stopping,
    )
    config = Config(
        rules, bus.partitions, code_digest(), follow_log=follow_log, states=states or {}, rule_set=rule_set,
        keep=Nothing(),
    )  # fmt: skip
    execute: Any = run_main  # carries no types
    execute(options.build(source, sinks, config), epoch_interval=_EPOCH)


def collect(
    bus: Bus,
    span: Span,
    rules: Rules,
    compute: Compute,
    take: Callable[[Emission], None],
    *,
    follow_log: bool = False,
    states: Mapping[str, bytes] | None = None,
) -> None:
    """Runs the flow over a bounded span and hands every emission to `take` instead of the bus."""
    sink = _Collect(take)
    run_span(bus, span, rules, compute, options.Sinks(sink, sink, sink), follow_log=follow_log, states=states)


def is_trimmed(bus: Bus) -> bool:
    """Tells whether retention has cut the log, so that a computation can only begin at an anchor."""
    return any(head.start for topic in RAW_TOPICS for head in bus.heads(topic))


def recompute(
    dataset: Dataset, parameters: Mapping[str, Any], until: Mapping[str, Sequence[int]], end: bool
) -> Iterator[tuple[str, bytes, int]]:
    """Yields (topic, canonical line, time known) of every derived event of the log up to `until`.

    Begins where the run began, with the parameters it began with; `end` closes what is open there, as `compute` does.
    """
    queue: Queue[Emission | BaseException | None] = Queue(_QUEUED)
    worker = Thread(target=_recompute_into, args=(queue, dataset, parameters, until, end), daemon=True)
    worker.start()
    while (item := queue.get()) is not None:
        if isinstance(item, BaseException):
            raise item
        for topic, _, events in item.parts:
            for event in events:
                known: int = getattr(event, "order_ts", None) or event.ts  # type: ignore[attr-defined]
                yield topic, canonical_line(fields_of(event)), known
    worker.join()


def _recompute_into(
    queue: Queue[Emission | BaseException | None],
    dataset: Dataset,
    parameters: Mapping[str, Any],
    until: Mapping[str, Sequence[int]],
    end: bool,
) -> None:
    bus = dataset.open_bus()
    try:
        start = first_anchors(bus, code_digest()) if is_trimmed(bus) else Start()
        span = Span(ends=until, supply_end=end, anchors=start.tapes)
        # A finished computation ran under its own parameters alone; a live one followed those in the log.
        rules = rules_from(parameters)
        collect(bus, span, rules, load().compute, queue.put, follow_log=not end, states=start.states)
        queue.put(None)
    except BaseException as error:
        queue.put(error)
    finally:
        bus.close()


class _CollectPartition(StatelessSinkPartition[tuple[str, Emission]]):
    def __init__(self, take: Callable[[Emission], None]) -> None:
        self._take = take

    def write_batch(self, items: list[tuple[str, Emission]]) -> None:
        for _, emission in items:
            if emission.parts or emission.lines:
                self._take(emission.decoded())


class _Collect(DynamicSink[tuple[str, Emission]]):
    """Hands emissions on and keeps nothing; for bounded runs in memory, where nothing is resumed."""

    def __init__(self, take: Callable[[Emission], None]) -> None:
        self._take = take

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _CollectPartition:
        return _CollectPartition(self._take)
