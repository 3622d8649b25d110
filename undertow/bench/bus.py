"""`bench bus`: CPU-seconds per million messages into and out of each bus, beside the bare client's in the same run.

Ours, produce: record batches, cut as a feed's writer cuts them, appended to the bus; consume: every partition read from
its start as a flow reads it. Bare: the client library alone with the same messages, keys and partitions, compressed
alike. confluent-kafka: a `produce` a message, its delivery report taken by the shortest callback, for a client that
does not know what arrived is no yardstick; `consume`, error, value and key taken. sqlite3 with zstandard: a row per
record batch, a transaction per append; one `SELECT` a partition, each row unpacked. Each measurement is a process of
its own with the collector of a flow's, and its clients' threads count; of several rounds the one of least CPU counts.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import zstandard

from connectors.bus.base import Batch, Bus, BusError, Head
from connectors.bus.embedded import EmbeddedBus, compressor
from connectors.feeds.writer import TopicWriter
from events.settings import Kafka, load
from flows.runtime import tune_memory
from undertow.bench import market
from undertow.bench.rounds import ROUNDS, least

PARTITIONS = 8
ENGINES = ("embedded", "kafka")
_TOPICS = ("options.prints", "options.quotes")
_CONTRACTS = 2000
#: Records a flow reads at a time, as TAPE_READ_BATCH has it.
_READ = 8000
#: What `--check` holds each engine and direction to.
MOST_RATIO = 2.0
#: A topic and what one append brings to each of its partitions.
Append = tuple[str, Mapping[int, Batch]]


def bars(result: dict[str, Any]) -> tuple[tuple[str, str, float], ...]:
    """Returns the bars of the engines in a result."""
    return tuple(
        (f"{engine}_{way}_cpu_ratio_to_bare", "<=", MOST_RATIO)
        for engine in ENGINES
        for way in ("produce", "consume")
        if f"{engine}_produce_cpu_s_per_million" in result
    )


def run(messages: int, engine: str) -> dict[str, Any]:
    """Measures the engines asked for: `embedded`, `kafka`, or `all` of them that can be reached."""
    brokers = load().kafka.kafka_brokers
    if engine == "kafka" and not brokers:
        raise ValueError("KAFKA_BROKERS names no broker to measure")
    chosen = [name for name in ENGINES if engine in (name, "all") and (name != "kafka" or brokers)]
    result: dict[str, Any] = {"messages": messages, "rounds": ROUNDS}
    for name in chosen:
        with tempfile.TemporaryDirectory(prefix="undertow-bench-") as directory:
            for way in ("produce", "consume"):
                ours, bare = (_child(name, who, way, messages, directory) for who in ("ours", "bare"))
                result |= {f"{name}_{way}_{key}": value for key, value in ours.items()}
                result |= {f"{name}_{way}_bare_{key}": value for key, value in bare.items()}
                ratio = ours["cpu_s_per_million"] / bare["cpu_s_per_million"]
                result[f"{name}_{way}_cpu_ratio_to_bare"] = round(ratio, 3)
    return result


def _child(engine: str, who: str, way: str, messages: int, directory: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "undertow.bench.bus", engine, who, way, str(messages), directory]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE)
    if done.returncode:
        raise BusError(f"the measurement of {engine} ({who}, {way}) failed; its reason stands above")
    result: dict[str, Any] = orjson.loads(done.stdout.splitlines()[-1])
    return result


class _Cuts:
    """A bus that only keeps what a feed's writer would append."""

    partitions = PARTITIONS

    def __init__(self) -> None:
        self.appends: list[Append] = []

    def heads(self, _: str) -> list[Head]:
        return [Head()] * PARTITIONS

    def append(self, topic: str, batches: dict[int, Batch], _: int = 0) -> None:
        self.appends.append((topic, batches))


