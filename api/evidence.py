"""What an alert, hit, structure or packet rests on, down to the prints as marked with the quotes they met.

From the archive, and from the log's end what it does not hold yet (it is a second or two behind) or while it is away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import msgspec
import orjson

from api.history import RUN, columns_sql, last_revision
from api.named import Named, UnknownId, named
from api.newest import backwards
from connectors.bus.base import Bus
from connectors.feeds.writer import underlying_of
from connectors.store.base import Param, Progress, Reader, StoreAway, read_progress
from connectors.store.schema import canonical_lines, has_revisions, table
from events.partitions import partition_of
from events.types import FOREVER_NS, NS_PER_S

#: Events of one partition and topic looked at from the log's end; beyond, only the archive knows.
LOG_SCAN = 20_000
#: What is known of a packet's first print is first known within this time.
_SPAN_NS = 600 * NS_PER_S
#: A cancel revises it up to the longest CANCEL_HORIZON_MS later, a day.
_REVISED_NS = 86_400 * NS_PER_S
Fields = dict[str, Any]


class Evidence(msgspec.Struct, kw_only=True):
    """An answer, as export lines' fields: the alert's revisions and outcomes, and what they rest on."""

    id: str
    kind: str
    alerts: list[Fields]
    structures: list[Fields]
    hits: list[Fields]
    packets: list[Fields]
    prints: list[Fields]
    #: What became of the newest alert since, each look a revision.
    outcomes: list[Fields]
    #: Next morning's open interest against the hits.
    checks: list[Fields]
    #: Ids that are named as evidence and were not found.
    missing: list[str]


class Finder(Protocol):
    """Where events are looked up."""

    def alerts(self, idents: Sequence[str], packets: Sequence[str]) -> list[Fields]:
        """Returns the revisions of alerts of these ids, and those that rest on one of the packets."""
        ...

    def structures(self, about: Named, packets: Sequence[str]) -> list[Fields]:
        """Returns the structures of an id's underlying, near its time, that have a leg in one of the packets."""
        ...

    def packets(self, idents: Sequence[str]) -> list[Fields]:
        """Returns packets, last revisions."""
        ...

    def packet_with(self, about: Named) -> list[Fields]:
        """Returns the revisions of the packet that have the print of an id as a member: a cancel leaves it out."""
        ...

    def hits(self, packets: Sequence[str]) -> list[Fields]:
        """Returns the hits on packets, last revisions."""
        ...

    def later(self, topic: str, key: str, values: Sequence[str], since_ts: int) -> list[Fields]:
        """Returns what was found later, every revision: outcomes by alert, checks by hit."""
        ...

    def prints(self, packet: Fields) -> list[Fields]:
        """Returns the members of a packet as marked."""
        ...


