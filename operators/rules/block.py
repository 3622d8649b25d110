"""Block: one or two prints of one large order; where it was negotiated, floor or cross is named."""

from __future__ import annotations

from events.types import Direction
from operators.rules.common import GATE_SETTINGS, kind_checks, premium_check, quality, reading_of, unknowns, what
from operators.rules.rule import Rule, Verdict, check, held, passes
from operators.rules.subject import Subject

_SETTINGS = ("classifier_block_min_premium", "classifier_block_min_size", "classifier_block_max_prints", *GATE_SETTINGS)
_FLAGS = ("regular", "floor", "cross")
_WHERE = {"regular": "electronically", "floor": "on a floor", "cross": "in a cross"}


def _sieve(subject: Subject) -> bool:
    parent, rules = subject.parent, subject.rules
    return (
        parent.count <= rules.classifier_block_max_prints
        and parent.size >= rules.classifier_block_min_size
        and len(parent.venues) <= 1
    )


def _judge(subject: Subject) -> Verdict:
    rules, parent = subject.rules, subject.parent
    checks = (
        *kind_checks(subject, _FLAGS),
        check("print count", parent.count, "<=", rules.classifier_block_max_prints),
        check("venues", len(parent.venues), "<=", 1),
        check("size, contracts", parent.size, ">=", rules.classifier_block_min_size),
        premium_check(subject, rules.classifier_block_min_premium),
    )
    direction, style = reading_of(subject)
    where = _WHERE.get(subject.packet.flag, "under a condition that is no block's")
    sentences = [what(subject, f"traded {where} as a block"), _side_sentence(direction)]
    against = unknowns(subject)
    if subject.packet.flag != "regular":
        against.append("Its price was negotiated: the quote does not tell who began it.")
    against.append("A block's other side wanted it as well; it may be one leg of a trade that is not seen here.")
    confidence = held(0.8 - quality(subject) + 0.05 * (parent.count == 1))
    return Verdict(passes(checks), direction, confidence, checks, tuple(sentences), tuple(against), style)


def _side_sentence(direction: Direction) -> str:
    if direction == "neutral":
        return "Nothing says for sure who began it: consistent with either side."
    return f"It traded as bought, which is consistent with a {direction} view."


RULE: Rule = Rule(
    id="large_block", version=1, style="unclear", settings=_SETTINGS,
    least_premium=lambda rules: rules.classifier_block_min_premium, sieve=_sieve, judge=_judge,
    sees="One or two prints of one side at one venue that carry a large premium; electronic, on a floor, in a cross.",
    why="Whoever trades a block has found the other side for all of it at once: consistent with one decision.",
    otherwise=(
        "one leg of an order whose other legs printed elsewhere or were never reported as one",
        "a position passed between accounts",
        "a dividend trade, which the mechanical rule names",
    ),
)  # fmt: skip
