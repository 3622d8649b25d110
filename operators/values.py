"""Values of a print: moneyness, implied volatility, greeks and delta-adjusted notional (Black 1976).

The forward is the spot grown at one rate, or the one that parity implies; dividends and the right to early exercise are
left out, so the volatility of deep puts and of calls before a dividend is a little off. Years are 365 days of the
seconds to the settlement instant. The library's kernels are scalar code: a print's values depend on nothing but itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, floor

from iv_engine import delta as black_delta
from iv_engine import gamma as black_gamma
from iv_engine import implied_volatility as black_volatility

from events.derived import SpotSource
from operators.spot import YEAR_S


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
LEAST_VOLATILITY = 0.001


def values_of(
    price: float,
    size: int,
    spot: float,
    source: SpotSource,
    strike: float,
    call: bool,
    expiry_s: int,
    multiplier: int | float | None,
    config: ValuesConfig,
) -> Values:
    """Returns what a print says at a spot; without a volatility no greeks either.

    There is none in the last minutes, at or below intrinsic value, above what an option can be worth, and for a
    contract whose deliverable is unknown. Delta and gamma are per dollar of the spot, vega per 1.0 of volatility,
    theta per year with the spot standing; delta notional is delta x spot x multiplier x size, dollars.
    """
    moneyness = floor((strike / spot - 1) * 1e6 + 0.5) / 1e6
    if expiry_s < config.least_expiry_s or multiplier is None:
        return spot, source, moneyness, None, None, None, None, None, None
    rate, years = config.rate, expiry_s / YEAR_S
    growth = exp(rate * years)
    forward = spot if source == "parity" else spot * growth
    undiscounted = price * growth
    intrinsic, most = (forward - strike, forward) if call else (strike - forward, strike)
    if not intrinsic < undiscounted < most or price <= 0:
        return spot, source, moneyness, None, None, None, None, None, None
    iv = black_volatility(undiscounted, forward, strike, years, call)
    if iv < LEAST_VOLATILITY:
        return spot, source, moneyness, None, None, None, None, None, None
    delta = black_delta(forward, strike, years, iv, call)
    gamma = black_gamma(forward, strike, years, iv)
    # Vega and the decay of Black's formula follow from gamma; interest on what is held comes on top.
    curvature = forward * forward * gamma * iv / growth
    theta = rate * (price - delta * forward / growth) - 0.5 * iv * curvature
    # The one rounding, written out: a call of `six` costs more than the sum it rounds.
    return (
        spot,
        source,
        moneyness,
        floor(iv * 1e6 + 0.5) / 1e6,
        floor(delta * 1e6 + 0.5) / 1e6,
        floor((gamma if source == "parity" else gamma * growth) * 1e6 + 0.5) / 1e6,
        floor(curvature * years * 1e6 + 0.5) / 1e6,
        floor(theta * 1e6 + 0.5) / 1e6,
        floor(delta * spot * multiplier * size * 100 + 0.5) / 100,
    )
