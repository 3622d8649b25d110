"""The options flow: tape -> mark and packet (by partition) -> baseline, rules, alert (by underlying shard) -> topics.

Run it with `python -m bytewax.run flows.options -r RECOVERY -s 1 -b 0`; settings come from the environment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink

from connectors.sinks import Emission
from connectors.tape import Released
from flows.steps import Config, PartitionOut, ShardWork, by_partition, by_shard

#: Topics of each sink.
MARKED_TOPICS = ("options.marked", "deadletter")
FLOW_TOPICS = ("flow.packets", "flow.hits", "flow.alerts")
ANCHOR_TOPICS = ("anchors",)


@dataclass(frozen=True, slots=True)
class Sinks:
    """Where the flow's three streams end; each takes (partition as text, Emission)."""

    marked: Sink[tuple[str, Emission]]
    flow: Sink[tuple[str, Emission]]
    anchors: Sink[tuple[str, Emission]]


def build(source: Source[tuple[str, Released]], sinks: Sinks, config: Config) -> Dataflow:
    """Returns the dataflow."""
    flow = Dataflow("options")
    released = op.input("tape", flow, source)
    stepped = op.stateful_batch("mark_and_packet", released, by_partition(config))
    packets = op.flat_map("packets", stepped, _work)
    judged = op.stateful_batch("judge", packets, by_shard(config))
    verdicts = op.map("verdicts", judged, _of_partition)
    emitted = op.flat_map("emitted", stepped, _emissions)
    watermarks = op.map("watermarks", stepped, _watermark)
    everything = op.merge("everything", emitted, verdicts, watermarks)
    op.output("marked", op.filter("is_marked", everything, _of(MARKED_TOPICS)), sinks.marked)
    op.output("flow", op.filter("is_flow", everything, _of(FLOW_TOPICS)), sinks.flow)
    op.output("anchors", op.filter("is_anchor", everything, _of(ANCHOR_TOPICS)), sinks.anchors)
    return flow


def _work(item: tuple[str, PartitionOut]) -> list[tuple[str, ShardWork]]:
    return item[1].work


def _emissions(item: tuple[str, PartitionOut]) -> list[tuple[str, Emission]]:
    return [(item[0], emission) for emission in item[1].emissions]


def _watermark(item: tuple[str, PartitionOut]) -> tuple[str, Emission]:
    """A watermark concerns every sink; it is complete when the epoch that carried it is."""
    return item[0], Emission("", watermark=item[1].watermark)


def _of_partition(item: tuple[str, Emission]) -> tuple[str, Emission]:
    label, emission = item
    return label.partition("-")[0], emission


def _of(topics: tuple[str, ...]) -> Any:
    wanted = {*topics, ""}
    return lambda item: item[1].topic in wanted


def __getattr__(name: str) -> Dataflow:
    if name == "flow":
        from flows.live import options_flow

        return options_flow()
    raise AttributeError(name)
