"""A Kafka bus under a prefix of its own on the tests' broker, and what writers leave that die on the way."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import count

from connectors.bus.base import Batch, StoredBatch
from connectors.bus.kafka import KafkaBus
from connectors.bus.kafka_log import Run, runs_of
from connectors.bus.kafka_writer import Delivery
from tests.contract.bus_suite import PARTITIONS, TOPIC, Engine, batch

#: Of the topics' prefixes, so that no test sees another's.
numbers = count()


def opened(engine: Engine) -> KafkaBus:
    bus = engine.open()
    assert isinstance(bus, KafkaBus)
    return bus


def prefix_of(bus: KafkaBus) -> str:
    return bus._parts.name("")


def others_of(bus: KafkaBus, batches: dict[int, Batch], part: int) -> str:
    """What an append's stamps in one partition say of its parts in the others."""
    states = bus._parts.states
    return ",".join(
        f"{other}:{states[TOPIC, other].position}:{each.count}" for other, each in batches.items() if other != part
    )


def tear(bus: KafkaBus, batches: dict[int, Batch], lands: Sequence[int]) -> None:
    """Appends to several partitions as a writer that is killed when only some parts have been sent."""
    parts, writer = bus._parts, bus._writer
    name = parts.name(TOPIC)
    for part in lands:
        lines = writer.lines_of(TOPIC, batches[part])
        others = others_of(bus, batches, part)
        sent = writer.send(name, part, parts.states[TOPIC, part], batches[part], lines, 1, others)
        writer.wait(name, {part: sent})


def break_off(bus: KafkaBus, batches: dict[int, Batch], short: int, records: int) -> None:
    """Appends to several partitions as a writer whose messages ran out of time: of one partition's part the beginning
    is there, the other parts whole."""
    send_some(bus, batches, short, 0, records)
    tear(bus, batches, lands=[part for part in batches if part != short])


def send_some(bus: KafkaBus, batches: dict[int, Batch], part: int, first: int, last: int) -> None:
    """Sends some records of an append's part, as a client whose queue is short sends the append bit by bit."""
    parts, writer = bus._parts, bus._writer
    name, state = parts.name(TOPIC), parts.states[TOPIC, part]
    delivery, lines = Delivery(), writer.lines_of(TOPIC, batches[part])
    runs = runs_of(state, batches[part], 1, others_of(bus, batches, part))
    stamped = [max((run for run in runs if run.start <= place), key=lambda run: run.start) for place in range(last)]
    some = [Run(place, run.promise, run.header) for place, run in enumerate(stamped[first:])]
    writer._produce(name, part, lines[first:last], batches[part].keys[first:last], some, delivery)
    writer.wait(name, {part: delivery})


def tail_until(bus: KafkaBus, position: int, records: int) -> list[StoredBatch]:
    found: list[StoredBatch] = []
    deadline = time.monotonic() + 20
    while sum(each.count for each in found) < records:
        assert time.monotonic() < deadline
        found += bus.tail(TOPIC, position, 10)[1]
        time.sleep(0.002)
    return found


def filled(engine: Engine, appends: int, records: int) -> KafkaBus:
    """A bus whose partitions hold so many appends each."""
    bus = opened(engine)
    for first in range(0, appends * records, records):
        lines = [f"n{first + index}" for index in range(records)]
        bus.append(TOPIC, {part: batch(*lines) for part in range(PARTITIONS)}, 1)
    return bus
