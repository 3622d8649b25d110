"""Judging: every rule over what one underlying's packets, structures and later looks turned out to be.

A sieve by premium comes first: most packets cost one comparison. Structures are judged before the packets of their
legs, whose parents are then no single-leg evidence. Pure: all that is remembered stands in `Memory`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from events.derived import FlowPacket
from events.ids import hit_id
from events.settings import Rules
from events.types import NS_PER_MS
from events.verdicts import Alert, Check, Hit, Outcome, PositionCheck, Structure
from operators.alert import Event, alert_for, revise_alert
from operators.later import claims_of, watch
from operators.memory import MAX_CHAINS, MAX_JUDGED, MAX_ORDERS, Judged, Memory, Order, Reading, trim
from operators.rules.rule import Rule, Verdict
from operators.rules.subject import StructureSubject, Subject, orders_of, whole_of


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
        self._remembers = any(rule.id in ("repeated_hits", "ladder_accumulation") for rule in rule_set)

    def packet(
        self, memory: Memory, packet: FlowPacket, ts: int, out: Verdicts, reading: Reading | None = None,
        taken: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        """Judges a packet, less the parents that structures have taken; `reading` is what it was scored against."""
        orders = orders_of(packet, taken, self.rules)
        recent = self._remember(memory, packet, orders)
        events = self._events(packet, ts, taken, orders, recent)
        for event in events:
            out.hits += event.hits
            alert = alert_for(memory, event, self.rules)
            if alert is not None:
                out.alerts.append(alert)
                watch(memory, event, alert)
            claims_of(memory, event)
        if events:
            fired = {event.about: tuple(hit.rule for hit in event.hits) for event in events}
            seen = tuple(recent) if any(_across(event) for event in events) else ()
            memory.judged[packet.id] = Judged(ts, packet, None, tuple(sorted(taken)), fired, seen, reading)
            trim(memory.judged, MAX_JUDGED)

    def structure(self, memory: Memory, structure: Structure, ts: int, out: Verdicts) -> None:
        """Judges a structure."""
        event = self._structure_event(structure, ts)
        if event is None:
            return
        out.hits += event.hits
        alert = alert_for(memory, event, self.rules)
        if alert is not None:
            out.alerts.append(alert)
            watch(memory, event, alert)
        fired = {event.about: tuple(hit.rule for hit in event.hits)}
        memory.judged[structure.id] = Judged(ts, None, structure, (), fired)
        trim(memory.judged, MAX_JUDGED)

    def revise_packet(self, memory: Memory, packet: FlowPacket, ts: int, out: Verdicts) -> None:
        """Judges a packet on which rules fired again, without a print that was struck out."""
        before = memory.judged.get(packet.id)
        if before is None or before.packet is None:
            return
        taken = frozenset(before.taken)
        orders = orders_of(packet, taken, self.rules)
        found = self._events(packet, ts, taken, orders, before.recent) if packet.members else []
        events = {event.about: event for event in found}
        self._revise(memory, before, events, packet, ts, out)
        before.packet = packet
        before.fired = {about: tuple(hit.rule for hit in event.hits) for about, event in events.items()}

    def revise_structure(self, memory: Memory, structure: Structure, ts: int, out: Verdicts) -> None:
        """Judges a structure again, one of whose legs lost a print."""
        before = memory.judged.get(structure.id)
        if before is None or before.structure is None:
            return
        event = self._structure_event(structure, ts) if structure.legs else None
        self._revise(memory, before, {} if event is None else {event.about: event}, structure, ts, out)
        before.structure = structure
        before.fired = {} if event is None else {event.about: tuple(hit.rule for hit in event.hits)}

    def _revise(
        self, memory: Memory, before: Judged, events: dict[str, Event], now: FlowPacket | Structure, ts: int,
        out: Verdicts,
    ) -> None:  # fmt: skip
        for about in dict.fromkeys((*before.fired, *events)):
            event = events.get(about)
            still = () if event is None else tuple(hit.rule for hit in event.hits)
            gone = [rule for rule in before.fired.get(about, ()) if rule not in still]
            for hit in () if event is None else event.hits:
                hit.revision = now.revision
                out.hits.append(hit)
            out.hits += [_withdrawn(about, rule, self._version(rule), before, now, ts) for rule in gone]
            alert = revise_alert(memory, about, event, ts, self.rules)
            if alert is not None:
                out.alerts.append(alert)

    def _version(self, ident: str) -> int:
        every = (*self._orders, *self._wholes, *self._structures)
        return next((rule.version for rule, _ in every if rule.id == ident), 1)

    def _events(
        self, packet: FlowPacket, ts: int, taken: frozenset[str], orders: Sequence[Subject], recent: Sequence[Order]
    ) -> list[Event]:  # fmt: skip
        """Returns the orders of a packet on which rules fired; what is said of the packet joins the largest of them."""
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
            events.append(Event(whole.about, ts, whole, tuple(said)))
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
        """Adds a packet's orders to those of its expiry and right; returns them all, oldest first."""
        rules = self.rules
        if not self._remembers or packet.flag != "regular" or packet.suspected_complex or packet.halted:
            return ()
        chain = packet.contract[:-8]
        orders = memory.orders.pop(chain, [])
        window_ns = max(rules.repeated_hits_window_ms, rules.ladder_window_ms) * NS_PER_MS
        orders = [order for order in orders if order.ts >= packet.ts - window_ns][-MAX_ORDERS:]
        for subject in subjects:
            premium = subject.premium
            if premium is not None and premium >= rules.repeated_hits_min_hit_premium:
                side = subject.side if not packet.mixed else "none"
                strike = subject.contract.strike
                parent = subject.parent
                orders.append(
                    Order(packet.ts, packet.contract, strike, side, premium, parent.size, parent.count, packet.id)
                )
        if orders:
            memory.orders[chain] = orders
            trim(memory.orders, MAX_CHAINS)
        return orders


