"""The side is found by the first rule of the stack that can tell, and its confidence is that rule's accuracy."""

from __future__ import annotations

import pytest

from events.types import Side, SideRule
from operators.side import ACCURACY, COUNTED_RULES, side_from_quote, side_from_tick
from tests.prints import marked, quote, trade


@pytest.mark.parametrize(
    ("price", "size", "bid_size", "ask_size", "sweep", "expected"),
    [
        # Trade size leads, against the quote's own say; equal or unknown sizes tell nothing.
        (1.0, 5, 5, 9, False, ("buy", "trade_size")), (1.2, 9, 5, 9, False, ("sell", "trade_size")),
        (1.0, 5, 5, 5, False, ("sell", "quote")), (1.2, 5, 5, None, False, ("buy", "trade_size")),
        (1.0, 7, 5, 9, False, ("sell", "quote")), (1.0, 7, None, None, False, ("sell", "quote")),
        # A sweep took what was displayed: its size says nothing.
        (1.0, 5, 5, 9, True, ("sell", "quote")), (1.2, 9, 5, 9, True, ("buy", "quote")),
        # Inside: the nearer side; at the mid the deeper one is traded against.
        (1.11, 7, 5, 9, False, ("buy", "quote")), (1.09, 7, 5, 9, False, ("sell", "quote")),
        (1.1, 7, 5, 9, False, ("buy", "depth")), (1.1, 7, 9, 5, False, ("sell", "depth")),
        (1.1, 7, 5, 5, False, ("none", "none")), (1.1, 7, None, 5, False, ("none", "none")),
        # Outside.
        (1.3, 7, 5, 9, False, ("buy", "quote")), (0.9, 7, 5, 9, False, ("sell", "quote")),
    ],
)  # fmt: skip
def test_the_stack(
    price: float, size: int, bid_size: int | None, ask_size: int | None, sweep: bool, expected: tuple[Side, SideRule]
) -> None:
    found = side_from_quote(price, size, 1.0, 1.2, bid_size, ask_size, sweep)
    assert found[:2] == expected
    assert found[2] == ACCURACY[expected[1]]


def test_the_mid_is_found_exactly_where_floats_would_miss_it() -> None:
    # 0.1 + 0.2 is not 2 * 0.15 in floats.
    assert side_from_quote(0.15, 1, 0.1, 0.2, 5, 9, False)[1] == "depth"
    assert side_from_quote(1.15, 1, 1.1, 1.2, 5, 5, False)[1] == "none"


def test_a_tick_carries_over_equal_prices_and_begins_with_none() -> None:
    prices = [1.0, 1.0, 1.1, 1.1, 1.0, 1.0]
    sides = [marked(*(trade(ms, price) for ms, price in enumerate(prices[: n + 1]))).side for n in range(len(prices))]
    assert sides == ["none", "none", "buy", "buy", "sell", "sell"]
    assert side_from_tick(0) == ("none", "none", 0.0, 0)


def test_where_a_quote_is_unusable_the_tick_tells() -> None:
    mark = marked(trade(0, 1.0), quote(1, 1.2, 1.2), trade(2, 1.1))
    assert (mark.placement, mark.side, mark.side_rule, mark.side_confidence) == ("locked", "buy", "tick", 0.497)


@pytest.mark.parametrize("conditions", [("c",), ("D",), ("t",), ("A",), ("f",), ("v",)])
def test_a_print_that_is_no_regular_trade_moves_no_tick(conditions: tuple[str, ...]) -> None:
    assert marked(trade(0, 1.0), trade(1, 0.5, conditions=conditions), trade(2, 1.1)).side == "buy"
    assert marked(trade(0, 1.0), trade(1, 5.0, conditions=conditions), trade(2, 1.1)).side == "buy"


def test_no_confidence_stands_above_what_was_measured_and_only_better_than_a_coin_counts() -> None:
    assert max(ACCURACY.values()) <= 0.676
    assert {rule for rule, accuracy in ACCURACY.items() if accuracy > 0.5} == COUNTED_RULES
