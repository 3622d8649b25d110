"""Scoring: how loud an alert is, as points that add up, and which style it reads as, beside the runner-up.

Points: log premium against what is large for the underlying, purity of side, how unusual it is, evidence of a sweep,
structure, agreement of rules; less what speaks against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum, log10

from events.settings import Rules
from events.types import Severity, Style
from events.verdicts import Hit
from operators.rules.common import is_clear
from operators.rules.subject import StructureSubject, Subject

#: Decades of premium over the reference that fill the points for premium.
_DECADES = 2.0
#: Deviations that fill the points for unusualness.
_Z = 6.0
#: Points are spread, and what nearly every alert has is taken off, so that scores cover their range.
_SPREAD, _USUAL = 1.45, -15.0
_PREMIUM, _SIDE, _UNUSUAL, _CONFIDENCE = 40.0, 12.0, 12.0, 14.0


@dataclass(slots=True)
class Score:
    """Points by name, and why the severity is held below what they say."""

    parts: dict[str, float] = field(default_factory=dict)
    capped: str | None = None
    ceiling: Severity = "high"

    @property
    def value(self) -> float:
        """The score that the points come to."""
        return score_of(self.parts)

    def add(self, name: str, points: float) -> None:
        """Adds points; none are not listed."""
        rounded = round(_SPREAD * points, 2)
        if rounded:
            self.parts[name] = round(self.parts.get(name, 0.0) + rounded, 2)

    def cap(self, ceiling: Severity, why: str) -> None:
        """Holds the severity to a ceiling; the lowest one counts."""
        if _RANK[ceiling] < _RANK[self.ceiling]:
            self.ceiling, self.capped = ceiling, why


_RANK: dict[Severity, int] = {"low": 0, "medium": 1, "high": 2}


def score_of(parts: Mapping[str, float]) -> float:
    """Returns the sum of points by name, held to 0 to 100."""
    return round(min(max(fsum(parts.values()), 0.0), 100.0), 2)


def severity_of(value: float, rules: Rules, ceiling: Severity = "high") -> Severity:
    """Returns the severity of a score, at most the ceiling."""
    found: Severity = (
        "high" if value >= rules.alert_high_score else "medium" if value >= rules.alert_medium_score else "low"
    )
    return found if _RANK[found] <= _RANK[ceiling] else ceiling


def score_order(subject: Subject, hits: Sequence[Hit]) -> Score:
    """Scores hits on an order or a packet."""
    parent, rules, score = subject.parent, subject.rules, Score()
    _common(score, subject.premium, subject.floor(rules.alert_reference_premium), hits)
    share = max(subject.bought, subject.sold)
    score.add("one side", _SIDE * max(share - 0.5, 0.0) * 2 * subject.coverage)
    z = max(subject.premium_z or 0.0, subject.size_z or 0.0, 0.0)
    score.add("unusual", _UNUSUAL * min(z, _Z) / _Z)
    score.add("worked in several prints", 8.0 * (parent.count >= rules.classifier_min_prints))
    score.add("sweep flag", 4.0 * (parent.intermarket_sweeps > 0))
    score.add("several venues", 4.0 * (len(parent.venues) >= 2))
    score.add("more than stood open", 6.0 * ((subject.held_share or 0.0) > 1))
    _penalties(score, subject, hits)
    return score


def _penalties(score: Score, subject: Subject, hits: Sequence[Hit]) -> None:
    packet, rules = subject.packet, subject.rules
    spread = subject.spread_share
    if spread is not None:
        score.add("wide market", -12.0 * min(spread / rules.classifier_max_spread_share, 1.0) ** 2)
    score.add("without a quote", -12.0 * (1 - subject.coverage))
    score.add("no baseline", -6.0 * (subject.premium_z is None))
    score.add("one venue's book", -8.0 * packet.venue_book)
    score.add("auction, cross or floor", -10.0 * (packet.flag in ("auction", "cross", "floor")))
    if all(hit.direction == "neutral" for hit in hits):
        score.add("no direction", -8.0)
    if packet.suspected_complex:
        _suspected(score, "it may be a leg of a complex order that printed without conditions")
    if packet.mixed:
        score.add("two sides", -8.0)
        score.cap("medium", "two sides traded within the window and cannot be told apart")
    if any(hit.rule == "mechanical" for hit in hits):
        score.add("mechanical", -25.0)
        score.cap("low", "dividends and settlement explain it without any view")


def score_structure(subject: StructureSubject, hits: Sequence[Hit]) -> Score:
    """Scores hits on a structure."""
    structure, rules, score = subject.structure, subject.rules, Score()
    reference = subject.floor(rules.alert_reference_premium) * max(len(structure.legs), 1)
    _common(score, structure.gross_premium, reference, hits)
    score.add("legs belong together", 18.0 * structure.confidence)
    score.add("sides of its legs", 6.0 * all(leg.side != "none" for leg in structure.legs))
    score.add("tied to stock", 4.0 * structure.stock_tied)
    score.add("tied by time alone", -10.0 * (structure.evidence == "timing"))
    if all(hit.direction == "neutral" for hit in hits):
        score.add("no direction", -8.0)
    if any(hit.style in ("arbitrage", "closing") or hit.rule == "roll" for hit in hits):
        score.add("says nothing of a view", -15.0)
    if structure.payer == "even" and any(hit.direction in ("bullish", "bearish") for hit in hits):
        score.add("little is paid for it", -12.0)
        score.cap("low", "its legs all but pay for each other, so little money stands on its direction")
    if structure.suspected_complex:
        _suspected(score, "that its legs are one order is suspected, not known: they printed without conditions")
    return score


def _suspected(score: Score, why: str) -> None:
    score.add("suspected complex order", -15.0)
    score.cap("medium", why)


def _common(score: Score, premium: float | None, reference: float, hits: Sequence[Hit]) -> None:
    score.add("what most have", _USUAL)
    decades = log10(max((premium or 0.0) / reference, 1.0))
    score.add("premium", _PREMIUM * min(decades, _DECADES) / _DECADES)
    score.add("confidence", _CONFIDENCE * max((hit.confidence for hit in hits), default=0.0))
    rules = {hit.rule for hit in hits}
    score.add("rules that agree", 3.0 * min(len(rules) - 1, 4))


@dataclass(frozen=True, slots=True)
class Reading:
    """What an alert reads as."""

    style: Style
    runner_up: Style | None
    reasons: tuple[str, ...]


def style_of(hits: Sequence[Hit], subject: Subject | StructureSubject) -> Reading:
    """Weighs what the rules read it as and what else the facts allow; unclear only where nothing else speaks."""
    points: dict[Style, float] = {}
    reasons: dict[Style, list[str]] = {}
    for hit in hits:
        # Rules that agree add up, but the second of a style says less than the first.
        points[hit.style] = points.get(hit.style, 0.0) + hit.confidence * (0.5 if hit.style in points else 1.0)
        reasons.setdefault(hit.style, []).append(f"{hit.rule} reads it as {hit.style} ({hit.confidence:.2f}).")
    for style, weight, reason in _facts(subject):
        points[style] = points.get(style, 0.0) + weight
        reasons.setdefault(style, []).append(reason)
    ranked = sorted(points, key=lambda style: (style == "unclear", -points[style], style))
    first = ranked[0] if ranked else "unclear"
    return Reading(first, ranked[1] if len(ranked) > 1 else None, tuple(reasons.get(first, ())))


def _facts(subject: Subject | StructureSubject) -> list[tuple[Style, float, str]]:
    """Returns what the facts allow beside the rules' readings: style, weight, reason."""
    found: list[tuple[Style, float, str]] = []
    if isinstance(subject, StructureSubject):
        structure = subject.structure
        if structure.stock_tied:
            found.append(("hedging", 0.15, "Stock traded beside it, as beside a hedge."))
        if structure.payer == "credit" and not structure.kind.startswith("roll"):
            # A roll's credit is what the new leg brings beyond the old one's cost: nothing is earned by it yet.
            found.append(("income", 0.1, "Premium was taken in."))
        return found
    share, out = subject.held_share, subject.out
    can_close = share is not None and share <= 1
    # A side that most of the size only leans to says nothing of what it was for.
    if is_clear(subject, bought=True):
        if subject.contract.right == "P" and subject.days >= 7:
            found.append(("hedging", 0.2, "A bought put with time left can insure stock."))
        if can_close:
            found.append(("closing", 0.1, "So many stand open that it can be a short position bought back."))
    elif is_clear(subject, bought=False):
        if out is not None and out > 0 and subject.days >= 2:
            found.append(("income", 0.15, "It was sold out of the money with days left."))
        if can_close and (out is None or out <= 0):
            found.append(("closing", 0.15, "So many stand open that it can be a bought position sold."))
    return found
