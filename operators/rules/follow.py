"""No follow-through: some minutes after an alert with a direction the underlying has gone the other way."""

from __future__ import annotations

from math import sqrt

from operators.rules.common import premium_check, trading_checks
from operators.rules.rule import Rule, Verdict, check, check_among, held, passes
from operators.rules.subject import LookSubject

_SETTINGS = ("no_follow_through_after_s", "no_follow_through_min_deviations", "no_follow_through_min_premium")
#: Seconds of trading in a year: 252 sessions of six and a half hours.
_YEAR_S = 252 * 23_400


def _against_deviations(subject: LookSubject) -> float | None:
    """Returns how far the underlying went against the alert, in deviations of the time; negative when it went along."""
    look = subject.look
    if look.spot_then is None or look.spot_now is None or look.spot_then <= 0 or not subject.iv or look.after_s <= 0:
        return None
    move = look.spot_now / look.spot_then - 1.0
    usual = subject.iv * sqrt(look.after_s / _YEAR_S)
    return round((-move if subject.direction == "bullish" else move) / usual, 6)


def _sieve(subject: LookSubject) -> bool:
    return subject.direction in ("bullish", "bearish")


def _judge(subject: LookSubject) -> Verdict:
    rules, look = subject.rules, subject.look
    against = _against_deviations(subject)
    faded = None
    if look.mark_then is not None and look.mark_now is not None:
        faded = round(look.mark_now - look.mark_then, 6)
    checks = (
        check_among("the alert's direction", subject.direction, ("bullish", "bearish")),
        *trading_checks(look),
        premium_check(subject, rules.no_follow_through_min_premium),
        check("seconds since the alert", look.after_s, ">=", rules.no_follow_through_after_s),
        check("move against it, deviations", against, ">=", rules.no_follow_through_min_deviations),
        check("the option's mark since, dollars", faded, "<=", 0.0, required=faded is not None),
    )
    went = 0.0 if against is None else against
    sentences = (
        f"{look.after_s / 60:.0f} minutes later the underlying stands {went:.1f} deviations against the alert.",
        "That suggests that the order moved nothing, or that others traded against it.",
    )
    text = ("Minutes are few: what it was bought for may still come.",)
    return Verdict(passes(checks), "neutral", held(0.6 + 0.1 * min(max(went, 0.0), 2.0)), checks, sentences, text)


RULE: Rule = Rule(
    id="no_follow_through", version=3, style="unclear", settings=_SETTINGS, reads="look",
    least_premium=lambda rules: rules.no_follow_through_min_premium, sieve=_sieve, judge=_judge,
    sees="An alert with a direction after which the underlying went clearly the other way within minutes.",
    why="What was urgent and moved nothing is correlated with hedges and closing trades rather than views.",
    otherwise=("news for the whole market in those minutes", "a view of days, not of minutes"),
)  # fmt: skip
