"""Starting the live options flow: its data set, its lease, its parameters, and where in the log it begins."""

from __future__ import annotations

import logging
import sys
import time

from bytewax.dataflow import Dataflow

from connectors import recovery
from connectors.anchors import Start, last_anchors
from connectors.bus.base import Batch, Bus, BusError
from connectors.code import code_digest
from connectors.dataset import Dataset, DatasetError
from connectors.lease import Followed, Lease, LeaseHeld
from connectors.sinks import DerivedSink
from connectors.tape import Span, TapeSource, beyond_log
from connectors.telemetry import begin
from connectors.telemetry.health import beating
from events.control import Control, encode_control
from events.settings import Rules, Settings, SettingsError, load, plain_rules, rules_from
from events.topics import DERIVED_TOPICS, RAW_TOPICS
from events.types import NS_PER_S
from flows import options, runtime
from flows.pipeline import is_trimmed
from flows.steps import Config, Parameters

_log = logging.getLogger("undertow.flows")
RUN = "main"
LEASE = f"flow:{RUN}:options"
#: The note of where the run began this time, for the other processes of a cluster, and how long they wait for it.
_START, _RESUMING, _FOLLOW_S = f"{RUN}/start", "RESUMING", 30.0
#: How far ahead of every promise a change of parameters takes effect.
_AHEAD_NS = NS_PER_S


def options_flow() -> Dataflow:
    """Returns the live flow as the environment's settings describe it; ends the process with one line if it cannot."""
    try:
        settings = load()
        begin("options", settings)
        dataset = Dataset.open(settings.bus.undertow_data)
        resuming = runtime.prepare(settings)
        return live_flow(dataset, settings, resuming)
    except (SettingsError, DatasetError, BusError) as error:
        sys.exit(f"error: {error}")


def live_flow(dataset: Dataset, settings: Settings, resuming: bool) -> Dataflow:
    """Builds the live flow over a data set; raises LeaseHeld while another one runs."""
    bus = dataset.open_bus()
    if runtime.process_id() == 0:
        lease: Lease | Followed
        lease, rules, resuming = _lead(dataset, bus, settings, resuming)
    else:
        lease, rules, resuming = _follow(dataset)
    from_anchor = not resuming and settings.compute.compute_deliver_policy == "new"
    start = last_anchors(bus, code_digest()) if from_anchor else Start()
    if not resuming and len(start.tapes) < bus.partitions and is_trimmed(bus):
        raise DatasetError(
            f"the log in {dataset.path} was trimmed: a flow can only begin at an anchor of this version of the code, "
            "with COMPUTE_DELIVER_POLICY=new"
        )
    source = TapeSource(
        bus,
        Span(anchors=start.tapes),
        batch=settings.compute.tape_read_batch,
        poll_ms=settings.compute.tape_poll_ms,
        stopping=beating("tape", lambda: runtime.stopping() or _lost(lease)),
    )
    config = Config(rules, bus.partitions, code_digest(), states=start.states)
    return options.build(source, sinks(bus, lease.epoch), config)


def _lead(dataset: Dataset, bus: Bus, settings: Settings, resuming: bool) -> tuple[Lease, Rules, bool]:
    """Takes the lease and settles where the run begins; the other processes of a cluster follow what is noted here."""
    lease = dataset.leases.acquire(LEASE)
    resuming = resuming and not _ahead_of_log(bus)
    rules = _parameters(dataset, bus, settings, resuming)
    dataset.record_run(_START, {**plain_rules(rules), _RESUMING: resuming}, code_digest(), str(lease.epoch), "live")
    return lease, rules, resuming


def _follow(dataset: Dataset) -> tuple[Followed, Rules, bool]:
    """Takes the lease epoch, parameters and start of the cluster's first process; raises LeaseHeld without one."""
    lease = dataset.leases.follow(LEASE)
    deadline = time.monotonic() + _FOLLOW_S
    while (noted := dataset.run(_START)) is None or noted.started != str(lease.epoch):
        if time.monotonic() > deadline:
            raise LeaseHeld("the cluster's first process did not say where it begins: see its log")
        time.sleep(0.05)
    parameters = dict(noted.parameters)
    resuming = bool(parameters.pop(_RESUMING))
    return lease, rules_from(parameters), resuming


def sinks(bus: Bus, epoch: int) -> options.Sinks:
    """Returns the flow's sinks onto the bus, fenced by a lease epoch."""
    return options.Sinks(
        DerivedSink(bus, options.MARKED_TOPICS, epoch),
        DerivedSink(bus, options.FLOW_TOPICS, epoch),
        DerivedSink(bus, options.ANCHOR_TOPICS, epoch),
    )


def _lost(lease: Lease | Followed) -> bool:
    lease.check()
    return False


def _ahead_of_log(bus: Bus) -> bool:
    """Forgets a recovery store that has seen more than the log holds: a power cut took the log's tail (contract 31).

    The flow then begins at the anchor before; what it concluded already is in the derived topics and is not doubled.
    """
    directory = runtime.recovery_directory()
    if directory is None:
        return False
    for key, snapshot in recovery.snapshots(directory, "options.tape").items():
        topic = beyond_log(bus, int(key), snapshot)
        if topic is not None:
            _log.warning(
                "the snapshot of partition %s stands beyond the end of %s: back to the last anchor", key, topic
            )
            recovery.prepare(directory, forget=True)
            return True
    return False


def _parameters(dataset: Dataset, bus: Bus, settings: Settings, resuming: bool) -> Rules:
    """Returns the parameters the run began with; a change since stands in the log as a control record (contract 8)."""
    today, code = plain_rules(settings.rules), code_digest()
    began = dataset.run(RUN)
    if began is not None and began.mode == "compute":
        if not settings.compute.compute_consumer_reset:
            raise DatasetError(
                f"{dataset.path} holds a computed run: set COMPUTE_CONSUMER_RESET=true to clear it and run live"
            )
        began = None
    if began is None or (settings.compute.compute_consumer_reset and not resuming):
        for topic in (*DERIVED_TOPICS, "anchors"):
            bus.clear(topic)
        dataset.record_run(RUN, today, code, "start", "live")
        dataset.record_run(f"{RUN}/now", today, code, "start", "live")
        return settings.rules
    now = dataset.run(f"{RUN}/now") or began
    if (now.parameters, now.code) != (today, code):
        _record_change(bus, today, code)
        dataset.record_run(f"{RUN}/now", today, code, "start", "live")
    return rules_from(began.parameters)


def _record_change(bus: Bus, parameters: Parameters, code: str) -> None:
    """Writes the change ahead of the feeds' promises, into every topic: those that the tape waits for are among them.

    The copy that comes first counts: `reference` promises an hour ahead, and an absent topic releases its copy when it
    returns, when the step knows the change, or a newer one, already.
    """
    heads = {topic: bus.heads(topic) for topic in RAW_TOPICS}
    topics = [name for name in RAW_TOPICS if any(head.next for head in heads[name])]
    if not topics:
        return
    feeds = [name for name in topics if name != "reference"] or topics
    ts = max(head.promise for name in feeds for head in heads[name]) + _AHEAD_NS
    record = encode_control(Control(control="parameters", ts=ts, parameters=parameters, code=code))
    for topic in topics:
        for partition, head in enumerate(heads[topic]):
            bus.append(topic, {partition: Batch(count=1, payload=record, control=True)}, head.epoch)
