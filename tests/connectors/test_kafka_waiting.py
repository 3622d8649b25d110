"""What a reader of Kafka does when nothing comes: silence, starvation, and partitions that were full."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, TopicPartition

from connectors.bus.base import BusError
from connectors.bus.kafka import KafkaBus
from connectors.bus.kafka_waiting import Listening, Moved
from events.settings import Kafka
from tests.connectors.kafka_bus import filled, prefix_of
from tests.contract.bus_suite import PARTITIONS, TOPIC, Engine, lines_of
from tests.engines.kafka import Broker

pytestmark = pytest.mark.engine("kafka")


def test_a_partition_that_nobody_asked_for_until_it_was_full_is_read_from_anywhere(
    broker: Broker, engine: Engine
) -> None:
    """The library keeps a partition paused over an unassign and assign, so nothing here may rest on its pause."""
    prefix = prefix_of(filled(engine, 25, 2000))
    reader = KafkaBus(Kafka(kafka_brokers=broker.address, kafka_timeout_ms=3000), prefix, PARTITIONS)
    assert reader.read(TOPIC, 1, 0, 1)
    stream = reader._readers[TOPIC].streams[1]
    offset = 0
    while stream.fetching:
        found = reader.read(TOPIC, 0, offset % 40_000, 1000)
        offset = found[-1].next
    assert stream.records > 40_000
    assert lines_of(reader.read(TOPIC, 1, 44_000, 1000))[:1] == ["n44000"], "read at another place"
    reader._readers[TOPIC].drop(1)
    assert lines_of(reader.read(TOPIC, 1, 2000, 48_000)) == [f"n{number}" for number in range(2000, 50_000)]
    reader.close()


class Deaf(Consumer):
    """A consumer of the library's that is assigned partitions and gets nothing of them, as many as there are left."""

    left = 0

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        super().incremental_assign(partitions)
        self._hear_nothing(partitions)

    def assign(self, partitions: list[TopicPartition]) -> None:
        super().assign(partitions)
        self._hear_nothing(partitions)

    def _hear_nothing(self, partitions: list[TopicPartition]) -> None:
        if Deaf.left > 0:
            Deaf.left -= 1
            self.pause(partitions)


@pytest.fixture
def deaf(broker: Broker, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[KafkaBus]:
    monkeypatch.setattr("connectors.bus.kafka_client.Consumer", Deaf)
    prefix = prefix_of(filled(engine, 2, 100))
    reader = KafkaBus(Kafka(kafka_brokers=broker.address, kafka_timeout_ms=2000), prefix, PARTITIONS)
    yield reader
    Deaf.left = 0
    reader.close()


def test_a_consumer_that_hears_nothing_is_replaced(deaf: KafkaBus, caplog: pytest.LogCaptureFixture) -> None:
    Deaf.left = 1
    assert deaf.heads(TOPIC)[0].next == 200
    assert "a new consumer asks for it" in caplog.text, "a look at a record"
    Deaf.left = 1
    caplog.clear()
    assert lines_of(deaf.read(TOPIC, 0, 0, 1000)) == [f"n{number}" for number in range(200)]
    assert "a new consumer asks for it" in caplog.text, "a stream's beginning"
    Deaf.left = 0
    reader = deaf._new_reader(TOPIC)
    Deaf.left = 1
    stream = reader.open(1, deaf._parts.begin(TOPIC, 1), 0)
    stream.end = deaf._parts.states[TOPIC, 1].position
    reader.fill(stream, 1000)
    assert lines_of(stream.take(1000)) == [f"n{number}" for number in range(200)]
    reader.close()


def test_what_kafka_holds_and_does_not_send_is_told_with_where_it_stands(deaf: KafkaBus) -> None:
    reader = deaf._new_reader(TOPIC)
    deaf.heads(TOPIC)
    Deaf.left = 1000
    stream = reader.open(1, deaf._parts.begin(TOPIC, 1), 0)
    stream.end = deaf._parts.states[TOPIC, 1].position
    with pytest.raises(
        BusError, match=r"/1: Kafka answers and holds the offsets 0 to 199, but has not sent 0 in \d+ s, asked by [23] "
    ):
        reader.fill(stream, 1000)
    reader.close()


def test_time_in_which_a_process_did_not_run_is_no_silence(engine: Engine) -> None:
    bus = filled(engine, 1, 10)
    now_s = 0.0
    listening = Listening(bus._client, lambda: now_s)
    name, patience_s = bus._parts.name(TOPIC), bus._client.patience_s
    for _ in range(4):
        now_s += 10 * patience_s
        assert not listening.renews(name, 0, 0), "stopped for ten times its patience, it has listened for a second"
    asked = 0
    while listening.silent_s < patience_s - 0.2:
        now_s += 0.1
        asked += listening.renews(name, 0, 0)
    assert asked == 3, "after 5, 15 and 35 seconds"
    now_s += 0.3
    with pytest.raises(BusError, match="has not sent 0 in 60 s, asked by 4 consumers"):
        listening.renews(name, 0, 0)
    listening.heard()
    for _ in range(4):
        now_s += 1
        assert not listening.renews(name, 0, 10)
    now_s += 1
    with pytest.raises(Moved):
        listening.renews(name, 0, 10)
