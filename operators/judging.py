"""Judging: every rule over what one underlying's packets, structures and later looks turned out to be.

A sieve by premium comes first: most packets cost one comparison. Structures are judged before the packets of their
legs, whose parents are then no single-leg evidence. Pure: all that is remembered stands in `Memory`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from events.derived import FlowPacket
from events.ids import hit_id
from events.settings import Rules
from events.types import NS_PER_MS
from events.verdicts import Alert, Check, Hit, Outcome, PositionCheck, Structure
from operators.alert import Event, alert_for, revise_alert
from operators.following import first_leg
from operators.later import claims_of, revise_claims, watch, watch_revised
from operators.memory import MAX_CHAINS, MAX_ORDERS, Judged, Memory, Order
from operators.rules.rule import Rule, Verdict
from operators.rules.subject import StructureSubject, Subject, orders_of, whole_of
from operators.work import Revised


@dataclass(slots=True)
class Verdicts:
    """What was found, by topic, each in order."""

    packets: list[FlowPacket] = field(default_factory=list)
    structures: list[Structure] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    checks: list[PositionCheck] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.packets or self.structures or self.hits or self.alerts or self.outcomes or self.checks)


class Judge:
    """The rules under one set of settings."""

    def __init__(self, rule_set: Sequence[Rule], rules: Rules) -> None:
        self.rules = rules
        floors = [(rule, rule.least_premium(rules)) for rule in rule_set]
        self._orders = [each for each in floors if each[0].reads == "order"]
        self._wholes = [each for each in floors if each[0].reads == "packet"]
        self._structures = [each for each in floors if each[0].reads == "structure"]
        #: Rules on looks, for `operators/later.py`.
        self.looks = [each for each in floors if each[0].reads == "look"]
        #: Packets below it fire nothing.
        self.least = min((floor for _, floor in (*self._orders, *self._wholes)), default=0.0)
        self._window_ns = max(rules.repeated_hits_window_ms, rules.ladder_window_ms) * NS_PER_MS
        self._horizon_ns = rules.cancel_horizon_ms * NS_PER_MS
        self._remembers = any(rule.id in ("repeated_hits", "ladder_accumulation") for rule in rule_set)

    def packet(
        self, memory: Memory, packet: FlowPacket, ts: int, out: Verdicts, taken: frozenset[str] = frozenset()
    ) -> None:
        """Judges a packet, less the parents that structures have taken."""
        orders = orders_of(packet, taken, self.rules)
        events = self._events(packet, ts, taken, orders, self._remember(memory, packet, orders), {})
        for event in events:
            self._say(memory, event, out)
            claims_of(memory, event)
        if events:
            self._note(memory, packet.id, Judged(ts, packet.contract, packet.id, _fired(events), _names(events)))

    def structure(self, memory: Memory, structure: Structure, ts: int, out: Verdicts) -> None:
        """Judges a structure."""
        event = self._structure_event(structure, ts)
        if event is not None:
            self._say(memory, event, out)
            leg = first_leg(structure)
            self._note(memory, structure.id, Judged(ts, leg.contract, leg.packet_id, _fired([event])))

    def _say(self, memory: Memory, event: Event, out: Verdicts) -> None:
        out.hits += event.hits
        alert = alert_for(memory, event, self.rules)
        if alert is not None:
            out.alerts.append(alert)
            watch(memory, event, alert)

    def _note(self, memory: Memory, ident: str, judged: Judged) -> None:
        """Remembers what fired for as long as a cancel may take it back."""
        table, before_ts = memory.judged, judged.ts - self._horizon_ns
        while table and table[oldest := next(iter(table))].ts < before_ts:
            del table[oldest]
        table[ident] = judged

    def revise_packet(self, memory: Memory, revised: Revised, out: Verdicts) -> None:
        """Judges a packet again, without a print that was struck out; rules may fire that did not, and the reverse."""
        packet, taken = revised.packet, frozenset(revised.taken)
        before = memory.judged.get(packet.id)
        names = before.names if before is not None else {}
        orders = orders_of(packet, taken, self.rules, names=names)
        recent = self._remember_again(memory, packet, orders)
        judges = packet.premium is not None and packet.premium >= self.least
        events = self._events(packet, revised.ts, taken, orders, recent, names) if judges else []
        now = Judged(revised.ts, packet.contract, packet.id, _fired(events), _names(events) | names)
        self._revise(memory, packet, now, events, out)
        watch_revised(memory, packet)

    def revise_structure(self, memory: Memory, structure: Structure, ts: int, out: Verdicts) -> None:
        """Judges a structure again, one of whose legs lost a print."""
        event = self._structure_event(structure, ts) if structure.legs else None
        events, leg = [] if event is None else [event], first_leg(structure) if structure.legs else None
        now = Judged(ts, leg.contract if leg else "", leg.packet_id if leg else "", _fired(events))
        self._revise(memory, structure, now, events, out)

    def _revise(
        self, memory: Memory, of: FlowPacket | Structure, now: Judged, events: Sequence[Event], out: Verdicts
    ) -> None:
        """Says what changed: hits again or taken back, and the alerts that they went into."""
        ts, before = now.ts, memory.judged.get(of.id)
        if before is not None:
            memory.judged[of.id] = now = Judged(before.ts, before.contract, before.packet_id, now.fired, now.names)
        elif events:
            self._note(memory, of.id, now)
        by_about = {event.about: event for event in events}
        fired = {} if before is None else before.fired
        still = {ident for hits in now.fired.values() for ident in hits}
        for about in dict.fromkeys((*fired, *by_about)):
            event, then = by_about.get(about), fired.get(about, ())
            for hit in () if event is None else event.hits:
                hit.revision = of.revision
                out.hits.append(hit)
            out.hits += [self._withdrawn(ident, now, of, ts) for ident in then if ident not in still]
            revise_claims(memory, then, event)
            alert = revise_alert(memory, about, event, ts, self.rules, spoken=bool(then))
            if alert is not None:
                out.alerts.append(alert)
                if event is not None:
                    watch(memory, event, alert)

    def _withdrawn(self, ident: str, judged: Judged, of: FlowPacket | Structure, ts: int) -> Hit:
        about, _, name = ident.rpartition(":")
        every = (*self._orders, *self._wholes, *self._structures)
        version = next((rule.version for rule, _ in every if rule.id == name), 1)
        return _withdrawn(about, name, version, judged, of, ts)

    def _events(
        self, packet: FlowPacket, ts: int, taken: frozenset[str], orders: Sequence[Subject], recent: Sequence[Order],
        names: Mapping[str, str],
    ) -> list[Event]:  # fmt: skip
        """Returns the orders of a packet on which rules fired; what is said of the packet joins the largest of them.

        Where none fires it is an event of its own, under the name that carried it before a print was struck out.
        """
        events = []
        for subject in orders:
            subject.recent = recent
            hits = self._fired(self._orders, subject, packet, ts)
            if hits:
                events.append(Event(subject.about, ts, subject, tuple(hits)))
        whole = whole_of(packet, taken, self.rules)
        said = [] if whole is None else self._fired(self._wholes, whole, packet, ts)
        if said and events:
            first = events[0]
            events[0] = Event(first.about, ts, first.subject, first.hits + tuple(said))
        elif said and whole is not None:
            events.append(Event(names.get(_WHOLE, whole.about), ts, whole, tuple(said)))
        return events

    def _fired(
        self, rule_floors: Sequence[tuple[Rule, float]], subject: Subject, packet: FlowPacket, ts: int
    ) -> list[Hit]:
        premium = subject.premium
        if premium is None:
            return []
        hits = []
        for rule, floor in rule_floors:
            if premium >= floor and rule.sieve(subject):
                verdict = rule.judge(subject)
                if verdict.fired:
                    hits.append(_order_hit(rule, verdict, subject, ts))
        return hits

    def _structure_event(self, structure: Structure, ts: int) -> Event | None:
        subject, premium = StructureSubject(structure, self.rules), structure.gross_premium
        if premium is None:
            return None
        hits = []
        for rule, floor in self._structures:
            if premium >= floor and rule.sieve(subject):
                verdict = rule.judge(subject)
                if verdict.fired:
                    hits.append(_structure_hit(rule, verdict, subject, ts))
        return Event(structure.id, ts, subject, tuple(hits)) if hits else None

    def _remember(self, memory: Memory, packet: FlowPacket, subjects: Sequence[Subject]) -> Sequence[Order]:
        """Adds a packet's orders to those of its expiry and right; returns what rules may look at, oldest first."""
        if not self._remembers or not _counts(packet):
            return ()
        chain, table = packet.contract[:-8], memory.orders
        window_ns = self._window_ns
        # Longer than rules look back: a packet of the last minutes may be judged again.
        since = packet.ts - window_ns - self._horizon_ns
        orders = [order for order in table.pop(chain, ()) if order.ts >= since]
        orders += self._orders_in(packet, subjects)
        if orders:
            table[chain] = orders
            while len(table) > MAX_CHAINS and table[oldest := next(iter(table))][-1].ts < since:
                del table[oldest]
        return self._looked_at(orders, packet)

    def _remember_again(self, memory: Memory, packet: FlowPacket, subjects: Sequence[Subject]) -> Sequence[Order]:
        """Puts a revised packet's orders in the place of what they were; returns what rules could look at then."""
        if not self._remembers:
            return ()
        chain = packet.contract[:-8]
        orders = memory.orders.get(chain, [])
        own = self._orders_in(packet, subjects) if _counts(packet) else []
        places = [place for place, order in enumerate(orders) if order.about == packet.id]
        later = (place for place, order in enumerate(orders) if order.ts > packet.ts)
        first = places[0] if places else next(later, len(orders))
        behind = [order for order in orders[first:] if order.about != packet.id]
        before = orders[:first] + own
        if before or behind:
            memory.orders[chain] = before + behind
        else:
            memory.orders.pop(chain, None)
        return self._looked_at(before, packet)

    def _looked_at(self, orders: Sequence[Order], packet: FlowPacket) -> Sequence[Order]:
        since = packet.ts - self._window_ns
        return [order for order in orders if order.ts >= since][-MAX_ORDERS:]

    def _orders_in(self, packet: FlowPacket, subjects: Sequence[Subject]) -> list[Order]:
        least, found = self.rules.repeated_hits_min_hit_premium, []
        for subject in subjects:
            premium, parent = subject.premium, subject.parent
            if premium is not None and premium >= least:
                side = subject.side if not packet.mixed else "none"
                strike = subject.contract.strike
                found.append(
                    Order(packet.ts, packet.contract, strike, side, premium, parent.size, parent.count, packet.id)
                )
        return found


