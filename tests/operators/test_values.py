"""What a print says of volatility: against a slow Black formula of its own, at every edge where nothing may be said."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from events.derived import SpotSource
from events.raw import EquityQuote, Reference
from events.settings import Rules
from events.types import NS_PER_MS
from operators.partition_state import PartitionState
from operators.partition_step import PartitionStep
from operators.spot import YEAR_S
from operators.values import Valued, Values, ValuesConfig, Valuing
from tests.prints import RANKS, T0, Partition, at, marked, quote, trade

_RATE = 0.04
_CONFIG = ValuesConfig(rate=_RATE, least_expiry_s=900, spot_max_age_ns=5000 * NS_PER_MS)


def _values(price: float, size: int, spot: float, source: SpotSource, strike: float, *terms: Any) -> Values:
    return Valuing(_CONFIG).of(Valued(), price, size, spot, source, strike, *terms)


_CALL, _PUT = "AAPL260220C00200000", "AAPL260220P00200000"


def _cdf(x: float) -> float:
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


def _worth(spot: float, strike: float, years: float, sigma: float, call: bool, rate: float = _RATE) -> float:
    """Black's formula on the grown spot, discounted: written from the textbook, by math.erf."""
    forward, root = spot * math.exp(rate * years), sigma * math.sqrt(years)
    d1 = math.log(forward / strike) / root + root / 2
    sign = 1 if call else -1
    return math.exp(-rate * years) * sign * (forward * _cdf(sign * d1) - strike * _cdf(sign * (d1 - root)))


def _volatility(price: float, spot: float, strike: float, years: float, call: bool) -> float:
    """The volatility at which Black's formula gives the price, by halving."""
    low, high = 1e-6, 20.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if _worth(spot, strike, years, middle, call) < price else (low, middle)
    return (low + high) / 2


@given(
    spot=st.floats(5, 5000),
    moneyness=st.floats(0.8, 1.25),
    seconds=st.integers(900, 2 * YEAR_S),
    sigma=st.floats(0.05, 2.0),
    call=st.booleans(),
)
def test_volatility_and_greeks_are_those_of_the_textbook(
    spot: float, moneyness: float, seconds: int, sigma: float, call: bool
) -> None:
    strike, years = spot * moneyness, seconds / YEAR_S
    price = _worth(spot, strike, years, sigma, call)
    grown = spot * math.exp(_RATE * years)
    time_value = price * math.exp(_RATE * years) - max(grown - strike if call else strike - grown, 0)
    # Below it the price says nothing about volatility in the digits that it has.
    assume(time_value > 1e-6 * spot)
    found = _values(price, 7, spot, "equity", strike, call, seconds, 100)
    _, _, shown, iv, delta, gamma, vega, theta, notional = found
    assert iv is not None
    assert delta is not None
    assert shown == pytest.approx(moneyness - 1, abs=1e-6)
    assert iv == pytest.approx(_volatility(price, spot, strike, years, call), abs=2e-5)
    by_hand = _by_differences(spot, strike, years, sigma, call)
    assert delta == pytest.approx(by_hand[0], abs=1e-4)
    assert gamma == pytest.approx(by_hand[1], abs=1e-3 * by_hand[1] + 1e-4)
    assert vega == pytest.approx(by_hand[2], abs=1e-3 * spot)
    assert theta == pytest.approx(by_hand[3], rel=1e-2, abs=1e-3 * spot)
    assert notional == pytest.approx(delta * spot * 100 * 7, abs=1e-6 * spot * 700 + 0.01)


def _by_differences(spot: float, strike: float, years: float, sigma: float, call: bool) -> tuple[float, ...]:
    """Delta, gamma, vega and theta as differences of the formula."""
    h = spot * min(1e-3, 0.01 * sigma * math.sqrt(years))
    up, mid, down = (_worth(spot + step, strike, years, sigma, call) for step in (h, 0, -h))
    vega = (_worth(spot, strike, years, sigma + 1e-4, call) - _worth(spot, strike, years, sigma - 1e-4, call)) / 2e-4
    dt = years * 1e-3
    theta = (_worth(spot, strike, years - dt, sigma, call) - _worth(spot, strike, years + dt, sigma, call)) / (2 * dt)
    return (up - down) / (2 * h), (up - 2 * mid + down) / (h * h), vega, theta


