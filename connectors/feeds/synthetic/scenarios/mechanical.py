"""Volume that means nothing about a view: dividend trades, expiring positions, compression."""

from __future__ import annotations

import numpy as np

from connectors.feeds.synthetic.rows import BELOW, BID, INSIDE, MID, NS_PER_US
from connectors.feeds.synthetic.scenarios.base import Child, Order, Scenario, Stage, Wanted
from connectors.feeds.synthetic.scenarios.labels import Strength, Truth
from connectors.feeds.synthetic.scenarios.printing import Range, burst

DIVIDEND_SIZE: dict[Strength, Range] = {"weak": (150, 400), "medium": (800, 2_000), "strong": (3_000, 9_000)}
EXPIRY_SIZE: dict[Strength, Range] = {"weak": (50, 150), "medium": (250, 800), "strong": (1_000, 4_000)}
_TRUE_ANYWAY = (
    "large_block", "unusual_contract_spike", "new_position_likely", "no_follow_through", "closing_unwind_likely",
)  # fmt: skip


def _dividend(stage: Stage) -> Order | None:
    """Deep calls pass between two market makers in equal pieces, so that both can exercise before the dividend."""
    wanted = Wanted("C", dte=(1, 40), ask=(3.0, 200.0), tiers=(0, 1, 2), out=(-0.5, -0.06), spread=(0.0, 0.3))
    pick = stage.pick(wanted)
    if pick is None:
        return None
    piece = max(round(stage.between(*DIVIDEND_SIZE[stage.strength]) / 50) * 50, 50)
    pieces = 2 * int(stage.rng.integers(2, 5))
    after = np.sort(stage.rng.integers(0, 300_000, pieces))
    condition = stage.either("c", "e")
    children = [
        Child(stage.ts + int(us) * NS_PER_US, pick.contract, piece, MID, 0.5, condition, "X", opens=0) for us in after
    ]
    truth = Truth(expected=("mechanical",), tolerated=_TRUE_ANYWAY, look_alike_of=("large_block",))
    return Order(children, truth)


def _expiry(stage: Stage) -> Order | None:
    """Deep contracts of the day are sold at or below parity by who will not exercise them."""
    wanted = Wanted(None, dte=(0, 0), ask=(1.5, 200.0), tiers=(0, 1, 2), out=(-0.4, -0.015), spread=(0.0, 0.4))
    pick = stage.pick(wanted)
    if pick is None:
        return None
    size = round(stage.between(*EXPIRY_SIZE[stage.strength]))
    children = burst(
        stage, pick.contract, size, fills=int(stage.rng.integers(2, 6)), place=int(stage.rng.choice([BID, BELOW])),
        conditions="I", span_us=200_000, venues=2, opens=-1,
    )  # fmt: skip
    truth = Truth(expected=("mechanical",), tolerated=_TRUE_ANYWAY, style="closing", judge_direction=False)
    return Order(children, truth)


def _compression(stage: Stage) -> Order | None:
    """Market makers cancel out what they hold against each other over a whole chain; it counts as volume only."""
    pick = stage.pick(Wanted(None, dte=(5, 50), ask=(0.5, 30.0), tiers=(0,), spread=(0.0, 0.5)))
    if pick is None:
        return None
    ladder = [stage.strike_away(pick.contract, step) for step in range(-4, 5)]
    children = [
        Child(stage.ts + place * 20 * NS_PER_US, contract, round(stage.between(*DIVIDEND_SIZE[stage.strength])), INSIDE,
              0.5, "u", "C", opens=-1)
        for place, contract in enumerate(each for each in ladder if each is not None)
    ]  # fmt: skip
    look = ("large_block", "unusual_contract_spike", "vertical_spread", "ladder_accumulation")
    return Order(children, Truth(tolerated=("mechanical",), look_alike_of=look))


SCENARIOS = (
    Scenario("dividend_trade", 0.2, _dividend),
    Scenario("expiry_exit", 0.3, _expiry),
    Scenario("compression", 0.15, _compression),
)
