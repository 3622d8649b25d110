"""Sweep: a true case, look-alikes, and a case on each side of each threshold (contract 27)."""

from __future__ import annotations

from typing import Any

import pytest

from events.contracts import parse_contract
from operators.rules.rule import Rule, Verdict
from operators.rules.sweep import RULES
from tests.packets import CALL, PUT, order

_CALLS, _PUTS = RULES


def _judge(rule: Rule = _CALLS, **fields: Any) -> Verdict:
    return rule.judge(order(**fields))


def test_bought_calls_are_bullish_and_bought_puts_bearish() -> None:
    calls, puts = _judge(_CALLS), _judge(_PUTS, contract=PUT)
    assert (_CALLS.id, calls.fired, calls.direction) == ("large_bullish_call_sweep", True, "bullish")
    assert (_PUTS.id, puts.fired, puts.direction) == ("large_bearish_put_sweep", True, "bearish")


@pytest.mark.parametrize(
    ("why", "fields"),
    [
        ("the other right", {"contract": PUT}),
        ("sold", {"buy_size": 0, "sell_size": 100}),
        ("legs of a spread", {"flag": "complex"}), ("an auction", {"flag": "auction"}), ("a cross", {"flag": "cross"}),
        ("tied to stock", {"flag": "stock_tied"}), ("extended hours", {"flag": "extended"}),
        ("no premium known", {"premium": None}),
        ("no quote usable", {"covered_size": 0, "coverage": 0.0, "buy_size": 0}),
    ],
)  # fmt: skip
def test_look_alikes_do_not_fire(why: str, fields: dict[str, Any]) -> None:
    assert not _judge(**fields).fired, why


@pytest.mark.parametrize(
    ("fires", "just_not"),
    [
        ({"count": 3}, {"count": 2}),
        ({"premium": 40_000.0}, {"premium": 39_999.99}),
        ({"premium": 10_000.0, "premium_z": 2.0}, {"premium": 10_000.0, "premium_z": 1.999999}),
        ({"premium": 10_000.0, "premium_z": 9.0}, {"premium": 9_999.99, "premium_z": 9.0}),
        ({"buy_size": 55, "sell_size": 45}, {"buy_size": 54, "sell_size": 46}),
        # Of the covered size, not of all of it.
        ({"covered_size": 50, "coverage": 0.5, "buy_size": 28}, {"covered_size": 50, "coverage": 0.5, "buy_size": 27}),
        ({"covered_size": 50, "coverage": 0.5, "buy_size": 50}, {"covered_size": 49, "coverage": 0.49, "buy_size": 49}),
    ],
)  # fmt: skip
def test_each_threshold_has_two_sides(fires: dict[str, Any], just_not: dict[str, Any]) -> None:
    assert _judge(**fires).fired
    assert not _judge(**just_not).fired


def test_each_check_shows_what_was_seen_beside_its_threshold() -> None:
    checks = {check.name: check for check in _judge(premium_z=1.0, venues=("C", "X")).checks}
    assert (checks["premium, dollars"].observed, checks["premium, dollars"].threshold) == (100_000.0, 40_000.0)
    assert (checks["premium z"].passed, checks["premium z"].required) == (False, False)
    assert (checks["venues"].observed, checks["venues"].passed) == (2.0, True)


@pytest.mark.parametrize(("evidence", "swept"), [({"intermarket_sweeps": 1}, True), ({"venues": ("C", "X")}, True),
                                                 ({"venues": ("C",)}, False), ({}, False)])  # fmt: skip
def test_without_a_flag_or_a_second_venue_it_is_called_a_burst_or_split(evidence: dict[str, Any], swept: bool) -> None:
    verdict = _judge(**evidence)
    assert verdict.fired
    assert (" swept in " in verdict.sentences[0]) == swept
    assert ("in a burst or split" in verdict.sentences[0]) == (not swept)
    assert any("split order" in text for text in verdict.against) == (not swept)


def test_evidence_and_unusualness_raise_the_confidence_and_a_venues_book_lowers_it() -> None:
    plain = _judge().confidence
    for better in ({"intermarket_sweeps": 1}, {"venues": ("C", "X")}, {"premium_z": 3.0}):
        assert _judge(**better).confidence > plain
    for worse in ({"venue_book": True}, {"covered_size": 60, "coverage": 0.6, "buy_size": 60}, {"buy_size": 70}):
        assert _judge(**worse).confidence < plain
    assert _judge(intermarket_sweeps=9, venues=("C", "X"), premium_z=99.0).confidence <= 0.9


def test_what_speaks_against_it_is_said() -> None:
    against = " ".join(_judge(covered_size=60, coverage=0.6, buy_size=50, sell_size=10, venue_book=True).against)
    for part in ("40 % of the size had no usable quote", "one venue's book", "10 contracts traded as sold", "baseline"):
        assert part in against


def test_another_root_of_the_underlying_is_named_as_it_trades() -> None:
    assert "SPXW 16 Jan 26 5000 C" in _judge(contract="SPXW260116C05000000").sentences[0]
    assert parse_contract(CALL).right == "C"


@pytest.mark.parametrize(("z", "said"), [(5.04, "5.0"), (19.94, "19.9"), (20.0, "over 20"), (1559.8, "over 20")])
def test_deviations_of_a_few_samples_are_not_told_beyond_twenty(z: float, said: str) -> None:
    sentences = _judge(premium_z=z).sentences
    assert any(f"Its premium stands {said} deviations from the mean" in each for each in sentences)
