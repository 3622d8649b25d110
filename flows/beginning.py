"""What a live run begins with: its parameters, and where in the log each partition goes on.

Several processes may run one run, each over partitions of its own (contract 16). What they share is noted in the data
set and settled by one of them at a time; a change of parameters is noted by partition, since each process makes it in
its own ones.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connectors import recovery
from connectors.anchors import Start, last_anchors, newest_anchor
from connectors.bus.base import Batch, Bus
from connectors.dataset import GENERATION, Dataset, DatasetError
from connectors.journal import damage
from connectors.tape import begins_before_log, beyond_log, newest_released
from events.code import code_digest
from events.control import Control, encode_control
from events.partitions import subset_text
from events.settings import Rules, Settings, plain_rules, rules_from
from events.topics import DERIVED_TOPICS, RAW_TOPICS
from events.types import NS_PER_S
from flows.coldstart import cold_baselines, record
from flows.forms import state_form
from flows.runtime import recovery_directory
from flows.steps import Parameters

_log = logging.getLogger("undertow.flows")
RUN = "main"
_NOW, _CLEARING = f"{RUN}/now", " clearing"
#: Whoever settles what the run is holds this for a moment; how long others wait for it.
_SETTLING, _SETTLE_S = f"settle:{RUN}", 30.0
TAPE, _STEPS = "options.tape", ("options.mark_and_packet", "options.judge")
#: How far ahead of every promise a change of parameters takes effect.
_AHEAD_NS = NS_PER_S


@dataclass(frozen=True, slots=True)
class Beginning:
    """The parameters the run began with, the partitions that have no snapshot, and the anchors those start at."""

    rules: Rules
    fresh: tuple[int, ...]
    start: Start = field(default_factory=Start)


def begin_run(dataset: Dataset, bus: Bus, settings: Settings, subset: Sequence[int], epoch: int) -> Beginning:
    """Settles what the run is and where the partitions of this process go on; its leases are held, under `epoch`."""
    with dataset.leases.acquire_within(_SETTLING, _SETTLE_S):
        rules = _settle(dataset, bus, settings, subset, epoch)
        generation = dataset.generation
    return resume(bus, settings, rules, subset, generation)


def refuse_part_of_reset(settings: Settings, subset: Sequence[int], partitions: int) -> None:
    """Raises DatasetError where one process of several would clear the run of all."""
    if settings.compute.compute_consumer_reset and len(subset) < partitions:
        raise DatasetError(
            f"COMPUTE_CONSUMER_RESET=true clears the whole run and FLOW_PARTITIONS={subset_text(subset)} is a part of "
            "it: start one process over all partitions with it, then several without"
        )


def new_generation(dataset: Dataset, epoch: int, clearing: bool = False) -> None:
    """Notes that the derived topics begin anew: a recovery store of before belongs to none of them any more.

    `clearing`: they are yet to be cleared; noted again without it they are, and that is another generation: what
    somebody read of the topics meanwhile may be of the run before.
    """
    dataset.record_run(GENERATION, {}, code_digest(), f"{epoch}{_CLEARING if clearing else ''}", "live")


def _is_half_cleared(dataset: Dataset) -> bool:
    return dataset.generation.endswith(_CLEARING)


# ---- the run and its parameters -----------------------------------------------------------------


def _settle(dataset: Dataset, bus: Bus, settings: Settings, subset: Sequence[int], epoch: int) -> Rules:
    """Returns the parameters the run began with; a change since stands in the log as a control record (contract 8)."""
    today, code = plain_rules(settings.rules), code_digest()
    reset = settings.compute.compute_consumer_reset
    began = dataset.run(RUN)
    if began is not None and began.mode == "compute" and not reset:
        raise DatasetError(
            f"{dataset.path} holds a computed run: set COMPUTE_CONSUMER_RESET=true to clear it and run live"
        )
    if began is None or reset or _is_half_cleared(dataset):
        # Before the topics are cleared: the cache forgets with them.
        baselines = cold_baselines(dataset, settings)
        # Noted before and behind: whoever is killed on the way leaves a run that the next one clears.
        new_generation(dataset, epoch, clearing=True)
        for topic in (*DERIVED_TOPICS, "anchors"):
            bus.clear(topic)
        _note_now(dataset, today, code, range(bus.partitions))
        record(bus, baselines, _AHEAD_NS)
        dataset.record_run(RUN, today, code, "start", "live")
        new_generation(dataset, epoch)
        return settings.rules
    now = dataset.run(_NOW) or began
    by_partition = {partition: dataset.run(f"{_NOW}/{partition}") for partition in range(bus.partitions)}
    for partition, noted in by_partition.items():
        if noted is None:
            dataset.record_run(f"{_NOW}/{partition}", now.parameters, now.code, "start", "live")
    known = {partition: noted or now for partition, noted in by_partition.items()}
    changed = [part for part in subset if (known[part].parameters, known[part].code) != (today, code)]
    if changed:
        _record_change(bus, today, code, changed)
        _note_now(dataset, today, code, changed)
    return rules_from(began.parameters)


def _note_now(dataset: Dataset, parameters: Parameters, code: str, partitions: Sequence[int]) -> None:
    for partition in partitions:
        dataset.record_run(f"{_NOW}/{partition}", parameters, code, "start", "live")
    dataset.record_run(_NOW, parameters, code, "start", "live")


def _record_change(bus: Bus, parameters: Parameters, code: str, partitions: Sequence[int]) -> None:
    """Writes the change ahead of the feeds' promises, into every topic: those that the tape waits for are among them.

    The copy that comes first counts: `reference` promises an hour ahead, and an absent topic releases its copy when it
    returns, when the step knows the change, or a newer one, already.
    """
    heads = {topic: bus.heads(topic) for topic in RAW_TOPICS}
    topics = [name for name in RAW_TOPICS if any(head.next for head in heads[name])]
    if not topics:
        return
    feeds = [name for name in topics if name != "reference"] or topics
    ts = max(heads[name][partition].promise for name in feeds for partition in partitions) + _AHEAD_NS
    record = encode_control(Control(control="parameters", ts=ts, parameters=parameters, code=code))
    for topic in topics:
        for partition in partitions:
            batch = Batch(count=1, payload=record, control=True)
            bus.append(topic, {partition: batch}, heads[topic][partition].epoch)


# ---- where the partitions go on -----------------------------------------------------------------


def resume(bus: Bus, settings: Settings, rules: Rules, subset: Sequence[int], generation: str) -> Beginning:
    """Makes the recovery store hold what can be gone on from, and nothing else; the rest begins at anchors.

    A partition's snapshot is forgotten when the partition is not ours now, when a power cut took what it stands on
    (contract 31), when retention cut behind it, or when another process has anchored it further on since.
    """
    directory = recovery_directory()
    kept: set[int] = set()
    if directory is not None:
        kept = _usable(bus, directory, subset, generation, anchored=settings.compute.compute_deliver_policy == "new")
        recovery.keep_only(directory, kept)
        recovery.note_form(directory, state_form())
        recovery.note_generation(directory, generation)
    fresh = tuple(partition for partition in subset if partition not in kept)
    _log.info("partitions %s go on from snapshots, %s do not", subset_text(kept) or "-", subset_text(fresh) or "-")
    return Beginning(rules, fresh, start_of(bus, settings, fresh))


def start_of(bus: Bus, settings: Settings, fresh: Sequence[int]) -> Start:
    """Returns where partitions without a snapshot start; raises DatasetError where the log no longer reaches back."""
    start = Start()
    if settings.compute.compute_deliver_policy == "new":
        start = last_anchors(bus, code_digest(), fresh)
    heads = [bus.heads(topic) for topic in RAW_TOPICS]
    trimmed = [part for part in fresh if part not in start.tapes and any(of_topic[part].start for of_topic in heads)]
    if trimmed:
        raise DatasetError(
            f"the log of partitions {subset_text(trimmed)} was trimmed: a flow can only begin at an anchor of this "
            "version of the code, with COMPUTE_DELIVER_POLICY=new"
        )
    if start.tapes:
        _log.info("partitions %s begin at anchors", subset_text(start.tapes))
    return start


def _usable(bus: Bus, directory: Path, subset: Sequence[int], generation: str, anchored: bool) -> set[int]:
    snapshots = recovery.snapshots(directory, TAPE)
    if snapshots and recovery.generation(directory) != generation:
        _log.warning("the recovery store %s is of an earlier run, which was cleared: it is not used", directory)
        return set()
    if snapshots and recovery.form(directory) != state_form():
        raise DatasetError(
            f"the flow's state in {directory} was kept by another version, in a form that this one does not read: go "
            "on with that version, or start once with COMPUTE_CONSUMER_RESET=true, which computes all derived topics "
            "anew from the raw log"
        )
    kept, damaged = set(), _damaged(directory)
    for partition, snapshot in _ours(snapshots, subset).items():
        why = damaged.get(partition) or _unusable(bus, partition, snapshot, anchored)
        if why:
            _log.warning("partition %s begins at an anchor or the log's start: %s", partition, why)
        else:
            kept.add(partition)
    return kept


def _damaged(directory: Path) -> dict[int, str]:
    """Says by partition what is wrong with a journal that its snapshots speak of, as after a power cut."""
    found = {}
    for step in _STEPS:
        for key, mark in recovery.snapshots(directory, step).items():
            why = damage(recovery.journals(directory), mark) if isinstance(mark, tuple) else ""
            if why:
                found[int(key.partition("-")[0])] = why
    return found


def _ours(snapshots: Mapping[str, str], subset: Sequence[int]) -> dict[int, str]:
    return {int(key): snapshot for key, snapshot in snapshots.items() if int(key) in subset}


def _unusable(bus: Bus, partition: int, snapshot: str, anchored: bool) -> str:
    """Says why a partition cannot go on from its snapshot, or had better not; empty when it can."""
    if topic := beyond_log(bus, partition, snapshot):
        return f"its snapshot stands beyond the end of {topic}"
    if topic := begins_before_log(bus, partition, snapshot):
        return f"its snapshot stands before the first kept record of {topic}"
    head = bus.heads("anchors")[partition]
    if anchored and bus.read_back("anchors", partition, head.next, 1):
        anchor = newest_anchor(bus, partition, code_digest())
        if anchor and anchor["partition"].ts > newest_released(snapshot):
            return "it was anchored further on by another process"
    return ""
