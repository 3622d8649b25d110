"""The client library as the Kafka bus uses it: configuration, requests with patience, and its errors in words."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from connectors.bus.base import BusError
from events.settings import Kafka

T = TypeVar("T")
#: An answer that a healthy broker gives at once; a fault shorter than KAFKA_TIMEOUT_MS is waited out.
REQUEST_S = 5.0
#: Brokers that nobody has reached yet may be a wrong address: no long patience with them.
_FIRST_CONTACT_S = 10.0
_RETRY_S = 0.05
_END, _START = -1, -2
_TIMES_AHEAD = "message.timestamp.after.max.ms"
_AWAY = frozenset({
    KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE,
    KafkaError.LEADER_NOT_AVAILABLE, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NETWORK_EXCEPTION, KafkaError.BROKER_NOT_AVAILABLE, KafkaError.NOT_CONTROLLER,
    KafkaError.KAFKA_STORAGE_ERROR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError._WAIT_COORD,
    KafkaError.FENCED_LEADER_EPOCH, KafkaError.UNKNOWN_LEADER_EPOCH, KafkaError.REPLICA_NOT_AVAILABLE,
    # A connection that was cut while its handle was renewed.
    KafkaError._DESTROY_BROKER,
})  # fmt: skip
_GONE = frozenset({
    KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.UNKNOWN_TOPIC_ID,
})  # fmt: skip
#: What an error means to whoever runs this, by code; the library's own words for all others.
_WORDS: Mapping[int, str] = {
    KafkaError.MSG_SIZE_TOO_LARGE: "larger than the broker takes: raise the topic's max.message.bytes, or lower "
    "KAFKA_MESSAGE_MAX_BYTES to what it is",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "this user may not use the topic",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "this user may not do that on the cluster",
    KafkaError.SASL_AUTHENTICATION_FAILED: "the broker refuses KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
    KafkaError._AUTHENTICATION: "the broker refuses KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
    KafkaError._SSL: "no TLS connection: see KAFKA_SECURITY_PROTOCOL and KAFKA_SSL_CA_LOCATION",
    KafkaError._MSG_TIMED_OUT: "no broker took it within KAFKA_TIMEOUT_MS",
    KafkaError._RESOLVE: "its name cannot be resolved",
    KafkaError.NOT_ENOUGH_REPLICAS: "too few replicas are in sync",
    KafkaError.INVALID_REPLICATION_FACTOR: "the cluster has fewer brokers than KAFKA_REPLICATION",
    KafkaError.INVALID_TIMESTAMP: "the broker refuses its time: set the topic's message.timestamp.after.max.ms high",
}
#: Errors that the client reports beside any request and that explain why brokers do not answer.
_TELLING = frozenset({
    KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError._RESOLVE, KafkaError.SASL_AUTHENTICATION_FAILED,
})  # fmt: skip
_log = logging.getLogger("undertow.kafka")


class _Aside:
    """The library says each failed connection once more as an error; what it comes to, a BusError says."""

    def log(self, level: int, *said: Any) -> None:
        """Takes one line of the library's."""
        _log.debug(*said)


def in_words(error: KafkaError) -> str:
    """Returns an error as one line."""
    return _WORDS.get(error.code()) or " ".join(error.str().split())


def error_of(exception: KafkaException) -> KafkaError:
    """Returns what an exception of the library carries."""
    error: KafkaError = exception.args[0]
    return error


