"""The options flow over a bounded span in this process: what `compute`, `verify` and `bench` run."""

from __future__ import annotations

from collections.abc import Callable

from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import run_main

from connectors.bus.base import Bus
from connectors.code import code_digest
from connectors.sinks import Emission
from connectors.tape import Span, TapeSource
from events.settings import Compute, Rules
from flows import options
from flows.steps import Config


def run_span(
    bus: Bus, span: Span, rules: Rules, compute: Compute, sinks: options.Sinks, *, follow_log: bool = False
) -> None:
    """Runs the flow over a bounded span with the given sinks and returns at its end."""
    source = TapeSource(bus, span, batch=compute.tape_read_batch, poll_ms=compute.tape_poll_ms)
    config = Config(rules, bus.partitions, code_digest(), follow_log=follow_log)
    run_main(options.build(source, sinks, config))


def collect(
    bus: Bus, span: Span, rules: Rules, compute: Compute, take: Callable[[Emission], None], *, follow_log: bool
) -> None:
    """Runs the flow over a bounded span and hands every emission to `take` instead of the bus."""
    sink = _Collect(take)
    run_span(bus, span, rules, compute, options.Sinks(sink, sink, sink), follow_log=follow_log)


class _CollectPartition(StatelessSinkPartition[tuple[str, Emission]]):
    def __init__(self, take: Callable[[Emission], None]) -> None:
        self._take = take

    def write_batch(self, items: list[tuple[str, Emission]]) -> None:
        for _, emission in items:
            if emission.parts:
                self._take(emission)


class _Collect(DynamicSink[tuple[str, Emission]]):
    """Hands emissions on and keeps nothing; for bounded runs in memory, where nothing is resumed."""

    def __init__(self, take: Callable[[Emission], None]) -> None:
        self._take = take

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _CollectPartition:
        return _CollectPartition(self._take)
