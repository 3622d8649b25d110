"""Background equity prints of one second, and the auctions that open and close the session."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from connectors.feeds.synthetic.rows import (
    ASK,
    AT_QUOTE,
    BID,
    EQUITY_CODE,
    EQUITY_VENUE_SHARES,
    FIRST_EQUITY_VENUE,
    MID,
    NOISE,
    NS_PER_US,
    OFF_EXCHANGE_VENUE,
    SUBPENNY,
    PrintRows,
    choose,
    cumulative,
)
from connectors.feeds.synthetic.universe import Underlyings
from events.types import NS_PER_S

#: Share of prints that a reporting facility reports.
OFF_EXCHANGE_SHARE = 0.47
_ON_PLACES = np.array([BID, ASK, MID], dtype=np.int64)
_ON_SHARES = cumulative((0.45, 0.46, 0.09))
_OFF_PLACES = np.array([BID, ASK, MID, SUBPENNY], dtype=np.int64)
_OFF_SHARES = cumulative((0.19, 0.20, 0.18, 0.43))
#: Sizes: odd lots lead, then round lots; 0 is the heavy tail, -1 a fraction of a share.
_SIZES = np.array([1, 2, 5, 10, 20, 25, 40, 50, 75, 100, 200, 300, 400, 500, 1000, 0, -1], dtype=np.float64)
_SIZE_SHARES = cumulative(
    (0.11, 0.06, 0.08, 0.09, 0.06, 0.04, 0.05, 0.05, 0.03, 0.24, 0.06, 0.03, 0.015, 0.015, 0.012, 0.04, 0.018)
)
_TAIL_FROM, _TAIL_POWER, _TAIL_MOST = 100.0, 1.2, 200_000.0
_ISO_SHARE = 0.36
_ODD_LOT = 100.0
_F, _I, _FI, _X = (EQUITY_CODE[letters] for letters in (("F",), ("I",), ("F", "I"), ("X",)))
_RARE_OFF = np.array([EQUITY_CODE[letters] for letters in (("4",), ("W",), ("7",), ("Z",))], dtype=np.int64)
_RARE_SHARE = 0.012
_MS = 1_000_000


def background(rate: float, start_ns: int, names: Underlyings, rng: np.random.Generator) -> PrintRows:
    """Returns a second's prints; `rate` is the prints a second of one liquid stock."""
    count = int(rng.poisson(rate * float(names.equity_rate.sum())))
    number = choose(cumulative(names.equity_rate), rng.random(count))
    off = rng.random(count) < OFF_EXCHANGE_SHARE
    drawn = rng.random(count)
    place = np.where(off, _OFF_PLACES[choose(_OFF_SHARES, drawn)], _ON_PLACES[choose(_ON_SHARES, drawn)])
    typed = _SIZES[choose(_SIZE_SHARES, rng.random(count))]
    heavy = np.rint(np.minimum(_TAIL_FROM * (1.0 - rng.random(count)) ** (-1.0 / _TAIL_POWER), _TAIL_MOST))
    part = np.maximum(np.round(rng.random(count), 4), 0.0001)
    size = np.where(typed > 0, typed, np.where((typed < 0) & off, part, heavy))
    iso = ~off & (rng.random(count) < _ISO_SHARE)
    odd = size < _ODD_LOT
    code = np.where(iso & odd, _FI, np.where(iso, _F, np.where(odd, _I, 0)))
    rare = off & (rng.random(count) < _RARE_SHARE)
    code[rare] = _RARE_OFF[rng.integers(0, len(_RARE_OFF), int(rare.sum()))]
    code[~off & ~odd & (rng.random(count) < 0.004)] = _X
    venue = FIRST_EQUITY_VENUE + choose(EQUITY_VENUE_SHARES, rng.random(count))
    shown = (rng.random(count) < 0.6) & (place != MID)
    # A facility's print is stamped at its report, mostly milliseconds after its execution, at times a second or more.
    delay = np.rint(np.exp(1.6 + 1.3 * rng.standard_normal(count)) * _MS).astype(np.int64)
    return PrintRows(
        ts=start_ns + rng.integers(2, 999_990, count) * NS_PER_US,
        instrument=number,
        size=size,
        place=place,
        position=1.0 + np.floor(rng.random(count) * 30),
        condition=code,
        venue=np.where(off, OFF_EXCHANGE_VENUE, np.where(shown, AT_QUOTE, venue)),
        delay=np.where(off, np.minimum(delay, 9 * NS_PER_S), 0),
        kind=np.zeros(count, dtype=np.int64),
        plant=np.full(count, NOISE, dtype=np.int64),
        opens=np.zeros(count, dtype=np.int64),
    )


def extended(rate: float, start_ns: int, names: Underlyings, rng: np.random.Generator) -> PrintRows:
    """Returns a second's prints of the funds after the close, each flagged as of extended hours."""
    funds = replace(names, equity_rate=np.where(names.tier == 0, names.equity_rate, 0.0))
    rows = background(rate, start_ns, funds, rng)
    rows.condition[:] = EQUITY_CODE[("T",)]
    return rows


def auction(start_ns: int, names: Underlyings, closing: bool, rng: np.random.Generator) -> PrintRows:
    """Returns the auction prints of every stock, within the first half second after the open or the close."""
    number = np.flatnonzero(names.equity_rate > 0).astype(np.int64)
    count = len(number)
    turnover = 40_000 * names.equity_rate[number] * (3.0 if closing else 1.0)
    return PrintRows(
        ts=start_ns + rng.integers(20_000, 500_000, count) * NS_PER_US,
        instrument=number,
        size=np.rint(np.maximum(turnover * np.exp(0.8 * rng.standard_normal(count)), 100.0)),
        place=np.full(count, MID, dtype=np.int64),
        position=np.ones(count),
        condition=np.full(count, EQUITY_CODE[("6",)] if closing else EQUITY_CODE[("O",)], dtype=np.int64),
        venue=np.array([FIRST_EQUITY_VENUE + {"C": 0, "B": 1, "A": 4}[names.tapes[n]] for n in number], dtype=np.int64),
        delay=np.zeros(count, dtype=np.int64),
        kind=np.zeros(count, dtype=np.int64),
        plant=np.full(count, NOISE, dtype=np.int64),
        opens=np.zeros(count, dtype=np.int64),
    )
