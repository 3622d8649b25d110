"""A window's sums are those of what it holds, whatever passed through it; a z-score is exact however large they are."""

from __future__ import annotations

from fractions import Fraction
from math import floor, sqrt

from hypothesis import given
from hypothesis import strategies as st

from operators.window import SIZE_PARTS, UNKNOWN, Window, z_score

#: Spreads and sizes of every day, premiums of sweeps, and what only a broken feed says.
_VALUES = st.integers(0, 10**5) | st.integers(0, 10**11) | st.integers(2**50, 2**61)
_SAMPLES = st.lists(st.tuples(_VALUES | st.just(UNKNOWN), _VALUES, _VALUES | st.just(UNKNOWN)), max_size=40)


@given(_SAMPLES, st.integers(1, 12))
def test_sums_are_those_of_the_last_packets(samples: list[tuple[int, int, int]], limit: int) -> None:
    window = Window()
    for sample in samples:
        window.add(*sample, limit)
    last = samples[-limit:]
    premiums, sizes, spreads = ([each[place] for each in last if each[place] >= 0] for place in range(3))
    assert (window.count, window.premium_count, window.spread_count) == (len(last), len(premiums), len(spreads))
    assert (window.premium_sum, window.size_sum, window.spread_sum) == (sum(premiums), sum(sizes), sum(spreads))
    assert window.premium_squares == sum(value * value for value in premiums)
    assert window.size_squares == sum(value * value for value in sizes)
    assert window.spread_squares == sum(value * value for value in spreads)


@given(st.lists(_VALUES, min_size=2, max_size=50), _VALUES)
def test_a_z_score_is_that_of_exact_fractions(values: list[int], value: int) -> None:
    count, total, squares = len(values), sum(values), sum(each * each for each in values)
    variance = Fraction(count * squares - total * total, count * (count - 1))
    found = z_score(value, count, total, squares)
    if not variance:
        assert found is None
        return
    # Deviation times count is the root of one correctly rounded quotient, and what is off is rounded once.
    scaled = variance * count * count
    assert found == floor(float(count * value - total) / sqrt(scaled.numerator / scaled.denominator) * 1e6 + 0.5) / 1e6


@given(st.lists(st.integers(1, 5000), min_size=2, max_size=50), st.integers(1, 5000))
def test_a_z_score_of_sizes_moves_with_what_is_added_to_all(sizes: list[int], size: int) -> None:
    def of(added: int) -> float | None:
        parts = [(each + added) * SIZE_PARTS for each in sizes]
        return z_score((size + added) * SIZE_PARTS, len(parts), sum(parts), sum(each * each for each in parts))

    # The first is found in floats, the second in integers.
    assert of(0) == of(10**9)


@given(st.lists(_VALUES | st.integers(10**9, 10**9 + 3), max_size=60), st.integers(2, 40), _VALUES)
def test_a_windows_z_score_of_a_premium_is_the_exact_one(premiums: list[int], limit: int, premium: int) -> None:
    window = Window()
    for each in premiums:
        window.add(each, 1, UNKNOWN, limit)
    if window.premium_count > 1:
        exact = z_score(premium, window.premium_count, window.premium_sum, window.premium_squares)
        assert window.premium_z(premium) == exact
