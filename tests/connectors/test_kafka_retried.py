"""A broker killed between taking an append and saying so: its client sends it again, and it stands in the log once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connectors.bus.kafka import KafkaBus
from events.settings import Kafka
from tests.conftest import require_engine
from tests.contract.bus_suite import PARTITIONS, TOPIC, batch, lines_of
from tests.engines.kafka import Broker, KafkaMissing
from tools.support.proxy import Proxy

pytestmark = pytest.mark.engine("kafka")
#: Of January 2026: longer ago than a broker remembers who sent what, by the records' own times.
_LONG_AGO = 1_767_623_400_000_000_000


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    proxy = Proxy()
    yield proxy
    proxy.close()


@pytest.fixture
def broker(tmp_path: Path, proxy: Proxy) -> Iterator[Broker]:
    """A broker whose clients all come through the proxy."""
    try:
        broker = Broker(tmp_path, extra=f"advertised.listeners=PLAINTEXT://127.0.0.1:{proxy.port}\n")
        proxy.target = broker.port
        broker.start()
    except KafkaMissing as missing:
        require_engine("kafka", str(missing))
    yield broker
    broker.kill()


def _bus(proxy: Proxy) -> KafkaBus:
    return KafkaBus(Kafka(kafka_brokers=f"127.0.0.1:{proxy.port}"), "t.", PARTITIONS)


def test_an_old_tapes_append_whose_answer_was_lost_stands_once_when_its_broker_was_killed(
    proxy: Proxy, broker: Broker
) -> None:
    rows = [f'{{"id":"{n}","ts":{_LONG_AGO + n}}}' for n in range(5)]
    bus = _bus(proxy)
    bus.append(TOPIC, {0: batch(*rows[:3])})
    proxy.mute(True)
    with ThreadPoolExecutor(1) as other:
        sent = other.submit(bus.append, TOPIC, {0: batch(rows[3])})
        time.sleep(2)
        proxy.refuse(True)
        broker.kill()
        broker.start()
        proxy.mute(False)
        proxy.refuse(False)
        assert sent.result(60) == {0: 3}
    bus.append(TOPIC, {0: batch(rows[4])})
    reader = _bus(proxy)
    assert lines_of(reader.read(TOPIC, 0, 0, 100)) == rows
    reader.close()
    bus.close()
