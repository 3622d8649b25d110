"""The Kafka bus fulfils the bus's contract on a real broker; what only it can do stands here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from connectors.bus.base import Bus, BusError
from connectors.bus.embedded import EmbeddedBus
from connectors.bus.kafka import KafkaBus
from connectors.sinks import Emission
from connectors.tape import Span, heads_as_ends
from events.codec import canonical_line, fields_of
from events.settings import Compute, Kafka, Rules
from events.topics import DERIVED_TOPICS
from flows.pipeline import collect
from tests.connectors.kafka_bus import numbers, opened, prefix_of, tail_until
from tests.contract.bus_suite import OTHER, PARTITIONS, TOPIC, BusSuite, Engine, batch, lines_of
from tests.engines.kafka import Broker
from tests.engines.kafka import running as started
from tests.tapes import append as append_tape
from tests.tapes import random_tape
from undertow.bench import market

pytestmark = pytest.mark.engine("kafka")


class TestKafkaBus(BusSuite):
    """The contract."""


def test_a_tail_goes_on_behind_a_clear_and_a_tally_counts(engine: Engine) -> None:
    bus, other = opened(engine), opened(engine)
    bus.append(TOPIC, {2: batch("a")})
    tail, tally = other.mark(TOPIC)[0], other.end_position(TOPIC)
    assert other.tail(TOPIC, tail, 10) == (tail, [])
    bus.append(TOPIC, {2: batch("b"), 0: batch("c", "c")})
    assert sorted(lines_of(tail_until(other, tail, 3))) == ["b", "c", "c"]
    assert other.tally(TOPIC, tally)[1] == 3
    bus.clear(TOPIC)
    bus.append(TOPIC, {0: batch("d")})
    found = tail_until(other, tail, 1)
    assert [(each.first, each.lines()) for each in found] == [(0, [b"d"])]


def test_a_tally_shows_the_newest_record_of_an_append_of_several_to_several_partitions(engine: Engine) -> None:
    bus, other = opened(engine), opened(engine)
    tally = other.end_position(TOPIC)
    bus.append(TOPIC, {0: batch("a", "b"), 1: batch("c", "d")})
    _, counted, newest = other.tally(TOPIC, tally)
    assert counted == 4
    assert newest is not None
    assert lines_of([newest]) == ["d"]


def test_reading_back_gives_the_newest_events_first_and_no_control_records(engine: Engine) -> None:
    bus = opened(engine)
    for number in range(300):
        bus.append(TOPIC, {0: batch(str(number), control=number % 3 == 0)})
    found = opened(engine).read_back(TOPIC, 0, 299, 3)
    assert lines_of(found) == ["298", "296", "295"]
    assert len(lines_of(bus.read_back(TOPIC, 0, 10**18, 1000))) == 200


def test_records_of_other_programs_are_read_as_they_are(engine: Engine, broker: Broker) -> None:
    bus = opened(engine)
    bus.append(TOPIC, {0: batch("a")})
    producer = Producer({"bootstrap.servers": broker.address})
    for value, key in ((b"{\n}", b"K"), (None, b"K"), (b"{}", None)):
        producer.produce(f"{prefix_of(bus)}{TOPIC}", value, key, 0)
    producer.flush()
    bus.append(TOPIC, {0: batch("b")})
    found = opened(engine).read(TOPIC, 0, 0, 100)
    assert lines_of(found) == ["a", "{ }", "", "{}", "b"]
    assert [each.control for each in found] == [False, False, False, True, False]
    assert [head.next for head in bus.heads(TOPIC)] == [5, 0, 0]


def test_the_time_of_a_record_is_its_order_time_unless_that_is_long_ago(engine: Engine, broker: Broker) -> None:
    now = time.time_ns() // 10**6 * 10**6
    bus, late, early, old = opened(engine), now + 500_000_000, now, now - 3_700_000_000_000
    rows = [f'{{"id":"o","ts":{old}}}', f'{{"id":"x","ts":{early}}}', f'{{"ts":{early}}}']
    bus.append(TOPIC, {0: batch(*rows, promises=[(2, late)])})
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "t"})
    consumer.assign([TopicPartition(f"{prefix_of(bus)}{TOPIC}", 0, 0)])
    found = [message for _ in range(3) if (message := consumer.poll(20)) is not None]
    consumer.close()
    sent, *times = [message.timestamp()[1] for message in found]
    assert times == [early // 10**6, late // 10**6]
    assert now // 10**6 <= sent <= time.time_ns() // 10**6


def test_the_newest_record_of_a_tally_is_that_of_the_newest_order_time_however_old(engine: Engine) -> None:
    bus = opened(engine)
    position = bus.end_position(TOPIC)
    bus.append(TOPIC, {1: batch('{"ts":1767623400002000000}')})
    bus.append(TOPIC, {0: batch('{"ts":1767623400001000000}')})
    newest = bus.tally(TOPIC, position)[2]
    assert newest is not None
    assert newest.lines() == [b'{"ts":1767623400002000000}']


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"kafka_brokers": "127.0.0.1:9"}, "no Kafka broker at 127.0.0.1:9 answers: "),
        ({"kafka_brokers": "nowhere.invalid:9"}, "no Kafka broker at nowhere.invalid:9 answers: .*cannot be resolved"),
        ({"kafka_create_topics": False}, "is missing and KAFKA_CREATE_TOPICS is false: make it with 3 partitions"),
        ({"kafka_message_max_bytes": 65_536}, "is larger than KAFKA_MESSAGE_MAX_BYTES=65536"),
        ({"kafka_replication": 5}, "the cluster has fewer brokers than KAFKA_REPLICATION"),
    ],
)
def test_what_cannot_work_is_one_line(broker: Broker, changed: dict[str, Any], says: str) -> None:
    settings = Kafka(**{"kafka_brokers": broker.address, **changed}, kafka_timeout_ms=2000)
    bus = KafkaBus(settings, f"e{next(numbers)}.", PARTITIONS)
    with pytest.raises(BusError, match=says) as error:
        bus.append(TOPIC, {0: batch("x" * 70_000)})
    assert "\n" not in str(error.value)
    bus.close()


def test_a_topic_of_another_count_and_one_that_takes_less_are_told(broker: Broker, engine: Engine) -> None:
    bus = opened(engine)
    bus.append(TOPIC, {0: batch("a")})
    other = KafkaBus(Kafka(kafka_brokers=broker.address), prefix_of(bus), PARTITIONS + 1)
    with pytest.raises(BusError, match=f"topic {prefix_of(bus)}{TOPIC} has 3 partitions, the data set has 4"):
        other.heads(TOPIC)
    other.close()
    small = NewTopic(f"{prefix_of(bus)}{OTHER}", PARTITIONS, 1, config={"max.message.bytes": "10000"})
    admin = AdminClient({"bootstrap.servers": broker.address})
    admin.create_topics([small])[small.topic].result()
    for _ in range(2):
        with pytest.raises(BusError, match="larger than the broker takes"):
            bus.append(OTHER, {0: batch(hex(Random(1).getrandbits(400_000)))})


def test_an_append_larger_than_the_queue_is_written_whole(broker: Broker, engine: Engine) -> None:
    bus, reader = small_queue(broker, engine), opened(engine)
    lines = [f"n{n}" for n in range(1000)]
    assert bus.append(TOPIC, {0: batch(*lines), 1: batch(*lines[:30])}, 1) == {0: 0, 1: 0}
    assert lines_of(reader.read(TOPIC, 0, 0, 10_000)) == lines
    assert lines_of(reader.read(TOPIC, 1, 0, 10_000)) == lines[:30]
    bus.close()


@pytest.mark.slow
def test_an_append_that_no_broker_takes_is_told_and_leaves_no_hole(tmp_path: Path) -> None:
    with started(tmp_path) as broker:
        settings = Kafka(kafka_brokers=broker.address, kafka_queue_messages=20, kafka_timeout_ms=2000)
        bus = KafkaBus(settings, "hole.", PARTITIONS)
        bus.append(TOPIC, {0: batch("a")}, 1)
        broker.signal(signal.SIGSTOP)
        with pytest.raises(BusError, match="no broker took it within KAFKA_TIMEOUT_MS|was not written"):
            bus.append(TOPIC, {0: batch(*(f"n{n}" for n in range(100)))}, 1)
        broker.signal(signal.SIGCONT)
        bus.close()
        heir = KafkaBus(Kafka(kafka_brokers=broker.address), "hole.", PARTITIONS)
        heir.append(TOPIC, {0: batch("b")}, 2)
        found = lines_of(heir.read(TOPIC, 0, 0, 1000))
        # What of it had been sent before is a beginning of it.
        assert found == ["a", *(f"n{n}" for n in range(len(found) - 2)), "b"]
        heir.close()


@pytest.mark.slow
@pytest.mark.parametrize("away_s", [0.0, 1.0, 1.9])
def test_an_append_to_several_partitions_that_brokers_did_not_take_in_time_is_there_whole_or_not_at_all(
    tmp_path: Path, away_s: float
) -> None:
    with started(tmp_path) as broker:
        settings = Kafka(kafka_brokers=broker.address, kafka_queue_messages=20, kafka_timeout_ms=2000)
        bus = KafkaBus(settings, "late.", PARTITIONS)
        bus.append(TOPIC, {part: batch("a") for part in range(PARTITIONS)}, 1)
        lines = [f"n{number}" for number in range(200)]
        rising = batch(*lines, promises=[(index, index + 1) for index in range(0, 200, 10)])
        with ThreadPoolExecutor(1) as threads:
            appended = threads.submit(lambda: bus.append(TOPIC, {part: rising for part in range(PARTITIONS)}, 1))
            time.sleep(0.02)
            broker.signal(signal.SIGSTOP)
            time.sleep(away_s)
            if away_s:
                broker.signal(signal.SIGCONT)
            failed = appended.exception(30) is not None
        broker.signal(signal.SIGCONT)
        bus.close()
        heir, reader = (KafkaBus(Kafka(kafka_brokers=broker.address), "late.", PARTITIONS) for _ in range(2))
        heir.fence(TOPIC, range(PARTITIONS), 2)
        heads = heir.heads(TOPIC)
        seen = [lines_of(reader.read(TOPIC, part, 0, 1000)) for part in range(PARTITIONS)]
        whole = [["a", *lines]] * PARTITIONS
        assert seen == whole or (failed and seen == [["a"]] * PARTITIONS)
        assert [head.promise for head in heads] == [191 if seen == whole else 0] * PARTITIONS
        heir.append(TOPIC, {part: batch("b") for part in range(PARTITIONS)}, 2)
        for part in range(PARTITIONS):
            found = reader.read(TOPIC, part, 0, 1000)
            assert lines_of(found) == [*seen[part], "b"]
            assert found[-1].promises == [(0, heads[part].promise)]
        heir.close()
        reader.close()


def small_queue(broker: Broker, engine: Engine) -> KafkaBus:
    prefix = prefix_of(opened(engine))
    return KafkaBus(Kafka(kafka_brokers=broker.address, kafka_queue_messages=7), prefix, PARTITIONS)


@pytest.mark.slow
def test_brokers_that_go_away_and_come_back_are_waited_for(tmp_path: Path) -> None:
    with started(tmp_path) as broker:
        bus = KafkaBus(Kafka(kafka_brokers=broker.address), "away.", PARTITIONS)
        reader = KafkaBus(Kafka(kafka_brokers=broker.address), "away.", PARTITIONS)
        bus.append(TOPIC, {0: batch("a")})
        assert lines_of(reader.read(TOPIC, 0, 0, 100)) == ["a"]
        broker.kill()
        with ThreadPoolExecutor(2) as threads:
            read = threads.submit(lambda: reader.read(TOPIC, 0, 1, 100))
            append = threads.submit(lambda: bus.append(TOPIC, {0: batch("b"), 1: batch("b")}))
            broker.start()
            assert append.result(60) == {0: 1, 1: 0}
            assert lines_of(read.result(60)) in ([], ["b"])
        assert lines_of(reader.read(TOPIC, 0, 1, 100)) == ["b"]
        reader.close()
        bus.close()


@pytest.mark.parametrize("seed", range(2))
def test_the_flow_says_the_same_over_either_bus(broker: Broker, tmp_path: Path, seed: int) -> None:
    tape = random_tape(seed, 600)
    kafka = KafkaBus(Kafka(kafka_brokers=broker.address), f"f{next(numbers)}.", PARTITIONS)
    embedded = EmbeddedBus(tmp_path, PARTITIONS)
    append_tape(kafka, tape, "by turns", batch=7, pieces=2)
    append_tape(embedded, tape, "by turns", batch=7, pieces=2)
    assert digests(kafka) == digests(embedded)
    kafka.close()
    embedded.close()


@pytest.mark.slow
def test_the_same_tape_through_the_commands_exports_the_same_over_either_bus(broker: Broker, tmp_path: Path) -> None:
    tape = tmp_path / "all.jsonl"
    with tape.open("wb") as out:
        for topic, _, _, message in market.events(3000, 40, 11):
            event = orjson.loads(message)
            del event["id"], event["source"]
            out.write(orjson.dumps({"topic": topic, "event": event}) + b"\n")
    found: list[dict[str, bytes]] = []
    for brokers in ("", broker.address):
        data = tmp_path / f"set{len(found)}"
        for command in (("import", tape), ("compute",), ("verify",)):
            undertow(brokers, *command, "--data", data)
        found.append({topic: undertow(brokers, "export", topic, "--data", data) for topic in DERIVED_TOPICS})
    assert found[0] == found[1]
    assert found[0]["flow.packets"]


def undertow(brokers: str, *arguments: object) -> bytes:
    command = [sys.executable, "-m", "undertow.cli", *map(str, arguments)]
    env = os.environ | {"KAFKA_BROKERS": brokers, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(command, check=True, capture_output=True, timeout=120, env=env).stdout


def digests(bus: Bus) -> dict[str, str]:
    """Returns the digest of each derived topic's sorted canonical lines, computed over the bus."""
    found: dict[str, list[bytes]] = {topic: [] for topic in (*DERIVED_TOPICS, "deadletter")}

    def take(emission: Emission) -> None:
        for topic, _, events in emission.parts:
            found[topic] += [canonical_line(fields_of(event)) for event in events]

    collect(bus, Span(ends=heads_as_ends(bus), supply_end=True), Rules(), Compute(tape_read_batch=50), take)
    assert all(found[topic] for topic in ("options.marked", "flow.packets"))
    return {topic: sha256(b"\n".join(sorted(lines))).hexdigest() for topic, lines in found.items()}
