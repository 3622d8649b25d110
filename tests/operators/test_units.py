"""Money adds up exactly: a sum of premiums is the same in any order and in every version of Python."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.units import MICRO, total

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
