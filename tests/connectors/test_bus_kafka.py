"""The Kafka bus fulfils the bus's contract on a real broker; what only it can do stands here."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from connectors.bus.base import Bus
from connectors.bus.kafka import KafkaBus
from events.settings import Kafka
from tests.conftest import require_engine
from tests.contract.bus_suite import PARTITIONS, BusSuite, Engine
from tests.engines.kafka import Broker, KafkaMissing, running

pytestmark = pytest.mark.engine("kafka")
_numbers = count()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    try:
        with running(tmp_path_factory.mktemp("kafka")) as started:
            yield started
    except KafkaMissing as missing:
        require_engine("kafka", str(missing))


@pytest.fixture
def engine(broker: Broker) -> Iterator[Engine]:
    prefix, opened = f"t{next(_numbers)}.", []

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


class TestKafkaBus(BusSuite):
    """The contract."""
