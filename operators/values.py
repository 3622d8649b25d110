"""Values of a print: moneyness, implied volatility, greeks and delta-adjusted notional (Black 1976).

The forward is the spot grown at one rate, or the one that parity implies; dividends and the right to early exercise are
left out, so the volatility of deep puts and of calls before a dividend is a little off. Years are 365 days of the
seconds to the settlement instant. The library's kernels are scalar code: a print's values depend on nothing but itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, floor
from typing import Any, Final

from iv_engine import delta as black_delta
from iv_engine import gamma as black_gamma
from iv_engine import implied_volatility as black_volatility

from events.derived import SpotSource
from operators.spot import YEAR_S
from operators.units import MICRO, as_float


@dataclass(frozen=True, slots=True)
class ValuesConfig:
    """What values read of the settings."""

    #: Continuous, a year.
    rate: float
    #: Below so many seconds to settlement there is no implied volatility.
    least_expiry_s: int
    spot_max_age_ns: int


#: Spot, its source, moneyness, iv, delta, gamma, vega, theta, delta notional.
Values = tuple[
    float | None,
    SpotSource | None,
    float | None,
    float | None,
    float | None,
    float | None,
    float | None,
    float | None,
    float | None,
]
NO_VALUES: Values = (None, None, None, None, None, None, None, None, None)
#: A volatility below it is a rounding of the price, not an opinion.
LEAST_VOLATILITY: Final = 0.001


#: Volatility, delta, gamma, vega, theta, rounded; and delta as it was found.
Greeks = tuple[float, float, float, float, float, float]


class Valued:
    """What a contract's last print said: prints of a sweep share price, spot and second, and it is said again.

    Not state, since finding it again gives the same.
    """

    __slots__ = ("valued",)

    def __init__(self) -> None:
        #: Price, spot, its source, seconds to expiry, greeks or None, config: untyped, to be handed on as they are.
        self.valued: tuple[Any, ...] = (None,)


class Valuing:
    """Values of the prints of one partition under one config."""

    __slots__ = ("config",)

    def __init__(self, config: ValuesConfig) -> None:
        self.config = config

    def of(
        self, held: Valued, price: Any, size: int, spot: Any, source: SpotSource, strike: float, call: bool,
        expiry_s: Any, multiplier: Any,
    ) -> Values:  # fmt: skip
        """Returns what a print says at a spot, as `greeks_of` finds it, beside moneyness; price and spot in dollars.

        `held` is its contract's last and becomes this one.

        Delta notional is delta x spot x multiplier x size, dollars; a contract whose deliverable is unknown has neither
        volatility nor greeks.
        """
        level: float = spot
        moneyness = floor((strike / level - 1) * 1e6 + 0.5) / MICRO
        if multiplier is None:
            return spot, source, moneyness, None, None, None, None, None, None
        last = held.valued
        if (
            last[0] != price or last[1] != spot or last[2] != source or last[3] != expiry_s
            or last[5] is not self.config
        ):  # fmt: skip
            found = greeks_of(price, spot, source, strike, call, expiry_s, self.config)
            held.valued = last = (price, spot, source, expiry_s, found, self.config)
        greeks: tuple[Any, ...] | None = last[4]
        if greeks is None:
            return spot, source, moneyness, None, None, None, None, None, None
        iv, delta, gamma, vega, theta, exact = greeks
        exactly: float = exact
        notional = floor(exactly * level * as_float(multiplier) * size * 100 + 0.5) / 100
        return spot, source, moneyness, iv, delta, gamma, vega, theta, notional


def greeks_of(
    price: float, spot: float, source: SpotSource, strike: float, call: bool, expiry_s: int, config: ValuesConfig
) -> Greeks | None:
    """Returns the volatility that a price implies at a spot, and the greeks at it.

    None in the last minutes, at or below intrinsic value, and above what an option can be worth. Delta and gamma are
    per dollar of the spot, vega per 1.0 of volatility, theta per year with the spot standing.
    """
    if expiry_s < config.least_expiry_s:
        return None
    rate, years = config.rate, expiry_s / YEAR_S
    growth = exp(rate * years)
    forward = spot if source == "parity" else spot * growth
    undiscounted = price * growth
    intrinsic, most = (forward - strike, forward) if call else (strike - forward, strike)
    if not intrinsic < undiscounted < most or price <= 0:
        return None
    iv: float = black_volatility(undiscounted, forward, strike, years, call)
    if iv < LEAST_VOLATILITY:
        return None
    delta: float = black_delta(forward, strike, years, iv, call)
    gamma: float = black_gamma(forward, strike, years, iv)
    # Vega and the decay of Black's formula follow from gamma; interest on what is held comes on top.
    curvature = forward * forward * gamma * iv / growth
    theta = rate * (price - delta * forward / growth) - 0.5 * iv * curvature
    # The one rounding, written out: a call of `six` costs more than the sum it rounds.
    return (
        floor(iv * 1e6 + 0.5) / MICRO,
        floor(delta * 1e6 + 0.5) / MICRO,
        floor((gamma if source == "parity" else gamma * growth) * 1e6 + 0.5) / MICRO,
        floor(curvature * years * 1e6 + 0.5) / MICRO,
        floor(theta * 1e6 + 0.5) / MICRO,
        delta,
    )