class ArchiveFinder:
    """Looks up in the archive; ids say their event time, so that only a sliver of a table is read."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def alerts(self, idents: Sequence[str], packets: Sequence[str]) -> list[Fields]:
        """Returns the revisions of alerts of these ids, and those that rest on one of the packets."""
        where = f"ts >= {{low:Int64}} AND (has({_LIST}, id) OR hasAny(evidence, {_LIST}))"
        sought = (*idents, *packets)
        params: dict[str, Param] = {"low": min(named(each).ts for each in sought), "ids": _listed(sought)}
        return self._read("flow.alerts", where, params, every=True)

    def structures(self, about: Named, packets: Sequence[str]) -> list[Fields]:
        """Returns the structures of an id's underlying, near its time, that have a leg in one of the packets."""
        params: dict[str, Param] = {"underlying": underlying_of(about.instrument), **_around(about.ts)}
        found = self._read("flow.structures", f"underlying = {{underlying:String}} AND {_SPAN}", params)
        return [fields for fields in found if _has_leg(fields, packets)]

    def packets(self, idents: Sequence[str]) -> list[Fields]:
        """Returns packets, last revisions."""
        return self._read("flow.packets", f"has({_LIST}, id) AND {_SPAN}", _spanned(idents))

    def packet_with(self, about: Named) -> list[Fields]:
        """Returns the revisions of the packet that have the print of an id as a member: a cancel leaves it out."""
        params: dict[str, Param] = {"contract": about.instrument, "print": about.print, **_around(about.ts)}
        where = f"contract = {{contract:String}} AND has(members, {{print:String}}) AND {_SPAN}"
        return self._read("flow.packets", where, params, every=True)

    def hits(self, packets: Sequence[str]) -> list[Fields]:
        """Returns the hits on packets, last revisions."""
        params: dict[str, Param] = {"ids": _listed(packets), "low": min(named(each).ts for each in packets)}
        return self._read("flow.hits", f"has({_LIST}, packet_id) AND ts >= {{low:Int64}}", params)

    def later(self, topic: str, key: str, values: Sequence[str], since_ts: int) -> list[Fields]:
        """Returns what was found later, every revision: outcomes by alert, checks by hit."""
        params: dict[str, Param] = {"ids": _listed(values), "low": since_ts}
        return self._read(topic, f"has({_LIST}, {key}) AND ts >= {{low:Int64}}", params, every=True)

    def prints(self, packet: Fields) -> list[Fields]:
        """Returns the members of a packet as marked."""
        params = {"contract": packet["contract"], "low": packet["start_ts"], "high": packet["end_ts"]}
        found = self._read(
            "options.marked", "contract = {contract:String} AND ts >= {low:Int64} AND ts <= {high:Int64}", params
        )
        return [fields for fields in found if fields["id"] in set(packet["members"])]

    def progress(self) -> Progress:
        """Returns how far the archive holds the run's topics."""
        return read_progress(self._reader, RUN)

    def _read(self, topic: str, where: str, params: dict[str, Param], every: bool = False) -> list[Fields]:
        newest = "" if every or not has_revisions(topic) else f"AND {last_revision(topic)}"
        order = "ts, id, revision" if has_revisions(topic) else "ts, id"
        columns = self._reader.query(
            f"SELECT {columns_sql(topic)} FROM {table(topic).name} FINAL "
            f"WHERE run = {{run:String}} AND {where} {newest} ORDER BY {order}",
            {**params, "run": RUN},
        )
        return [orjson.loads(line) for line in canonical_lines(topic, columns)]


#: Ids travel as one parameter, a line each; ours hold no line break.
_LIST = "splitByChar('\\n', {ids:String})"
_SPAN = "ts >= {low:Int64} AND (ts <= {high:Int64} OR revision > 0 AND ts <= {late:Int64})"


def _listed(idents: Sequence[str]) -> str:
    return "\n".join(idents)


def _around(ts: int) -> dict[str, Param]:
    return {"low": max(ts - _SPAN_NS, 0), **_until(ts)}


def _until(ts: int) -> dict[str, Param]:
    high = min(ts + _SPAN_NS, FOREVER_NS)
    return {"high": high, "late": min(high + _REVISED_NS, FOREVER_NS)}


def _spanned(idents: Sequence[str]) -> dict[str, Param]:
    times = [named(ident).ts for ident in idents]
    return {"ids": _listed(idents), "low": min(times), **_until(max(times))}


def _has_leg(structure: Fields, packets: Sequence[str]) -> bool:
    return any(leg["packet_id"] in packets for leg in structure["legs"])


