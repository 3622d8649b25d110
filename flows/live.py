"""Starting the live options flow over all partitions or some: its data set, its leases, and what it begins with."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence

from bytewax.dataflow import Dataflow

from connectors import recovery
from connectors.bus.base import Bus, BusError
from connectors.dataset import Dataset, DatasetError
from connectors.journal import Journals
from connectors.lease import Followed, Lease, LeaseHeld, flow_leases
from connectors.sinks import DerivedSink
from connectors.tape import Span, TapeSource
from connectors.telemetry import begin
from connectors.telemetry.health import beating
from events.code import code_digest
from events.partitions import subset_of, subset_text
from events.settings import Settings, SettingsError, load, plain_rules, rules_from
from flows import options, runtime
from flows.beginning import RUN, Beginning, begin_run, refuse_part_of_reset, start_of
from flows.keeping import Nothing
from flows.steps import Config

#: The note of where a cluster's first process began this time, by its first partition, and how long others wait for it.
_START, _FRESH, _FOLLOW_S = f"{RUN}/start", "FRESH", 30.0


def options_flow() -> Dataflow:
    """Returns the live flow as the environment's settings describe it; ends the process with one line if it cannot."""
    try:
        settings = load()
        begin("options", settings)
        dataset = Dataset.open(settings.bus.undertow_data)
        subset = _subset(settings, dataset)
        refuse_part_of_reset(settings, subset, dataset.partitions)
        runtime.prepare(settings)
        return live_flow(dataset, settings, subset)
    except (SettingsError, DatasetError, BusError) as error:
        sys.exit(f"error: {error}")


def _subset(settings: Settings, dataset: Dataset) -> tuple[int, ...]:
    try:
        return subset_of(settings.compute.flow_partitions, dataset.partitions)
    except ValueError as error:
        raise SettingsError(f"FLOW_PARTITIONS={error}") from None


def live_flow(dataset: Dataset, settings: Settings, subset: Sequence[int]) -> Dataflow:
    """Builds the live flow over partitions of a data set; raises LeaseHeld while another one runs one of them."""
    bus = dataset.open_bus()
    lease: Lease | Followed
    if runtime.process_id() == 0:
        lease, beginning = _lead(dataset, bus, settings, subset)
    else:
        lease, beginning = _follow(dataset, bus, settings, subset)
    source = TapeSource(
        bus,
        Span(anchors=beginning.start.tapes),
        batch=settings.compute.tape_read_batch,
        poll_ms=settings.compute.tape_poll_ms,
        partitions=subset,
        stopping=beating("tape", lambda: runtime.stopping() or _lost(lease)),
    )
    directory = runtime.recovery_directory()
    keep = Nothing() if directory is None else Journals(recovery.journals(directory))
    config = Config(beginning.rules, bus.partitions, code_digest(), states=beginning.start.states, keep=keep)
    since = {partition: boundary for partition, (boundary, _) in beginning.start.tapes.items()}
    return options.build(source, sinks(bus, lease.epoch, subset, since), config)


def _lead(dataset: Dataset, bus: Bus, settings: Settings, subset: Sequence[int]) -> tuple[Lease, Beginning]:
    """Takes the leases and settles where the run begins; the other processes of a cluster follow what is noted here."""
    lease = dataset.acquire_flow(bus, subset)
    beginning = begin_run(dataset, bus, settings, subset, lease.epoch)
    noted = {**plain_rules(beginning.rules), _FRESH: subset_text(beginning.fresh)}
    dataset.record_run(f"{_START}/{subset[0]}", noted, code_digest(), str(lease.epoch), "live")
    return lease, beginning


def _follow(dataset: Dataset, bus: Bus, settings: Settings, subset: Sequence[int]) -> tuple[Followed, Beginning]:
    """Takes the lease epoch, parameters and start of the cluster's first process; raises LeaseHeld without one."""
    lease = dataset.leases.follow(flow_leases(subset)[0])
    deadline = time.monotonic() + _FOLLOW_S
    while (noted := dataset.run(f"{_START}/{subset[0]}")) is None or noted.started != str(lease.epoch):
        if time.monotonic() > deadline:
            raise LeaseHeld("the cluster's first process did not say where it begins: see its log")
        time.sleep(0.05)
    parameters = dict(noted.parameters)
    text = str(parameters.pop(_FRESH))
    fresh = subset_of(text, dataset.partitions) if text else ()
    return lease, Beginning(rules_from(parameters), fresh, start_of(bus, settings, fresh))


def sinks(
    bus: Bus, epoch: int, partitions: Sequence[int] | None = None, since: Mapping[int, int] | None = None
) -> options.Sinks:
    """Returns the flow's sinks onto the bus, fenced by a lease epoch; `since` is where partitions begin at anchors."""
    return options.Sinks(
        DerivedSink(bus, options.MARKED_TOPICS, epoch, partitions, since),
        DerivedSink(bus, options.FLOW_TOPICS, epoch, partitions, since),
        DerivedSink(bus, options.ANCHOR_TOPICS, epoch, partitions, since),
    )


def _lost(lease: Lease | Followed) -> bool:
    lease.check()
    return False
