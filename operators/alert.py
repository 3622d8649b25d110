"""Alert: hits on one event weighed into one message with one direction, merged and throttled in event time.

Events of one contract and direction merge that became known within the cooldown of each other; neither a cancel nor a
later look prolongs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from events.ids import alert_id
from events.settings import Rules
from events.types import NS_PER_MS, NS_PER_S, Direction
from events.verdicts import Alert, Hit
from operators.memory import Kept, Memory, Piece
from operators.rules.subject import StructureSubject, Subject
from operators.scoring import score_of, score_order, score_structure, severity_of, style_of
from operators.units import total

#: Events that one alert merges at most; then a new alert begins.
MAX_MERGED = 50
#: Alerts that one underlying remembers, and more while something may yet revise them; the oldest are forgotten first.
MAX_ALERTS = 64
_MINUTE_NS: Final = 60 * NS_PER_S


@dataclass(slots=True)
class Event:
    """What hits are about: an order, a packet or a structure, and when that became known (ns)."""

    about: str
    ts: int
    subject: Subject | StructureSubject
    hits: tuple[Hit, ...]


def direction_of(hits: Sequence[Hit]) -> Direction:
    """Returns the one direction that hits agree on; mixed when they disagree, neutral when none claims one."""
    claimed = {hit.direction for hit in hits} - {"neutral"}
    if "mixed" in claimed or len(claimed) > 1:
        return "mixed"
    return next(iter(claimed), "neutral")


def alert_for(memory: Memory, event: Event, rules: Rules) -> Alert | None:
    """Makes the event's alert, or the next revision of the one that it falls into; None where it is throttled."""
    fresh = fresh_alert(event, rules)
    key = _key(fresh)
    newest = memory.alerts.get(memory.newest.get(key, ""))
    merges = (
        newest is not None
        and not newest.alert.withdrawn
        and fresh.ts - max(piece.alert.ts for piece in newest.pieces) <= rules.alert_cooldown_ms * NS_PER_MS
        and len(newest.pieces) < MAX_MERGED
    )
    if newest is not None and merges:
        newest.pieces.append(Piece(event.about, fresh))
        newest.revision += 1
        newest.alert = _folded(newest, fresh.ts, rules)
        memory.alert_of[event.about] = newest.alert.id
        return newest.alert
    if fresh.severity == "low" and _throttled(memory, fresh.ts, rules):
        return None
    memory.alerts[fresh.id] = Kept(key, 0, [Piece(event.about, fresh)], fresh)
    memory.newest[key] = memory.alert_of[event.about] = fresh.id
    _forget(memory, fresh.ts, rules)
    return fresh


def revise_alert(
    memory: Memory, about: str, event: Event | None, ts: int, rules: Rules, spoken: bool
) -> Alert | None:  # fmt: skip
    """Revises the alert that an event went into: with what it is now, or without it (contract 19).

    `spoken`: hits on it were told before. Without an alert then they were throttled, and stay so while they are low.
    """
    kept = memory.alerts.get(memory.alert_of.get(about, ""))
    fresh = None if event is None else fresh_alert(event, rules)
    if kept is None:
        silent = event is None or (spoken and fresh is not None and fresh.severity == "low")
        return None if silent or event is None else alert_for(memory, event, rules)
    pieces = [piece for piece in kept.pieces if piece.about != about]
    if fresh is not None:
        place = next((n for n, piece in enumerate(kept.pieces) if piece.about == about), None)
        if place is not None:
            # What is told of it later does not make it later: the cooldown runs from when it was first known.
            fresh.ts = kept.pieces[place].alert.ts
        pieces.insert(len(pieces) if place is None else place, Piece(about, fresh))
    kept.revision += 1
    kept.pieces = pieces
    kept.alert = _folded(kept, ts, rules) if pieces else _withdrawn(kept, ts)
    return kept.alert


def add_later(memory: Memory, alert: str, hit: Hit, rules: Rules) -> Alert | None:
    """Revises an alert by the hit of a later look, which speaks against it."""
    kept = memory.alerts.get(alert)
    if kept is None or kept.alert.withdrawn or hit.id in kept.later:
        return None
    kept.later = (*kept.later, hit.id)
    kept.revision += 1
    kept.alert = _folded(kept, hit.ts, rules, hit)
    return kept.alert


