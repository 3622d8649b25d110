"""Sweep: many prints of one side in one window, bought calls or bought puts (contract 27)."""

from __future__ import annotations

from functools import partial
from typing import Literal

from events.settings import Rules
from events.types import Direction
from events.verdicts import Check
from operators.rules.common import (
    GATE_SETTINGS,
    is_sided,
    kind_checks,
    premium_check,
    quality,
    sided_checks,
    unknowns,
    what,
)
from operators.rules.rule import Rule, Verdict, check, check_is, deviations, held, passes, percent
from operators.rules.subject import Subject

_SETTINGS = (
    "classifier_sweep_min_premium", "classifier_sweep_min_count", "classifier_sweep_min_premium_z",
    "classifier_sweep_sure_count", "classifier_sweep_few_span_ms", "classifier_z_min_samples", "cluster_window_ms",
    *GATE_SETTINGS,
)  # fmt: skip
#: An unusual premium replaces the floor only above this share of it.
_FLOOR_SHARE_WITH_Z = 0.25


def _least_premium(rules: Rules) -> float:
    return rules.classifier_sweep_min_premium * _FLOOR_SHARE_WITH_Z


def _sieve(right: Literal["C", "P"], subject: Subject) -> bool:
    return (
        subject.contract.right == right
        and subject.parent.count >= subject.rules.classifier_sweep_min_count
        and is_sided(subject, bought=True)
    )


def _judge(right: Literal["C", "P"], subject: Subject) -> Verdict:
    rules, parent = subject.rules, subject.parent
    checks = (
        check_is("right", subject.contract.right, right),
        *kind_checks(subject),
        check("print count", parent.count, ">=", rules.classifier_sweep_min_count),
        *_together(subject),
        *sided_checks(subject, bought=True),
        _premium(subject),
        check("premium z", subject.premium_z, ">=", rules.classifier_sweep_min_premium_z, required=False),
        check("intermarket sweep prints", parent.intermarket_sweeps, ">=", 1, required=False),
        check("venues", len(parent.venues), ">=", 2, required=False),
    )
    direction: Direction = "bullish" if right == "C" else "bearish"
    return Verdict(passes(checks), direction, _confidence(subject), checks, _sentences(subject), _against(subject))


def _premium(subject: Subject) -> Check:
    """The floor; a quarter of it is enough when the premium is unusual against its baseline."""
    rules, z = subject.rules, subject.premium_z
    if z is not None and z >= rules.classifier_sweep_min_premium_z:
        least = subject.floor(rules.classifier_sweep_min_premium) * _FLOOR_SHARE_WITH_Z
        return check("premium, dollars (unusual: a quarter of the floor)", subject.premium, ">=", least)
    return premium_check(subject, rules.classifier_sweep_min_premium)


def _together(subject: Subject) -> tuple[Check, ...]:
    """Few prints without a sweep flag are one burst only when they come close together: strangers spread."""
    parent, rules = subject.parent, subject.rules
    if parent.intermarket_sweeps or parent.count >= rules.classifier_sweep_sure_count:
        return ()
    span_ms = (parent.end_ts - parent.start_ts) / 1e6
    return (check("span of few prints without a flag, ms", span_ms, "<=", rules.classifier_sweep_few_span_ms),)


def _swept(subject: Subject) -> bool:
    return subject.parent.intermarket_sweeps > 0 or len(subject.parent.venues) >= 2


def _confidence(subject: Subject) -> float:
    """Weighs purity of side, evidence of a sweep, unusualness and quality; at most 0.9: the side is an estimate."""
    least = subject.rules.classifier_min_aggressor_ratio
    value = 0.5 + 0.2 * (subject.bought - least) / (1.0001 - least)
    value += 0.1 * (subject.parent.intermarket_sweeps > 0) + 0.1 * (len(subject.parent.venues) >= 2)
    value += 0.05 * min(max(subject.premium_z or 0.0, 0.0), 3.0) / 3
    return held(value - quality(subject))


def _sentences(subject: Subject) -> tuple[str, ...]:
    parent, packet = subject.parent, subject.packet
    sentences = [
        what(subject, "swept" if _swept(subject) else "bought in a burst or split"),
        f"{percent(subject.bought)} of the size with a quote traded as bought, which suggests a {subject.leaning} "
        f"buyer in a hurry.",
    ]
    if parent.intermarket_sweeps:
        sentences.append(f"{parent.intermarket_sweeps} of the prints carry the intermarket-sweep flag.")
    if len(parent.venues) >= 2:
        sentences.append(f"It printed on {len(parent.venues)} venues.")
    if subject.premium_z is not None:
        sentences.append(
            f"Its premium stands {deviations(subject.premium_z)} deviations from the mean of {packet.baseline_samples} "
            f"earlier packets of its {packet.baseline}."
        )
    return tuple(sentences)


def _against(subject: Subject) -> tuple[str, ...]:
    against = unknowns(subject)
    if not _swept(subject):
        against.insert(0, "One venue and no sweep flag: consistent with a split order or with several strangers.")
    if subject.packet.sell_size:
        against.append(f"{subject.packet.sell_size:,} contracts traded as sold inside the same window.")
    if subject.contract.right == "P":
        against.append("Bought puts are also consistent with insurance for stock that is held.")
    return tuple(against)


def _rule(ident: str, right: Literal["C", "P"], word: str) -> Rule:
    return Rule(
        id=ident, version=3, style="directional", settings=_SETTINGS, least_premium=_least_premium,
        sieve=partial(_sieve, right), judge=partial(_judge, right),
        sees=f"Several prints of one {word} within a packet's window, most of it bought, above a premium floor.",
        why="A buyer who takes what several venues show pays for speed; that is correlated with urgency.",
        otherwise=(
            "one order split by its broker, without hurry",
            "several strangers who bought within half a second",
            "the bought leg of a spread whose other leg printed elsewhere",
            "a sold position bought back",
        ),
    )  # fmt: skip


RULES: tuple[Rule, ...] = (_rule("large_bullish_call_sweep", "C", "call"), _rule("large_bearish_put_sweep", "P", "put"))
