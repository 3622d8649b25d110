"""What the options flow emits over a bounded part of a log, run here, by topic and in its order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import run_main

from connectors.anchors import Start
from connectors.bus.base import Bus
from connectors.sinks import Emission
from connectors.tape import Span, TapeSource, heads_as_ends
from events.code import code_digest
from events.codec import canonical_line, fields_of
from events.settings import Rules
from events.topics import DERIVED_TOPICS
from flows import options
from flows.steps import Config

Events = dict[str, list[Any]]


class _Part(StatelessSinkPartition[tuple[str, Emission]]):
    def __init__(self, found: Events) -> None:
        self._found = found

    def write_batch(self, items: list[tuple[str, Emission]]) -> None:
        for _, emission in items:
            for topic, _, events in emission.decoded().parts:
                self._found[topic] += events


class _Keep(DynamicSink[tuple[str, Emission]]):
    def __init__(self, found: Events) -> None:
        self._found = found

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Part:
        return _Part(self._found)


def emitted(
    bus: Bus, rules: Rules, *, read_batch: int = 1000, begin: Start | None = None, follow_log: bool = False,
    ends: Mapping[str, Sequence[int]] | None = None, supply_end: bool = True,
) -> Events:  # fmt: skip
    """Runs the flow from the log's start, or from anchors, to given ends or the log's."""
    found: Events = defaultdict(list)
    begin = begin or Start()
    span = Span(ends=heads_as_ends(bus) if ends is None else ends, supply_end=supply_end, anchors=begin.tapes)
    source = TapeSource(bus, span, batch=read_batch, poll_ms=1)
    config = Config(rules, bus.partitions, code_digest(), follow_log=follow_log, states=begin.states)
    sink = _Keep(found)
    run_main(options.build(source, options.Sinks(sink, sink, sink), config))  # type: ignore[no-untyped-call]
    return found


def lines(events: Events, from_ts: int = 0) -> dict[str, list[bytes]]:
    """Returns the canonical export of the derived topics, from a time on."""
    found: dict[str, list[bytes]] = {}
    for topic in DERIVED_TOPICS:
        rows = sorted((event.ts, event.id, canonical_line(fields_of(event))) for event in events[topic])
        found[topic] = [line for ts, _, line in rows if ts >= from_ts]
    return found
