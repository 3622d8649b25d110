"""Mechanical: volume from dividends and from the last day, which says nothing of a view and lowers what stands beside.

Compression (condition u) counts as volume only and reaches no packet, so no rule has to tell it apart.
"""

from __future__ import annotations

from typing import Literal

from events.verdicts import Check
from operators.rules.common import kind_checks, premium_check, what
from operators.rules.rule import Rule, Verdict, check, check_is, held, passes
from operators.rules.subject import Subject

_SETTINGS = (
    "mechanical_min_premium", "mechanical_min_inside", "mechanical_dividend_min_size", "mechanical_dividend_min_prints",
    "mechanical_expiry_min_size", "mechanical_expiry_min_inside", "classifier_min_aggressor_ratio",
)  # fmt: skip
#: Above what exercise is worth, as a share of the price: at parity, give or take the bid.
_ABOVE_PARITY = 0.02
#: How far apart prices of pieces stand that were agreed at once, a share of the price.
_ONE_PRICE = 0.01

Kind = Literal["dividend", "expiry"]


def _kind(subject: Subject) -> Kind:
    """On the last day it can only be an exit; before, pieces crossed deep in the money are for a dividend."""
    return "expiry" if subject.days == 0 else "dividend"


def _inside(subject: Subject) -> float | None:
    return None if subject.out is None else round(-subject.out, 6)


def _sieve(subject: Subject) -> bool:
    inside = _inside(subject)
    least = min(subject.rules.mechanical_min_inside, subject.rules.mechanical_expiry_min_inside)
    return inside is not None and inside >= least


def _dividend_checks(subject: Subject) -> tuple[Check, ...]:
    rules, parent = subject.rules, subject.parent
    equal = (
        parent.count > 0
        and parent.size % parent.count == 0
        and parent.price_high - parent.price_low <= _ONE_PRICE * parent.vwap
    )
    return (
        check_is("right", subject.contract.right, "C"),
        *kind_checks(subject, ("cross", "floor")),
        check("in the money, share of spot", _inside(subject), ">=", rules.mechanical_min_inside),
        check("print count", parent.count, ">=", rules.mechanical_dividend_min_prints),
        check("size, contracts", parent.size, ">=", rules.mechanical_dividend_min_size),
        check_is("equal pieces at about one price", "yes" if equal else "no", "yes"),
    )


def _expiry_checks(subject: Subject) -> tuple[Check, ...]:
    rules = subject.rules
    return (
        *kind_checks(subject, ("regular", "floor", "cross")),
        check("days to expiry", subject.days, "<=", 0, required=False),
        check("in the money, share of spot", _inside(subject), ">=", rules.mechanical_expiry_min_inside),
        check("size, contracts", subject.parent.size, ">=", rules.mechanical_expiry_min_size),
        check("sold share of covered size", subject.sold, ">=", rules.classifier_min_aggressor_ratio),
        check("price over parity, share of it", _over_parity(subject), "<=", _ABOVE_PARITY),
    )


def _over_parity(subject: Subject) -> float | None:
    spot = subject.packet.spot
    if spot is None:
        return None
    strike = subject.contract.strike
    worth = spot - strike if subject.contract.right == "C" else strike - spot
    return round((subject.parent.vwap - worth) / worth, 6) if worth > 0 else 9.99


def _judge(subject: Subject) -> Verdict:
    kind = _kind(subject)
    premium = premium_check(subject, subject.rules.mechanical_min_premium)
    own = _expiry_checks(subject) if kind == "expiry" else _dividend_checks(subject)
    checks = (premium, *own)
    if kind == "expiry":
        sentences = (
            what(subject, "sold on its last day, deep in the money"),
            "Near what exercise is worth it is consistent with holders who leave rather than exercise.",
        )
        against = ("A sale at parity may also be a view, taken through the cheapest contract.",)
    else:
        sentences = (
            what(subject, "crossed in equal pieces, deep in the money"),
            "That is consistent with a dividend trade between market makers, which says nothing of a view.",
        )
        against = ("Whether a dividend is near is not known here.",)
    style = "closing" if kind == "expiry" else "unclear"
    return Verdict(passes(checks), "neutral", held(0.8), checks, sentences, against, style)  # type: ignore[arg-type]


RULE: Rule = Rule(
    id="mechanical", version=2, style="unclear", settings=_SETTINGS, reads="packet",
    least_premium=lambda rules: rules.mechanical_min_premium, sieve=_sieve, judge=_judge,
    sees="Equal pieces of a deep call crossed at one price, or a deep contract sold at parity on its last day.",
    why="Such volume follows from dividends and settlement; counted as a view it would mislead, so it lowers others.",
    otherwise=("a stock position built through deep calls", "a large holder who simply sells"),
)  # fmt: skip