class LogFinder:
    """Looks up at the log's end, in the partition of the id's underlying."""

    def __init__(self, bus: Bus, about: Named) -> None:
        self._bus = bus
        self._partition = partition_of(underlying_of(about.instrument), bus.partitions)
        #: What the archive knows and need not be looked for; nothing while it is away.
        self.held = Progress()

    def alerts(self, idents: Sequence[str], packets: Sequence[str]) -> list[Fields]:
        """Returns the revisions of alerts of these ids, and those that rest on one of the packets."""
        return self._find(
            "flow.alerts",
            (*idents, *packets),
            lambda fields: fields["id"] in idents or not set(packets).isdisjoint(fields["evidence"]),
        )

    def structures(self, about: Named, packets: Sequence[str]) -> list[Fields]:
        """Returns the structures of an id's underlying, near its time, that have a leg in one of the packets."""
        return self._find("flow.structures", packets, lambda fields: _has_leg(fields, packets))

    def packets(self, idents: Sequence[str]) -> list[Fields]:
        """Returns packets, last revisions."""
        return self._find("flow.packets", idents, lambda fields: fields["id"] in idents)

    def packet_with(self, about: Named) -> list[Fields]:
        """Returns the revisions of the packet that have the print of an id as a member: a cancel leaves it out."""
        return self._find("flow.packets", [about.print], lambda fields: about.print in fields["members"])

    def hits(self, packets: Sequence[str]) -> list[Fields]:
        """Returns the hits on packets, last revisions."""
        return self._find("flow.hits", packets, lambda fields: fields["packet_id"] in packets)

    def later(self, topic: str, key: str, values: Sequence[str], since_ts: int) -> list[Fields]:
        """Returns what was found later, every revision: outcomes by alert, checks by hit."""
        return self._find(topic, values, lambda fields: fields[key] in values)

    def prints(self, packet: Fields) -> list[Fields]:
        """Returns the members of a packet as marked."""
        members = set(packet["members"])
        return self._find("options.marked", members, lambda fields: fields["id"] in members)

    def _find(self, topic: str, idents: Iterable[str], fits: Callable[[Fields], bool]) -> list[Fields]:
        needles = [ident.encode() for ident in idents]
        found = []
        held, end = self.held.by_partition.get((topic, self._partition), (0, 0))[0], self._end(topic)
        scan = end - held if held <= end else end  # a run begun anew since holds none of it
        for offset, message in backwards(self._bus, topic, self._partition, end, min(scan, LOG_SCAN)):
            if offset < end - scan:
                break
            if any(needle in message for needle in needles):
                fields = orjson.loads(message)
                if fits(fields):
                    found.append(fields)
        return found[::-1]

    def _end(self, topic: str) -> int:
        return self._bus.heads(topic)[self._partition].next


