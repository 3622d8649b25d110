"""Later: what became of an alert, and what the next morning's open interest says of hits on opening and closing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

from events.derived import FlowPacket
from events.ids import alert_id, check_id, hit_id, outcome_id, structure_id
from events.sessions import trade_date
from events.settings import Rules
from events.types import NS_PER_S, Direction
from events.verdicts import Alert, Hit, Outcome, PositionCheck
from operators.alert import Event, add_later
from operators.memory import MAX_ALERTS_OF_PACKET, MAX_CLAIMS, MAX_WATCHED, Claim, Memory, Watched, trim
from operators.rules.rule import Rule
from operators.rules.subject import LookSubject, Subject
from operators.work import Interest, Look

_CLAIMS: dict[str, Literal["opening", "closing"]] = {
    "new_position_likely": "opening",
    "closing_unwind_likely": "closing",
}
#: How ids of alerts on structures begin: no one contract's implied volatility is theirs.
_OF_STRUCTURE = alert_id(structure_id(""))
#: Change of open interest, as a share of the hit's size, that confirms it, and that leaves it undecided.
_CONFIRMS, _UNDECIDED = 0.5, 0.1


def watch(memory: Memory, event: Event, alert: Alert) -> None:
    """Remembers the packet whose looks tell an alert's outcome: that of its first event."""
    if alert.revision:
        return
    packet = event.subject.packet if isinstance(event.subject, Subject) else None
    iv = None if packet is None else packet.iv
    ident = event.hits[0].packet_id
    others = [each for each in memory.watched.get(ident, ()) if each.alert != alert.id]
    watched = [*others, Watched(alert.id, alert.contract, alert.direction, alert.premium, iv)]
    memory.watched[ident] = watched[-MAX_ALERTS_OF_PACKET:]
    trim(memory.watched, MAX_WATCHED)


def watch_revised(memory: Memory, packet: FlowPacket) -> None:
    """Takes the implied volatility of a packet that lost a print, for the alerts on its own orders."""
    for watched in memory.watched.get(packet.id, ()):
        if not watched.alert.startswith(_OF_STRUCTURE):
            watched.iv = packet.iv


def outcomes(
    memory: Memory, look: Look, rules: Rules, looks: list[tuple[Rule, float]]
) -> list[tuple[Outcome, Hit | None, Alert | None]]:
    """Returns the outcome so far of each alert of a packet, and once, when it is time, what a rule says of it and the
    alert then.
    """
    found, still = [], []
    for watched in memory.watched.pop(look.packet_id, ()):
        kept = memory.alerts.get(watched.alert)
        if kept is not None and kept.alert.withdrawn:
            continue
        if kept is not None:
            watched.direction, watched.premium = kept.alert.direction, kept.alert.premium
        still.append(watched)
        found.append((_outcome(watched, look), *_followed(memory, watched, look, rules, looks)))
        watched.looks += 1
    if still and not look.final:
        # Behind the others: whose packet is looked at no longer is forgotten before them.
        memory.watched[look.packet_id] = still
    return found


def _followed(
    memory: Memory, watched: Watched, look: Look, rules: Rules, looks: list[tuple[Rule, float]]
) -> tuple[Hit | None, Alert | None]:
    """Returns what a rule on looks says of an alert, and the alert then, at the first look that is late enough."""
    if watched.judged or look.after_s < rules.no_follow_through_after_s:
        return None, None
    watched.judged = True
    hit = _judged(watched, look, rules, looks)
    return hit, None if hit is None else add_later(memory, watched.alert, hit, rules)


def _outcome(watched: Watched, look: Look) -> Outcome:
    """Best and worst are those of whoever was on the alert's side; an alert without a direction has neither."""
    call = watched.contract[-9] == "C"
    # Who gains from a rise owns the call or is short the put.
    mark_best, mark_worst = _sides(watched.direction, "bullish" if call else "bearish", look.mark_high, look.mark_low)
    spot_best, spot_worst = _sides(watched.direction, "bullish", look.spot_high, look.spot_low)
    return Outcome(
        id=outcome_id(watched.alert), revision=watched.looks, ts=look.ts, alert_id=watched.alert,
        contract=watched.contract, underlying=look.underlying, direction=watched.direction,
        since_ts=look.ts - look.after_s * NS_PER_S, after_s=look.after_s, mark_then=look.mark_then,
        mark_now=look.mark_now, mark_best=mark_best, mark_worst=mark_worst, spot_then=look.spot_then,
        spot_now=look.spot_now, spot_best=spot_best, spot_worst=spot_worst, final=look.final,
    )  # fmt: skip


