"""Options beside stock: hedges, overwrites on stock bought now, conversions, options that are hedged at once."""

from __future__ import annotations

from functools import partial

from msgspec.structs import replace

from connectors.feeds.synthetic.rows import ASK
from connectors.feeds.synthetic.scenarios.base import Child, Order, Scenario, Stage, Wanted
from connectors.feeds.synthetic.scenarios.labels import Direction, Style, Truth
from connectors.feeds.synthetic.scenarios.printing import LEG_PREMIUM, Leg, also, burst, delta, legs, sized, stock

#: Stock-option orders: electronic, against single-leg orders, in an auction, in a cross.
_TIED = "nnqko"
_LONG = Wanted("P", dte=(14, 60), ask=(0.8, 12.0), out=(0.01, 0.10), tiers=(0, 1, 2), spread=(0.0, 0.15))
_NEAR = Wanted("C", dte=(5, 50), ask=(1.0, 12.0), out=(-0.02, 0.05), tiers=(0, 1, 2), spread=(0.0, 0.15))
_OVER = ("new_position_likely", "large_call_sell_overwrite")


def _tied(stage: Stage, structure: list[Leg], stock_ratio: float, truth: Truth) -> Order | None:
    """Prints legs with a stock-tied condition and the stock in the same instant."""
    if not stage.names.equity_rate[stage.number(structure[0].contract)]:
        return None  # an index has no stock
    size = sized(stage, LEG_PREMIUM, max(stage.quote(leg.contract).ask for leg in structure), 10)
    if size is None:
        return None
    children = legs(stage, structure, size, conditions=stage.either(*_TIED))
    return Order([*children, stock(stage, structure[0].contract, size, stock_ratio)], truth)


def _truth(structure: str, style: Style, expected: tuple[str, ...], direction: Direction | None = None) -> Truth:
    return Truth(
        expected=expected, tolerated=("new_position_likely",), direction=direction, style=style, structure=structure
    )


def _protective_put(stage: Stage) -> Order | None:
    """Stock bought with its insurance: one put for every hundred shares."""
    pick = stage.pick(_LONG)
    if pick is None:
        return None
    return _tied(stage, [Leg(pick.contract, True)], 1.0, _truth("stock_tied", "hedging", ("protective_put_hedge",)))


def _collar(with_stock: bool, stage: Stage) -> Order | None:
    """A put bought and a call sold around stock that is bought now, or is held already."""
    pick = stage.pick(_LONG)
    if pick is None:
        return None
    call = _mirror(stage, pick.contract)
    if call is None or stage.quote(call).bid <= 0:
        return None
    structure = [Leg(pick.contract, True), Leg(call, False)]
    truth = _truth("collar", "hedging", ("collar_hedge",))
    if with_stock:
        return _tied(stage, structure, 1.0, truth)
    size = sized(stage, LEG_PREMIUM, max(pick.ask, stage.quote(call).ask), 10)
    if size is None:
        return None
    # Without the stock it is the same as a bearish risk reversal: a hedge is only the likelier reading.
    return Order(legs(stage, structure, size, conditions="ffg"), replace(truth, judge_direction=False))


def _mirror(stage: Stage, put: int) -> int | None:
    """Returns the call about as far above spot as the put is below it, None past the chain's end."""
    above = 2 * float(stage.spots[stage.number(put)]) - float(stage.chains.strike[put])
    call: int | None = stage.other_right(put)
    while call is not None and stage.chains.strike[call] < above:
        call = stage.strike_away(call, 1)
    return call


def _buy_write(stage: Stage) -> Order | None:
    """Stock bought and a call sold over it in one order."""
    pick = stage.pick(Wanted("C", dte=(10, 50), ask=(0.8, 10.0), out=(0.01, 0.10), spread=(0.0, 0.15)))
    if pick is None:
        return None
    truth = _truth("stock_tied", "income", ())
    return _tied(stage, [Leg(pick.contract, False)], 1.0, replace(truth, tolerated=_OVER))


def _conversion(reverse: bool, stage: Stage) -> Order | None:
    """Stock against its synthetic: long stock, long put, short call of one strike, or all the other way round."""
    pick = stage.pick(_NEAR)
    if pick is None:
        return None
    put = stage.other_right(pick.contract)
    if stage.quote(put).bid <= 0:
        return None
    structure = [Leg(put, not reverse), Leg(pick.contract, reverse)]
    truth = _truth("reversal_conversion", "arbitrage", ("arbitrage_structure",), "neutral")
    return _tied(stage, structure, 1.0, truth)


def _hedged(stage: Stage) -> Order | None:
    """A sweep's size in calls or puts against as much stock as their delta: volatility, no view on the price."""
    pick = stage.pick(Wanted(None, dte=(5, 50), ask=(1.0, 12.0), out=(-0.02, 0.05), spread=(0.0, 0.15)))
    if pick is None:
        return None
    sweep = "large_bullish_call_sweep" if stage.is_call(pick.contract) else "large_bearish_put_sweep"
    truth = Truth(
        tolerated=("new_position_likely", *(() if stage.is_call(pick.contract) else ("protective_put_hedge",))),
        look_alike_of=(sweep,), direction="neutral", style="volatility", structure="stock_tied",
    )  # fmt: skip
    return _tied(stage, [Leg(pick.contract, True)], abs(delta(stage, pick.contract)), truth)


def _bare_put(stage: Stage) -> Order | None:
    """The same put in the same size without any stock: bought as a view or as a hedge of stock that is held."""
    pick = stage.pick(_LONG)
    if pick is None or (size := sized(stage, LEG_PREMIUM, pick.ask, 20)) is None:
        return None
    children: list[Child] = burst(
        stage, pick.contract, size, fills=4, place=ASK, conditions="I", span_us=150_000, venues=3, opens=1
    )
    truth = Truth(tolerated=also(stage, pick, size, 4, True), direction="bearish", style="directional")
    return Order(children, truth)


SCENARIOS = (
    Scenario("protective_put", 0.4, _protective_put),
    Scenario("collar_with_stock", 0.3, partial(_collar, True)),
    Scenario("collar", 0.3, partial(_collar, False)),
    Scenario("buy_write", 0.3, _buy_write),
    Scenario("conversion", 0.2, partial(_conversion, False)),
    Scenario("reversal", 0.2, partial(_conversion, True)),
    Scenario("hedged_option", 0.3, _hedged),
    Scenario("bare_put", 0.3, _bare_put),
)
