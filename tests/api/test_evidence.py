"""What evidence says of events that were revised: by cancels, late, and known to the archive or the log alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api import evidence
from api.evidence import ArchiveFinder, Evidence, Gathering, LogFinder
from api.named import named
from api.newest import backwards
from connectors.bus.base import Batch, Bus
from connectors.dataset import Dataset
from connectors.store.archiver import Archiver
from connectors.store.chdb_engine import ChdbStore
from events.ids import alert_id, hit_id, packet_id, parent_id, structure_id
from events.types import NS_PER_S
from tests.connectors.store.samples import T0, batch_of, plain_events
from tests.lines import encode_lines

CONTRACT = "SPY260116C00450000"
#: The print that began the packet and was cancelled, and the one that stayed.
GONE, KEPT = (f"file:options.prints:{CONTRACT}:{T0 + n}:k{n}" for n in range(2))
OTHER = f"file:options.prints:{CONTRACT}:{T0 + 9 * NS_PER_S}:k9"
PACKET, PARENT = packet_id(GONE), parent_id(GONE)
HIT, STRUCTURE, ALERT = hit_id(PARENT, "roll"), structure_id(PARENT), alert_id(PARENT)
#: Longer than any event is known after its first print, and within the longest CANCEL_HORIZON_MS.
LATER = T0 + 20 * 3600 * NS_PER_S


class Known:
    """A log, and an archive that holds some of it."""

    def __init__(self, path: Path) -> None:
        self.bus: Bus = Dataset.open(path, create=True, partitions=1).open_bus()
        self.store = ChdbStore(path)
        self.store.ensure_tables()

    def archived(self, topic: str, *events: Any) -> None:
        first = self.bus.heads(topic)[0].next
        self.logged(topic, *events)
        archiver = Archiver(self.store, "main")
        archiver.take(topic, batch_of(list(events), first))
        archiver.flush()

    def logged(self, topic: str, *events: Any) -> None:
        self.bus.append(topic, {0: Batch(len(events), encode_lines(list(events)), ["SPY"] * len(events))})

    def gather(self, ident: str) -> Evidence:
        return Gathering(ArchiveFinder(self.store), LogFinder(self.bus, named(ident))).gather(ident)


@pytest.fixture
def known(tmp_path: Path) -> Iterator[Known]:
    made = Known(tmp_path)
    yield made
    made.bus.close()
    made.store.close()


def made(topic: str, **fields: Any) -> Any:
    (event,) = plain_events(topic, 1)
    for name, value in fields.items():
        setattr(event, name, value)
    return event


def packet(revision: int, ts: int, *members: str) -> Any:
    return made("flow.packets", id=PACKET, revision=revision, ts=ts, contract=CONTRACT, underlying="SPY",
                start_ts=T0, end_ts=T0 + 1, members=members)  # fmt: skip


def hit(revision: int, ts: int, confidence: float = 0.5) -> Any:
    return made("flow.hits", id=HIT, revision=revision, ts=ts, packet_id=PACKET, about=PARENT, confidence=confidence)


def structure(revision: int, ts: int) -> Any:
    event = made("flow.structures", id=STRUCTURE, revision=revision, ts=ts, underlying="SPY")
    event.legs[0].packet_id = PACKET
    return event


def alert(revision: int, *evidence: str) -> Any:
    return made("flow.alerts", id=ALERT, revision=revision, ts=T0 + revision, evidence=evidence)


@pytest.mark.parametrize("ident", [PACKET, PARENT, HIT, STRUCTURE])
@pytest.mark.parametrize("by", ["archived", "logged"])
def test_a_cancelled_print_still_leads_to_its_packet_however_late_it_was_revised(
    known: Known, ident: str, by: str
) -> None:
    tell = getattr(known, by)
    tell("flow.packets", packet(0, T0 + NS_PER_S, GONE, KEPT), packet(1, LATER, KEPT))
    tell("flow.hits", hit(0, T0 + NS_PER_S), hit(1, LATER))
    tell("flow.structures", structure(0, T0 + NS_PER_S), structure(1, LATER))
    found = known.gather(ident)
    assert [(each["id"], each["revision"], each["members"]) for each in found.packets] == [(PACKET, 1, [KEPT])]
    assert [(each["id"], each["revision"]) for each in found.hits] == [(HIT, 1)]
    assert [(each["id"], each["revision"]) for each in found.structures] == [(STRUCTURE, 1)]


@pytest.mark.parametrize("newest", ["archived", "logged"])
def test_a_packet_names_its_alert_as_it_is_now_though_it_rests_on_another(known: Known, newest: str) -> None:
    known.archived("flow.packets", packet(0, T0, GONE, KEPT))
    known.archived("flow.alerts", alert(0, PACKET))
    getattr(known, newest)("flow.alerts", alert(1, packet_id(OTHER)))
    assert [(each["id"], each.get("revision")) for each in known.gather(PACKET).alerts] == [(ALERT, 0), (ALERT, 1)]


def test_the_log_is_asked_for_what_was_revised_since_the_archive_was_written(known: Known) -> None:
    known.archived("flow.packets", packet(0, T0, GONE, KEPT))
    known.archived("flow.hits", hit(0, T0))
    known.archived("flow.alerts", alert(0, PACKET))
    known.logged("flow.packets", packet(1, T0 + 5, KEPT))
    known.logged("flow.hits", hit(1, T0 + 5, 0.0))
    known.logged("flow.alerts", alert(1, PACKET))
    found = known.gather(ALERT)
    assert [(each["revision"], each["confidence"]) for each in found.hits] == [(1, 0.0)]
    assert [each["revision"] for each in found.packets] == [1]
    assert [each["revision"] for each in found.alerts] == [0, 1]


def test_the_log_is_read_no_further_back_than_the_archive_holds(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    known.archived("flow.packets", packet(0, T0, GONE, KEPT), packet(1, T0 + 5, KEPT))
    known.logged("flow.packets", packet(2, T0 + 6, KEPT))
    scans: dict[str, list[int]] = {}

    def counted(bus: Bus, topic: str, partition: int, end: int, scan: int) -> Iterator[tuple[int, bytes]]:
        for offset, message in backwards(bus, topic, partition, end, scan):
            scans.setdefault(topic, []).append(offset)
            yield offset, message

    monkeypatch.setattr(evidence, "backwards", counted)
    assert [each["revision"] for each in known.gather(PACKET).packets] == [2]
    assert scans["flow.packets"] == [2]
    known.bus.clear("flow.packets")  # the archive does not know yet, and holds none of the new run
    known.logged("flow.packets", packet(7, T0, KEPT))
    assert [each["revision"] for each in known.gather(PACKET).packets] == [7]
