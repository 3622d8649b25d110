"""The scenario library: one module per family; `ALL` is the registry from which orders are planted.

To add a family: write a module with `SCENARIOS = (Scenario(...), ...)` and list it here. Order and names are part of
what a seed means: append, never reorder.
"""

from __future__ import annotations

from connectors.feeds.synthetic.scenarios import block, spike, sweep
from connectors.feeds.synthetic.scenarios.base import Scenario

ALL: tuple[Scenario, ...] = (*sweep.SCENARIOS, *block.SCENARIOS, *spike.SCENARIOS)
