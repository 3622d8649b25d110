"""What the tests of both uses of Kafka, bus and leases, share: one broker for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.bus.base import Bus
from connectors.bus.kafka import KafkaBus
from events.settings import Kafka
from tests.conftest import require_engine
from tests.connectors.kafka_bus import numbers
from tests.contract.bus_suite import PARTITIONS, Engine
from tests.engines.kafka import Broker, KafkaMissing
from tests.engines.kafka import running as started


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker of this session; tests that need one are skipped, or fail where it is required, without its jars."""
    try:
        with started(tmp_path_factory.mktemp("kafka")) as broker:
            yield broker
    except KafkaMissing as missing:
        require_engine("kafka", str(missing))


@pytest.fixture
def engine(broker: Broker) -> Iterator[Engine]:
    """Buses on the broker, under topics of their own."""
    prefix, opened = f"t{next(numbers)}.", []

    def start() -> Bus:
        opened.append(KafkaBus(Kafka(kafka_brokers=broker.address), prefix, PARTITIONS))
        return opened[-1]

    elsewhere = (
        "from connectors.bus.kafka import KafkaBus; from events.settings import Kafka\n"
        f"bus = KafkaBus(Kafka(kafka_brokers={broker.address!r}), {prefix!r}, {PARTITIONS})"
    )
    yield Engine(start, elsewhere, across=False)
    for bus in opened:
        bus.close()
