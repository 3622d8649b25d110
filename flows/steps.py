"""Thin adapters between Bytewax's stateful batches and the pure steps (contract 10)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from bytewax.operators import StatefulBatchLogic

from connectors.sinks import Emission
from connectors.tape import Released
from connectors.telemetry import meters
from events.codec import ended_lines
from events.derived import Anchor
from events.partitions import labels_of, shard_of
from events.settings import Rules
from events.types import FOREVER_NS
from flows.keeping import Keep, Kept, Snapshot, Whole
from operators.judging import Verdicts
from operators.merge_state import Item
from operators.partition_step import PartitionStep, Stepped, load
from operators.rules import ALL
from operators.rules.rule import Rule
from operators.shard_step import ShardStep
from operators.sharing import share_out
from operators.work import Said, Work

Parameters = dict[str, int | float | str | bool]
#: How much may stand behind a whole state as changes, to the whole: instruments are put back fast, packets one by one.
_PARTITION_SHARE, _SHARD_SHARE = 1.0, 0.125
#: Items after which marks are encoded, and packets: as many stay in a core's cache.
_PIECE, _PACKETS = 256, 64


@dataclass(frozen=True, slots=True)
class Config:
    """What the options flow is built with; states are those of an anchor, by partition or shard label."""

    rules: Rules
    partitions: int
    code: str
    #: Follow the parameters that the log records; a named run and `compute` bring their own.
    follow_log: bool = True
    states: Mapping[str, bytes] = field(default_factory=dict)
    rule_set: Sequence[Rule] = ALL
    #: How states survive the process.
    keep: Keep = field(default_factory=Whole)


@dataclass(slots=True)
class ShardWork:
    """What one shard is asked to do, in order: what was said to all, work, then an anchor."""

    label: str
    work: list[Work] = field(default_factory=list)
    said: Said | None = None
    #: Boundary of an anchor to write and its number of parts.
    anchor: tuple[int, int] | None = None


@dataclass(slots=True)
class PartitionOut:
    """What the step by partition hands on: marks, work for the shards by label, and its part of an anchor."""

    marked: Emission
    work: list[tuple[str, ShardWork]] = field(default_factory=list)
    anchor: Anchor | None = None


@dataclass(slots=True)
class ShardOut:
    """What the step by shard hands on: packets, hits and alerts, and its part of an anchor."""

    partition: int
    flow: Emission
    anchor: Anchor | None = None


class PartitionLogic(StatefulBatchLogic[Released, PartitionOut, Snapshot | None]):
    """Mark and packet over one partition."""

    def __init__(self, config: Config, resume: Snapshot | None) -> None:
        self._config, self._resume = config, resume
        self._partition = -1
        self._step: PartitionStep
        self._kept: Kept

    def on_batch(self, values: Iterable[Released]) -> tuple[list[PartitionOut], bool]:
        """Steps through what the tape released."""
        out = [self._one(released) for released in values]
        self._kept.tend(self._step)
        return out, StatefulBatchLogic.RETAIN

    @meters.timed("mark_and_packet")
    def snapshot(self) -> Snapshot | None:
        """Returns what the state can be made from again."""
        return self._kept.snapshot(self._step) if self._partition >= 0 else self._resume

    def _begin(self, partition: int) -> list[tuple[str, ShardWork]]:
        """Bytewax does not tell a builder its key, so the state is made when the first item names it.

        Returns what wakes the shards of an anchor: they must stand in the first snapshot, since no resume has it later.
        """
        name = str(partition)
        self._partition = partition
        first = self._config.states.get(name, b"")
        self._kept = kept = Kept(self._config.keep, name, self._resume, first, _PARTITION_SHARE)
        state = load(kept.state, kept.changes)
        self._step = PartitionStep(state, self._config.rules, self._config.follow_log)
        kept.began()
        return [(label, ShardWork(label)) for label in self._step.state.shards if label in self._config.states]

    def _one(self, released: Released) -> PartitionOut:
        # When all feeds have written their end nothing stays open, but a feed that returns is promised nothing.
        promised = 0 if released.watermark == FOREVER_NS else released.watermark
        out = PartitionOut(Emission(watermark=promised))
        if self._partition < 0:
            out.work += self._begin(released.partition)
        if released.anchor is not None:
            boundary, tape = released.anchor
            self._hand_on(self._step.step([], boundary), out)
            self._anchor(boundary, tape, out)
        stepped = Stepped()
        start, items = 0, released.items
        for end in _pieces(items):
            self._mark(items[start:end], items[end][0], stepped, out)
            start = end
        self._mark(items[start:], released.watermark, stepped, out)
        self._hand_on(stepped, out)
        return out

    def _mark(self, items: Sequence[Item], watermark: int, stepped: Stepped, out: PartitionOut) -> None:
        """Steps through items, and encodes their marks while they are at hand: of a whole batch they cost twice."""
        self._step.step_into(stepped, items, watermark)
        marks = stepped.marks
        if marks:
            keys = [marked.underlying for marked in marks]
            out.marked.lines.append(("options.marked", keys, ended_lines(marks)))
            marks.clear()

    def _hand_on(self, stepped: Stepped, out: PartitionOut) -> None:
        if stepped.dead:
            out.marked.parts.append(("deadletter", [letter.topic for letter in stepped.dead], stepped.dead))
        done = 0
        for index, said in stepped.said:
            self._to_shards(stepped.work[done:index], out)
            # Every label hears of it, so that a shard that wakes later does not judge by other parameters or baselines.
            labels = labels_of(self._partition, self._config.partitions)
            out.work += [(label, ShardWork(label, said=said)) for label in labels]
            self._step.state.shards.update(dict.fromkeys(labels, True))
            done = index
        self._to_shards(stepped.work[done:], out)

    def _to_shards(self, items: Sequence[Work], out: PartitionOut) -> None:
        work: dict[str, ShardWork] = {}

        def list_for(underlying: str) -> list[Work]:
            label = shard_of(underlying, self._partition, self._config.partitions)
            return work.setdefault(label, ShardWork(label)).work

        share_out(items, list_for)
        self._step.state.shards.update(dict.fromkeys(work, True))
        out.work += work.items()

    def _anchor(self, boundary: int, tape: str, out: PartitionOut) -> None:
        labels = list(self._step.state.shards)
        parts = len(labels) + 1
        state = self._step.dump()
        out.anchor = _anchor_part(boundary, self._partition, "partition", parts, state, self._config, tape)
        out.work += [(label, ShardWork(label, anchor=(boundary, parts))) for label in labels]


class ShardLogic(StatefulBatchLogic[ShardWork, ShardOut, Snapshot | None]):
    """Baselines, rules and alerts over one shard."""

    def __init__(self, config: Config, resume: Snapshot | None) -> None:
        self._config, self._resume = config, resume
        self._label = ""
        self._step: ShardStep
        self._kept: Kept

    def on_batch(self, values: Iterable[ShardWork]) -> tuple[list[ShardOut], bool]:
        """Judges packets in order; an anchor stands behind the packets before it."""
        outs: list[ShardOut] = []
        judged, flow = Verdicts(), Emission()
        for work in values:
            if not self._label:
                self._begin(work.label)
            if work.said is not None:
                self._step.hear(work.said)
            for start in range(0, len(work.work), _PACKETS):
                self._step.step(work.work[start : start + _PACKETS], judged)
                _encode_packets(judged, flow)
            if work.anchor is not None:
                outs.append(self._out(judged, flow, work.anchor))
                judged, flow = Verdicts(), Emission()
        if judged or flow.lines:
            outs.append(self._out(judged, flow, None))
        self._kept.tend(self._step)
        return outs, StatefulBatchLogic.RETAIN

    def _begin(self, label: str) -> None:
        config = self._config
        self._label = label
        self._kept = kept = Kept(config.keep, label, self._resume, config.states.get(label, b""), _SHARD_SHARE)
        self._step = ShardStep(config.rules, kept.state, config.rule_set, config.follow_log, kept.changes)
        kept.began()

    def _out(self, judged: Verdicts, flow: Emission, anchor: tuple[int, int] | None) -> ShardOut:
        partition = int(self._label.partition("-")[0])
        out = ShardOut(partition, flow)
        for topic, events in (
            ("flow.structures", judged.structures),
            ("flow.hits", judged.hits),
            ("flow.alerts", judged.alerts),
            ("alert.outcomes", judged.outcomes),
            ("position.check", judged.checks),
        ):
            if events:
                flow.parts.append((topic, [event.underlying for event in events], events))
        if anchor is not None:
            boundary, parts = anchor
            state = self._step.dump()
            out.anchor = _anchor_part(boundary, partition, self._label, parts, state, self._config, None)
        return out

    @meters.timed("judge")
    def snapshot(self) -> Snapshot | None:
        """Returns what the state can be made from again."""
        return self._kept.snapshot(self._step) if self._label else self._resume


def _encode_packets(judged: Verdicts, flow: Emission) -> None:
    """Encodes packets while they are at hand: of a whole batch they cost twice."""
    packets = judged.packets
    if packets:
        keys = [packet.underlying for packet in packets]
        flow.lines.append(("flow.packets", keys, ended_lines(packets)))
        packets.clear()


def _pieces(items: Sequence[Item]) -> Iterator[int]:
    """Yields where to cut a batch into pieces of some hundred items; one instant is never cut."""
    end = _PIECE
    while end < len(items):
        while end < len(items) and items[end][0] == items[end - 1][0]:
            end += 1
        if end < len(items):
            yield end
        end += _PIECE


def _anchor_part(
    boundary: int, partition: int, part: str, parts: int, state: bytes, config: Config, tape: str | None
) -> Anchor:
    return Anchor(
        id=f"an:{partition}:{boundary}:{part}",
        ts=boundary,
        partition=partition,
        part=part,
        parts=parts,
        digest=sha256(state).hexdigest(),
        data=b64encode(state).decode(),
        tape=tape,
        code=config.code,
    )


def by_partition(config: Config) -> Callable[[Snapshot | None], PartitionLogic]:
    """Returns the builder of the first step; its key is the partition as text."""
    return lambda resume: PartitionLogic(config, resume)


def by_shard(config: Config) -> Callable[[Snapshot | None], ShardLogic]:
    """Returns the builder of the second step; its key is the shard's label."""
    return lambda resume: ShardLogic(config, resume)
