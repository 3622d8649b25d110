"""How orders print: bursts in one contract, legs in one instant, stock beside options; and what is true of a burst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from connectors.feeds.synthetic.rows import ASK, BID, INSIDE, MID, NS_PER_US, OFF_EXCHANGE
from connectors.feeds.synthetic.scenarios.base import Child, Pick, Stage
from connectors.feeds.synthetic.scenarios.facts import Facts, true_of
from connectors.feeds.synthetic.scenarios.labels import Direction, Strength, Style
from connectors.feeds.synthetic.surface import implied_volatility, norm_cdf
from events.types import NS_PER_MS

Range = tuple[float, float]
#: Premium of an order in one contract, dollars.
PREMIUM: dict[Strength, Range] = {
    "weak": (12_000, 35_000), "medium": (80_000, 250_000), "strong": (350_000, 2_500_000),
}  # fmt: skip
#: Premium of a structure's dearest leg, dollars.
LEG_PREMIUM: dict[Strength, Range] = {
    "weak": (15_000, 40_000), "medium": (80_000, 250_000), "strong": (300_000, 1_500_000),
}  # fmt: skip
#: How far toward the quote that it takes a leg trades: 0.5 is mid, 1 the quote itself.
_REACH: dict[Strength, Range] = {"weak": (0.5, 0.75), "medium": (0.7, 0.95), "strong": (0.9, 1.0)}
_YEAR_NS = 365.0 * 86_400e9
_US_PER_LEG = 40
#: An order that sweeps or splits goes on to its next venue within so long.
_WAIT_US = 40_000.0


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg of a structure: bought or sold, so many contracts for each of the structure."""

    contract: int
    bought: bool
    ratio: int = 1
    #: 1 opens a position, -1 closes one.
    opens: int = 1


def sized(stage: Stage, premium: dict[Strength, Range], price: float, least: int = 1) -> int | None:
    """Draws a size, contracts, that costs a premium of the stage's strength; None below `least`."""
    size = round(stage.between(*premium[stage.strength]) / (100 * price))
    return size if size >= least else None


def parts(stage: Stage, size: int, fills: int, evenness: float = 2.0) -> list[int]:
    """Cuts a size into fills, each at least one contract, their sum the size or a little more."""
    shares = stage.rng.dirichlet(np.full(fills, evenness))
    return [max(round(float(share) * size), 1) for share in shares]


def moments(stage: Stage, count: int, span_us: int, begin: int = 0) -> list[int]:
    """Draws times of one order's fills from `begin`, by default the stage's time; ns, in order.

    They lie within a span, and none is longer after the one before it than a router waits.
    """
    after = np.sort(stage.rng.integers(0, max(span_us, 1), count)).astype(np.float64)
    after -= after[0]
    widest = float(np.diff(after).max(initial=0.0))
    if widest > _WAIT_US:
        after *= _WAIT_US / widest
    return [(begin or stage.ts) + int(us) * NS_PER_US for us in after]


def burst(
    stage: Stage, contract: int, size: int, *, fills: int, place: int, span_us: int, conditions: str, venues: int,
    opens: int, position: float = 1.0, begin: int = 0, through: bool = False,
) -> list[Child]:  # fmt: skip
    """Returns one order's fills in one contract; `through` lets it walk the price by a tick halfway."""
    letters = stage.venues(venues)
    times = moments(stage, fills, span_us, begin)
    step = 0 if not through else 1 if place == ASK else -1
    return [
        Child(times[n], contract, part, place, position, stage.either(*conditions), letters[n % venues],
              lift=step if n == fills // 2 else 0, opens=opens)
        for n, part in enumerate(parts(stage, size, fills))
    ]  # fmt: skip


def legs(stage: Stage, structure: Sequence[Leg], size: int, *, conditions: str, fills: int = 1) -> list[Child]:
    """Returns a complex order's prints: every fill prints all legs within microseconds on one venue."""
    venue, condition = stage.venue(), stage.either(*conditions)
    times = moments(stage, fills, 120_000)
    children = []
    for fill, (at, part) in enumerate(zip(times, parts(stage, size, fills, 4.0), strict=True)):
        ts = at + fill * 2 * NS_PER_MS
        for number, leg in enumerate(structure):
            reach = float(stage.rng.uniform(*_REACH[stage.strength]))
            place, position = (ASK if leg.bought else BID, 1.0) if reach > 0.97 else (INSIDE, reach)
            children.append(
                Child(ts + number * _US_PER_LEG * NS_PER_US, leg.contract, part * leg.ratio, place,
                      position if leg.bought else 1.0 - position, condition, venue, opens=leg.opens)
            )  # fmt: skip
    return children


def stock(stage: Stage, contract: int, contracts: int, ratio: float) -> Child:
    """Returns the stock side of a tied order: a qualified contingent trade, reported off exchange at once or soon."""
    shares = max(round(contracts * 100 * ratio / 100) * 100, 100)
    late_us = {"weak": 150_000, "medium": 20_000, "strong": 2_000}[stage.strength]
    after = int(stage.rng.integers(1, late_us)) * NS_PER_US
    return Child(
        stage.ts + after, -1 - stage.number(contract), shares, MID, 1.0, "7", OFF_EXCHANGE,
        delay=after if after > NS_PER_MS else 0,
    )  # fmt: skip


def delta(stage: Stage, contract: int) -> float:
    """Returns the contract's delta by the market's own model."""
    chains, number = stage.chains, stage.number(contract)
    strike, spot = float(chains.strike[contract]), float(stage.spots[number])
    years = max(int(chains.expiry_ns[contract]) - stage.ts, 60_000_000_000) / _YEAR_NS
    level = np.array([stage.names.implied[number]])
    sigma = implied_volatility(np.array([spot]), np.array([strike]), np.array([years]), level)
    root = sigma * np.sqrt(years)
    d1 = np.log(spot / strike) / root + 0.5 * root
    of_call = float(norm_cdf(d1)[0])
    return of_call if stage.is_call(contract) else of_call - 1.0


def leaning(call: bool, bought: bool) -> Direction:
    """Returns what a single contract bought or sold gains from."""
    return "bullish" if call == bought else "bearish"


def style_of(stage: Stage, pick: Pick, bought: bool) -> Style:
    """Returns the plain reading of a single contract: bought it is a view, sold out of the money it earns premium."""
    if bought:
        return "directional"
    return "income" if float(stage.out(np.array([pick.contract]))[0]) > 0 else "unclear"


def also(stage: Stage, pick: Pick, size: int, fills: int, bought: bool | None) -> tuple[str, ...]:
    """Returns the rules that say something true of an order in one contract whatever it was planted for.

    `bought` is None where nobody can know the side.
    """
    contract = pick.contract
    return true_of(Facts(
        call=stage.is_call(contract), days=int(stage.chains.dte[contract]),
        out=float(stage.out(np.array([contract]))[0]), premium=100 * size * (pick.ask + pick.bid) / 2, size=size,
        held=stage.interest(contract), fills=fills, bought=bought,
    ))  # fmt: skip
