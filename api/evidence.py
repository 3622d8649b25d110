"""What an alert, hit or packet rests on, down to the prints as marked with the quotes they were marked against.

From the archive; what it does not hold yet (it is a second or two behind), or while it is away, from the log's end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Protocol

import msgspec
import orjson

from api.history import RUN, columns_sql, last_revision
from api.newest import backwards
from connectors.bus.base import Bus
from connectors.feeds.writer import underlying_of
from connectors.store.base import Param, Reader, StoreAway
from connectors.store.schema import canonical_lines, has_revisions, table
from events.partitions import partition_of
from events.types import FOREVER_NS, NS_PER_MS

#: Events of one partition and topic looked at from the log's end; beyond, only the archive knows.
LOG_SCAN = 20_000
#: A packet's window is at most this long.
_LONGEST_WINDOW_NS = 2000 * NS_PER_MS
Fields = dict[str, Any]


class UnknownId(LookupError):
    """No event of that id is known."""


class Evidence(msgspec.Struct, kw_only=True):
    """An answer: the alert's revisions, hits, packets and prints as their export lines' fields."""

    id: str
    kind: str
    alerts: list[Fields]
    hits: list[Fields]
    packets: list[Fields]
    prints: list[Fields]
    #: Ids that are named as evidence and were not found.
    missing: list[str]


class Finder(Protocol):
    """Where events are looked up, by ids."""

    def alerts(self, ident: str, packets: Sequence[str]) -> list[Fields]:
        """Returns every revision of alerts of that id or that rest on one of the packets."""
        ...

    def packets(self, idents: Sequence[str]) -> list[Fields]:
        """Returns packets, last revisions."""
        ...

    def hits(self, packets: Sequence[str]) -> list[Fields]:
        """Returns the hits on packets, last revisions."""
        ...

    def prints(self, packet: Fields) -> list[Fields]:
        """Returns the members of a packet as marked."""
        ...


def first_print_ts(ident: str) -> int:
    """Returns the event time in a packet's id, ns; raises UnknownId when it is none of ours (contract 17)."""
    parts = ident.rsplit(":", 2)
    if len(parts) != 3 or not ident.startswith("pk:") or not parts[1].isdecimal():
        raise UnknownId(f"{ident[:200]!r} is no id of a packet")
    return int(parts[1])


def packet_of(ident: str) -> tuple[str, str]:
    """Returns the kind of an id (alert, hit, packet) and the packet that it names; raises UnknownId."""
    packet = ident.removeprefix("al:")
    named = (("alert", packet),) if packet != ident else (("packet", ident), ("hit", ident.rpartition(":")[0]))
    for kind, packet in named:
        with suppress(UnknownId):
            first_print_ts(packet)
            return kind, packet
    raise UnknownId(f"{ident[:200]!r} is no id of an alert (al:…), a hit or a packet (pk:…)")


