"""One order in one contract: sweeps, their sold twins, blocks, spikes."""

from __future__ import annotations

from functools import partial

from connectors.feeds.synthetic.rows import ASK, BID, MID
from connectors.feeds.synthetic.scenarios.base import Child, Order, Right, Scenario, Stage, Wanted
from connectors.feeds.synthetic.scenarios.labels import Strength, Truth
from connectors.feeds.synthetic.scenarios.printing import PREMIUM, Range, also, burst, leaning, parts, sized, style_of

SWEEP_RULE = {"C": "large_bullish_call_sweep", "P": "large_bearish_put_sweep"}
BLOCK_PREMIUM: dict[Strength, Range] = {
    "weak": (40_000, 90_000), "medium": (200_000, 600_000), "strong": (900_000, 5_000_000),
}  # fmt: skip
SPIKE_SIZE: dict[Strength, Range] = {"weak": (180, 380), "medium": (800, 1_800), "strong": (2_500, 8_000)}
#: Blocks come in round sizes, contracts.
_ROUND = 50


def _sweep(right: Right, bought: bool, stage: Stage) -> Order | None:
    """Every venue's offer taken at once, through a price or not; sold, every venue's bid."""
    pick = stage.pick(Wanted(right, dte=(1, 50), ask=(0.4, 14.0), spread=(0.0, 0.2)))
    if pick is None or (size := sized(stage, PREMIUM, pick.ask, 40)) is None:
        return None
    fills = int(stage.rng.integers(4, 13))
    closes = not bought and size <= stage.interest(pick.contract) and stage.chance(0.5)
    # Most sweeps carry the intermarket flag; some are routed to several venues one by one.
    children = burst(
        stage, pick.contract, size, fills=fills, place=ASK if bought else BID, conditions=stage.either("S", "S", "I"),
        span_us=int(stage.rng.integers(8_000, 260_000)), venues=int(stage.rng.integers(3, 7)),
        opens=-1 if closes else 1, through=stage.chance(0.5),
    )  # fmt: skip
    rule = SWEEP_RULE[right]
    truth = Truth(
        expected=(rule,) if bought else (),
        tolerated=tuple(other for other in also(stage, pick, size, fills, bought) if other != rule),
        look_alike_of=() if bought else (rule,),
        direction=leaning(right == "C", bought),
        style="closing" if closes else style_of(stage, pick, bought),
    )
    return Order(children, truth)


def _block(kind: str, stage: Stage) -> Order | None:
    """One large print: electronic at a quote, or negotiated inside it on a floor or in a cross."""
    pick = stage.pick(Wanted(None, dte=(5, 50), ask=(0.8, 20.0), spread=(0.0, 0.2)))
    if pick is None or (size := sized(stage, BLOCK_PREMIUM, pick.ask, 60)) is None:
        return None
    size = max(round(size / _ROUND) * _ROUND, _ROUND)
    bought = stage.chance(0.6) if kind == "block" else None
    place = MID if bought is None else ASK if bought else BID
    fills = 1 if stage.chance(0.7) else 2
    condition = {"block": "I", "floor_block": "e", "cross_block": "c"}[kind]
    children = burst(
        stage, pick.contract, size, fills=fills, place=place, conditions=condition, span_us=40_000, venues=1,
        opens=1 if bought else 0, position=0.5,
    )  # fmt: skip
    truth = Truth(
        expected=("large_block",),
        tolerated=tuple(rule for rule in also(stage, pick, size, fills, bought) if rule != "large_block"),
        direction=None if bought is None else leaning(stage.is_call(pick.contract), bought),
        style="unclear" if bought is None else style_of(stage, pick, bought),
    )
    return Order(children, truth)


def _spike(stage: Stage) -> Order | None:
    """A contract that seldom trades sees size between the quotes, without a flag: unusual, of no known side."""
    pick = stage.pick(Wanted(None, dte=(2, 50), ask=(0.5, 6.0), tiers=(1, 2), spread=(0.0, 0.25)))
    if pick is None:
        return None
    size, fills = round(stage.between(*SPIKE_SIZE[stage.strength])), int(stage.rng.integers(3, 8))
    children = burst(
        stage, pick.contract, size, fills=fills, place=MID, conditions="I", span_us=350_000, venues=2, opens=0,
    )  # fmt: skip
    tolerated = also(stage, pick, size, fills, None)
    truth = Truth(expected=("unusual_contract_spike",), tolerated=tuple(r for r in tolerated if "spike" not in r))
    return Order(children, truth)


def _both_sides(stage: Stage) -> Order | None:
    """A spike of two sides: a market maker's quotes are hit and lifted in one contract by many."""
    pick = stage.pick(Wanted(None, dte=(2, 50), ask=(0.5, 6.0), tiers=(1, 2), spread=(0.0, 0.25)))
    if pick is None:
        return None
    size, fills = round(stage.between(*SPIKE_SIZE[stage.strength])), 2 * int(stage.rng.integers(3, 6))
    children = []
    for place in (ASK, BID):
        half = burst(
            stage, pick.contract, size // 2, fills=fills // 2, place=place, conditions="I", span_us=350_000, venues=4,
            opens=0,
        )  # fmt: skip
        even = parts(stage, size // 2, fills // 2, 30.0)
        children += [_resized(child, part) for child, part in zip(half, even, strict=True)]
    tolerated = tuple(r for r in also(stage, pick, size, fills, None) if "spike" not in r)
    truth = Truth(
        expected=("unusual_contract_spike",),
        tolerated=tolerated,
        look_alike_of=tuple(SWEEP_RULE.values()),
        direction="mixed",
    )
    return Order(children, truth)


def _resized(child: Child, size: int) -> Child:
    return Child(child.ts, child.contract, size, child.place, child.position, child.condition, child.venue, opens=0)


SCENARIOS = (
    Scenario("call_sweep", 1.0, partial(_sweep, "C", True)),
    Scenario("put_sweep", 1.0, partial(_sweep, "P", True)),
    Scenario("sold_call_sweep", 0.5, partial(_sweep, "C", False)),
    Scenario("sold_put_sweep", 0.5, partial(_sweep, "P", False)),
    Scenario("block", 0.6, partial(_block, "block")),
    Scenario("floor_block", 0.3, partial(_block, "floor_block")),
    Scenario("cross_block", 0.3, partial(_block, "cross_block")),
    Scenario("spike", 0.6, _spike),
    Scenario("two_sided_spike", 0.3, _both_sides),
)