class Gathering:
    """Asks the archive and the log's end: either may know the last revision of an event alone."""

    def __init__(self, archive: ArchiveFinder | None, log: LogFinder) -> None:
        self._archive = archive
        self._log = log
        #: Why the archive was not asked, or no longer is.
        self.away: StoreAway | None = None

    def gather(self, ident: str) -> Evidence:
        """Returns the evidence of an id; raises UnknownId, and StoreAway when only the archive could know."""
        about = named(ident)
        self._log.held = self._progress()
        packets = self._packets_of(about)
        alerts = self._alerts(about, packets)
        if about.kind == "alert":
            if not alerts:
                self._unknown(ident)
            packets = list(alerts[-1]["evidence"])
        structures = self._structures(about, packets)
        if about.kind == "structure":
            structures = [fields for fields in structures if fields["id"] == ident]
            packets = [leg["packet_id"] for fields in structures for leg in fields["legs"]]
        found = self._newest(lambda finder: finder.packets(packets)) if packets else []
        hits = self._newest(lambda finder: finder.hits(packets)) if packets else []
        if about.kind == "hit":
            hits = [fields for fields in hits if fields["id"] == ident]
        if not (hits if about.kind == "hit" else found or alerts):
            self._unknown(ident)
        return self._answer(about, alerts, structures, hits, packets, found)

    def _answer(
        self, about: Named, alerts: list[Fields], structures: list[Fields], hits: list[Fields], packets: list[str],
        found: list[Fields],
    ) -> Evidence:  # fmt: skip
        prints = [fields for each in found for fields in self._members(each)]
        have = {fields["id"] for fields in (*found, *prints)}
        expected = [*packets, *(member for each in found for member in each["members"])]
        outcomes, checks = self._later(about, alerts, hits)
        return Evidence(
            id=about.id, kind=about.kind, alerts=alerts, structures=structures, hits=hits, packets=found,
            prints=prints, outcomes=outcomes, checks=checks,
            missing=[each for each in dict.fromkeys(expected) if each not in have],
        )  # fmt: skip

    def _packets_of(self, about: Named) -> list[str]:
        """Returns the packet that an id leads to first; of a parent's or structure's, the one its print is in."""
        if about.about.startswith("pk:"):
            return [about.about]
        found = self._ask_archive(lambda finder: finder.packet_with(about)) or self._log.packet_with(about)
        if not found and about.kind != "alert":
            self._unknown(about.id)
        return [fields["id"] for fields in newest_revisions(found)]

    def _alerts(self, about: Named, packets: list[str]) -> list[Fields]:
        """Returns every revision of the alert of an id, or of those that ever rested on the packets."""
        if about.kind == "alert":
            return self._both(lambda finder: finder.alerts([about.id], ()))
        idents = {fields["id"]: None for fields in self._both(lambda finder: finder.alerts((), packets))}
        return self._both(lambda finder: finder.alerts([*idents], ())) if idents else []

    def _structures(self, about: Named, packets: list[str]) -> list[Fields]:
        return self._newest(lambda finder: finder.structures(about, packets)) if packets else []

    def _later(self, about: Named, alerts: list[Fields], hits: list[Fields]) -> tuple[list[Fields], list[Fields]]:
        ids = [fields["id"] for fields in newest_revisions(alerts)][-1:]
        outcomes = self._both(lambda finder: finder.later("alert.outcomes", "alert_id", ids, about.ts)) if ids else []
        of = [fields["id"] for fields in hits]
        checks = self._both(lambda finder: finder.later("position.check", "hit_id", of, about.ts)) if of else []
        return outcomes, newest_revisions(checks)

    def _unknown(self, ident: str) -> None:
        if self.away is not None:
            raise self.away
        raise UnknownId(f"no event has the id {ident!r}")

    def _ask_archive(self, ask: Callable[[Finder], list[Fields]]) -> list[Fields]:
        if self._archive is None or self.away is not None:
            return []
        try:
            return ask(self._archive)
        except StoreAway as away:
            self.away = away
            self._log.held = Progress()
            return []

    def _progress(self) -> Progress:
        """Returns what the archive held before it was asked for anything."""
        if self._archive is None:
            return Progress()
        try:
            return self._archive.progress()
        except StoreAway as away:
            self.away = away
            return Progress()

    def _both(self, ask: Callable[[Finder], list[Fields]]) -> list[Fields]:
        """Returns what either knows, each (id, revision) once, by revision."""
        archived = self._ask_archive(ask)  # first: should it go away now, the log is asked for everything
        return each_revision((*ask(self._log), *archived))

    def _newest(self, ask: Callable[[Finder], list[Fields]]) -> list[Fields]:
        """Returns the last revisions that either knows: the archive may hold an event before it was revised."""
        return sorted(newest_revisions(self._both(ask)), key=lambda fields: (fields["ts"], fields["id"]))

    def _members(self, packet: Fields) -> list[Fields]:
        found = {fields["id"]: fields for fields in self._ask_archive(lambda finder: finder.prints(packet))}
        if len(found) < len(packet["members"]):
            found |= {fields["id"]: fields for fields in self._log.prints(packet)}
        return [found[member] for member in packet["members"] if member in found]


def each_revision(events: Iterable[Fields]) -> list[Fields]:
    """Returns each (id, revision) once, by revision; the log's messages leave a revision of 0 out."""
    found = {(fields["id"], fields.get("revision", 0)): fields for fields in events}
    return [found[key] for key in sorted(found)]


def newest_revisions(events: Iterable[Fields]) -> list[Fields]:
    """Returns the last revision of each event, in the order of their first."""
    found: dict[str, Fields] = {}
    for fields in events:
        known = found.get(fields["id"])
        if known is None or fields.get("revision", 0) >= known.get("revision", 0):
            found[fields["id"]] = fields
    return list(found.values())