class ArchiveFinder:
    """Looks up in the archive; ids say their event time, so that only a sliver of a table is read."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def alerts(self, ident: str, packets: Sequence[str]) -> list[Fields]:
        """Returns every revision of alerts of that id or that rest on one of the packets."""
        where = f"ts >= {{low:Int64}} AND (id = {{id:String}} OR hasAny(evidence, {_LIST}))"
        params: dict[str, Param] = {"low": min(map(first_print_ts, packets)), "id": ident, "ids": _listed(packets)}
        return self._read("flow.alerts", where, params, every=True)

    def packets(self, idents: Sequence[str]) -> list[Fields]:
        """Returns packets, last revisions."""
        return self._read("flow.packets", f"has({_LIST}, id) AND {_SPAN}", _spanned(idents))

    def hits(self, packets: Sequence[str]) -> list[Fields]:
        """Returns the hits on packets, last revisions."""
        return self._read("flow.hits", f"has({_LIST}, packet_id) AND {_SPAN}", _spanned(packets))

    def prints(self, packet: Fields) -> list[Fields]:
        """Returns the members of a packet as marked."""
        params = {"contract": packet["contract"], "low": packet["start_ts"], "high": packet["end_ts"]}
        found = self._read("options.marked", f"contract = {{contract:String}} AND {_SPAN}", params)
        return [fields for fields in found if fields["id"] in set(packet["members"])]

    def _read(self, topic: str, where: str, params: dict[str, Param], every: bool = False) -> list[Fields]:
        newest = "" if every or not has_revisions(topic) else f"AND {last_revision(topic)}"
        columns = self._reader.query(
            f"SELECT {columns_sql(topic)} FROM {table(topic).name} FINAL "
            f"WHERE run = {{run:String}} AND {where} {newest} ORDER BY ts, id",
            {**params, "run": RUN},
        )
        return [orjson.loads(line) for line in canonical_lines(topic, columns)]


#: Ids travel as one parameter, a line each; ours hold no line break.
_LIST = "splitByChar('\\n', {ids:String})"
_SPAN = "ts >= {low:Int64} AND ts <= {high:Int64}"


def _listed(idents: Sequence[str]) -> str:
    return "\n".join(idents)


def _spanned(idents: Sequence[str]) -> dict[str, Param]:
    times = [first_print_ts(ident) for ident in idents]
    return {"ids": _listed(idents), "low": min(times), "high": max(times) + _LONGEST_WINDOW_NS}


class LogFinder:
    """Looks up at the log's end, in the partition of the id's underlying."""

    def __init__(self, bus: Bus, packet: str) -> None:
        self._bus = bus
        instrument = packet.rsplit(":", 3)[-3]
        self._partition = partition_of(underlying_of(instrument), bus.partitions)

    def alerts(self, ident: str, packets: Sequence[str]) -> list[Fields]:
        """Returns every revision of alerts of that id or that rest on one of the packets."""
        return self._find(
            "flow.alerts",
            packets,
            lambda fields: fields["id"] == ident or not set(packets).isdisjoint(fields["evidence"]),
        )

    def packets(self, idents: Sequence[str]) -> list[Fields]:
        """Returns packets, last revisions."""
        return self._find("flow.packets", idents, lambda fields: fields["id"] in idents)

    def hits(self, packets: Sequence[str]) -> list[Fields]:
        """Returns the hits on packets, last revisions."""
        return self._find("flow.hits", packets, lambda fields: fields["packet_id"] in packets)

    def prints(self, packet: Fields) -> list[Fields]:
        """Returns the members of a packet as marked."""
        members = set(packet["members"])
        return self._find("options.marked", members, lambda fields: fields["id"] in members)

    def _find(self, topic: str, idents: Iterable[str], fits: Callable[[Fields], bool]) -> list[Fields]:
        needles = [ident.encode() for ident in idents]
        found = []
        for _, message in backwards(self._bus, topic, self._partition, FOREVER_NS, LOG_SCAN):
            if any(needle in message for needle in needles):
                fields = orjson.loads(message)
                if fits(fields):
                    found.append(fields)
        return found[::-1]


class Gathering:
    """Asks the archive first, then the log for what it did not hold."""

    def __init__(self, archive: Finder | None, log: Finder) -> None:
        self._archive = archive
        self._log = log
        #: Why the archive was not asked, or no longer is.
        self.away: StoreAway | None = None

    def gather(self, ident: str) -> Evidence:
        """Returns the evidence of an id; raises UnknownId, and StoreAway when only the archive could know."""
        kind, packet = packet_of(ident)
        packets = [packet]
        alerts = self._both(lambda finder: finder.alerts(ident, packets))
        if kind == "alert":
            alerts = [fields for fields in alerts if fields["id"] == ident]
            if not alerts:
                self._unknown(ident)
            packets = list(max(alerts, key=lambda fields: fields["revision"])["evidence"])
        found = self._wanted(packets, "id", lambda finder, wanted: finder.packets(wanted))
        hits = self._wanted(packets, "packet_id", lambda finder, wanted: finder.hits(wanted))
        if kind == "hit":
            hits = [fields for fields in hits if fields["id"] == ident]
        if (kind == "packet" and not found) or (kind == "hit" and not hits):
            self._unknown(ident)
        prints = [fields for each in found for fields in self._members(each)]
        have = {fields["id"] for fields in (*found, *prints)}
        named = [*packets, *(member for each in found for member in each["members"])]
        return Evidence(
            id=ident, kind=kind, alerts=alerts, hits=hits, packets=found, prints=prints,
            missing=[each for each in dict.fromkeys(named) if each not in have],
        )  # fmt: skip

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
            return []

    def _both(self, ask: Callable[[Finder], list[Fields]]) -> list[Fields]:
        """Returns what either knows, each (id, revision) once, by revision."""
        found = {(fields["id"], fields["revision"]): fields for fields in (*self._ask_archive(ask), *ask(self._log))}
        return [found[key] for key in sorted(found)]

    def _wanted(self, idents: list[str], name: str, ask: Callable[[Finder, list[str]], list[Fields]]) -> list[Fields]:
        found = self._ask_archive(lambda finder: ask(finder, idents))
        have = {fields[name] for fields in found}
        rest = [ident for ident in idents if ident not in have]
        if rest:
            found += newest_revisions(ask(self._log, rest))
        return found

    def _members(self, packet: Fields) -> list[Fields]:
        found = {fields["id"]: fields for fields in self._ask_archive(lambda finder: finder.prints(packet))}
        if len(found) < len(packet["members"]):
            found |= {fields["id"]: fields for fields in self._log.prints(packet)}
        return [found[member] for member in packet["members"] if member in found]


def newest_revisions(events: Iterable[Fields]) -> list[Fields]:
    """Returns the last revision of each event, in the order of their first."""
    found: dict[str, Fields] = {}
    for fields in events:
        known = found.get(fields["id"])
        if known is None or fields.get("revision", 0) >= known.get("revision", 0):
            found[fields["id"]] = fields
    return list(found.values())
