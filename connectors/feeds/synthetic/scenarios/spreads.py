"""Complex orders of options alone, with the conditions that the complex book prints: every kind of structure."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from connectors.feeds.synthetic.scenarios.base import Order, Scenario, Stage, Wanted
from connectors.feeds.synthetic.scenarios.labels import Direction, Style, Truth
from connectors.feeds.synthetic.scenarios.printing import LEG_PREMIUM, Leg, legs, sized

#: Complex book, complex auction, against single-leg orders, floor: most print electronically.
CONDITIONS = "ffffggji"
FLOOR = "i"
_NAMED_BY_SIDE = ("straddle", "strangle")
_NEAR = Wanted(None, dte=(3, 45), ask=(1.0, 14.0), out=(-0.02, 0.03), tiers=(0, 1), spread=(0.0, 0.12))
Made = tuple[list[Leg], Truth]


#: How often a contract is drawn where what was made of the first has no room.
_TRIES = 20


def _placed(make: Callable[[Stage, int], Made | None], stage: Stage) -> Order | None:
    """Draws a contract near the money, makes the structure around it, and prints it."""
    for number in range(_TRIES):
        pick = stage.pick(_NEAR)
        made = None if pick is None else make(stage, pick.contract)
        order = None if made is None else _printed(stage, *made, settle=number == _TRIES - 1)
        if order is not None:
            return order
    return None


def _printed(stage: Stage, structure: list[Leg], truth: Truth, settle: bool) -> Order | None:
    """Prints a structure in a size of the stage's strength; None where what it closes does not stand open."""
    dearest = max(stage.quote(leg.contract).ask * leg.ratio for leg in structure)
    if any(stage.quote(leg.contract).bid <= 0 for leg in structure):
        return None
    size = sized(stage, LEG_PREMIUM, dearest, 5)
    if size is None or any(leg.opens < 0 and size * leg.ratio > stage.interest(leg.contract) for leg in structure):
        return None
    opened = [leg for leg in structure if leg.opens > 0]
    if truth.expected == ("roll",) and any(size <= stage.interest(leg.contract) for leg in opened):
        # Both legs could be either: nothing tells it from a calendar or diagonal that is opened.
        if not settle:
            return None
        truth = replace(truth, expected=(), tolerated=("roll", *truth.tolerated))
    fills, condition = 1 if size < 20 else int(stage.rng.integers(1, 4)), stage.either(*CONDITIONS)
    if condition == FLOOR and truth.structure in _NAMED_BY_SIDE:
        # On a floor no side can be told, and a call with a put of unknown sides is as well a synthetic or a reversal.
        truth = replace(truth, expected=(), tolerated=(*truth.expected, *truth.tolerated))
    return Order(legs(stage, structure, size, conditions=condition, fills=fills), truth)


def _truth(
    structure: str, direction: Direction | None, style: Style, *, expected: tuple[str, ...] = (),
    tolerated: tuple[str, ...] = (), look_alike_of: tuple[str, ...] = (),
) -> Truth:  # fmt: skip
    return Truth(
        expected=expected, tolerated=(*tolerated, "new_position_likely"), look_alike_of=look_alike_of,
        direction=direction, style=style, structure=structure,
    )  # fmt: skip


def _away(stage: Stage, contract: int, *steps: int) -> list[int] | None:
    """Returns the contracts so many strikes away, None where the chain ends before one of them."""
    found = [stage.strike_away(contract, step) for step in steps]
    return None if any(each is None for each in found) else [each for each in found if each is not None]


def _straddle(stage: Stage, contract: int) -> Made:
    bought = stage.chance(0.5)
    both = [Leg(contract, bought), Leg(stage.other_right(contract), bought)]
    return both, _truth("straddle", "neutral", "volatility", expected=("straddle",))


def _strangle(stage: Stage, contract: int) -> Made | None:
    call = contract if stage.is_call(contract) else stage.other_right(contract)
    up, down = int(stage.rng.integers(1, 5)), int(stage.rng.integers(1, 5))
    found = _away(stage, call, up, -down)
    if found is None:
        return None
    bought = stage.chance(0.5)
    both = [Leg(found[0], bought), Leg(stage.other_right(found[1]), bought)]
    return both, _truth("strangle", "neutral", "volatility", expected=("strangle",))


def _vertical(stage: Stage, contract: int) -> Made | None:
    found = _away(stage, contract, int(stage.rng.integers(1, 5)))
    if found is None:
        return None
    lower_bought = stage.chance(0.5)
    # The lower strike bought gains from a rise, with calls as with puts.
    both = [Leg(contract, lower_bought), Leg(found[0], not lower_bought)]
    direction: Direction = "bullish" if lower_bought else "bearish"
    # Where both legs may be closing it may also be a position that moves to another strike.
    return both, _truth("vertical", direction, "directional", expected=("vertical_spread",), tolerated=("roll",))


