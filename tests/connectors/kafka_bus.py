"""A Kafka bus under a prefix of its own on the tests' broker, and what writers leave that die on the way."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import count

from connectors.bus.base import Batch, StoredBatch
from connectors.bus.kafka import KafkaBus
from connectors.bus.kafka_log import runs_of
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


def tear(bus: KafkaBus, batches: dict[int, Batch], lands: Sequence[int]) -> None:
    """Appends to several partitions as a writer that is killed when only some parts have been sent."""
    parts, writer = bus._parts, bus._writer
    name = parts.name(TOPIC)
    for part in lands:
        others = ",".join(
            f"{other}:{parts.states[TOPIC, other].position}:{each.count}"
            for other, each in batches.items()
            if other != part
        )
        lines = writer.lines_of(TOPIC, batches[part])
        sent = writer.send(name, part, parts.states[TOPIC, part], batches[part], lines, 1, others)
        writer.wait(name, {part: sent})


def break_off(bus: KafkaBus, batches: dict[int, Batch], short: int, records: int) -> None:
    """Appends to several partitions as a writer whose messages ran out of time: of one partition's part the beginning
    is there, the other parts whole."""
    parts, writer = bus._parts, bus._writer
    name, state = parts.name(TOPIC), parts.states[TOPIC, short]
    places = {part: f"{part}:{parts.states[TOPIC, part].position}:{each.count}" for part, each in batches.items()}
    others = ",".join(place for part, place in places.items() if part != short)
    delivery, lines = Delivery(), writer.lines_of(TOPIC, batches[short])
    # The whole part's stamps, of which only the first records are sent.
    runs = [run for run in runs_of(state, batches[short], 1, others) if run.start < records]
    writer._produce(name, short, lines[:records], batches[short].keys[:records], runs, delivery)
    writer.wait(name, {short: delivery})
    tear(bus, batches, lands=[part for part in batches if part != short])


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