@pytest.mark.parametrize(
    ("price", "call", "seconds", "multiplier", "known"),
    [
        (12.0, True, 86_400 * 30, 100, True),
        # At intrinsic and below it; above what a call or a put can be worth; worth nothing.
        (10.0, True, 86_400 * 30, 100, False), (9.0, True, 86_400 * 30, 100, False),
        (101.0, True, 86_400 * 30, 100, False), (90.5, False, 86_400 * 30, 100, False),
        (0.0, False, 86_400 * 30, 100, False),
        # The last quarter of an hour, after the end, and a deliverable that nobody knows.
        (12.0, True, 900, 100, True), (12.0, True, 899, 100, False), (12.0, True, -5, 100, False),
        (12.0, True, 86_400 * 30, None, False),
    ],
)  # fmt: skip
def test_there_is_no_volatility_where_none_can_be(
    price: float, call: bool, seconds: int, multiplier: int | None, known: bool
) -> None:
    found = _values(price, 1, 100.0, "equity", 90.0, call, seconds, multiplier)
    assert found[:3] == (100.0, "equity", -0.1)
    assert [value is not None for value in found[3:]] == [known] * 6


def test_a_put_has_a_negative_delta_and_a_notional_of_the_contract_whatever_its_side() -> None:
    *_, delta, _, _, theta, notional = _values(3.0, 5, 100.0, "equity", 100.0, False, 86_400 * 30, 100)
    assert delta is not None
    assert -1 < delta < 0
    assert theta is not None
    assert theta < 0
    assert notional == pytest.approx(delta * 100 * 100 * 5, abs=0.05)


@pytest.mark.parametrize("root", ["AAPL1", "AAPL"])
def test_an_adjusted_contract_has_no_values_since_its_strike_is_for_another_deliverable(root: str) -> None:
    contract = f"{root}260220C00200000"
    terms = Reference(ts=T0, kind="definition", instrument=contract, multiplier=100.0)
    spot = EquityQuote(ts=at(0), symbol="AAPL", bid=199.9, ask=200.1)
    mark = marked(terms, spot, trade(1, 5.0, contract=contract))
    assert mark.premium == 1500.0
    values = (mark.spot, mark.moneyness, mark.iv, mark.delta, mark.gamma, mark.vega, mark.theta, mark.delta_notional)
    assert [each is None for each in values] == [root == "AAPL1"] * 8


def test_a_forward_by_parity_is_not_grown_again() -> None:
    years = 30 / 365
    forward = 100 * math.exp(_RATE * years)
    by_quote = _values(3.0, 1, 100.0, "equity", 100.0, True, 86_400 * 30, 100)
    by_parity = _values(3.0, 1, forward, "parity", 100.0, True, 86_400 * 30, 100)
    assert by_parity[3:5] == pytest.approx(by_quote[3:5], abs=1e-6)


_PRINTS = st.tuples(
    st.sampled_from(("one", "other")), st.sampled_from((2.5, 3.0)), st.sampled_from((100.0, 101.0)),
    st.sampled_from(("equity", "parity")), st.sampled_from((899, 5000, 5001)), st.sampled_from((None, 100)),
    st.integers(1, 9),
)  # fmt: skip


@given(st.lists(_PRINTS, max_size=30))
def test_what_was_said_of_the_print_before_changes_nothing(prints: list[tuple[Any, ...]]) -> None:
    """Values are kept for the next print of a contract: whoever has seen others says what one says that has not."""
    held = {contract: Valued() for contract in ("one", "other")}
    valuings = [Valuing(_CONFIG), Valuing(ValuesConfig(rate=0.01, least_expiry_s=900, spot_max_age_ns=1))]
    for contract, price, spot, source, seconds, multiplier, size in prints:
        terms = (price, size, spot, source, 100.0, True, seconds, multiplier)
        valuing = valuings[size % 2]
        assert valuing.of(held[contract], *terms) == valuing.of(Valued(), *terms)


_STEPS = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 300), st.integers(-20, 20)), min_size=5, max_size=60)


@given(_STEPS, st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_values_do_not_depend_on_how_the_sequence_is_cut(steps: list[tuple[int, int, int]], cuts: list[int]) -> None:
    items: list[Any] = []
    ms = 0.0
    for number, (what, gap, cents) in enumerate(steps):
        ms += gap
        event: Any
        if what == 0:
            event = EquityQuote(ts=at(ms), symbol="AAPL", bid=200 + cents / 100, ask=200.05 + cents / 100)
        elif what == 1:
            mid = 5 + cents / 100
            event = quote(ms, mid - 0.05, mid + 0.05, contract=(_CALL, _PUT)[number % 2])
        else:
            event = trade(ms, 5 + cents / 100, contract=(_CALL, _PUT)[number % 2])
        items.append((at(ms), 0, RANKS[type(event).__name__], "", number, event))
    whole = PartitionStep(PartitionState(), Rules()).step(items, T0).marks
    step, marks, place = PartitionStep(PartitionState(), Rules()), list[Any](), 0
    while place < len(items):
        size = cuts[place % len(cuts)]
        marks += step.step(items[place : place + size], T0).marks
        place += size
    assert marks == whole
    # And a restart between any two events changes nothing either.
    partition = Partition()
    assert [mark for item in items for mark in partition(item[5]).marks] == whole
