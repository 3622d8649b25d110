"""Rules on structures: what legs that are consistent with one order make together, each a premium that counts once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from events.contracts import parse_contract
from events.settings import Rules
from events.types import Direction, Style
from events.verdicts import Check, Structure
from operators.rules.common import premium_check, trading_checks
from operators.rules.rule import Rule, Verdict, check, check_among, check_is, held, money, passes
from operators.rules.subject import StructureSubject

_SETTINGS = ("classifier_structure_min_premium", "structure_min_confidence")
_TIED_SETTINGS = ("classifier_tied_min_premium", "structure_min_confidence")
_EVIDENCE = {
    "conditions": "Their sale conditions say that they are parts of complex orders.",
    "instant": "They printed in one instant on one venue.",
    "timing": "Only time and size tie them together.",
}

#: Kinds that a rule reads, what their sides must be, and what they then claim.
Reading = Callable[[Structure], tuple[Direction, Style]]


def _least_premium(rules: Rules) -> float:
    return rules.classifier_structure_min_premium


def _base_checks(subject: StructureSubject, kinds: tuple[str, ...]) -> tuple[Check, ...]:
    structure, rules = subject.structure, subject.rules
    tied = kinds == ("stock_tied",)
    floor = rules.classifier_tied_min_premium if tied else rules.classifier_structure_min_premium
    return (
        check_among("kind", structure.kind, kinds),
        *trading_checks(structure),
        check("confidence that the legs belong together", structure.confidence, ">=", rules.structure_min_confidence),
        premium_check(subject, floor, name="premium of all legs, dollars"),
        check_is("suspected complex", "yes" if structure.suspected_complex else "no", "no", required=False),
    )


def _sided(structure: Structure) -> bool:
    return all(leg.side != "none" for leg in structure.legs)


def _first_sentence(structure: Structure) -> str:
    legs = f"{len(structure.legs)} legs" if len(structure.legs) != 1 else "one leg"
    paid = ""
    if structure.net_premium:
        word = "paid" if structure.net_premium > 0 else "taken in"
        paid = f", {money(abs(structure.net_premium))} {word}"
    return (
        f"{structure.size:,} {structure.underlying} {structure.name} in {legs} for {money(structure.gross_premium)} "
        f"of premium{paid}."
    )


def _against(structure: Structure, more: str) -> tuple[str, ...]:
    against = []
    if structure.evidence == "timing":
        against.append("Strangers who traded together by chance would look the same.")
    if structure.suspected_complex:
        against.append("The feed carries no sale conditions: that its legs are one order is suspected, not known.")
    if not _sided(structure):
        against.append("The sides of its legs are not clear, so neither is who gains from what.")
    if structure.payer == "even" and structure.direction in ("bullish", "bearish"):
        against.append("Its legs all but pay for each other, so little money stands on its direction.")
    against.append(more)
    return tuple(against)


def _judge(
    kinds: tuple[str, ...], reading: Reading, suggests: Callable[[Structure], str], more: str,
    subject: StructureSubject,
) -> Verdict:  # fmt: skip
    structure = subject.structure
    checks = _base_checks(subject, kinds)
    direction, style = reading(structure)
    sentences = (_first_sentence(structure), _EVIDENCE[structure.evidence], suggests(structure))
    return Verdict(
        passes(checks), direction, held(structure.confidence), checks, sentences, _against(structure, more), style
    )


def _is_kind(kinds: tuple[str, ...], subject: StructureSubject) -> bool:
    return subject.structure.kind in kinds


def _volatility(structure: Structure) -> tuple[Direction, Style]:
    return "neutral", "volatility"


def _volatility_sentence(structure: Structure) -> str:
    if structure.name.startswith("long"):
        return "Both sides were bought, which is consistent with a view that much will happen, whichever way."
    if structure.name.startswith("short"):
        return "Both sides were sold, which is consistent with a view that little will happen."
    return "Who took it is not clear: consistent with a view on how much happens, not on which way."


def _vertical(structure: Structure) -> tuple[Direction, Style]:
    """Its sides say what it gains from; where they are unclear it claims nothing."""
    if not _sided(structure):
        return "neutral", "unclear"
    return structure.direction, "directional" if structure.style == "unclear" else structure.style


def _vertical_sentence(structure: Structure) -> str:
    if structure.direction in ("bullish", "bearish") and _sided(structure):
        return f"A {structure.name} is consistent with a {structure.direction} view of limited risk."
    return "Which leg was bought is not clear, so no direction is claimed."


def _roll_sentence(structure: Structure) -> str:
    return "One leg can close and the other can only be new, which suggests a position that is moved, not a new view."


def _neutral(style: Style, structure: Structure) -> tuple[Direction, Style]:
    return "neutral", style


def _arbitrage_sentence(structure: Structure) -> str:
    if structure.kind == "box":
        return "A box pays the same wherever the underlying ends: consistent with lending or borrowing money."
    return "Stock against its synthetic is worth the same whatever happens: consistent with arbitrage."


def _rule(
    ident: str, kinds: tuple[str, ...], style: Style, reading: Reading, suggests: Callable[[Structure], str],
    more: str, sees: str, why: str, otherwise: tuple[str, ...],
) -> Rule:  # fmt: skip
    return Rule(
        id=ident, version=2, style=style, settings=_SETTINGS, reads="structure", least_premium=_least_premium,
        sieve=partial(_is_kind, kinds), judge=partial(_judge, kinds, reading, suggests, more),
        sees=sees, why=why, otherwise=otherwise,
    )  # fmt: skip


_ROLLS = ("roll_up", "roll_down", "roll_out")
STRADDLE = _rule(
    "straddle", ("straddle",), "volatility", _volatility, _volatility_sentence,
    "It may hedge options that are held already.",
    "A call and a put of one strike and expiry, both bought or both sold.",
    "It gains or loses by how far the underlying goes, not by which way: consistent with a view on volatility.",
    ("a hedge of other options", "a market maker's inventory passed on"),
)  # fmt: skip
STRANGLE = _rule(
    "strangle", ("strangle",), "volatility", _volatility, _volatility_sentence,
    "It may hedge options that are held already.",
    "A call and a put of two strikes and one expiry, both bought or both sold.",
    "As a straddle, cheaper and further out: consistent with a view on volatility.",
    ("a hedge of other options", "two orders of a collar's kind whose sides were told wrongly"),
)  # fmt: skip
VERTICAL = _rule(
    "vertical_spread", ("vertical",), "directional", _vertical, _vertical_sentence,
    "One leg may close what was held: then it is a roll to another strike.",
    "Two strikes of one right and expiry, one bought and one sold in equal size, for a debit or a credit.",
    "Limited risk on both ends is consistent with a view and a budget; a credit is consistent with income.",
    ("a roll between strikes", "half of a condor", "a market maker's hedge"),
)  # fmt: skip
ROLL = _rule(
    "roll", _ROLLS, "unclear", partial(_neutral, "unclear"), _roll_sentence,
    "With the day's own openings the old leg may be new as well: then it is a spread.",
    "One leg that open interest lets be closed and one of the same right that can only be new.",
    "What looks like a sweep of the new leg is often a position moved: a roll adds no view.",
    ("a calendar or vertical spread that opens", "two strangers"),
)  # fmt: skip


def _put_and_call(structure: Structure) -> tuple[float | None, float | None]:
    """Returns the strikes of a put and a call of one expiry and size; None for others."""
    legs = [parse_contract(leg.contract) for leg in structure.legs]
    if len(legs) != 2 or {leg.right for leg in legs} != {"C", "P"} or legs[0].expiry != legs[1].expiry:
        return None, None
    put, call = sorted(legs, key=lambda leg: leg.right, reverse=True)
    return put.strike, call.strike


def _judge_arbitrage(subject: StructureSubject) -> Verdict:
    """A box, a conversion or a reversal; tied to stock also a put and a call of one strike whose sides nobody told."""
    structure = subject.structure
    put, call = _put_and_call(structure)
    unsided = structure.kind == "unnamed" and structure.stock_tied and put is not None and put == call
    checks = (
        *_base_checks(subject, ("box", "reversal_conversion", "unnamed")),
        check_is("sides, or stock beside one strike", "yes" if unsided or structure.kind != "unnamed" else "no", "yes"),
    )
    sentences = (_first_sentence(structure), _EVIDENCE[structure.evidence], _arbitrage_sentence(structure))
    against = _against(structure, "Early exercise and dividends can leave some risk in it.")
    confidence = held(structure.confidence * (0.85 if unsided else 1.0))
    return Verdict(passes(checks), "neutral", confidence, checks, sentences, against, "arbitrage")


def _judge_collar(subject: StructureSubject) -> Verdict:
    """With stock beside it a collar; a bought put and a sold call alone are only consistent with one."""
    structure = subject.structure
    named = structure.kind == "collar" or (structure.kind == "risk_reversal" and structure.direction == "bearish")
    put, call = _put_and_call(structure)
    collar = named or (structure.kind == "unnamed" and structure.stock_tied and put is not None and put < (call or 0.0))
    checks = (
        *_base_checks(subject, ("collar", "risk_reversal", "unnamed")),
        check_is("put bought, call sold", "yes" if collar else "no", "yes"),
        check_is("two strikes", "yes" if "synthetic" not in structure.name else "no", "yes"),
        check_is("stock beside it", "yes" if structure.stock_tied else "no", "yes", required=False),
    )
    tied = structure.stock_tied
    sentences = (
        _first_sentence(structure), _EVIDENCE[structure.evidence],
        "The put protects stock and the sold call pays for it: consistent with a hedge."
        if tied else "No stock was seen: consistent with a hedge of stock that is held, or with a bearish view.",
    )  # fmt: skip
    more = "Its stock may be new, so the whole may still be a view." if tied else "Without stock it is a bearish view."
    # A cross tells no sides: around stock a lower put and a higher call are likeliest a collar.
    confidence = held(structure.confidence * (1.0 if tied and named else 0.85 if tied else 0.8))
    return Verdict(passes(checks), "neutral", confidence, checks, sentences, _against(structure, more), "hedging")


def _judge_put(subject: StructureSubject) -> Verdict:
    """A put bought together with its stock."""
    structure = subject.structure
    leg = structure.legs[0] if structure.legs else None
    is_put = leg is not None and leg.contract[-9] == "P" and leg.side != "sell"
    known = leg is not None and leg.side == "buy"
    checks = (
        *_base_checks(subject, ("stock_tied",)),
        check_is("a put, not sold", "yes" if is_put else "no", "yes"),
        check_is("put bought", "yes" if known else "unknown", "yes", required=False),
        check("legs beside the stock", len(structure.legs), "<=", 1),
    )
    sentences = (
        _first_sentence(structure), "It printed tied to a trade in the stock.",
        "A put bought together with stock is consistent with insurance, not with a bearish view.",
    )  # fmt: skip
    more = "With only its delta in stock it would be a position in volatility."
    confidence = held(structure.confidence * (1.0 if known else 0.85))
    return Verdict(passes(checks), "neutral", confidence, checks, sentences, _against(structure, more), "hedging")


ARBITRAGE = Rule(
    id="arbitrage_structure", version=2, style="arbitrage", settings=_SETTINGS, reads="structure",
    least_premium=_least_premium, sieve=partial(_is_kind, ("box", "reversal_conversion", "unnamed")),
    judge=_judge_arbitrage,
    sees="A box, or a synthetic against its stock.",
    why="Its worth does not depend on the price: consistent with financing, not with a view.",
    otherwise=("a position closed in four legs", "a roll of a synthetic", "a straddle hedged with stock"),
)  # fmt: skip
COLLAR = Rule(
    id="collar_hedge", version=2, style="hedging", settings=_SETTINGS, reads="structure",
    least_premium=_least_premium, sieve=partial(_is_kind, ("collar", "risk_reversal", "unnamed")), judge=_judge_collar,
    sees="A put bought and a call sold further up, with stock beside them or without.",
    why="Around stock it limits loss and gain: consistent with a hedge.",
    otherwise=("without stock: a bearish risk reversal", "a position closed in both legs"),
)  # fmt: skip
PROTECTIVE_PUT = Rule(
    id="protective_put_hedge", version=2, style="hedging", settings=_TIED_SETTINGS, reads="structure",
    least_premium=lambda rules: rules.classifier_tied_min_premium, sieve=partial(_is_kind, ("stock_tied",)),
    judge=_judge_put,
    sees="A put bought in one order with its stock.",
    why="Stock and its insurance together are consistent with a hedge; the put alone would look bearish.",
    otherwise=("a position in volatility, hedged by its delta in stock", "a conversion without its call"),
)  # fmt: skip
RULES: tuple[Rule, ...] = (STRADDLE, STRANGLE, VERTICAL, ROLL, PROTECTIVE_PUT, COLLAR, ARBITRAGE)
