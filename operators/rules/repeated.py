"""Orders across packets: the same contract bought again and again, or strike after strike of one expiry."""

from __future__ import annotations

from collections.abc import Sequence

from events.types import NS_PER_MS
from operators.memory import Order
from operators.rules.common import (
    GATE_SETTINGS,
    is_sided,
    kind_checks,
    premium_check,
    quality,
    sided_checks,
    unknowns,
)
from operators.rules.rule import Rule, Verdict, check, contract_name, expiry_name, held, money, passes
from operators.rules.subject import Subject
from operators.units import ratio, total

_HITS_SETTINGS = (
    "repeated_hits_window_ms", "repeated_hits_min_count", "repeated_hits_min_premium",
    "repeated_hits_min_hit_premium", "repeated_hits_min_side_share", "repeated_hits_min_chain_share", *GATE_SETTINGS,
)  # fmt: skip
_LADDER_SETTINGS = (
    "ladder_window_ms", "ladder_min_strikes", "ladder_min_premium", "ladder_min_order_premium",
    "ladder_min_order_prints", "repeated_hits_min_side_share", *GATE_SETTINGS,
)  # fmt: skip
#: Neighbouring strikes stand at most so many of the smallest step apart.
_STEPS_APART = 3.0


def _within(subject: Subject, window_ms: int) -> list[Order]:
    since = subject.packet.ts - window_ms * NS_PER_MS
    return [order for order in subject.recent if since <= order.ts <= subject.packet.ts]


def _share(orders: Sequence[Order]) -> float:
    """Returns the bought share of premium; what has no known side counts against it."""
    whole = total(order.premium for order in orders)
    return round(total(order.premium for order in orders if order.side == "buy") / whole, 6) if whole else 0.0


def _of_chain(subject: Subject, premium: float) -> float:
    """Returns the share of a premium in that of all orders of its expiry and right within the window.

    Strangers spread over a chain that is busy; who comes back to one contract stands out of it.
    """
    whole = total(order.premium for order in _within(subject, subject.rules.repeated_hits_window_ms))
    return ratio(premium, whole)


def _again(subject: Subject) -> bool:
    return len(subject.recent) >= subject.rules.repeated_hits_min_count and is_sided(subject, bought=True)


def _stepping(subject: Subject) -> bool:
    rules = subject.rules
    return (
        len(subject.recent) >= rules.ladder_min_strikes
        and subject.parent.count >= rules.ladder_min_order_prints
        and is_sided(subject, bought=True)
    )


def _judge_hits(subject: Subject) -> Verdict:
    rules = subject.rules
    orders = [o for o in _within(subject, rules.repeated_hits_window_ms) if o.contract == subject.contract.id]
    bought = [order for order in orders if order.side == "buy"]
    premium = total(order.premium for order in bought)
    checks = (
        *kind_checks(subject),
        *sided_checks(subject, bought=True),
        check("bought orders within the window", len(bought), ">=", rules.repeated_hits_min_count),
        premium_check(subject, rules.repeated_hits_min_premium, premium, "their premium, dollars"),
        check("bought share of premium within the window", _share(orders), ">=", rules.repeated_hits_min_side_share),
        check("share of its chain's premium", _of_chain(subject, premium), ">=", rules.repeated_hits_min_chain_share),
        # What counts as one of them, not what they come to: an order in pieces is the point, so the setting alone.
        check("premium of this one, dollars", subject.premium, ">=", rules.repeated_hits_min_hit_premium),
    )
    seconds = rules.repeated_hits_window_ms / 1000
    sentences = (
        f"{contract_name(subject.contract)} was bought {len(bought)} times within {seconds:.0f} s for "
        f"{money(premium)} in all.",
        f"Coming back to one contract is consistent with one {subject.leaning} buyer who works an order.",
    )
    against = [*unknowns(subject), "Several strangers who follow the same news look the same."]
    confidence = held(0.65 + 0.04 * min(max(len(bought) - rules.repeated_hits_min_count, 0), 4) - quality(subject))
    return Verdict(passes(checks), subject.leaning, confidence, checks, sentences, tuple(against))