def _appends(count: int) -> list[Append]:
    """Returns the bench's market, prints and quotes by turns, cut into appends."""
    cuts = _Cuts()
    bus: Any = cuts
    writers = {topic: TopicWriter(bus, topic) for topic in _TOPICS}
    for topic, underlying, ts, message in islice(market.events(count, _CONTRACTS, 1), count):
        writers[topic].add_encoded(ts, underlying, message)
    for writer in writers.values():
        writer.flush()
    return cuts.appends


@dataclass(frozen=True, slots=True)
class _Work:
    """One measurement: what a round begins with, outside the measured time, and what it does; returns messages."""

    prepare: Callable[[], Any]
    do: Callable[[Any], int]


def _measured(work: _Work) -> dict[str, Any]:
    def ready() -> Any:
        at = work.prepare()
        # Both sides as a flow's process has its collector: what a measurement holds ready is no work of it.
        tune_memory()
        return at

    return least(ready, work.do, "per_s")


# ---- ours --------------------------------------------------------------------------------------


def _write(bus: Bus, appends: Sequence[Append]) -> int:
    for topic, batches in appends:
        bus.append(topic, batches)
    return sum(batch.count for _, batches in appends for batch in batches.values())


def _read(bus: Bus, expected: int) -> int:
    count = 0
    for topic, ends in bus.ends(_TOPICS).items():
        for partition, end in enumerate(ends):
            offset = 0
            while offset < end:
                for batch in bus.read(topic, partition, offset, _READ):
                    offset = batch.next
                    count += batch.count
    assert count == expected, f"read {count} of {expected}"
    return count


def _ours(open_bus: Callable[[str], Bus], way: str, appends: Sequence[Append]) -> _Work:
    filled = uuid4().hex[:8]
    bus = open_bus(filled)
    count = _write(bus, appends)
    bus.close()
    opened: list[Bus] = []

    def begin() -> Bus:
        for bus in opened:
            bus.close()
        opened[:] = [open_bus(filled if way == "consume" else uuid4().hex[:8])]
        return opened[0]

    return _Work(begin, (lambda bus: _read(bus, count)) if way == "consume" else (lambda bus: _write(bus, appends)))


# ---- sqlite3 alone -----------------------------------------------------------------------------

_TABLE = "CREATE TABLE batches (part INTEGER, first INTEGER, count INTEGER, keys BLOB, payload BLOB)"
_INDEX = "CREATE UNIQUE INDEX by_offset ON batches (part, first)"


