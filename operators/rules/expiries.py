"""Orders known by their expiry: bought at the money on the last day, or months ahead."""

from __future__ import annotations

from events.verdicts import Check
from operators.rules.common import (
    GATE_SETTINGS,
    WORKED_SETTINGS,
    kind_checks,
    premium_check,
    quality,
    sided_checks,
    unknowns,
    what,
    worked_check,
)
from operators.rules.rule import Rule, Verdict, check, held, passes
from operators.rules.subject import Subject

_ZERO_SETTINGS = (
    "classifier_0dte_max_atm_pct", "classifier_0dte_min_delta", "classifier_0dte_max_delta",
    "classifier_0dte_min_premium", "classifier_0dte_min_size", *GATE_SETTINGS,
)  # fmt: skip
_FAR_SETTINGS = ("far_dated_min_days", "far_dated_min_premium", *WORKED_SETTINGS, *GATE_SETTINGS)


def _zero_sieve(subject: Subject) -> bool:
    return subject.parent.size >= subject.rules.classifier_0dte_min_size and subject.days <= 0


def _zero_checks(subject: Subject) -> tuple[Check, ...]:
    rules, packet = subject.rules, subject.packet
    out, delta = subject.out, packet.delta
    return (
        *kind_checks(subject),
        check("days to expiry", subject.days, "<=", 0),
        *sided_checks(subject, bought=True),
        check("distance from the money", None if out is None else abs(out), "<=", rules.classifier_0dte_max_atm_pct),
        check("absolute delta", None if delta is None else abs(delta), ">=", rules.classifier_0dte_min_delta),
        check("absolute delta, at most", None if delta is None else abs(delta), "<=", rules.classifier_0dte_max_delta),
        check("size, contracts", subject.parent.size, ">=", rules.classifier_0dte_min_size),
        premium_check(subject, rules.classifier_0dte_min_premium),
    )


def _judge_zero(subject: Subject) -> Verdict:
    checks = _zero_checks(subject)
    sentences = (
        what(subject, "bought on its last day"),
        "Near the money with hours left a small move changes its value much: consistent with a view of the next "
        f"hours that is {subject.leaning}.",
    )
    against = [*unknowns(subject), "On the last day many trade in and out within minutes; it may be gone soon."]
    confidence = held(0.85 - quality(subject))
    return Verdict(passes(checks), subject.leaning, confidence, checks, sentences, tuple(against))


def _judge_far(subject: Subject) -> Verdict:
    rules = subject.rules
    checks = (
        *kind_checks(subject),
        *sided_checks(subject, bought=True),
        check("days to expiry", subject.days, ">=", rules.far_dated_min_days),
        premium_check(subject, rules.far_dated_min_premium),
        worked_check(subject),
    )
    sentences = (
        what(subject, "bought"),
        f"{subject.days} days are left: who pays for so much time is consistent with a patient {subject.leaning} view.",
    )
    against = [*unknowns(subject), "Far expiries also replace stock, or hedge it, without any view of the moment."]
    confidence = held(0.8 + 0.05 * (subject.days >= 180) - quality(subject))
    return Verdict(passes(checks), subject.leaning, confidence, checks, sentences, tuple(against))


def _far_sieve(subject: Subject) -> bool:
    return subject.side == "buy" and subject.days >= subject.rules.far_dated_min_days


ZERO_DTE = Rule(
    id="zero_dte_gamma_punch", version=2, style="directional", settings=_ZERO_SETTINGS,
    least_premium=lambda rules: rules.classifier_0dte_min_premium, sieve=_zero_sieve, judge=_judge_zero,
    sees="Size bought near the money on the day of expiry, with a delta that can still go either way.",
    why="Gamma is largest there: moves of the underlying are correlated with the hedging that follows them.",
    otherwise=("a short position bought back before the bell", "the bought leg of a spread", "a hedge for hours"),
)  # fmt: skip
FAR_DATED = Rule(
    id="far_dated_conviction", version=2, style="directional", settings=_FAR_SETTINGS,
    least_premium=lambda rules: rules.far_dated_min_premium, sieve=_far_sieve, judge=_judge_far,
    sees="A large premium paid for two months and more.",
    why="Time is dear; paying for it is consistent with a view that needs no date.",
    otherwise=("stock replaced by options", "insurance for stock that is held", "one leg of a calendar"),
)  # fmt: skip
RULES: tuple[Rule, ...] = (ZERO_DTE, FAR_DATED)
