"""The options flow: tape -> mark and packet (by partition) -> baseline, rules, alert (by underlying shard) -> topics.

Run it with `python -m bytewax.run flows.options -r RECOVERY -s 1 -b 0`; settings come from the environment.
"""

from __future__ import annotations

from dataclasses import dataclass

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink

from connectors.sinks import Emission
from connectors.tape import Released
from events.derived import Anchor
from flows.steps import Config, PartitionOut, ShardOut, ShardWork, by_partition, by_shard

#: Topics of each sink.
MARKED_TOPICS = ("options.marked", "deadletter")
FLOW_TOPICS = (
    "flow.packets", "flow.structures", "flow.hits", "flow.alerts", "alert.outcomes", "position.check",
)  # fmt: skip
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
    op.output("marked", op.map("marks", stepped, _marked), sinks.marked)

    packets = op.flat_map("packets", stepped, _work)
    judged = op.stateful_batch("judge", packets, by_shard(config))
    verdicts = op.map("verdicts", judged, _verdicts)
    watermarks = op.map("watermarks", stepped, _watermark)
    op.output("flow", op.merge("verdicts_and_watermarks", verdicts, watermarks), sinks.flow)

    partition_anchors = op.filter_map("partition_anchors", stepped, _partition_anchor)
    shard_anchors = op.filter_map("shard_anchors", judged, _shard_anchor)
    op.output("anchors", op.merge("anchor_parts", partition_anchors, shard_anchors), sinks.anchors)
    return flow


Emitted = tuple[str, Emission]


def _marked(item: tuple[str, PartitionOut]) -> Emitted:
    return item[0], item[1].marked


def _work(item: tuple[str, PartitionOut]) -> list[tuple[str, ShardWork]]:
    return item[1].work


def _verdicts(item: tuple[str, ShardOut]) -> Emitted:
    return str(item[1].partition), item[1].flow


def _watermark(item: tuple[str, PartitionOut]) -> Emitted:
    """A watermark is complete when the epoch that carried it is: the sink writes it in its snapshot."""
    return item[0], Emission(watermark=item[1].marked.watermark)


def _partition_anchor(item: tuple[str, PartitionOut]) -> Emitted | None:
    return _anchor(item[1].anchor)


def _shard_anchor(item: tuple[str, ShardOut]) -> Emitted | None:
    return _anchor(item[1].anchor)


def _anchor(part: Anchor | None) -> Emitted | None:
    return None if part is None else (str(part.partition), Emission([("anchors", [part.part], [part])]))


def __getattr__(name: str) -> Dataflow:
    if name == "flow":
        from flows.live import options_flow

        return options_flow()
    raise AttributeError(name)