class Client:
    """One process's way to the brokers; handles are made when first used."""

    def __init__(self, settings: Kafka) -> None:
        self.settings = settings
        self.patience_s = settings.kafka_timeout_ms / 1000
        self._reached = False
        self._why = ""
        self._asker: Consumer | None = None
        self._admin: AdminClient | None = None

    def producer(self) -> Producer:
        """Returns a producer whose appends to a partition are one batch each: it sends when it is flushed."""
        limit = self.settings.kafka_message_max_bytes
        return Producer({
            **self._common(), "enable.idempotence": True, "acks": "all", "compression.type":
            self.settings.kafka_compression, "message.max.bytes": limit, "batch.size": limit,
            "batch.num.messages": 1_000_000, "linger.ms": min(10_000, self.settings.kafka_timeout_ms // 2),
            "queue.buffering.max.messages": self.settings.kafka_queue_messages,
            "queue.buffering.max.kbytes": 2_000_000, "message.timeout.ms": self.settings.kafka_timeout_ms,
            "sticky.partitioning.linger.ms": 0,
        }, logger=_Aside())  # fmt: skip

    def consumer(self, **changed: Any) -> Consumer:
        """Returns a consumer of assigned partitions, in no group."""
        return Consumer({
            **self._common(), "group.id": "undertow", "enable.auto.commit": False, "enable.auto.offset.store": False,
            "auto.offset.reset": "error", "isolation.level": "read_uncommitted", "fetch.wait.max.ms": 50,
            "fetch.queue.backoff.ms": 5, "fetch.error.backoff.ms": 50, "queued.min.messages": 50_000,
            "queued.max.messages.kbytes": 32_768, "check.crcs": False,
            # A connection that is silent without being closed is given up well before patience ends.
            "socket.timeout.ms": min(60_000, max(2000, self.settings.kafka_timeout_ms // 4)), **changed,
        }, logger=_Aside())  # fmt: skip

    def reader(self, name: str, **changed: Any) -> Consumer:
        """Returns a consumer that knows the topic it will be assigned partitions of.

        One that does not know it yet may ask for it only with the next of the library's rounds, a second later.
        """
        consumer = self.consumer(**changed)
        self.ask(f"looking for topic {name}", lambda: consumer.list_topics(name, timeout=REQUEST_S))
        return consumer

    def _common(self) -> dict[str, Any]:
        s = self.settings
        given = {
            "bootstrap.servers": s.kafka_brokers, "security.protocol": s.kafka_security_protocol,
            "sasl.mechanism": s.kafka_sasl_mechanism, "sasl.username": s.kafka_sasl_username,
            "sasl.password": s.kafka_sasl_password.get_secret_value(), "ssl.ca.location": s.kafka_ssl_ca_location,
            "ssl.certificate.location": s.kafka_ssl_certificate_location, "ssl.key.location": s.kafka_ssl_key_location,
            "ssl.key.password": s.kafka_ssl_key_password.get_secret_value(),
        }  # fmt: skip
        return {
            **{name: value for name, value in given.items() if value}, "client.id": "undertow",
            "error_cb": self._told, "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 1000,
            "topic.metadata.refresh.sparse": True, "socket.keepalive.enable": True,
        }  # fmt: skip

    def _told(self, error: KafkaError) -> None:
        if error.code() in _TELLING:
            self._why = in_words(error)

    def ask(self, what: str, request: Callable[[], T], gone: Callable[[], T] | None = None) -> T:
        """Repeats a request while brokers are away; raises BusError in one line when patience ends.

        `gone` answers for topics that do not exist; without it they are waited for, as behind a broker's start.
        """
        at_s, waited_s = time.monotonic(), 0.0
        while True:
            try:
                answer = request()
            except KafkaException as exception:
                error = error_of(exception)
                if gone is not None and error.code() in _GONE:
                    return gone()
                if error.code() not in _AWAY | _GONE:
                    raise BusError(f"Kafka at {self.settings.kafka_brokers}: {what}: {in_words(error)}") from exception
                # What a request took longer than it may, this process was stopped or got no processor.
                now_s = time.monotonic()
                waited_s += min(now_s - at_s, REQUEST_S + _RETRY_S)
                at_s = now_s
                self._wait(what, waited_s, error)
            else:
                self._reached = True
                return answer

    def _wait(self, what: str, waited_s: float, error: KafkaError) -> None:
        patience_s = self.patience_s if self._reached else min(self.patience_s, _FIRST_CONTACT_S)
        if self._asker is not None:
            with suppress(KafkaException):
                self._asker.poll(0)
        if waited_s > patience_s or self._why:
            why = self._why or in_words(error)
            raise BusError(f"no Kafka broker at {self.settings.kafka_brokers} answers: {what}: {why}")
        time.sleep(_RETRY_S)

    def asker(self) -> Consumer:
        """Returns the handle that requests go through, and reads of single records."""
        if self._asker is None:
            self._asker = self.consumer(**{
                "fetch.wait.max.ms": 10, "fetch.message.max.bytes": 65_536, "queued.min.messages": 1,
            })  # fmt: skip
        return self._asker

    def renew_asker(self) -> None:
        """Lets the next request go through a new handle."""
        if self._asker is not None:
            self._asker.close()
            self._asker = None

    def admin(self) -> AdminClient:
        """Returns the handle that topics are made and trimmed through."""
        if self._admin is None:
            self._admin = AdminClient(self._common(), logger=_Aside())
        return self._admin

    def ends(self, names: Sequence[str], partitions: int) -> dict[str, list[int]]:
        """Returns Kafka's next offset of every partition of some topics, all by one request."""
        return self._offsets(names, partitions, _END)

    def starts(self, names: Sequence[str], partitions: int) -> dict[str, list[int]]:
        """Returns Kafka's first kept offset of every partition of some topics."""
        return self._offsets(names, partitions, _START)

    def span(self, name: str, partition: int) -> tuple[int, int]:
        """Returns Kafka's first kept offset and next offset of a partition."""
        count = partition + 1
        return self.starts([name], count)[name][partition], self.ends([name], count)[name][partition]

    def _offsets(self, names: Sequence[str], partitions: int, which: int) -> dict[str, list[int]]:
        def request() -> dict[str, list[int]]:
            asked = [TopicPartition(name, part, which) for name in names for part in range(partitions)]
            found: dict[str, list[int]] = {name: [0] * partitions for name in names}
            for answer in self.asker().offsets_for_times(asked, timeout=REQUEST_S):
                if answer.error is not None:
                    raise KafkaException(answer.error)
                found[answer.topic][answer.partition] = answer.offset
            return found

        return self.ask("asking where topics end", request) if names else {}

    def topic(self, name: str) -> int | None:
        """Returns a topic's number of partitions; None when it does not exist."""

        def request() -> int | None:
            found = self.asker().list_topics(name, timeout=REQUEST_S).topics[name]
            if found.error is not None:
                raise KafkaException(found.error)
            return _led(found)

        return self.ask(f"looking for topic {name}", request, gone=lambda: None)

    def topics(self) -> list[str]:
        """Returns the names of every topic of the cluster."""
        return self.ask("listing topics", lambda: list(self.asker().list_topics(timeout=REQUEST_S).topics))

    def create(self, name: str, partitions: int, changed: Mapping[str, str] | None = None) -> None:
        """Makes a topic that keeps everything until it is trimmed, or as `changed` says; waits until it can be used."""
        config = {
            "cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1",
            "message.timestamp.type": "CreateTime", "max.message.bytes": str(self.settings.kafka_message_max_bytes),
            **(changed or {}),
        }  # fmt: skip

        def request() -> bool:
            """Says whether the broker knew every setting; one that somebody else made meanwhile is as good."""
            asked = NewTopic(name, partitions, self.settings.kafka_replication or -1, config=config)
            try:
                self.admin().create_topics([asked], operation_timeout=REQUEST_S)[name].result()
            except KafkaException as exception:
                code = error_of(exception).code()
                if code == KafkaError.INVALID_CONFIG and _TIMES_AHEAD in config:
                    return False
                if code != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
            return True

        # Newer brokers refuse times far ahead, as a synthetic market's; older ones do not know the setting.
        config[_TIMES_AHEAD] = str(2**63 - 1)
        if not self.ask(f"making topic {name}", request):
            del config[_TIMES_AHEAD]
            self.ask(f"making topic {name}", request)
        deadline = time.monotonic() + self.patience_s
        while self.topic(name) != partitions:
            if time.monotonic() > deadline or (self.topic(name) or partitions) > partitions:
                return
            time.sleep(_RETRY_S)

    def delete_before(self, name: str, offsets: Mapping[int, int]) -> None:
        """Drops what stands before Kafka's offsets."""
        asked = [TopicPartition(name, part, offset) for part, offset in offsets.items()]
        if asked:
            self.ask(
                f"trimming topic {name}",
                lambda: [future.result() for future in self.admin().delete_records(asked).values()],
            )

    def close(self) -> None:
        """Closes the handles."""
        self.renew_asker()
        self._admin = None


def _led(found: Any) -> int:
    """Returns how many partitions have a leader; all of them, or the broker is asked again."""
    for partition in found.partitions.values():
        if partition.error is not None and partition.error.code() in _AWAY:
            raise KafkaException(partition.error)
    return len(found.partitions)
