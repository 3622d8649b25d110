"""Floors of premium: the larger of the setting and the underlying's own quantile, for structures and looks too.

The underlying's earlier session was of large packets, then of small ones: its quantile is high, its window is not.
"""

from __future__ import annotations

from typing import Any

import pytest

from events.settings import Rules
from events.types import NS_PER_MS, NS_PER_S
from events.verdicts import Hit, Leg, Structure
from operators.judging import Verdicts
from operators.rules.subject import StructureSubject
from operators.scoring import score_structure
from operators.shard_step import ShardStep
from operators.units import MICRO
from operators.work import Decision, Look, Revised, Waiting, Warmed, Work
from tests.packets import CALL, T0, packet

_OTHER = "SPY260116C00455000"
_DAY_NS = 86_400 * NS_PER_S


def _earlier(premium: float) -> Warmed:
    """Returns 100 packets of the day before: half of a premium of dollars, then half of about a thousand."""
    premiums = [premium] * 50 + [1_000.0 + number for number in range(50)]
    rows = [[T0 - _DAY_NS + n, round(each * MICRO), 5 + n % 7, -1, -MICRO] for n, each in enumerate(premiums)]
    return Warmed("SPY", {CALL: rows})


def _structure(revision: int = 0, **fields: Any) -> Structure:
    legs = (
        Leg("pa:1", "pk:1", CALL, "buy", 100, 1, 10.0, 100_000.0),
        Leg("pa:2", "pk:2", _OTHER, "sell", 100, 1, 10.0, 100_000.0),
    )
    return Structure(
        id="st:pa:1", revision=revision, ts=T0, underlying="SPY", kind="vertical", name="debit call vertical",
        legs=legs, start_ts=T0, end_ts=T0, size=100, gross_premium=200_000.0, confidence=0.95, evidence="conditions",
        **fields,
    )  # fmt: skip


def _ran(*work: Work) -> Verdicts:
    step, out = ShardStep(Rules()), Verdicts()
    step.step(work, out)
    return out


def _decided(*earlier: Work) -> tuple[Work, ...]:
    """Returns the work of a structure of 200,000 dollars in two legs."""
    legs = Waiting(packet()), Waiting(packet(id="pk:2", contract=_OTHER, buy_size=0, sell_size=100))
    return (*earlier, *legs, Decision(T0 + NS_PER_S, "SPY", ("pk:1", "pk:2"), (_structure(),)))


@pytest.mark.parametrize(("premium", "fires"), [(170_000.0, True), (300_000.0, False)])
def test_a_structure_is_held_to_the_underlyings_own_floor(premium: float, fires: bool) -> None:
    out = _ran(*_decided(_earlier(premium)))
    (structure,) = out.structures
    assert structure.premium_floor is not None
    assert premium <= structure.premium_floor <= premium * 1.125
    assert [hit.rule for hit in out.hits] == ["vertical_spread"] * fires


def test_before_there_is_such_a_floor_the_setting_stands_alone() -> None:
    out = _ran(*_decided())
    assert [each.premium_floor for each in out.structures] == [None]
    assert [hit.rule for hit in out.hits] == ["vertical_spread"]


@pytest.mark.parametrize("premium", [100_000.0, 1_000.0])
def test_a_cancel_leaves_a_structures_floor_as_it_was(premium: float) -> None:
    """Whether the leg that lost a print is still large enough for a floor of its own, or not."""
    smaller = packet(size=90, premium=premium, revision=1, struck=1)
    revised = Revised(smaller, T0 + 2 * NS_PER_S, (_structure(1),), ("pa:1",))
    first, last = _ran(*_decided(_earlier(300_000.0)), revised).structures
    assert last.revision == 1
    assert first.premium_floor is not None
    assert last.premium_floor == first.premium_floor


@pytest.mark.parametrize(("earlier", "follows"), [(170_000.0, True), (300_000.0, False)])
def test_what_is_not_large_for_its_underlying_is_not_followed_up(earlier: float, follows: bool) -> None:
    """A sweep of 200,000 dollars is unusual beside today's small packets, so a quarter of the floor lets it through."""
    swept = packet(premium=200_000.0, intermarket_sweeps=2, iv=0.2)
    after = T0 + 300 * NS_PER_S + 500 * NS_PER_MS
    look = Look("pk:p1", "SPY", after, 300, 10.0, 9.0, 11.0, 8.0, 450.0, 440.0, 452.0, 440.0)
    rules = [hit.rule for hit in _ran(_earlier(earlier), swept, look).hits]
    assert "large_bullish_call_sweep" in rules
    assert ("no_follow_through" in rules) == follows


def test_a_structures_premium_scores_by_what_is_large_for_its_underlying() -> None:
    hit = Hit(
        id="h", revision=0, ts=T0, about="st:pa:1", packet_id="pk:1", contract=CALL, underlying="SPY",
        rule="vertical_spread", version=1, direction="bullish", style="directional", confidence=0.9, premium=200_000.0,
        checks=(), sentences=(), against=(), thresholds={},
    )  # fmt: skip
    usual, floor = Rules().alert_reference_premium, 100_000.0

    def points(own: float | None) -> float:
        subject = StructureSubject(_structure(premium_floor=own), Rules())
        return score_structure(subject, [hit]).parts.get("premium", 0.0)

    assert points(None) == points(usual) > points(usual * 2) > points(floor) == 0.0
