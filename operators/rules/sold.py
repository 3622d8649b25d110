"""Sold premium: calls or puts sold out of the money with time to go; of the sell side, or nothing."""

from __future__ import annotations

from functools import partial
from typing import Literal

from operators.rules.common import (
    GATE_SETTINGS,
    WORKED_SETTINGS,
    is_sided,
    kind_checks,
    premium_check,
    quality,
    sided_checks,
    unknowns,
    what,
    worked_check,
)
from operators.rules.rule import Rule, Verdict, check, check_is, held, passes, percent
from operators.rules.subject import Subject

_SETTINGS = (
    "classifier_sell_min_premium", "classifier_sell_min_days", "classifier_sell_max_days", "classifier_sell_min_out",
    "classifier_sell_max_out", *WORKED_SETTINGS, *GATE_SETTINGS,
)  # fmt: skip


def _sieve(right: Literal["C", "P"], subject: Subject) -> bool:
    return subject.contract.right == right and is_sided(subject, bought=False)


def _judge(right: Literal["C", "P"], subject: Subject) -> Verdict:
    rules, out = subject.rules, subject.out
    checks = (
        check_is("right", subject.contract.right, right),
        *kind_checks(subject),
        *sided_checks(subject, bought=False),
        premium_check(subject, rules.classifier_sell_min_premium),
        check("days to expiry", subject.days, ">=", rules.classifier_sell_min_days),
        check("days to expiry, at most", subject.days, "<=", rules.classifier_sell_max_days),
        check("out of the money, share of spot", out, ">=", rules.classifier_sell_min_out, required=out is not None),
        check("out of the money, at most", out, "<=", rules.classifier_sell_max_out, required=out is not None),
        worked_check(subject),
    )
    held_stock = "calls sold over stock that is held" if right == "C" else "puts sold for their premium"
    sentences = (
        what(subject, "sold"),
        f"{percent(subject.sold)} of the size with a quote traded as sold, consistent with {held_stock}.",
    )
    against = [*unknowns(subject), "A sale may as well close a position that was bought earlier."]
    share = subject.held_share
    if share is not None and share > 1:
        against.pop()
        against.append("More than what stood open: it opens a short position, whatever lies behind it.")
    if subject.out is None:
        against.append("Without a price of the underlying it is not known whether it is out of the money.")
    confidence = held(0.75 + 0.1 * (share is not None and share > 1) - quality(subject))
    return Verdict(passes(checks), "neutral", confidence, checks, sentences, tuple(against))


def _rule(ident: str, right: Literal["C", "P"], sees: str) -> Rule:
    return Rule(
        id=ident, version=2, style="income", settings=_SETTINGS,
        least_premium=lambda rules: rules.classifier_sell_min_premium,
        sieve=partial(_sieve, right), judge=partial(_judge, right), sees=sees,
        why="Premium sold out of the money earns most when little happens: consistent with income, not with a view.",
        otherwise=(
            "a bought position closed", "the sold leg of a spread whose other leg is not seen", "a view against it",
        ),
    )  # fmt: skip


RULES: tuple[Rule, ...] = (
    _rule("large_call_sell_overwrite", "C", "Out-of-the-money calls sold with days to go, above a premium floor."),
    _rule("large_put_sell_write", "P", "Out-of-the-money puts sold with days to go, above a premium floor."),
)
