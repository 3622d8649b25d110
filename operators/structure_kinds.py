"""What legs make together: the kinds of structures by right, strike, expiry, side and ratio of their legs.

Definitions are those of the Options Industry Council's strategy pages; a name says which side of it was taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import fsum
from typing import Literal

from events.types import Direction, Style
from events.verdicts import StructureKind

#: Shares of agreement this near are equal.
_EQUAL = 1e-9
#: Three legs and more of one side are a strip that few send as one order: sides told wrongly are likelier.
_ONE_SIDED = 0.3


@dataclass(slots=True)
class LegShape:
    """One leg as far as its kind goes; expiry is a day number, sign +1 bought, -1 sold, 0 unknown."""

    right: Literal["C", "P"]
    strike: float
    expiry: int
    sign: int
    #: Contracts to one unit of the structure.
    ratio: int


@dataclass(slots=True)
class Shape:
    """What legs make: its kind, its name, what it claims, and the sides under which they make it."""

    kind: StructureKind
    name: str
    direction: Direction = "neutral"
    style: Style = "volatility"
    signs: tuple[int, ...] = ()
    #: Share of the weight of known sides that agrees with `signs`.
    agreement: float = 1.0


def classify(legs: Sequence[LegShape]) -> Shape | None:
    """Returns what legs of known sides make, None when it has no name; legs come by (expiry, strike, right)."""
    if len(legs) == 2:
        return _two(*legs)
    if len({leg.expiry for leg in legs}) != 1:
        return None
    if len(legs) == 3:
        return _three(*legs)
    return _four(legs) if len(legs) == 4 else None


def resolve(legs: Sequence[LegShape], weights: Sequence[float]) -> Shape | None:
    """Returns what legs make when their sides are estimates: the sides that agree best with them and have a name.

    Where several ways agree equally the sides are unknown: all signs are 0 and nothing is claimed but the kind, and
    not even that when they make different kinds.
    """
    known = fsum(weight for leg, weight in zip(legs, weights, strict=True) if leg.sign)
    best: list[Shape] = []
    highest = 0.0
    for signs in product((1, -1), repeat=len(legs)):
        shape = classify([LegShape(g.right, g.strike, g.expiry, s, g.ratio) for g, s in zip(legs, signs, strict=True)])
        if shape is None:
            continue
        agrees = fsum(w for leg, w, s in zip(legs, weights, signs, strict=True) if leg.sign == s)
        share = agrees / known if known else 0.0
        weight = share - _ONE_SIDED * (abs(sum(signs)) == len(signs) > 2)
        if not best or weight > highest + _EQUAL:
            best, highest = [], weight
        if weight > highest - _EQUAL:
            shape.signs, shape.agreement = signs, share
            best.append(shape)
    if len(best) < 2:
        return best[0] if best else None
    unsided = (0,) * len(legs)
    if len({shape.kind for shape in best}) > 1:
        return Shape("unnamed", "complex order", "neutral", "unclear", unsided, best[0].agreement)
    style = best[0].style if len({shape.style for shape in best}) == 1 else "unclear"
    return Shape(best[0].kind, best[0].kind.replace("_", " "), "neutral", style, unsided, best[0].agreement)


def _two(a: LegShape, b: LegShape) -> Shape | None:
    opposite = a.sign != b.sign
    if a.right == b.right:
        if a.expiry == b.expiry:
            if a.strike == b.strike or not opposite:
                return None
            return _vertical(a, b) if a.ratio == b.ratio else _ratio(a, b)
        if not opposite or a.ratio != b.ratio:
            return None
        way = "long" if b.sign > 0 else "short"
        return Shape("calendar", f"{way} calendar") if a.strike == b.strike else Shape("diagonal", f"{way} diagonal")
    if a.expiry != b.expiry or a.ratio != b.ratio:
        return None
    return _both_rights(a, b, opposite)


def _both_rights(a: LegShape, b: LegShape, opposite: bool) -> Shape:
    call = a if a.right == "C" else b
    same_strike = a.strike == b.strike
    if not opposite:
        way = "long" if a.sign > 0 else "short"
        return Shape("straddle", f"{way} straddle") if same_strike else Shape("strangle", f"{way} strangle")
    bullish = call.sign > 0
    name = "synthetic" if same_strike else "risk reversal"
    direction: Direction = "bullish" if bullish else "bearish"
    return Shape("risk_reversal", f"{direction} {name}", direction, "directional")


def _vertical(low: LegShape, high: LegShape) -> Shape:
    bullish = low.sign > 0
    debit = bullish == (low.right == "C")
    right = "call" if low.right == "C" else "put"
    return Shape(
        "vertical",
        f"{'debit' if debit else 'credit'} {right} vertical",
        "bullish" if bullish else "bearish",
        "directional",
    )


def _ratio(a: LegShape, b: LegShape) -> Shape:
    bought = sum(leg.ratio for leg in (a, b) if leg.sign > 0)
    sold = sum(leg.ratio for leg in (a, b) if leg.sign < 0)
    right = "call" if a.right == "C" else "put"
    # Which way it gains depends on how far: no direction is claimed of either.
    return Shape("ratio", f"{right} backspread" if bought > sold else f"{right} front ratio")


def _three(a: LegShape, b: LegShape, c: LegShape) -> Shape | None:
    if not a.right == b.right == c.right or not a.strike < b.strike < c.strike:
        return None
    signs, ratios = (a.sign, b.sign, c.sign), (a.ratio, b.ratio, c.ratio)
    if ratios == (1, 2, 1) and a.sign == c.sign == -b.sign:
        return Shape("butterfly", f"{'long' if a.sign > 0 else 'short'} butterfly")
    if ratios != (1, 1, 1):
        return None
    return _ladder(a.right, signs)


def _ladder(right: Literal["C", "P"], signs: tuple[int, ...]) -> Shape | None:
    kind = "call" if right == "C" else "put"
    if len(set(signs)) == 1:
        if signs[0] > 0:
            return Shape(
                "ladder", f"bought {kind} ladder", "bullish" if right == "C" else "bearish", "directional"
            )  # fmt: skip
        return Shape("ladder", f"sold {kind} ladder", "neutral", "income")
    first, rest = (signs[0], signs[1:]) if right == "C" else (signs[-1], signs[:-1])
    if all(sign == -first for sign in rest):
        return Shape("ladder", f"{'long' if first > 0 else 'short'} {kind} ladder")
    return None


def _four(legs: Sequence[LegShape]) -> Shape | None:
    if any(leg.ratio != 1 for leg in legs):
        return None
    puts = [leg for leg in legs if leg.right == "P"]
    calls = [leg for leg in legs if leg.right == "C"]
    signs = tuple(leg.sign for leg in legs)
    if not puts or not calls:
        if any(x.strike >= y.strike for x, y in zip(legs, legs[1:], strict=False)):
            return None
        if signs in ((1, -1, -1, 1), (-1, 1, 1, -1)):
            return Shape("condor", f"{'long' if signs[0] > 0 else 'short'} condor")
        return _ladder(legs[0].right, signs) if len(set(signs)) == 1 else None
    if len(puts) != 2 or puts[0].strike == puts[1].strike or calls[0].strike == calls[1].strike:
        return None
    return _two_and_two(puts, calls)


def _two_and_two(puts: Sequence[LegShape], calls: Sequence[LegShape]) -> Shape | None:
    (p1, p2), (c1, c2) = puts, calls
    if (p1.strike, p2.strike) == (c1.strike, c2.strike):
        if c1.sign == -c2.sign == -p1.sign == p2.sign:
            return Shape("box", f"{'long' if c1.sign > 0 else 'short'} box", "neutral", "arbitrage")
        return None
    if p2.strike > c1.strike or not p1.sign == -p2.sign == -c1.sign == c2.sign:
        return None
    # Wings bought: premium is taken for the body, and stillness pays.
    way = "short" if p1.sign > 0 else "long"
    if p2.strike == c1.strike:
        return Shape("butterfly", f"{way} iron butterfly")
    return Shape("condor", f"{way} iron condor")