def _counts(packet: FlowPacket) -> bool:
    """Tells whether a packet's orders are evidence for rules that look across packets."""
    return packet.flag == "regular" and not packet.suspected_complex and not packet.halted and not packet.limit_state


#: The name of what is said of a packet as a whole, beside those of sides.
_WHOLE = "whole"


def _fired(events: Sequence[Event]) -> dict[str, tuple[str, ...]]:
    return {event.about: tuple(hit.id for hit in event.hits) for event in events}


def _names(events: Sequence[Event]) -> dict[str, str]:
    """Returns under which name each side was spoken of, and the event that carried what is said of the whole."""
    names: dict[str, str] = {}
    for event in events:
        subject = event.subject
        if isinstance(subject, Subject):
            if not subject.whole:
                names[subject.side] = event.about
            if any(hit.about != event.about for hit in event.hits) or subject.whole:
                names[_WHOLE] = event.about
    return names


def _order_hit(rule: Rule, verdict: Verdict, subject: Subject, ts: int) -> Hit:
    packet = subject.packet
    return _hit(
        rule, verdict, subject.rules, ts, about=subject.about, packet_id=packet.id, structure_id=None,
        contract=packet.contract, underlying=packet.underlying, premium=subject.premium, revision=packet.revision,
    )  # fmt: skip