def _across(event: Event) -> bool:
    return any(hit.rule in ("repeated_hits", "ladder_accumulation") for hit in event.hits)


def _order_hit(rule: Rule, verdict: Verdict, subject: Subject, ts: int) -> Hit:
    packet = subject.packet
    return _hit(
        rule, verdict, subject.rules, ts, about=subject.about, packet_id=packet.id, structure_id=None,
        contract=packet.contract, underlying=packet.underlying, premium=subject.premium, revision=packet.revision,
    )  # fmt: skip


def _structure_hit(rule: Rule, verdict: Verdict, subject: StructureSubject, ts: int) -> Hit:
    structure = subject.structure
    # Its id is built from the leg that printed first; a leg is named by its packet.
    first = next(
        (leg for leg in structure.legs if structure.id.endswith(leg.parent_id)), structure.legs[0]
    )  # fmt: skip
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


def _withdrawn(about: str, rule: str, version: int, before: Judged, now: FlowPacket | Structure, ts: int) -> Hit:
    """A hit whose rule fires no longer, as its next revision: nothing is claimed, nothing is sure."""
    packet, structure = before.packet, before.structure
    contract = packet.contract if packet is not None else structure.legs[0].contract  # type: ignore[union-attr]
    packet_id = packet.id if packet is not None else structure.legs[0].packet_id  # type: ignore[union-attr]
    return Hit(
        id=hit_id(about, rule), revision=now.revision, ts=ts, about=about, packet_id=packet_id,
        structure_id=None if structure is None else structure.id, contract=contract, underlying=now.underlying,
        rule=rule, version=version, direction="neutral", style="unclear", confidence=0.0, premium=None, checks=_STRUCK,
        sentences=(), against=("A print was cancelled: the rule fires no longer.",), thresholds={},
    )  # fmt: skip