def _calendar(strikes: int, stage: Stage, contract: int) -> Made | None:
    """Sells the near and buys the far, both opening; with strikes away it is a diagonal."""
    far = stage.other_expiry(contract, (5, 45), strikes and int(stage.rng.choice([-2, -1, 1, 2])))
    if far is None:
        return None
    name = "diagonal" if strikes else "calendar"
    return [Leg(contract, False), Leg(far, True)], _truth(name, None, "volatility", tolerated=("roll",))


def _roll(move: str, stage: Stage, contract: int) -> Made | None:
    """Closes one contract and opens another of the same right: later, or at another strike, or both."""
    if int(stage.chains.dte[contract]) > 20:
        return None
    away = {"out": 0, "up": 1, "down": -1}[move] * int(stage.rng.integers(1, 4))
    other = stage.other_expiry(contract, (5, 45), away)
    if other is None:
        return None
    held_long = stage.chance(0.6)
    both = [Leg(contract, not held_long, opens=-1), Leg(other, held_long)]
    return both, _truth(f"roll_{move}", None, "unclear", expected=("roll",))


def _butterfly(stage: Stage, contract: int) -> Made | None:
    width = int(stage.rng.integers(1, 4))
    wings = _away(stage, contract, -width, width)
    if wings is None:
        return None
    bought = stage.chance(0.6)
    three = [Leg(wings[0], bought), Leg(contract, not bought, 2), Leg(wings[1], bought)]
    return three, _truth("butterfly", "neutral", "volatility", look_alike_of=("vertical_spread",))


def _condor(stage: Stage, contract: int) -> Made | None:
    """An iron condor: a put spread below and a call spread above, sold or bought together."""
    call = contract if stage.is_call(contract) else stage.other_right(contract)
    found = _away(stage, call, -4, -2, 2, 4)
    if found is None:
        return None
    sold = stage.chance(0.7)
    four = [
        Leg(stage.other_right(found[0]), sold), Leg(stage.other_right(found[1]), not sold), Leg(found[2], not sold),
        Leg(found[3], sold),
    ]  # fmt: skip
    look = ("vertical_spread", "strangle")
    return four, _truth("condor", "neutral", "volatility", look_alike_of=look)


def _ratio(stage: Stage, contract: int) -> Made | None:
    found = _away(stage, contract, 2 if stage.is_call(contract) else -2)
    if found is None:
        return None
    front = stage.chance(0.5)
    both = [Leg(contract, front), Leg(found[0], not front, 2)]
    return both, _truth("ratio", None, "volatility", look_alike_of=("vertical_spread",))


def _ladder(stage: Stage, contract: int) -> Made | None:
    """One bought, two further strikes sold, one of each: a spread that is paid for by a strike beyond."""
    step = 1 if stage.is_call(contract) else -1
    found = _away(stage, contract, step, 2 * step)
    if found is None:
        return None
    three = [Leg(contract, True), Leg(found[0], False), Leg(found[1], False)]
    return three, _truth("ladder", None, "volatility", look_alike_of=("ladder_accumulation", "vertical_spread"))


def _risk_reversal(stage: Stage, contract: int) -> Made | None:
    call = contract if stage.is_call(contract) else stage.other_right(contract)
    found = _away(stage, call, 2, -2)
    if found is None:
        return None
    bullish = stage.chance(0.5)
    both = [Leg(found[0], bullish), Leg(stage.other_right(found[1]), not bullish)]
    look = ("collar_hedge", "strangle")
    tolerated = () if bullish else ("collar_hedge",)
    return both, _truth(
        "risk_reversal", "bullish" if bullish else "bearish", "directional", look_alike_of=look, tolerated=tolerated
    )


def _box(stage: Stage, contract: int) -> Made | None:
    call = contract if stage.is_call(contract) else stage.other_right(contract)
    found = _away(stage, call, int(stage.rng.integers(2, 8)))
    if found is None:
        return None
    long = stage.chance(0.5)
    low, high = call, found[0]
    four = [
        Leg(low, long), Leg(high, not long), Leg(stage.other_right(low), not long), Leg(stage.other_right(high), long),
    ]  # fmt: skip
    return four, _truth(
        "box", "neutral", "arbitrage", expected=("arbitrage_structure",), look_alike_of=("vertical_spread",)
    )


SCENARIOS = tuple(
    Scenario(name, weight, partial(_placed, make))
    for name, weight, make in (
        ("straddle", 0.4, _straddle), ("strangle", 0.4, _strangle), ("vertical", 0.6, _vertical),
        ("calendar", 0.3, partial(_calendar, 0)), ("diagonal", 0.2, partial(_calendar, 1)),
        ("roll_out", 0.3, partial(_roll, "out")), ("roll_up", 0.2, partial(_roll, "up")),
        ("roll_down", 0.2, partial(_roll, "down")), ("butterfly", 0.2, _butterfly), ("condor", 0.3, _condor),
        ("ratio", 0.2, _ratio), ("spread_ladder", 0.15, _ladder), ("risk_reversal", 0.3, _risk_reversal),
        ("box", 0.2, _box),
    )
)  # fmt: skip