def _structure_hit(rule: Rule, verdict: Verdict, subject: StructureSubject, ts: int) -> Hit:
    structure = subject.structure
    first = first_leg(structure)
    return _hit(
        rule, verdict, subject.rules, ts, about=structure.id, packet_id=first.packet_id, structure_id=structure.id,
        contract=first.contract, underlying=structure.underlying, premium=structure.gross_premium,
        revision=structure.revision,
    )  # fmt: skip


def _hit(rule: Rule, verdict: Verdict, rules: Rules, ts: int, *, about: str, **fields: Any) -> Hit:
    return Hit(
        id=hit_id(about, rule.id), ts=ts, about=about, rule=rule.id, version=rule.version,
        direction=verdict.direction, style=verdict.style or rule.style, confidence=verdict.confidence,
        checks=verdict.checks, sentences=verdict.sentences, against=verdict.against,
        thresholds={name.upper(): float(getattr(rules, name)) for name in rule.settings}, **fields,
    )  # fmt: skip


#: What a rule that fires no longer shows in place of its checks.
_STRUCK = (Check("its prints still stand", "no", "==", "yes", False),)


def _withdrawn(about: str, rule: str, version: int, judged: Judged, of: FlowPacket | Structure, ts: int) -> Hit:
    """A hit whose rule fires no longer, as its next revision: nothing is claimed, nothing is sure."""
    return Hit(
        id=hit_id(about, rule), revision=of.revision, ts=ts, about=about, packet_id=judged.packet_id,
        structure_id=of.id if isinstance(of, Structure) else None, contract=judged.contract, underlying=of.underlying,
        rule=rule, version=version, direction="neutral", style="unclear", confidence=0.0, premium=None, checks=_STRUCK,
        sentences=(), against=("A print was cancelled: the rule fires no longer.",), thresholds={},
    )  # fmt: skip
