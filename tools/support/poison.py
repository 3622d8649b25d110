"""Records that nobody can use, written straight into raw topics: broken, of another shape, larger than is allowed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import orjson
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

import support  # noqa: F401
from connectors.bus.base import Batch, Bus, BusError
from connectors.bus.kafka import KafkaBus
from connectors.dataset import Dataset
from connectors.store.client import open_reader
from events import settings
from events.deadletters import dead_letter
from events.topics import RAW_TOPICS

#: What our processes take of one message in a trial, and what goes over it.
LIMIT_BYTES, OVERSIZED_BYTES = 1 << 20, 3 << 20


class Poison:
    """Writes poison and knows what has to become of it: one dead letter each."""

    def __init__(self, data: Path, env: dict[str, str], until: int, brokers: str = "") -> None:
        """`until` is the last promise of the market: what stands behind it is never released, and dead to nobody."""
        self._data, self._env, self._until, self._brokers = data, env, until, brokers
        #: (topic, bytes as a dead letter shows them), how often.
        self.expected: Counter[tuple[str, str]] = Counter()
        self._number = 0

    def write(self, chosen: random.Random) -> str:
        """Writes one record into one partition of one raw topic; returns what it was."""
        self._number += 1
        topic = chosen.choice(RAW_TOPICS)
        made: dict[str, Callable[[], bytes]] = {
            "no JSON": lambda: b"poison %d \xff{" % self._number,
            "JSON of another shape": lambda: orjson.dumps({"poison": self._number}),
            "JSON that is no object": lambda: b"[%d]" % self._number,
            "oversized": lambda: b'{"poison":%d,"x":"%s"}' % (self._number, b"x" * OVERSIZED_BYTES),
        }
        kind = chosen.choice(list(made))
        line = made[kind]()
        if self._brokers and chosen.random() < 0.3:
            # Without a stamp of ours and behind a lease epoch it is no record of the topic: nobody ever sees it.
            self._as_a_stranger(topic, line)
            return f"{topic}: poison of another program, {kind}"
        bus = self._bus()
        try:
            partition = chosen.randrange(bus.partitions)
            head = bus.heads(topic)[partition]
            offset = bus.append(topic, {partition: Batch(1, line, ["SPY"])}, head.epoch)[partition]
            if bus.read(topic, partition, offset, 1)[0].promises[0][1] >= self._until:
                return f"{topic}: poison behind the last promise, {kind}"
        except BusError as error:
            return f"{topic}: poison, {kind} (not written: {error})"
        finally:
            bus.close()
        self.expected[topic, dead_letter(topic, "bus", "0:0", "", line, 0).raw] += 1
        return f"{topic}: poison, {kind}"

    def found(self) -> Counter[tuple[str, str]]:
        """Returns the dead letters in the archive."""
        with open_reader(self._data, 30, settings.load(self._env).store) as reader:
            rows = reader.query("SELECT topic, raw FROM deadletter FINAL ORDER BY topic")
        return Counter(zip(rows["topic"], rows["raw"], strict=True))

    def _bus(self) -> Bus:
        """Opens the bus past every proxy, with a limit above that of the processes."""
        dataset = Dataset.open(self._data)
        if not self._brokers:
            from connectors.bus.embedded import EmbeddedBus

            return EmbeddedBus(dataset.bus_dir, dataset.partitions)
        kafka = settings.load(
            {**self._env, "KAFKA_BROKERS": self._brokers, "KAFKA_MESSAGE_MAX_BYTES": str(4 * OVERSIZED_BYTES)}
        ).kafka
        self._raise_limits()
        return KafkaBus(kafka, self._prefix(), dataset.partitions)

    def _prefix(self) -> str:
        return f"{self._data.resolve().name}."

    def _raise_limits(self) -> None:
        """Lets the topics take what our processes would not send."""
        admin = AdminClient({"bootstrap.servers": self._brokers, "log_level": 0})
        entry = ConfigEntry("max.message.bytes", str(4 * OVERSIZED_BYTES), incremental_operation=AlterConfigOpType.SET)
        asked = [
            ConfigResource(ResourceType.TOPIC, self._prefix() + topic, incremental_configs=[entry])
            for topic in RAW_TOPICS
        ]
        for future in admin.incremental_alter_configs(asked).values():
            future.result(30)

    def _as_a_stranger(self, topic: str, line: bytes) -> None:
        self._raise_limits()
        producer = Producer({
            "bootstrap.servers": self._brokers, "message.max.bytes": 4 * OVERSIZED_BYTES, "log_level": 0,
        })  # fmt: skip
        producer.produce(self._prefix() + topic, line, b"SPY", 0)
        producer.flush(30)
