"""Orders over minutes: the same contract bought again and again, strike after strike, and what the market does next."""

from __future__ import annotations

from functools import partial

import numpy as np

from connectors.feeds.synthetic.rows import ASK, BID
from connectors.feeds.synthetic.scenarios.base import Child, Order, Scenario, Stage, Wanted
from connectors.feeds.synthetic.scenarios.labels import Strength, Truth
from connectors.feeds.synthetic.scenarios.printing import PREMIUM, Range, also, burst, leaning, sized
from connectors.feeds.synthetic.scenarios.singles import SWEEP_RULE
from events.types import NS_PER_S

#: Premium of one of the hits, dollars, and how many there are.
HIT_PREMIUM: dict[Strength, Range] = {"weak": (4_000, 9_000), "medium": (15_000, 45_000), "strong": (40_000, 150_000)}
HITS: dict[Strength, tuple[int, int]] = {"weak": (3, 4), "medium": (5, 8), "strong": (7, 12)}
_APART_S = (8, 40)
#: How far the underlying moves afterwards, in its own deviations of the span.
FOLLOW: dict[Strength, float] = {"weak": 0.7, "medium": 2.5, "strong": 4.5}
_FOLLOW_S = 300


def _hits(two_sided: bool, stage: Stage) -> Order | None:
    """Small bursts in one contract, some seconds apart; two-sided ones are a crowd that agrees on nothing."""
    pick = stage.pick(Wanted(None, dte=(2, 50), ask=(0.5, 8.0), spread=(0.0, 0.2)))
    if pick is None:
        return None
    low, high = HITS[stage.strength]
    children: list[Child] = []
    at, total = stage.ts, 0
    # Each hit by itself is a small order of its side, and may be called so; so may all of one side together.
    sides = (True, False) if two_sided else (True,)
    true = {"large_block": None}
    for number in range(int(stage.rng.integers(low, high + 1))):
        size = sized(stage, HIT_PREMIUM, pick.ask, 3)
        if size is None:
            return None
        place = BID if two_sided and number % 2 else ASK
        children += burst(
            stage, pick.contract, size, fills=int(stage.rng.integers(1, 4)), place=place, conditions="IIS",
            span_us=90_000, venues=2, opens=0 if two_sided else 1, begin=at,
        )  # fmt: skip
        total += size
        true.update(dict.fromkeys(rule for side in sides for rule in also(stage, pick, size, 3, side)))
        at += round(float(stage.rng.uniform(*_APART_S)) * NS_PER_S)
    call = stage.is_call(pick.contract)
    true.update(dict.fromkeys(rule for side in sides for rule in also(stage, pick, total, 3, side)))
    truth = Truth(
        expected=() if two_sided else ("repeated_hits",),
        tolerated=tuple(true),
        look_alike_of=("repeated_hits",) if two_sided else (),
        direction="mixed" if two_sided else leaning(call, True),
        style="unclear" if two_sided else "directional",
        judge_direction=not two_sided,
    )
    return Order(children, truth)


def _ladder(stage: Stage) -> Order | None:
    """One buyer takes strike after strike of one expiry, upward for calls and downward for puts."""
    pick = stage.pick(Wanted(None, dte=(3, 50), ask=(1.0, 9.0), out=(-0.02, 0.04), tiers=(0, 1), spread=(0.0, 0.15)))
    if pick is None:
        return None
    call, at = stage.is_call(pick.contract), stage.ts
    children: list[Child] = []
    tolerated = {"repeated_hits": None, "large_block": None}
    for step in range({"weak": 2, "medium": 4, "strong": 6}[stage.strength]):
        contract = stage.strike_away(pick.contract, step if call else -step)
        if contract is None:
            return None
        here = stage.quote(contract)
        size = sized(stage, {**PREMIUM, "medium": (40_000, 120_000)}, max(here.ask, 0.3), 5)
        if size is None:
            return None
        fills = int(stage.rng.integers(2, 6))
        children += burst(
            stage, contract, size, fills=fills, place=ASK, conditions="IS", span_us=150_000, venues=3, opens=1,
            begin=at,
        )  # fmt: skip
        tolerated.update(dict.fromkeys(also(stage, here, size, fills, True)))
        at += round(float(stage.rng.uniform(4, 30)) * NS_PER_S)
    truth = Truth(
        expected=("ladder_accumulation",),
        tolerated=tuple(tolerated),
        direction=leaning(call, True),
        style="directional",
    )
    return Order(children, truth)


def _aftermath(follows: bool, stage: Stage) -> Order | None:
    """A bought sweep, and then the underlying goes its way for five minutes, or the other."""
    pick = stage.pick(Wanted(None, dte=(1, 40), ask=(0.8, 14.0), out=(-0.03, 0.05), tiers=(0, 1), spread=(0.0, 0.1)))
    if pick is None or (size := sized(stage, {**PREMIUM, "weak": PREMIUM["medium"]}, pick.ask, 40)) is None:
        return None
    fills = int(stage.rng.integers(4, 11))
    children = burst(
        stage, pick.contract, size, fills=fills, place=ASK, conditions="S", venues=4, opens=1,
        span_us=int(stage.rng.integers(8_000, 260_000)),
    )  # fmt: skip
    call = stage.is_call(pick.contract)
    rule = SWEEP_RULE["C" if call else "P"]
    deviations = FOLLOW[stage.strength] * (1 if call == follows else -1)
    tolerated = set(also(stage, pick, size, fills, True)) - {rule, "no_follow_through"}
    truth = Truth(
        expected=(rule,) if follows else (rule, "no_follow_through"),
        tolerated=tuple(name for name in also(stage, pick, size, fills, True) if name in tolerated),
        look_alike_of=("no_follow_through",) if follows else (),
        direction=leaning(call, True),
        style="directional",
    )
    drifts = [stage.drift(pick.contract, deviations, _FOLLOW_S, 0.02 if follows else -0.02)]
    return Order(_with_quotes(children, pick.contract, stage), truth, drifts)


def _with_quotes(children: list[Child], contract: int, stage: Stage) -> list[Child]:
    """Adds quotes of the contract through the minutes after, so that what happened to it can be seen."""
    times = np.cumsum(stage.rng.integers(2, 9, 60)) * NS_PER_S
    after = [stage.ts + int(each) for each in times if each < _FOLLOW_S * NS_PER_S]
    return children + [Child(ts, contract, 0, ASK, 1.0, "I", "C") for ts in after]


SCENARIOS = (
    Scenario("repeated_hits", 0.8, partial(_hits, False)),
    Scenario("two_sided_hits", 0.4, partial(_hits, True)),
    Scenario("ladder_accumulation", 0.5, _ladder),
    Scenario("followed_sweep", 0.4, partial(_aftermath, True)),
    Scenario("faded_sweep", 0.4, partial(_aftermath, False)),
)
