"""Spikes: a contract that seldom trades sees a burst of size, both sides, without a sweep flag."""

from __future__ import annotations

import numpy as np

from connectors.feeds.synthetic.rows import ASK, INSIDE, NS_PER_US
from connectors.feeds.synthetic.scenarios.base import Child, Scenario, Stage, Strength

SIZE: dict[Strength, tuple[float, float]] = {"weak": (200, 380), "medium": (600, 1500), "strong": (2000, 8000)}


def _build(stage: Stage) -> list[Child] | None:
    found = stage.contract(None, dte=(2, 120), ask=(0.5, 6.0), tiers=(1, 2))
    if found is None:
        return None
    contract, _ = found
    size = stage.between(*SIZE[stage.strength])
    fills = int(stage.rng.integers(2, 8))
    parts = np.maximum(np.rint(stage.rng.dirichlet(np.full(fills, 3.0)) * size), 1).astype(np.int64)
    after = np.sort(stage.rng.integers(0, 350_000, fills)) * NS_PER_US
    inside = stage.rng.random(fills) < 0.3
    venues = stage.venues(2)
    return [
        Child(stage.ts + int(after[n]), contract, int(parts[n]), INSIDE if inside[n] else ASK, 0.6, "I", venues[n % 2])
        for n in range(fills)
    ]


SCENARIOS = (Scenario("spike", 0.7, _build),)