def _sides(
    direction: Direction, gains_from_high: Direction, high: float | None, low: float | None
) -> tuple[float | None, float | None]:
    if direction not in ("bullish", "bearish"):
        return None, None
    return (high, low) if direction == gains_from_high else (low, high)


def _judged(watched: Watched, look: Look, rules: Rules, looks: list[tuple[Rule, float]]) -> Hit | None:
    subject = LookSubject(look, watched.direction, watched.premium, watched.iv, rules)
    for rule, floor in looks:
        if watched.premium is None or watched.premium < floor or not rule.sieve(subject):
            continue
        verdict = rule.judge(subject)
        if verdict.fired:
            # About what the alert is about: two alerts of one packet have each their own.
            about = watched.alert.removeprefix(alert_id(""))
            return Hit(
                id=hit_id(about, rule.id), revision=0, ts=look.ts, about=about,
                packet_id=look.packet_id, contract=watched.contract, underlying=look.underlying, rule=rule.id,
                version=rule.version, direction=verdict.direction, style=rule.style, confidence=verdict.confidence,
                premium=watched.premium, checks=verdict.checks, sentences=verdict.sentences, against=verdict.against,
                thresholds={name.upper(): float(getattr(rules, name)) for name in rule.settings},
            )  # fmt: skip
    return None


def claims_of(memory: Memory, event: Event) -> None:
    """Remembers hits that spoke of opening or closing until the next open interest is known."""
    for hit in event.hits:
        if hit.rule in _CLAIMS and isinstance(event.subject, Subject):
            _claim(memory, hit, event.subject)


def revise_claims(memory: Memory, fired: Sequence[str], event: Event | None) -> None:
    """Takes back what is claimed no longer, and claims it of another size; what was checked already stays checked.

    `fired` are the ids of the hits on it before.
    """
    open_before = [ident for ident in fired if memory.claims.pop(ident, None) is not None]
    for hit in () if event is None else event.hits:
        unchecked = hit.id in open_before or hit.id not in fired
        if hit.rule in _CLAIMS and unchecked and event is not None and isinstance(event.subject, Subject):
            _claim(memory, hit, event.subject)


def _claim(memory: Memory, hit: Hit, subject: Subject) -> None:
    packet = subject.packet
    day = trade_date(packet.start_ts, packet.underlying).day.toordinal()
    memory.claims[hit.id] = Claim(
        hit.id, packet.contract, _CLAIMS[hit.rule], subject.parent.size, day, packet.open_interest
    )
    trim(memory.claims, MAX_CLAIMS)


def check_interest(memory: Memory, interest: Interest) -> list[PositionCheck]:
    """Holds the claims on a contract's last trading date against its new open interest; each is held once."""
    day = date.fromisoformat(interest.for_date).toordinal()
    due = [claim for claim in memory.claims.values() if claim.contract == interest.contract and claim.day <= day]
    found = []
    for claim in due:
        del memory.claims[claim.hit]
        if claim.day == day:
            found.append(_checked(claim, interest))
    return found


def _checked(claim: Claim, interest: Interest) -> PositionCheck:
    before = claim.open_interest if claim.open_interest is not None else interest.before
    change = None if before is None else interest.after - before
    verdict, sentence = _verdict(claim, before, change)
    return PositionCheck(
        id=check_id(claim.hit), ts=interest.ts, hit_id=claim.hit, contract=claim.contract,
        underlying=interest.underlying, claimed=claim.claimed, open_interest_before=before,
        open_interest_after=interest.after, size=claim.size, verdict=verdict, sentence=sentence,  # type: ignore[arg-type]
    )  # fmt: skip


def _verdict(claim: Claim, before: int | None, change: int | None) -> tuple[str, str]:
    if before is None or change is None:
        return "undecided", "The open interest before is not known, so nothing can be said."
    toward = change if claim.claimed == "opening" else -change
    text = f"Open interest went from {before:,} by {change:+,}"
    if toward >= _CONFIRMS * claim.size:
        return "confirmed", f"{text}, which is consistent with {claim.size:,} contracts {claim.claimed}."
    if toward <= _UNDECIDED * claim.size:
        return "refuted", f"{text}: it does not show {claim.size:,} contracts {claim.claimed}."
    return "undecided", f"{text}: part of {claim.size:,} contracts may have been {claim.claimed}."
