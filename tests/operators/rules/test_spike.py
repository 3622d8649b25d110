"""Spike: floors of size and premium, and a z where a baseline gives one (contract 26, 27)."""

from __future__ import annotations

from typing import Any

import pytest

from operators.rules.rule import Verdict
from operators.rules.spike import RULE
from tests.operators.rules.subjects import subject_of
from tests.packets import PUT, whole

_LARGE: dict[str, Any] = {"size": 400, "premium": 20_000.0}
_USUAL: dict[str, Any] = {"baseline": "contract", "baseline_samples": 12}


def _judge(**fields: Any) -> Verdict:
    return RULE.judge(whole(**_LARGE | fields))


def test_without_a_baseline_the_floors_alone_decide_and_it_says_so() -> None:
    verdict = _judge()
    assert verdict.fired
    assert "no usable baseline yet" in verdict.sentences[1]
    assert any("not known" in text for text in verdict.against)


@pytest.mark.parametrize(
    ("fires", "just_not"),
    [
        ({"size": 400}, {"size": 399}),
        ({"premium": 20_000.0}, {"premium": 19_999.99}),
        (_USUAL | {"premium_z": 2.5, "size_z": 2.0}, _USUAL | {"premium_z": 2.499999, "size_z": 2.0}),
        (_USUAL | {"premium_z": 2.5, "size_z": 2.0}, _USUAL | {"premium_z": 2.5, "size_z": 1.999999}),
    ],
)  # fmt: skip
def test_each_threshold_has_two_sides(fires: dict[str, Any], just_not: dict[str, Any]) -> None:
    assert _judge(**fires).fired
    assert not _judge(**just_not).fired


@pytest.mark.parametrize("missing", ["premium_z", "size_z"])
def test_where_a_baseline_exists_it_never_fires_on_a_z_that_does_not(missing: str) -> None:
    verdict = _judge(**_USUAL | {"premium_z": 9.0, "size_z": 9.0} | {missing: None})
    assert not verdict.fired
    assert "no deviation" in verdict.sentences[1]
    assert not any("baseline yet" in text for text in verdict.sentences + verdict.against)


def test_what_was_sold_is_called_sold_though_it_claims_no_view() -> None:
    sold, unclear = _judge(buy_size=0, sell_size=400), _judge(buy_size=200, sell_size=200)
    assert "traded as sold" in sold.sentences[2]
    assert not any("cannot be told apart" in text for text in sold.against)
    assert "not clear" in unclear.sentences[2]
    assert any("cannot be told apart" in text for text in unclear.against)


def test_what_a_structure_left_over_claims_no_z_of_the_whole_packet() -> None:
    unusual = _LARGE | _USUAL | {"premium_z": 3.0, "size_z": 3.0, "beside": 1000}
    for taken, fires in ((), True), (("pa:2",), False):
        subject = subject_of("packet", unusual | {"taken": taken})
        verdict = RULE.judge(subject)
        assert (verdict.fired, RULE.sieve(subject)) == (fires, fires)
        assert any("deviations from" in text for text in verdict.sentences) == fires


@pytest.mark.parametrize(
    "fields", [{"flag": "complex"}, {"flag": "cross"}, {"flag": "floor"}, {"flag": "auction"}, {"premium": None}]
)
def test_look_alikes_do_not_fire(fields: dict[str, Any]) -> None:
    assert not _judge(**fields).fired


@pytest.mark.parametrize(
    ("fields", "direction"),
    [
        ({}, "bullish"), ({"contract": PUT}, "bearish"), ({"buy_size": 0, "sell_size": 400}, "neutral"),
        ({"contract": PUT, "buy_size": 0, "sell_size": 400}, "neutral"),
        ({"buy_size": 200, "sell_size": 200}, "neutral"),
        ({"buy_size": 320, "sell_size": 80}, "bullish"), ({"buy_size": 319, "sell_size": 81}, "neutral"),
        ({"mixed": True, "buy_size": 200, "sell_size": 200}, "mixed"),
        ({"covered_size": 200, "coverage": 0.5, "buy_size": 200}, "bullish"),
        ({"covered_size": 196, "coverage": 0.49, "buy_size": 196}, "neutral"),
    ],
)  # fmt: skip
def test_bought_size_gives_a_direction_and_sold_or_unclear_size_none(fields: dict[str, Any], direction: str) -> None:
    verdict = _judge(**fields)
    assert (verdict.fired, verdict.direction) == (True, direction)
    sold = fields.get("sell_size") == 400
    assert any("cannot be told apart" in text for text in verdict.against) == (
        direction in ("neutral", "mixed") and not sold
    )


def test_a_borrowed_baseline_is_named() -> None:
    verdict = _judge(baseline="bucket", baseline_samples=30, premium_z=4.0, size_z=3.0)
    assert "30 earlier packets of its bucket" in verdict.sentences[1]
    assert any("compared with its bucket" in text for text in verdict.against)
    assert verdict.confidence > _judge().confidence
