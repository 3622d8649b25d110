"""Direction, styles, reliability of confidence, alerts a day and scores, over all tapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import fsum

from backtest.evaluation.joining import Joined, Judged
from backtest.evaluation.report import Abstention, AlertRates, Bin, DirectionScore, LoudAlert, Reliability, Scores
from backtest.evaluation.scoring import DAY_PRINTS, STRENGTHS, share
from events.verdicts import Alert

_CLAIMS = ("bullish", "bearish")
_ABSTAIN_AT = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
#: Scores from here on stand at the top of the range.
TOP_SCORE = 95.0
_STEP = 5


def leading(judged: Judged) -> Alert | None:
    """Returns the alert of an order that a reader sees first: the one of the highest score."""
    return max(judged.alerts, key=lambda alert: (alert.score, alert.id), default=None)


def direction(tapes: Sequence[Joined]) -> DirectionScore:
    """Scores the direction of every alert on orders of which one can be judged."""
    judged_count = claimed = right = unfounded = abstained = 0
    by_strength: dict[str, list[bool]] = {strength: [] for strength in STRENGTHS}
    for judged in _orders(tapes):
        truth = judged.label.truth
        if not truth.judge_direction:
            continue
        for alert in judged.alerts:
            judged_count += 1
            if alert.direction not in _CLAIMS:
                abstained += truth.direction in _CLAIMS
                continue
            claimed += 1
            good = alert.direction == truth.direction
            right += good
            unfounded += truth.direction not in _CLAIMS
            by_strength[str(judged.label.strength)].append(good)
    return DirectionScore(
        judged=judged_count, claimed=claimed, right=right, unfounded=unfounded, share_right=share(right, claimed),
        abstained=abstained, by_strength={s: share(sum(goods), len(goods)) for s, goods in by_strength.items()},
    )  # fmt: skip


def styles(tapes: Sequence[Joined]) -> tuple[dict[str, dict[str, int]], float | None]:
    """Returns the confusion of styles at medium strength and above, and the share that is right of those alerted."""
    table: dict[str, Counter[str]] = {}
    for judged in _orders(tapes):
        if judged.label.strength != "weak" and judged.label.truth.expected:
            alert = leading(judged)
            row = table.setdefault(judged.label.truth.style, Counter())
            row["none" if alert is None else alert.style] += 1
    alerted = sum(count for row in table.values() for style, count in row.items() if style != "none")
    return _plain(table), share(sum(row[style] for style, row in table.items()), alerted)


def structures(tapes: Sequence[Joined]) -> dict[str, dict[str, int]]:
    """Returns planted structures by what they were alerted as; 'none' where no alert names a structure."""
    table: dict[str, Counter[str]] = {}
    for judged in _orders(tapes):
        if judged.label.strength != "weak" and judged.label.truth.structure is not None:
            alert = leading(judged)
            named = "no alert" if alert is None else alert.structure or "none"
            table.setdefault(judged.label.truth.structure, Counter())[named] += 1
    return _plain(table)


def alert_claims(tapes: Sequence[Joined]) -> list[tuple[float, bool]]:
    """Returns (confidence, is right) of every alert: right where a rule of it is and its direction is not wrong."""
    claims = []
    for judged in _orders(tapes):
        truth = judged.label.truth
        for alert in judged.alerts:
            named = any(rule in truth.expected or rule in truth.tolerated for rule in alert.rules)
            opposed = truth.judge_direction and alert.direction in _CLAIMS and alert.direction != truth.direction
            claims.append((alert.confidence, named and not opposed))
    claims += [(alert.confidence, False) for tape in tapes for alert in tape.background_alerts]
    return claims


def reliability(claims: Sequence[tuple[float, bool]]) -> Reliability:
    """Bins claims by confidence in tenths and weighs the gap between what was claimed and what came true."""
    bins = []
    gap = 0.0
    for tenth in range(10):
        inside = [claim for claim in claims if min(int(claim[0] * 10), 9) == tenth]
        if inside:
            confidence = fsum(claim[0] for claim in inside) / len(inside)
            right = sum(claim[1] for claim in inside) / len(inside)
            gap += abs(confidence - right) * len(inside)
            bins.append(Bin(low=tenth / 10, count=len(inside), confidence=round(confidence, 4), right=round(right, 4)))
    return Reliability(count=len(claims), error=share(gap, len(claims)), bins=bins)


def abstention(claims: Sequence[tuple[float, bool]]) -> list[Abstention]:
    """Returns what is kept and how much of it is right as the least confidence rises."""
    table = []
    for least in _ABSTAIN_AT:
        kept = [right for confidence, right in claims if confidence >= least]
        table.append(Abstention(
            at_least=least, kept=share(len(kept), len(claims)) or 0.0, right=share(sum(kept), len(kept))
        ))  # fmt: skip
    return table


def rates(alerts: Sequence[Alert], prints: int) -> AlertRates:
    """Scales counts of alerts by severity to a whole market's day."""
    counts = Counter(alert.severity for alert in alerts)

    def scaled(count: int) -> float:
        return round(count / max(prints, 1) * DAY_PRINTS, 1)

    return AlertRates(
        high=scaled(counts["high"]), medium=scaled(counts["medium"]), low=scaled(counts["low"]), all=scaled(len(alerts))
    )


def scores(alerts: Sequence[Alert]) -> Scores:
    """Describes how scores spread over their range."""
    values = sorted(alert.score for alert in alerts)
    histogram = [0] * (100 // _STEP)
    for value in values:
        histogram[min(int(value // _STEP), len(histogram) - 1)] += 1
    return Scores(
        count=len(values), lowest=values[0] if values else None, highest=values[-1] if values else None,
        range_covered=round((values[-1] - values[0]) / 100, 4) if values else 0.0,
        share_at_top=share(sum(value >= TOP_SCORE for value in values), len(values)) or 0.0, histogram=histogram,
    )  # fmt: skip


def loudest(alerts: Sequence[Alert], most: int = 20) -> list[LoudAlert]:
    """Returns the alerts of the highest scores."""
    ranked = sorted(alerts, key=lambda alert: (-alert.score, alert.id))[:most]
    return [
        LoudAlert(
            id=alert.id, contract=alert.contract, ts=alert.ts, severity=alert.severity, score=alert.score,
            rules=list(alert.rules), score_parts=dict(alert.score_parts),
        )
        for alert in ranked
    ]  # fmt: skip


def _orders(tapes: Sequence[Joined]) -> list[Judged]:
    return [judged for tape in tapes for judged in tape.planted]


def _plain(table: dict[str, Counter[str]]) -> dict[str, dict[str, int]]:
    return {name: dict(sorted(row.items())) for name, row in sorted(table.items())}