def _rungs(subject: Subject, orders: Sequence[Order]) -> list[Order]:
    """Returns the bought orders that step from strike to neighbouring strike in one direction up to this one.

    Upward in calls and downward in puts; the smallest step of all strikes seen says what neighbouring is.
    """
    rules, sign = subject.rules, 1 if subject.contract.right == "C" else -1
    least = subject.floor(rules.ladder_min_order_premium)
    worked = [
        order for order in orders
        if order.side == "buy" and order.count >= rules.ladder_min_order_prints and order.premium >= least
    ]  # fmt: skip
    strikes = sorted({order.strike for order in worked})
    steps = [high - low for low, high in zip(strikes, strikes[1:], strict=False)]
    row: list[Order] = []
    for order in reversed(worked):
        step = sign * (row[-1].strike - order.strike) if row else 0.0
        if not row and order.strike == subject.contract.strike:
            row = [order]
        elif row and 0 < step <= _STEPS_APART * min(steps) + 1e-9:
            row.append(order)
    return row


def _judge_ladder(subject: Subject) -> Verdict:
    rules = subject.rules
    orders = _within(subject, rules.ladder_window_ms)
    rungs = _rungs(subject, orders)
    premium, strikes = total(order.premium for order in rungs), len(rungs)
    checks = (
        *kind_checks(subject),
        *sided_checks(subject, bought=True),
        check("neighbouring strikes bought in a row", strikes, ">=", rules.ladder_min_strikes),
        premium_check(subject, rules.ladder_min_premium, premium, "their premium, dollars"),
        check("bought share of premium within the window", _share(orders), ">=", rules.repeated_hits_min_side_share),
        check("print count", subject.parent.count, ">=", rules.ladder_min_order_prints),
        premium_check(subject, rules.ladder_min_order_premium, name="premium of this one, dollars"),
    )
    kind = "calls" if subject.contract.right == "C" else "puts"
    sentences = (
        f"{strikes} neighbouring strikes of {subject.contract.root} {kind} of {expiry_name(subject.contract)} were "
        f"bought within {rules.ladder_window_ms / 1000:.0f} s for {money(premium)} in all.",
        f"One side over a row of strikes is consistent with a {subject.leaning} position that is built in steps.",
    )
    against = [*unknowns(subject), "Strangers in neighbouring strikes look the same when the market moves."]
    confidence = held(0.65 + 0.05 * min(max(strikes - rules.ladder_min_strikes, 0), 4) - quality(subject))
    return Verdict(passes(checks), subject.leaning, confidence, checks, sentences, tuple(against))


HITS = Rule(
    id="repeated_hits", version=3, style="directional", settings=_HITS_SETTINGS,
    least_premium=lambda rules: rules.repeated_hits_min_hit_premium, sieve=_again, judge=_judge_hits,
    sees="One contract bought several times within minutes, hardly sold meanwhile.",
    why="An order too large for one moment comes back: a higher likelihood of one buyer behind several packets.",
    otherwise=("strangers who read the same news", "a market maker's hedge in pieces", "a short position covered"),
)  # fmt: skip
LADDER = Rule(
    id="ladder_accumulation", version=2, style="directional", settings=_LADDER_SETTINGS,
    least_premium=lambda rules: rules.ladder_min_order_premium, sieve=_stepping, judge=_judge_ladder,
    sees="Neighbouring strikes of one expiry and right bought one after another.",
    why="Buying strike after strike spreads one position: consistent with one buyer who does not show its whole size.",
    otherwise=("strangers while the market moves through the strikes", "a maker's hedge of one large order"),
)  # fmt: skip
RULES: tuple[Rule, ...] = (HITS, LADDER)
