"""Each rule of the stack says what the public `tclf` package says of the same trades, and so does the whole stack."""

from __future__ import annotations

from random import Random
from typing import Any

import pandas as pd
import pytest
from tclf.classical_classifier import ClassicalClassifier

from operators.side import side_from_quote, side_from_tick
from tests.prints import marked, quote, trade

_SAID = {1.0: "buy", -1.0: "sell", 0.0: "none"}


class _Classifier(ClassicalClassifier):  # type: ignore[misc]
    """The package's rules as they are; what it asks of an older scikit-learn is to take the table as numbers."""

    def _validate_data(self, table: Any, **_: Any) -> Any:
        return table.to_numpy(dtype=float)


#: The rules in the order of the stack, under the package's names.
_STACK = [("trade_size", "best"), ("quote", "best"), ("depth", "best")]


def _table(seed: int, rows: int = 400) -> list[dict[str, Any]]:
    """Trades at, inside and outside quotes, with sizes that often meet the quote's.

    Prices are 64ths, which floats and our millionths both hold exactly: the package compares mids as floats.
    """
    chance = Random(seed)
    table = []
    for _ in range(rows):
        bid = chance.randrange(5, 4000) * 2
        ask = bid + chance.choice((2, 4, 8, 10, 20, 100))
        price = chance.choice((bid, ask, (bid + ask) // 2, chance.randint(bid, ask), bid - 1, ask + 3))
        table.append({
            "trade_price": price / 64, "bid_best": bid / 64, "ask_best": ask / 64,
            "trade_size": chance.choice((1, 5, 10, 30)), "bid_size_best": chance.choice((1, 5, 10, 30)),
            "ask_size_best": chance.choice((1, 5, 10, 30)),
        })  # fmt: skip
    return table


def _oracle(table: list[dict[str, Any]], layers: list[tuple[str, str]]) -> list[str]:
    frame = pd.DataFrame(table)
    classifier = _Classifier(layers=layers, strategy="const").fit(frame)
    return [_SAID[float(said)] for said in classifier.predict(frame)]


def _ours(row: dict[str, Any], sweep: bool = False) -> tuple[str, str]:
    found = side_from_quote(
        row["trade_price"], row["trade_size"], row["bid_best"], row["ask_best"], row["bid_size_best"],
        row["ask_size_best"], sweep,
    )  # fmt: skip
    return found[0], found[1]


@pytest.mark.parametrize("seed", range(5))
def test_the_stack_is_that_of_the_package(seed: int) -> None:
    table = _table(seed)
    assert [_ours(row)[0] for row in table] == _oracle(table, _STACK)


@pytest.mark.parametrize("rule", ["trade_size", "quote", "depth"])
def test_each_rule_alone_is_that_of_the_package(rule: str) -> None:
    table = _table(99, 1500)
    said = _oracle(table, [(rule, "best")])
    found = [_ours(row) for row in table]
    of_rule = [(side, other) for (side, by), other in zip(found, said, strict=True) if by == rule]
    assert len(of_rule) > 30
    assert all(side == other for side, other in of_rule)
    # Where a rule of the package can tell and none before it can, ours is the one that told.
    before = [layer for layer in _STACK[: [name for name, _ in _STACK].index(rule)]]
    silent = _oracle(table, before) if before else ["none"] * len(table)
    for (_, by), other, earlier in zip(found, said, silent, strict=True):
        assert (by == rule) == (earlier == "none" and other != "none")


def test_a_sweep_asks_the_quote_before_its_size() -> None:
    table = _table(7)
    said = _oracle(table, [("quote", "best"), ("depth", "best")])
    assert [_ours(row, sweep=True)[0] for row in table] == said


def test_the_tick_rule_is_that_of_the_package() -> None:
    chance = Random(3)
    prices = [100 + chance.randrange(5) for _ in range(200)]
    table = []
    for place, price in enumerate(prices):
        other = next((p for p in reversed(prices[:place]) if p != price), None)
        table.append({"trade_price": price / 100, "price_all_lag": None if other is None else other / 100})
    frame = pd.DataFrame(table, dtype=float)
    said = _Classifier(layers=[("tick", "all")], strategy="const").fit(frame).predict(frame)
    expected = [_SAID[float(each)] for each in said]
    tick, found = 0, []
    for place, price in enumerate(prices):
        if place and price != prices[place - 1]:
            tick = 1 if price > prices[place - 1] else -1
        found.append(side_from_tick(tick)[0])
    # A tick that carries over equal prices is the comparison with the last price that differed.
    assert found == expected


def test_the_mark_signs_as_the_package_does() -> None:
    for row in _table(11, 60):
        found = marked(
            quote(0, row["bid_best"], row["ask_best"], bid_size=row["bid_size_best"], ask_size=row["ask_size_best"]),
            trade(1, row["trade_price"], row["trade_size"]),
        )
        assert found.side == _oracle([row], _STACK)[0]
