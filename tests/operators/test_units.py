"""Money adds up exactly: a sum of premiums is the same in any order and in every version of Python."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.units import MICRO, micro, nearest, total

_AMOUNTS = st.lists(st.integers(0, 10**13), max_size=60)


@given(_AMOUNTS, st.integers())
def test_a_sum_of_premiums_is_that_of_their_decimals_in_any_order(micros: list[int], seed: int) -> None:
    premiums = [float(Decimal(value) / MICRO) for value in micros]
    shuffled = Random(seed).sample(premiums, len(premiums))
    assert total(premiums) == total(shuffled) == float(Decimal(sum(micros)) / MICRO)


@pytest.mark.parametrize(
    ("premiums", "threshold"),
    [
        # One after another, as up to Python 3.11, these come to 0.9999999999999999; from 3.12 on to 1.0.
        ([0.1] * 10, 1.0),
        # Here both come to 0.30000000000000004.
        ([0.1, 0.2], 0.3),
    ],
)
def test_premiums_that_make_a_threshold_reach_it_exactly(premiums: list[float], threshold: float) -> None:
    assert total(premiums) == threshold


@given(st.integers(0, 10**17))
def test_a_price_to_the_millionth_is_told_exactly(micros: int) -> None:
    assert micro(float(Decimal(micros) / MICRO)) == round(float(Decimal(micros) / MICRO) * MICRO)


@pytest.mark.parametrize(
    ("value", "whole"),
    [(0.49, 0), (0.5, 1), (1.5, 2), (2.5, 3), (-0.5, 0), (-1.51, -2), (2.0**51 - 0.5, 2**51), (2.0**52 + 1, 2**52 + 1)],
)
def test_halves_round_up_and_whole_numbers_stay_what_they_are(value: float, whole: int) -> None:
    assert nearest(value) == whole