def _databases(directory: Path) -> dict[str, sqlite3.Connection]:
    found = {}
    for topic in _TOPICS:
        db = found[topic] = sqlite3.connect(directory / f"{topic}.bare", isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
    return found


def _bare_sqlite(way: str, appends: Sequence[Append], directory: Path) -> _Work:
    pack = compressor().compress

    def fresh() -> dict[str, sqlite3.Connection]:
        place = directory / uuid4().hex[:8]
        place.mkdir()
        dbs = _databases(place)
        for db in dbs.values():
            db.execute(_TABLE)
            db.execute(_INDEX)
        return dbs

    def insert(dbs: dict[str, sqlite3.Connection]) -> int:
        nexts: dict[tuple[str, int], int] = {}
        for topic, batches in appends:
            db = dbs[topic]
            db.execute("BEGIN IMMEDIATE")
            for part, batch in batches.items():
                first = nexts.get((topic, part), 0)
                row = (part, first, batch.count, pack("\n".join(batch.keys).encode()), pack(batch.payload))
                db.execute("INSERT INTO batches VALUES (?, ?, ?, ?, ?)", row)
                nexts[topic, part] = first + batch.count
            db.execute("COMMIT")
        return sum(nexts.values())

    if way == "produce":
        return _Work(fresh, insert)
    filled = fresh()
    insert(filled)
    return _Work(lambda: filled, _select_all)


def _select_all(dbs: dict[str, sqlite3.Connection]) -> int:
    unpack = zstandard.ZstdDecompressor().decompress
    query, count = "SELECT count, keys, payload FROM batches WHERE part = ? ORDER BY first", 0
    for db in dbs.values():
        for part in range(PARTITIONS):
            for records, keys, payload in db.execute(query, (part,)):
                unpack(keys), unpack(payload)
                count += records
    return count


# ---- confluent-kafka alone ---------------------------------------------------------------------


def _bare_kafka(way: str, appends: Sequence[Append], settings: Kafka) -> _Work:
    from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

    messages = [
        (topic, part, key, message)
        for topic, batches in appends
        for part, batch in batches.items()
        for key, message in zip(batch.keys, batch.payload.split(b"\n"), strict=True)
    ]
    plain: dict[str, Any] = {"bootstrap.servers": settings.kafka_brokers, "client.id": "bench"}
    producing = {
        **plain, "enable.idempotence": True, "acks": "all", "compression.type": settings.kafka_compression,
        "linger.ms": 20, "queue.buffering.max.messages": 1_000_000, "queue.buffering.max.kbytes": 2_000_000,
    }  # fmt: skip

    def fresh() -> str:
        prefix = f"bench.{uuid4().hex[:8]}."
        _make_topics(settings, prefix)
        return prefix

    failed: list[KafkaError] = []

    def report(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failed.append(error)

    def produce(prefix: str) -> int:
        names = {topic: prefix + topic for topic in _TOPICS}
        producer = Producer(producing)
        send = producer.produce
        for topic, part, key, message in messages:
            try:
                send(names[topic], message, key, part, report)
            except BufferError:
                producer.flush()
                send(names[topic], message, key, part, report)
        assert producer.flush() == 0
        assert not failed, failed
        return len(messages)

    def consume(prefix: str) -> int:
        consumer = Consumer({**plain, "group.id": "bench", "enable.auto.commit": False, "queued.min.messages": 50_000})
        consumer.assign([TopicPartition(prefix + topic, part, 0) for topic in _TOPICS for part in range(PARTITIONS)])
        count = 0
        while count < len(messages):
            found = consumer.consume(10_000, 1.0)
            taken = [(message.value(), message.key()) for message in found if message.error() is None]
            count += len(taken)
        consumer.close()
        return count

    if way == "produce":
        return _Work(fresh, produce)
    filled = fresh()
    produce(filled)
    return _Work(lambda: filled, consume)


def _make_topics(settings: Kafka, prefix: str) -> None:
    from connectors.bus.kafka_client import Client

    client = Client(settings)
    for topic in _TOPICS:
        client.create(prefix + topic, PARTITIONS)
    client.close()


@contextmanager
def _topics_dropped(settings: Kafka) -> Iterator[None]:
    """Removes the bench's topics from the cluster behind a measurement."""
    from confluent_kafka.admin import AdminClient

    try:
        yield
    finally:
        admin = AdminClient({"bootstrap.servers": settings.kafka_brokers})
        mine = [name for name in admin.list_topics(timeout=10).topics if name.startswith("bench.")]
        for future in admin.delete_topics(mine, operation_timeout=10).values() if mine else ():
            future.result()


def _child_main(engine: str, who: str, way: str, count: int, directory: Path) -> dict[str, Any]:
    appends = _appends(count)
    if engine == "embedded":
        if who == "bare":
            return _measured(_bare_sqlite(way, appends, directory))
        return _measured(_ours(lambda name: EmbeddedBus(directory / name, PARTITIONS), way, appends))
    settings = load().kafka
    with _topics_dropped(settings):
        if who == "bare":
            return _measured(_bare_kafka(way, appends, settings))
        return _measured(_ours(lambda name: _kafka_bus(settings, name), way, appends))


def _kafka_bus(settings: Kafka, name: str) -> Bus:
    from connectors.bus.kafka import KafkaBus

    bus = KafkaBus(settings, f"bench.{name}.", PARTITIONS)
    bus.ensure(_TOPICS)
    return bus


if __name__ == "__main__":
    _, _engine, _who, _way, _count, _directory = sys.argv
    try:
        print(orjson.dumps(_child_main(_engine, _who, _way, int(_count), Path(_directory))).decode())
    except BusError as error:
        sys.exit(f"error: {error}")
