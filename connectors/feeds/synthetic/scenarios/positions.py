"""Orders known by what they open or close, by their days to expiry, and premium sold for income."""

from __future__ import annotations

from functools import partial

from connectors.feeds.synthetic.rows import ASK, BID
from connectors.feeds.synthetic.scenarios.base import Order, Pick, Right, Scenario, Stage, Wanted
from connectors.feeds.synthetic.scenarios.labels import Strength, Style, Truth
from connectors.feeds.synthetic.scenarios.printing import PREMIUM, Range, also, burst, delta, leaning, sized, style_of

#: Size over open interest of an order that must be opening, and of one that can be closing.
OPENING: dict[Strength, Range] = {"weak": (1.05, 1.3), "medium": (1.6, 3.0), "strong": (3.0, 10.0)}
CLOSING: dict[Strength, Range] = {"weak": (0.15, 0.3), "medium": (0.4, 0.65), "strong": (0.65, 0.95)}
#: Least premium of an order over open interest, dollars.
_LEAST: dict[Strength, float] = {"weak": 10_000, "medium": 60_000, "strong": 200_000}
FAR_PREMIUM: dict[Strength, Range] = {
    "weak": (20_000, 50_000), "medium": (150_000, 400_000), "strong": (500_000, 2_500_000),
}  # fmt: skip
ZERO_SIZE: dict[Strength, Range] = {"weak": (150, 380), "medium": (600, 1_400), "strong": (2_000, 6_000)}
_AT_MONEY, _DELTA = 0.0035, (0.28, 0.72)


def _opening(bought: bool, stage: Stage) -> Order | None:
    """More contracts than stand open: they cannot be closing, and next morning's interest is higher by them."""
    pick = stage.pick(Wanted(None, dte=(3, 50), ask=(0.5, 12.0), interest=(40, 4_000), spread=(0.0, 0.25)))
    if pick is None:
        return None
    size = round(stage.between(*OPENING[stage.strength]) * stage.interest(pick.contract))
    if not _LEAST[stage.strength] <= 100 * size * pick.ask <= 4_000_000:
        return None
    return _plain(stage, pick, size, bought, "new_position_likely", style_of(stage, pick, bought), opens=1)


def _closing(stage: Stage) -> Order | None:
    """Long holders sell a large part of what stands open; next morning's interest is lower by it."""
    pick = stage.pick(Wanted(None, dte=(2, 50), ask=(0.5, 12.0), interest=(300, 30_000), spread=(0.0, 0.2)))
    if pick is None:
        return None
    size = round(stage.between(*CLOSING[stage.strength]) * stage.interest(pick.contract))
    if not _LEAST[stage.strength] <= 100 * size * pick.bid <= 6_000_000:
        return None
    return _plain(stage, pick, size, False, "closing_unwind_likely", "closing", opens=-1)


def _income(right: Right, stage: Stage) -> Order | None:
    """Out-of-the-money premium sold with weeks to go: calls over stock that is held, puts for the premium."""
    pick = stage.pick(Wanted(right, dte=(10, 50), ask=(0.5, 8.0), out=(0.015, 0.12), spread=(0.0, 0.2)))
    if pick is None or (size := sized(stage, PREMIUM, pick.bid, 20)) is None:
        return None
    rule = "large_call_sell_overwrite" if right == "C" else "large_put_sell_write"
    return _plain(stage, pick, size, False, rule, "income", opens=1)


def _zero_dte(stage: Stage) -> Order | None:
    """Bought at the money on the day of expiry, in size: small premium, much gamma."""
    wanted = Wanted(None, dte=(0, 0), ask=(0.3, 6.0), tiers=(0,), out=(-_AT_MONEY, _AT_MONEY), spread=(0.0, 0.2))
    drawn = [stage.pick(wanted) for _ in range(6)]
    pick = next((each for each in drawn if each and _DELTA[0] <= abs(delta(stage, each.contract)) <= _DELTA[1]), None)
    if pick is None:
        return None
    size = round(stage.between(*ZERO_SIZE[stage.strength]))
    if stage.strength != "weak" and size * 100 * pick.ask < 40_000:
        return None
    return _plain(stage, pick, size, True, "zero_dte_gamma_punch", "directional", opens=1)


def _lottery(stage: Stage) -> Order | None:
    """Bought on the day of expiry far out of the money: as many contracts, hardly any gamma."""
    wanted = Wanted(None, dte=(0, 0), ask=(0.02, 0.6), tiers=(0,), out=(0.004, 0.06), spread=(0.0, 1.2))
    pick = stage.pick(wanted)
    if pick is None or abs(delta(stage, pick.contract)) > 0.15:
        return None
    size = round(stage.between(*ZERO_SIZE[stage.strength]))
    return _plain(stage, pick, size, True, None, "directional", opens=1, look_alike_of="zero_dte_gamma_punch")


def _far(bought: bool, stage: Stage) -> Order | None:
    """Two months and more to expiry, in size: bought it is patience, sold it is not."""
    pick = stage.pick(Wanted(None, dte=(62, 400), ask=(1.5, 30.0), out=(-0.08, 0.15), tiers=(0, 1, 2)))
    if pick is None or (size := sized(stage, FAR_PREMIUM, pick.ask, 10)) is None:
        return None
    rule, tempted = ("far_dated_conviction", None) if bought else (None, "far_dated_conviction")
    return _plain(stage, pick, size, bought, rule, style_of(stage, pick, bought), opens=1, look_alike_of=tempted)


def _plain(
    stage: Stage, pick: Pick, size: int, bought: bool, rule: str | None, style: Style, *, opens: int,
    look_alike_of: str | None = None,
) -> Order:  # fmt: skip
    """Prints one electronic order in a few fills."""
    fills = min(int(stage.rng.integers(1, 7)), max(size // 5, 1))
    children = burst(
        stage, pick.contract, size, fills=fills, place=ASK if bought else BID, conditions=stage.either("I", "I", "S"),
        span_us=180_000, venues=min(fills, 3), opens=opens,
    )  # fmt: skip
    wrong = {"closing_unwind_likely"} if opens > 0 and size > stage.interest(pick.contract) else set()
    tolerated = also(stage, pick, size, fills, bought)
    truth = Truth(
        expected=() if rule is None else (rule,),
        tolerated=tuple(name for name in tolerated if name != rule and name not in wrong),
        look_alike_of=() if look_alike_of is None else (look_alike_of,),
        direction=leaning(stage.is_call(pick.contract), bought),
        style=style,
    )
    return Order(children, truth)


SCENARIOS = (
    Scenario("opening_buy", 0.6, partial(_opening, True)),
    Scenario("opening_sale", 0.3, partial(_opening, False)),
    Scenario("closing_sale", 0.6, _closing),
    Scenario("call_overwrite", 0.6, partial(_income, "C")),
    Scenario("put_write", 0.6, partial(_income, "P")),
    Scenario("zero_dte_punch", 0.6, _zero_dte),
    Scenario("zero_dte_lottery", 0.3, _lottery),
    Scenario("far_dated_buy", 0.5, partial(_far, True)),
    Scenario("far_dated_sale", 0.3, partial(_far, False)),
)
