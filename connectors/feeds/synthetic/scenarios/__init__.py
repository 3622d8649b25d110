"""The scenario library: one module per family; `ALL` is the registry from which orders are planted.

To add a family: write a module with `SCENARIOS = (Scenario(...), ...)` and list it here. Order and names are part of
what a seed means: append, never reorder. Nothing here knows a rule's thresholds, and no rule knows what is here: the
import check holds both.
"""

from __future__ import annotations

from connectors.feeds.synthetic.scenarios import (
    halting,
    hedges,
    lookalikes,
    mechanical,
    positions,
    repeats,
    singles,
    spreads,
)
from connectors.feeds.synthetic.scenarios.base import Scenario

ALL: tuple[Scenario, ...] = (
    *singles.SCENARIOS,
    *repeats.SCENARIOS,
    *positions.SCENARIOS,
    *spreads.SCENARIOS,
    *hedges.SCENARIOS,
    *mechanical.SCENARIOS,
    *lookalikes.SCENARIOS,
    *halting.SCENARIOS,
)
