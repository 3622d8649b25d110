"""How prices move: market, sector and own factor on a grid of 100 ms, a second at a time, as a random walk in logs."""

from __future__ import annotations

from functools import lru_cache
from math import fsum, log

import numpy as np

from connectors.feeds.synthetic.rows import Floats
from connectors.feeds.synthetic.tickers import SECTORS
from connectors.feeds.synthetic.universe import INDEX, Underlyings

#: Steps of the grid in one second.
STEPS = 10
_YEAR_STEPS = 252 * 23_400 * STEPS
_MARKET_VOL = 0.15
_SECTOR_VOL = 0.12
#: Chance of a jump of a name's own in a second, and its size in deviations of a step.
_JUMP_CHANCE = 2e-5
_JUMP_SIZE = 60.0
#: Share of a year's variance that falls between two sessions, in days.
_NIGHT_DAYS = 0.35


def shape(second: float, length: float) -> float:
    """Returns activity at a second of a session relative to its mean: busy at the open and at the close."""
    return _raw_shape(second, length) / _mean_shape(round(length))


def _raw_shape(second: float, length: float) -> float:
    opening, closing = np.exp(-second / 1500.0), np.exp(-(length - second) / 1200.0)
    return float(0.8 + 0.8 * opening + 0.6 * closing)


@lru_cache(maxsize=8)
def _mean_shape(length: int) -> float:
    return fsum(_raw_shape(second, length) for second in range(0, length, 60)) / len(range(0, length, 60))


def path(log_spots: Floats, names: Underlyings, activity: float, rng: np.random.Generator) -> Floats:
    """Returns log prices at each step of the next second (STEPS by underlyings); the last row is where it ends."""
    steps = _increments(names, np.sqrt(activity / _YEAR_STEPS), STEPS, rng)
    if rng.random() < _JUMP_CHANCE * len(names.symbols):
        jumper = int(rng.integers(len(names.symbols)))
        jump = _JUMP_SIZE * np.sqrt(1 / _YEAR_STEPS) * float(rng.standard_normal())
        steps[int(rng.integers(STEPS)), jumper] += jump * float(names.own_vol[jumper])
    moved = log_spots + np.cumsum(steps, axis=0)
    return tied(moved, names)


def over_night(log_spots: Floats, names: Underlyings, rng: np.random.Generator) -> Floats:
    """Returns where prices stand at the next opening."""
    return np.asarray(tied(log_spots + _increments(names, np.sqrt(_NIGHT_DAYS / 252), 1, rng), names)[0])


def tied(log_spots: Floats, names: Underlyings) -> Floats:
    """Ties the index to its fund, ten to one."""
    log_spots[..., names.number(INDEX)] = log_spots[..., names.number("SPY")] + log(10.0)
    return log_spots


def _increments(names: Underlyings, scale: float, steps: int, rng: np.random.Generator) -> Floats:
    sectors = len(SECTORS)
    drawn = rng.standard_normal((steps, 1 + sectors + len(names.symbols)))
    market, sector, own = drawn[:, :1], drawn[:, 1 : 1 + sectors], drawn[:, 1 + sectors :]
    moves: Floats = scale * (
        _MARKET_VOL * names.beta * market + _SECTOR_VOL * names.load * sector[:, names.sector] + names.own_vol * own
    )
    return moves
