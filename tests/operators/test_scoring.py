"""What an alert reads as: what rules read it as, and what the facts allow beside them; nothing is read into a lean."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from events.settings import Rules
from events.types import Direction, Style
from events.verdicts import Hit, Leg, Structure, StructureKind
from operators.rules.subject import StructureSubject
from operators.scoring import score_structure, style_of
from tests.packets import CALL, PUT, T0, order

Payer = Literal["debit", "credit", "even", "unknown"]


def _hit(style: Style, confidence: float = 0.8, direction: Direction = "neutral") -> Hit:
    return Hit(
        id="h", revision=0, ts=T0, about="pk:p1", packet_id="pk:p1", contract=CALL, underlying="SPY", rule="a_rule",
        version=1, direction=direction, style=style, confidence=confidence, premium=1.0, checks=(), sentences=(),
        against=(), thresholds={},
    )  # fmt: skip


def _sides(sold: int, inside: int = 0) -> dict[str, Any]:
    """Returns a packet of 100: so many sold at the bid or inside, the rest bought at the ask."""
    return {
        "buy_size": 100 - sold, "sell_size": sold, "ask_size": 100 - sold, "bid_size": sold - inside,
        "inside_size": inside, "spread": 0.1, "moneyness": 0.05,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "style"),
    [
        (_sides(100), "income"), (_sides(80), "income"), (_sides(79), "unclear"), (_sides(100, 60), "unclear"),
        (_sides(100) | {"coverage": 0.4, "covered_size": 40}, "unclear"), (_sides(100) | {"mixed": True}, "unclear"),
        (_sides(100) | {"moneyness": -0.05}, "unclear"),
    ],
    ids=["sold", "clearly", "leaning", "between the quotes", "hardly quoted", "two sides", "in the money"],
)  # fmt: skip
def test_only_what_was_clearly_sold_out_of_the_money_may_be_income(fields: dict[str, Any], style: Style) -> None:
    reading = style_of([_hit("unclear")], order(start_ts=T0 - 10 * 86_400 * 10**9, **fields))
    assert reading.style == style
    assert reading.reasons


@pytest.mark.parametrize(("sold", "style"), [(0, "hedging"), (40, "unclear")])
def test_only_what_was_clearly_bought_may_be_a_hedge(sold: int, style: Style) -> None:
    subject = order(contract=PUT, start_ts=T0 - 10 * 86_400 * 10**9, **_sides(sold))
    assert style_of([_hit("unclear")], subject).style == style


def _structure(kind: StructureKind, payer: Payer = "credit", **fields: Any) -> StructureSubject:
    legs = tuple(
        Leg(f"pa:{n}", f"pk:{n}", contract, side, 100, 1, 10.0, 100_000.0)  # type: ignore[arg-type]
        for n, contract, side in ((1, CALL, "sell"), (2, "SPY260116C00455000", "buy"))
    )
    structure = Structure(
        id="st:pa:1", ts=T0, underlying="SPY", kind=kind, name="x", legs=legs, start_ts=T0, end_ts=T0, size=100,
        gross_premium=20_000_000.0, net_premium=-50_000.0, payer=payer, confidence=0.95, **fields,
    )  # fmt: skip
    return StructureSubject(structure, Rules())


@pytest.mark.parametrize(("kind", "style"), [("vertical", "income"), ("roll_out", "unclear"), ("roll_up", "unclear")])
def test_a_credit_may_be_income_but_never_a_rolls(kind: StructureKind, style: Style) -> None:
    assert style_of([_hit("unclear")], _structure(kind)).style == style


def test_a_structure_whose_legs_are_suspected_of_being_one_order_is_medium_at_most_and_scores_less() -> None:
    sure, suspected = (
        score_structure(_structure("vertical", suspected_complex=each), [_hit("directional")]) for each in (False, True)
    )
    assert (sure.ceiling, sure.capped) == ("high", None)
    assert suspected.ceiling == "medium"
    assert suspected.capped is not None
    assert "suspected" in suspected.capped
    assert suspected.value < sure.value


def test_a_direction_on_which_little_money_stands_is_low_and_scores_less() -> None:
    """Legs that all but pay for each other: their gross premium is large, what is at stake is not."""
    bullish = _hit("directional", direction="bullish")
    credit, even = (score_structure(_structure("vertical", payer), [bullish]) for payer in ("credit", "even"))
    assert (credit.ceiling, credit.capped) == ("high", None)
    assert even.ceiling == "low"
    assert even.capped is not None
    assert "all but pay" in even.capped
    assert even.value < credit.value
    # What claims no direction is as it was: a collar that costs nothing is one all the same.
    assert score_structure(_structure("collar", "even"), [_hit("hedging")]).ceiling == "high"
