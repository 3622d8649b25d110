"""What an order does to the market after its prints: prices drift with it or against it, volatility with its demand."""

from __future__ import annotations

import numpy as np

from connectors.feeds.synthetic.prices import STEPS
from connectors.feeds.synthetic.rows import Floats
from connectors.feeds.synthetic.scenarios.base import Drift
from events.types import NS_PER_S

#: Demand for volatility is forgotten with this half-life, seconds.
_HALF_LIFE_S = 1800.0
_KEPT = float(0.5 ** (1 / _HALF_LIFE_S))


def move(path: Floats, drifts: list[Drift], start_ns: int) -> None:
    """Adds to the second's log prices (steps by underlyings) what each drift moves in it."""
    for drift in drifts:
        share = _share(drift, start_ns)
        if share:
            path[:, drift.number] += drift.spot * share * np.arange(1, STEPS + 1) / STEPS


def stir(moods: Floats, drifts: list[Drift], start_ns: int) -> Floats:
    """Returns log volatility over its calm level by underlying, a second later."""
    moods = moods * _KEPT
    for drift in drifts:
        moods[drift.number] += drift.volatility * _share(drift, start_ns)
    return moods


def _share(drift: Drift, start_ns: int) -> float:
    """Returns the share of the drift that falls in the second."""
    seconds = max((drift.end_ts - drift.start_ts) // NS_PER_S, 1)
    return 1.0 / seconds if drift.start_ts <= start_ns < drift.start_ts + seconds * NS_PER_S else 0.0


def still(drifts: list[Drift], now_ns: int) -> list[Drift]:
    """Returns the drifts that go on."""
    return [drift for drift in drifts if drift.end_ts > now_ns]
