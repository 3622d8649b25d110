"""Sweeps: one buyer takes every venue's offer at once, through a price or two."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np

from connectors.feeds.synthetic.rows import ASK, NS_PER_US
from connectors.feeds.synthetic.scenarios.base import Child, Scenario, Stage, Strength

#: Premium of the whole order, dollars.
PREMIUM: dict[Strength, tuple[float, float]] = {
    "weak": (12_000, 35_000), "medium": (70_000, 220_000), "strong": (300_000, 2_000_000),
}  # fmt: skip


def _build(right: Literal["C", "P"], stage: Stage) -> list[Child] | None:
    found = stage.contract(right, dte=(0, 70), ask=(0.4, 14.0), tiers=(0, 1, 2))
    if found is None:
        return None
    contract, ask = found
    size = round(stage.between(*PREMIUM[stage.strength]) / (100 * ask))
    fills = int(stage.rng.integers(4, 13))
    if size < 3 * fills:
        return None
    parts = np.maximum(np.rint(stage.rng.dirichlet(np.full(fills, 2.0)) * size), 1).astype(np.int64)
    span_us = int(stage.rng.integers(8_000, 260_000))
    after = np.sort(stage.rng.integers(0, span_us, fills)) * NS_PER_US
    venues = stage.venues(int(stage.rng.integers(3, 7)))
    lifts = np.zeros(fills, dtype=np.int64)
    if stage.rng.random() < 0.5:
        lifts[fills // 2] = 1
    return [
        Child(stage.ts + int(after[n]), contract, int(parts[n]), ASK, 1.0, "S", venues[n % len(venues)], int(lifts[n]))
        for n in range(fills)
    ]


SCENARIOS = (
    Scenario("call_sweep", 1.0, partial(_build, "C")),
    Scenario("put_sweep", 1.0, partial(_build, "P")),
)