def fresh_alert(event: Event, rules: Rules) -> Alert:
    """Returns the alert of one event alone."""
    subject, hits = event.subject, event.hits
    of_structure = isinstance(subject, StructureSubject)
    score = score_structure(subject, hits) if isinstance(subject, StructureSubject) else score_order(subject, hits)
    reading = style_of(hits, subject)
    first = hits[0]
    evidence: tuple[str, ...] = (first.packet_id,)
    if isinstance(subject, StructureSubject):
        evidence = _unique(leg.packet_id for leg in subject.structure.legs)
    best = max(hits, key=lambda hit: (hit.confidence, hit.rule))
    return Alert(
        id=alert_id(event.about), revision=0, ts=event.ts, contract=first.contract, underlying=first.underlying,
        direction=direction_of(hits), style=reading.style, score=score.value,
        severity=severity_of(score.value, rules, score.ceiling), confidence=best.confidence, premium=subject.premium,
        packets=len(evidence), about=event.about,
        structure_id=event.about if of_structure else None,
        structure=subject.structure.name if isinstance(subject, StructureSubject) else None,
        runner_up=reading.runner_up, style_reasons=reading.reasons, score_parts=score.parts, capped=score.capped,
        hits=tuple(hit.id for hit in hits), rules=_unique(hit.rule for hit in hits), evidence=evidence,
        sentences=_unique(sentence for hit in hits for sentence in hit.sentences),
        against=_unique(sentence for hit in hits for sentence in hit.against),
    )  # fmt: skip


def _key(alert: Alert) -> str:
    """Alerts of one contract and direction merge, and structures of one name and first contract."""
    return f"{alert.contract}/{alert.structure or ''}/{alert.direction}"


def _folded(kept: Kept, ts: int, rules: Rules, later: Hit | None = None) -> Alert:
    """Returns an alert made of its events: it speaks with the strongest, counts premium once each, keeps its id."""
    alerts = [piece.alert for piece in kept.pieces]
    strongest = max(alerts, key=lambda alert: alert.score)  # the first of equals
    premiums = [alert.premium for alert in alerts]
    directions = {alert.direction for alert in alerts} - {"neutral"}
    alert = msgspec.structs.replace(
        strongest, id=kept.alert.id, revision=kept.revision, ts=ts, about=alerts[0].about,
        direction=strongest.direction if len(directions) < 2 else "mixed",
        premium=None if None in premiums else total(premium or 0.0 for premium in premiums),
        hits=_unique(hit for each in alerts for hit in each.hits),
        rules=_unique(rule for each in alerts for rule in each.rules),
        evidence=_unique(packet for each in alerts for packet in each.evidence),
    )  # fmt: skip
    alert.packets = len(alert.evidence)
    if kept.later:
        _lower(alert, kept, later, rules)
    return alert


def _lower(alert: Alert, kept: Kept, later: Hit | None, rules: Rules) -> None:
    """A look that found no follow-through takes points off, and says so."""
    alert.score_parts = {**alert.score_parts, "no follow-through": -10.0}
    alert.score = score_of(alert.score_parts)
    alert.severity = severity_of(alert.score, rules, alert.severity)
    alert.hits = _unique((*alert.hits, *kept.later))
    alert.rules = _unique((*alert.rules, *(hit.rpartition(":")[2] for hit in kept.later)))
    sentences = later.sentences if later is not None else ("The underlying has since gone against it.",)
    alert.against = _unique((*alert.against, *sentences))


def _withdrawn(kept: Kept, ts: int) -> Alert:
    return msgspec.structs.replace(
        kept.alert, revision=kept.revision, ts=ts, severity="low", score=0.0, score_parts={}, withdrawn=True,
        capped="its evidence was cancelled", against=("Its prints were cancelled: no rule fires any longer.",),
    )  # fmt: skip


def _throttled(memory: Memory, ts: int, rules: Rules) -> bool:
    """Tells whether the underlying had its low alerts of this minute; counts this one when it had not."""
    memory.low = [each for each in memory.low if ts - each < _MINUTE_NS]
    if len(memory.low) >= rules.alert_low_per_minute:
        return True
    memory.low.append(ts)
    return False


def _forget(memory: Memory, ts: int, rules: Rules) -> None:
    """Forgets the oldest beyond the limit, once no cancel, no further event and no later look can revise them."""
    revised_ms = max(rules.cancel_horizon_ms, rules.alert_cooldown_ms, rules.no_follow_through_after_s * 1000)
    before_ts = ts - revised_ms * NS_PER_MS - _MINUTE_NS
    while len(memory.alerts) > MAX_ALERTS and memory.alerts[oldest := next(iter(memory.alerts))].alert.ts < before_ts:
        gone = memory.alerts.pop(oldest)
        if memory.newest.get(gone.key) == gone.alert.id:
            del memory.newest[gone.key]
        # Also of events that were taken back: until then one may come back to the alert that it left.
        for about in [about for about, alert in memory.alert_of.items() if alert == oldest]:
            del memory.alert_of[about]


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
