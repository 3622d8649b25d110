"""Blocks: one large print, electronic at a quote or negotiated inside it."""

from __future__ import annotations

from connectors.feeds.synthetic.rows import ASK, BID, INSIDE
from connectors.feeds.synthetic.scenarios.base import Child, Scenario, Stage, Strength

PREMIUM: dict[Strength, tuple[float, float]] = {
    "weak": (60_000, 120_000), "medium": (150_000, 500_000), "strong": (700_000, 5_000_000),
}  # fmt: skip
_ROUND = 50


def _build(stage: Stage) -> list[Child] | None:
    found = stage.contract(None, dte=(5, 120), ask=(0.6, 20.0), tiers=(0, 1, 2))
    if found is None:
        return None
    contract, ask = found
    size = round(stage.between(*PREMIUM[stage.strength]) / (100 * ask) / _ROUND) * _ROUND
    if size < 250:
        return None
    place = int(stage.rng.choice([BID, ASK, INSIDE]))
    # At a quote it is electronic; inside, a negotiated cross or a floor trade as often.
    condition = "I" if place != INSIDE else str(stage.rng.choice(["I", "c", "e"]))
    return [Child(stage.ts, contract, size, place, 0.5, condition, stage.venues(1)[0])]


SCENARIOS = (Scenario("block", 0.7, _build),)
