"""What quotes are worth: Black-Scholes on a volatility surface, and the spread around it, by columns.

European values at one rate without dividends; a put of an American class is never below its exercise value. The spread
is rounded outward to ticks, so quotes of one instant hold parity and the order of strikes up to the spread.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connectors.feeds.synthetic.rows import DOLLAR, Bools, Floats, Ints
from connectors.feeds.synthetic.universe import Chains, Underlyings

RATE = 0.04
_YEAR_NS = 365.0 * 86_400e9
_LEAST_NS = 60e9
#: Share of a contract's value that its spread takes beyond one tick, by tier.
_SPREAD = np.array([0.004, 0.010, 0.025, 0.06])
#: Half the spread of a stock over its price, by tier.
_EQUITY_HALF_SPREAD = np.array([0.000005, 0.000015, 0.00006, 0.0002])
_THREE_DOLLARS = 3 * DOLLAR


@dataclass(frozen=True, slots=True)
class Moment:
    """What decides all quotes of a second: the price path, how wide markets are, how high volatility stands."""

    start_ns: int
    #: Dollars, steps by underlyings.
    spots: Floats
    step_ns: int
    #: Factor on spreads: wide at the open.
    width: float
    #: Factor on implied volatility: high when the market has fallen.
    fear: float
    #: Factor on implied volatility by underlying: what demand has done to it lately; None for 1.
    mood: Floats | None = None


def norm_cdf(x: Floats) -> Floats:
    """Returns the normal distribution function, to 1e-7 (Abramowitz and Stegun 26.2.17)."""
    z = np.abs(x)
    k = 1.0 / (1.0 + 0.2316419 * z)
    poly = k * (0.319381530 + k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))))
    tail: Floats = poly * np.exp(-0.5 * z * z) * 0.3989422804014327
    return np.where(x >= 0, 1.0 - tail, tail)


def implied_volatility(spot: Floats, strike: Floats, years: Floats, level: Floats) -> Floats:
    """Returns the surface at a strike: skewed and smiling in standardised log moneyness, flatter with time."""
    term = 1.0 + 0.10 * np.exp(-years * 12.0) - 0.03 * np.minimum(years, 1.0)
    base = level * term
    z = np.clip(np.log(strike / spot) / (base * np.sqrt(years)), -3.0, 3.0)
    smile: Floats = base * (1.0 - 0.045 * z + 0.014 * z * z)
    return smile


def value(spot: Floats, strike: Floats, years: Floats, sigma: Floats, call: Bools, american: Bools) -> Floats:
    """Returns the value of each contract, dollars a share."""
    root = sigma * np.sqrt(years)
    present = strike * np.exp(-RATE * years)
    d1 = np.log(spot / present) / root + 0.5 * root
    calls = np.maximum(spot * norm_cdf(d1) - present * norm_cdf(d1 - root), np.maximum(spot - present, 0.0))
    puts = calls - spot + present
    puts = np.where(american, np.maximum(puts, strike - spot), puts)
    return np.where(call, calls, puts)


def option_quotes(
    moment: Moment, names: Underlyings, chains: Chains, contract: Ints, ts: Ints, index: int
) -> tuple[Ints, Ints]:
    """Returns bid and ask of contracts at times within the second, in units of price; a bid may be 0."""
    under = chains.under[contract]
    step = np.clip((ts - moment.start_ns) // moment.step_ns, 0, len(moment.spots) - 1)
    spot, strike = moment.spots[step, under], chains.strike[contract]
    # Time to expiry moves by the second, not by the nanosecond: a quote changes with the grid alone.
    left = np.maximum(chains.expiry_ns[contract] - moment.start_ns, _LEAST_NS)
    years = left / _YEAR_NS
    level = names.implied if moment.mood is None else names.implied * moment.mood
    sigma = implied_volatility(spot, strike, years, level[under] * moment.fear)
    mid = value(spot, strike, years, sigma, chains.call[contract], under != index) * DOLLAR
    tick = np.where(mid < _THREE_DOLLARS, chains.tick_low[contract], chains.tick_high[contract])
    half = 0.5 * (tick + _SPREAD[chains.tier[contract]] * mid) * moment.width
    bid = np.maximum(np.floor((mid - half) / tick), 0.0).astype(np.int64) * tick
    ask = np.ceil((mid + half) / tick).astype(np.int64) * tick
    return bid, np.maximum(ask, bid + tick)


def equity_quotes(moment: Moment, names: Underlyings, number: Ints, ts: Ints) -> tuple[Ints, Ints]:
    """Returns bid and ask of stocks at times within the second, in units of price, on whole cents."""
    step = np.clip((ts - moment.start_ns) // moment.step_ns, 0, len(moment.spots) - 1)
    mid = moment.spots[step, number] * 100.0
    half = 0.4 + _EQUITY_HALF_SPREAD[names.tier[number]] * mid * moment.width
    bid = np.maximum(np.floor(mid - half), 1.0).astype(np.int64)
    ask = np.maximum(np.ceil(mid + half).astype(np.int64), bid + 1)
    return bid * 100, ask * 100
