"""Alert: the hits of a packet weighed into one message with one direction, merged in event time (contract 24)."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10

import msgspec
from msgspec import Struct

from events.derived import FlowPacket
from events.ids import alert_id
from events.settings import Rules
from events.types import NS_PER_MS, Direction, Severity
from events.verdicts import Alert, Hit
from operators.units import ratio

#: Scores from which an alert is of medium and of high severity.
MEDIUM_SCORE = 45.0
HIGH_SCORE = 70.0
#: Hits that one alert lists at most; merging stops there and a new alert begins.
MAX_MERGED = 50
#: With each so many alerts those that can merge no longer are forgotten: the state stays small (contract 10).
_FORGET_EVERY = 16


class AlertState(Struct):
    """The newest alert of each contract and direction of one underlying, while it may still merge."""

    newest: dict[str, Alert] = {}


def direction_of(hits: Sequence[Hit]) -> Direction:
    """Returns the one direction that hits agree on; mixed when they disagree, neutral when none claims one."""
    claimed = {hit.direction for hit in hits} - {"neutral"}
    if "mixed" in claimed or len(claimed) > 1:
        return "mixed"
    return next(iter(claimed), "neutral")


def score(packet: FlowPacket, hits: Sequence[Hit], rules: Rules) -> float:
    """Returns 0 to 100: log premium, purity of side, unusualness and evidence, less what speaks against it."""
    floor = max(min(rules.classifier_sweep_min_premium, rules.classifier_spike_min_premium), 1.0)
    decades = log10(max((packet.premium or 0.0) / floor, 1.0))
    purity = ratio(max(packet.buy_size, packet.sell_size), packet.covered_size)
    z = max(packet.premium_z or 0.0, packet.size_z or 0.0, 0.0)
    value = 10.0 + 20.0 * min(decades, 2.0)
    value += 15.0 * max(purity - 0.5, 0.0) * 2 * packet.coverage
    value += 15.0 * min(z, 6.0) / 6
    value += 6.0 * (packet.intermarket_sweeps > 0) + 6.0 * (len(packet.venues) >= 2)
    value += 4.0 * (len(hits) - 1)
    value -= 8.0 * (packet.premium_z is None) + 8.0 * packet.venue_book + 10.0 * (1 - packet.coverage)
    return round(min(max(value, 0.0), 100.0), 2)


def severity_of(value: float) -> Severity:
    """Returns the severity of a score."""
    return "high" if value >= HIGH_SCORE else "medium" if value >= MEDIUM_SCORE else "low"


def alert_for(state: AlertState, packet: FlowPacket, hits: Sequence[Hit], rules: Rules) -> Alert:
    """Makes the packet's alert, or the next revision of the one that it falls into within the cooldown."""
    direction = direction_of(hits)
    key = f"{packet.contract}/{direction}"
    newest = state.newest.get(key)
    alert = _fresh(packet, hits, direction, rules)
    cooldown_ns = rules.alert_cooldown_ms * NS_PER_MS
    if newest is not None and packet.ts - newest.ts <= cooldown_ns and newest.packets < MAX_MERGED:
        alert = _merged(newest, alert)
    state.newest[key] = alert
    if newest is None and len(state.newest) % _FORGET_EVERY == 0:
        _forget(state, packet.ts - cooldown_ns)
    return alert


def _fresh(packet: FlowPacket, hits: Sequence[Hit], direction: Direction, rules: Rules) -> Alert:
    value = score(packet, hits, rules)
    best = max(hits, key=lambda hit: (hit.confidence, hit.rule))
    return Alert(
        id=alert_id(packet.id),
        revision=0,
        ts=packet.ts,
        contract=packet.contract,
        underlying=packet.underlying,
        direction=direction,
        style=best.style,
        score=value,
        severity=severity_of(value),
        confidence=best.confidence,
        premium=packet.premium,
        packets=1,
        about=packet.id,
        hits=tuple(hit.id for hit in hits),
        rules=tuple(hit.rule for hit in hits),
        evidence=(packet.id,),
        sentences=_unique(sentence for hit in hits for sentence in hit.sentences),
        against=_unique(sentence for hit in hits for sentence in hit.against),
    )


def _merged(first: Alert, later: Alert) -> Alert:
    stronger = later if later.score > first.score else first
    premiums = (first.premium, later.premium)
    return msgspec.structs.replace(
        stronger,
        id=first.id,
        revision=first.revision + 1,
        ts=later.ts,
        premium=None if None in premiums else round(sum(p or 0.0 for p in premiums), 6),
        packets=first.packets + 1,
        hits=first.hits + later.hits,
        rules=_unique((*first.rules, *later.rules)),
        evidence=first.evidence + later.evidence,
    )


def _forget(state: AlertState, before_ts: int) -> None:
    state.newest = {key: alert for key, alert in state.newest.items() if alert.ts >= before_ts}


def _unique(texts: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))  # type: ignore[call-overload]
