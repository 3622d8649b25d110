"""Leases on a compacted topic fulfil the contract of leases on a real broker; what only they can do stands here."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

import pytest

from connectors.bus.base import BusError, LeaseLost
from connectors.bus.kafka_notes import Note, NotesTopic
from connectors.lease import Holder, Lease, LeaseHeld
from connectors.lease_kafka import KafkaLeases
from events.settings import Kafka
from tests.conftest import require_engine
from tests.contract.lease_suite import LeaseEngine, LeaseSuite, until
from tests.engines.kafka import Broker, KafkaMissing
from tests.engines.kafka import running as started

pytestmark = pytest.mark.engine("kafka")
_numbers = count()


@pytest.fixture
def leasing(broker: Broker) -> Iterator[LeaseEngine]:
    prefix, opened = f"l{next(_numbers)}.", []

    def start() -> KafkaLeases:
        opened.append(KafkaLeases(NotesTopic(Kafka(kafka_brokers=broker.address), prefix)))
        return opened[-1]

    elsewhere = (
        "from connectors.bus.kafka_notes import NotesTopic\nfrom connectors.lease_kafka import KafkaLeases\n"
        f"from events.settings import Kafka\n"
        f"leases = KafkaLeases(NotesTopic(Kafka(kafka_brokers={broker.address!r}), {prefix!r}))"
    )
    yield LeaseEngine(start, elsewhere)
    for leases in opened:
        leases.close()


class TestKafkaLeases(LeaseSuite):
    ttl_s = 2.0


def _elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on this process is on another machine: what it sees of the first one's processes tells nothing."""
    monkeypatch.setattr("connectors.lease._machine", lambda: "another machine")


def test_on_another_machine_a_living_holder_is_known_by_its_renewal(
    leasing: LeaseEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with leasing.holder(2.0, "x/0") as (process, _):
        _elsewhere(monkeypatch)
        began_s = time.monotonic()
        with pytest.raises(LeaseHeld, match=f"process {process.pid} "):
            leasing.open().acquire("x/0")
        assert time.monotonic() - began_s < 2.0


def test_on_another_machine_a_dead_holder_loses_it_after_its_time_to_live_and_not_before(
    leasing: LeaseEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with leasing.holder(2.0, "x/0") as (process, epoch):
        process.kill()
        process.wait()
    _elsewhere(monkeypatch)
    began_s = time.monotonic()
    with leasing.open().acquire("x/0") as lease:
        assert time.monotonic() - began_s >= 2.0
        assert lease.epoch > epoch


def test_a_clock_that_is_hours_off_decides_nothing(leasing: LeaseEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    with leasing.holder(2.0, "x/0"):
        _elsewhere(monkeypatch)
        for hours in (-5, 5):
            monkeypatch.setattr("connectors.lease_kafka.time.time", lambda hours=hours: real() + hours * 3600)
            with pytest.raises(LeaseHeld):
                leasing.open().acquire("x/0")


def test_claims_that_are_over_leave_the_topic(leasing: LeaseEngine) -> None:
    leases = leasing.open()
    assert isinstance(leases, KafkaLeases)
    for names in (["x/0", "x/1"], ["x/0"], ["x/1"], ["x/1", "x/2"], ["x/0"], ["x/1", "x/2"]):
        leases.acquire(names).release()
    notes = leases._topic.read()
    assert sorted(key.partition("/")[0] for key in notes) == ["alive", "alive", "claim", "claim"]


@pytest.mark.parametrize("look", range(4))
def test_who_comes_while_another_claims_other_leases_keeps_its_own(
    leasing: LeaseEngine, monkeypatch: pytest.MonkeyPatch, look: int
) -> None:
    """Two flows of one data set begin at once: what one has not yet read of the other is not over."""
    first, second = leasing.open(), leasing.open()
    assert isinstance(first, KafkaLeases)
    read, looks = first._topic.read, count()
    came: list[Lease] = []

    def interrupted() -> Mapping[str, Note]:
        if next(looks) == look:
            came.append(second.acquire("x/1"))
        return read()

    monkeypatch.setattr(first._topic, "read", interrupted)
    with first.acquire("x/0") as lease:
        if not came:
            came.append(second.acquire("x/1"))
        for each in (lease, *came):
            each._renew()
            each.check()
        came[0].release()


def test_a_holder_waits_for_brokers_that_are_away_and_keeps_its_lease(tmp_path: Path) -> None:
    try:
        with started(tmp_path) as broker:
            leases = KafkaLeases(NotesTopic(Kafka(kafka_brokers=broker.address, kafka_timeout_ms=60_000), "w."))
            with leases.acquire("a", ttl_s=3.0) as lease:
                other = KafkaLeases(NotesTopic(Kafka(kafka_brokers=broker.address, kafka_timeout_ms=60_000), "w."))
                assert other.holder("a") is not None
                broker.kill()
                time.sleep(4.0)
                lease.check()
                broker.start()
                # Nobody could renew while brokers were away: that silence is held against nobody.
                with pytest.raises(LeaseHeld):
                    other.acquire("a")
                other.close()
                until(lambda: _held(leases, lease.epoch), 30)
                lease.check()
            leases.close()
    except KafkaMissing as missing:
        require_engine("kafka", str(missing))


def _held(leases: KafkaLeases, epoch: int) -> bool:
    holder = leases.holder("a")
    return holder is not None and holder.epoch == epoch


def test_who_lost_brokers_for_longer_than_they_may_be_away_stops(tmp_path: Path) -> None:
    try:
        with started(tmp_path) as broker:
            leases = KafkaLeases(NotesTopic(Kafka(kafka_brokers=broker.address, kafka_timeout_ms=2000), "w."))
            lease = leases.acquire("a", ttl_s=0.9)
            broker.kill()
            until(lambda: _is_lost(lease), 20)
            lease.release()
            with pytest.raises(BusError):
                leases.acquire("b")
    except KafkaMissing as missing:
        require_engine("kafka", str(missing))


def _is_lost(lease: object) -> bool:
    try:
        lease.check()  # type: ignore[attr-defined]
    except LeaseLost:
        return True
    return False


def test_this_process_says_who_it_is() -> None:
    assert not Holder.this_process(1).is_dead()
