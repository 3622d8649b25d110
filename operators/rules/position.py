"""Opening and closing: an order's size, and the day's volume, against the contract's open interest."""

from __future__ import annotations

from events.types import Direction
from operators.rules.common import (
    GATE_SETTINGS,
    WORKED_SETTINGS,
    kind_checks,
    premium_check,
    quality,
    reading_of,
    sided_checks,
    unknowns,
    what,
    worked_check,
)
from operators.rules.rule import Rule, Verdict, check, check_is, held, passes
from operators.rules.subject import Subject

_OPENING_SETTINGS = (
    "classifier_position_min_premium", "classifier_opening_min_share", "classifier_position_single_premium",
    "classifier_min_prints", *GATE_SETTINGS,
)  # fmt: skip
_CLOSING_SETTINGS = (
    "classifier_position_min_premium", "classifier_closing_min_share", "classifier_closing_max_share",
    *WORKED_SETTINGS, *GATE_SETTINGS,
)  # fmt: skip


def _opens(subject: Subject) -> bool:
    share = subject.held_share
    return share is not None and share > subject.rules.classifier_opening_min_share


def _judge_opening(subject: Subject) -> Verdict:
    rules, packet = subject.rules, subject.packet
    interest = packet.open_interest
    checks = (
        *kind_checks(subject),
        check_is("mixed", "yes" if packet.mixed else "no", "no"),
        premium_check(subject, rules.classifier_position_min_premium),
        worked_check(subject, rules.classifier_position_single_premium),
        check("size over open interest", subject.held_share, ">", rules.classifier_opening_min_share),
        check("the day's volume, contracts", packet.volume, ">=", interest or 0, required=False),
    )
    direction, style = reading_of(subject)
    stood = "An unknown number" if interest is None else f"{interest:,}"
    sentences = (
        what(subject, "traded"),
        f"{stood} stood open this morning: so much cannot all be closing, which suggests a new position.",
        _opening_sentence(direction),
    )
    against = unknowns(subject)
    if packet.volume > subject.parent.size:
        against.append(f"{packet.volume - subject.parent.size:,} more traded today: part may close what opened today.")
    against.append("Open interest is the morning's; the next morning's confirms or refutes it.")
    confidence = held(0.7 + 0.05 * min(max((subject.held_share or 0.0) - 1, 0.0), 3.0) - quality(subject) / 2)
    return Verdict(passes(checks), direction, confidence, checks, sentences, tuple(against), style)


def _opening_sentence(direction: Direction) -> str:
    if direction == "neutral":
        return "Whether its owner gains from a rise or a fall is not claimed."
    return f"It traded as bought, which is consistent with a {direction} view."


def _closes(subject: Subject) -> bool:
    return subject.side == "sell" and subject.packet.open_interest is not None


def _judge_closing(subject: Subject) -> Verdict:
    rules, packet = subject.rules, subject.packet
    checks = (
        *kind_checks(subject),
        *sided_checks(subject, bought=False),
        premium_check(subject, rules.classifier_position_min_premium),
        worked_check(subject),
        check("size over open interest", subject.held_share, ">=", rules.classifier_closing_min_share),
        check("size over open interest, at most", subject.held_share, "<=", rules.classifier_closing_max_share),
        check("the day's volume, contracts", packet.volume, "<=", packet.open_interest or 0, required=False),
    )
    share = subject.held_share or 0.0
    sentences = (
        what(subject, "sold"),
        f"It is {share:.0%} of the {packet.open_interest or 0:,} that stood open this morning, consistent with "
        f"holders who close.",
    )
    against = [*unknowns(subject), "A sale of this size may also open a short position."]
    if subject.out is not None and subject.out > 0.02:
        against.append("It is out of the money, where premium is often sold to open.")
    confidence = held(0.5 + 0.35 * min(share, 1.0) - quality(subject))
    return Verdict(passes(checks), "neutral", confidence, checks, sentences, tuple(against))


OPENING = Rule(
    id="new_position_likely", version=1, style="directional", settings=_OPENING_SETTINGS,
    least_premium=lambda rules: rules.classifier_position_min_premium, sieve=_opens, judge=_judge_opening,
    sees="An order for more contracts than stood open this morning.",
    why="What is larger than all that stands open cannot only be closing: a higher likelihood of a new position.",
    otherwise=("day traders who opened and close within the day", "a new strike or expiry that everybody opens"),
)  # fmt: skip
CLOSING = Rule(
    id="closing_unwind_likely", version=2, style="closing", settings=_CLOSING_SETTINGS,
    least_premium=lambda rules: rules.classifier_position_min_premium, sieve=_closes, judge=_judge_closing,
    sees="A sale of a large part of what stood open this morning.",
    why="Few but holders sell so large a part of what stands open: a higher likelihood that a position is unwound.",
    otherwise=("premium sold to open", "the sold leg of a roll whose other leg is not seen"),
)  # fmt: skip
RULES: tuple[Rule, ...] = (OPENING, CLOSING)
