"""Who trades: the underlyings with their character, and the chains of one day as columns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from math import fsum
from zlib import crc32

import numpy as np
import numpy.typing as npt

from connectors.feeds.synthetic.calendar import CLOSE, OPEN, at, expiries
from connectors.feeds.synthetic.rows import Bools, Floats, Ints
from connectors.feeds.synthetic.tickers import BUSIEST, BUSY, FUND_FLOW, FUNDS, LEVELS, NASDAQ, ROOTS, SECTORS

INDEX = "SPX"
#: Of each tier: shares of the option flow (after the funds' own), relative rate of equity prints.
_FLOW = {1: 0.32, 2: 0.26, 3: 0.18}
_EQUITY_RATE = np.array([1.0, 1.0, 0.4, 0.08])


@dataclass(frozen=True, slots=True)
class _Shape:
    """How dense the chains of a tier are."""

    dailies: int
    weeklies: int
    monthlies: int
    #: Strikes on each side of the money, nearest and farther expiries alike.
    strikes: int


_SHAPES = (_Shape(5, 4, 4, 24), _Shape(0, 4, 4, 12), _Shape(0, 3, 2, 7), _Shape(0, 1, 2, 4))


@dataclass(frozen=True, slots=True)
class Underlyings:
    """Every underlying as columns; a name's number is its place here and its instrument number."""

    symbols: list[str]
    roots: list[str]
    tapes: list[str]
    #: 0 funds and index, 1 busiest, 2 busy, 3 the rest.
    tier: Ints
    sector: Ints
    #: Price level the market starts from, dollars.
    level: Floats
    beta: Floats
    #: Load on its sector's factor.
    load: Floats
    #: Own volatility a year, and at-the-money implied volatility in calm times.
    own_vol: Floats
    implied: Floats
    #: Share of the option flow; rate of equity prints relative to a liquid stock, 0 for the index.
    flow: Floats
    equity_rate: Floats

    def number(self, symbol: str) -> int:
        """Returns a symbol's number."""
        return self.symbols.index(symbol)


def _draw(symbol: str, salt: int) -> float:
    """Returns a number in (0, 1) that belongs to the symbol for ever."""
    return (crc32(f"{symbol}/{salt}".encode()) + 0.5) / 2**32


def _normal(symbol: str, salt: int) -> float:
    return float(sum(_draw(symbol, salt * 12 + k) for k in range(12)) - 6.0)


@lru_cache(maxsize=1)
def underlyings() -> Underlyings:
    """Returns the universe: the funds, the index, and every constituent in order of sector."""
    sector_of = {name: number for number, names in enumerate(SECTORS.values()) for name in names.split()}
    symbols = [*FUNDS, *sector_of]
    busiest, busy, nasdaq = set(BUSIEST.split()), set(BUSY.split()), set(NASDAQ.split())
    tier = [0 if s in FUNDS else 1 if s in busiest else 2 if s in busy else 3 for s in symbols]
    level = [FUNDS[s][0] if s in FUNDS else LEVELS.get(s) or round(110.0 * np.exp(0.65 * _normal(s, 1)), 2)
             for s in symbols]  # fmt: skip
    own = [FUNDS[s][3] if s in FUNDS else 0.14 + 0.20 * _draw(s, 2) + (0.08 if t == 1 else 0.0)
           for s, t in zip(symbols, tier, strict=True)]  # fmt: skip
    beta = np.array([FUNDS[s][1] if s in FUNDS else 0.5 + 1.0 * _draw(s, 3) for s in symbols])
    load = np.array([FUNDS[s][2] if s in FUNDS else 0.7 + 0.6 * _draw(s, 4) for s in symbols])
    own_vol = np.array(own)
    implied = np.sqrt((0.15 * beta) ** 2 + (0.12 * load) ** 2 + own_vol**2) * 1.1
    rate = _EQUITY_RATE[tier] * np.array([s != INDEX for s in symbols])
    return Underlyings(
        symbols=symbols,
        roots=[ROOTS.get(s, s) for s in symbols],
        tapes=["C" if s in nasdaq else "B" if s in FUNDS else "A" for s in symbols],
        tier=np.array(tier, dtype=np.int64),
        sector=np.array([sector_of.get(s, 0) for s in symbols], dtype=np.int64),
        level=np.array(level),
        beta=beta,
        load=load,
        own_vol=own_vol,
        implied=implied,
        flow=_flow(symbols, tier),
        equity_rate=rate,
    )


def _flow(symbols: list[str], tier: list[int]) -> Floats:
    """Gives each underlying its share: funds their own, the others of a tier by rank."""
    rank = {s: n for n, s in enumerate([*BUSIEST.split(), *BUSY.split()])}
    weight = np.array([FUND_FLOW.get(s) or (3.0 + rank.get(s, 120 + 400 * _draw(s, 5))) ** -0.8 for s in symbols])
    for number, share in _FLOW.items():
        chosen = np.array(tier) == number
        weight[chosen] *= share / weight[chosen].sum()
    return np.asarray(weight / weight.sum())


@dataclass(frozen=True, slots=True)
class Chains:
    """The contracts of one day as columns, by underlying, expiry, strike, call before put."""

    ids: list[str]
    under: Ints
    strike: Floats
    call: Bools
    #: Settlement instant, ns.
    expiry_ns: Ints
    #: Calendar days to expiry at the day's open.
    dte: Ints
    tier: Ints
    #: Tick below and from 3 dollars, in units of price.
    tick_low: Ints
    tick_high: Ints
    #: Running share of the day's option flow.
    cumulated: Floats
    open_interest: Ints
    #: First contract of each underlying, and the end.
    first: Ints


def late(listed: Chains) -> Floats:
    """Returns the running share of the flow after the close: the index and its funds, nothing expiring."""
    shares = np.diff(listed.cumulated, prepend=0.0) * ((listed.tier == 0) & (listed.dte > 0))
    return np.asarray(np.cumsum(shares) / shares.sum())


def _spacing(level: float, tier: int) -> float:
    """Returns the distance of strikes, dollars."""
    if tier == 0:
        return 5.0 if level > 2000 else 1.0
    steps = ((15, 0.5), (50, 1.0), (120, 2.5), (400, 5.0), (1200, 10.0), (3000, 50.0))
    spacing = next((step for below, step in steps if level < below), 100.0)
    return spacing / 2 if tier == 1 and spacing >= 1 else spacing


def _ticks(symbol: str, tier: int) -> tuple[int, int]:
    """Returns the ticks below and from 3 dollars: penny classes and the others."""
    if symbol == INDEX:
        return 500, 1000
    if tier == 0:
        return 100, 100
    return (100, 500) if tier < 3 or _draw(symbol, 6) < 0.5 else (500, 1000)


def _strikes(spot: float, spacing: float, each_side: int) -> npt.NDArray[np.float64]:
    middle = round(spot / spacing)
    low = max(middle - each_side, 1)
    return np.arange(low, middle + each_side + 1, dtype=np.float64) * spacing


def _cells(day: date, number: int, names: Underlyings, spot: float) -> list[tuple[str, date, float, float, int, int]]:
    """Returns (root, expiry, strike, weight, settlement ns, open interest weight) of one underlying, rights apart."""
    symbol, tier = names.symbols[number], int(names.tier[number])
    shape = _SHAPES[tier]
    strikes = _strikes(spot, _spacing(spot, tier), shape.strikes)
    cells = []
    dates = expiries(day, dailies=shape.dailies, weeklies=shape.weeklies, monthlies=shape.monthlies)
    for rank, (expiry, monthly) in enumerate(dates):
        days = (expiry - day).days
        # The index's monthly settles on the morning of its day and no longer trades then.
        morning = symbol == INDEX and monthly and days > 0
        root = names.roots[number] if symbol != INDEX or morning else "SPXW"
        settles = at(expiry, OPEN if morning else CLOSE)
        width = max(float(names.implied[number]) * np.sqrt((days + 0.8) / 365) * 0.9, 0.006)
        near = (0.55 if rank == 0 else 0.5 / (rank + 1)) * (1.2 if monthly else 1.0)
        weights = np.exp(-0.5 * (np.log(strikes / spot) / width) ** 2) + 0.01
        weights /= weights.sum()
        cells += [
            (root, expiry, float(k), near * float(w), settles, 2 if monthly else 1)
            for k, w in zip(strikes, weights, strict=True)
        ]
    return cells


def chains(day: date, spots: Floats, rng: np.random.Generator) -> Chains:
    """Returns the contracts listed on a day, strikes around the prices it begins with."""
    names = underlyings()
    ids: list[str] = []
    columns: list[tuple[int, float, bool, int, int, int, int, int, float, float]] = []
    first = [0]
    for number, symbol in enumerate(names.symbols):
        cells = _cells(day, number, names, float(spots[number]))
        total = fsum(cell[3] for cell in cells)
        tier, ticks = int(names.tier[number]), _ticks(symbol, int(names.tier[number]))
        for root, expiry, strike, weight, settles, monthly in cells:
            flow = float(names.flow[number]) * weight / total
            for call in (True, False):
                # Calls lead, and out-of-the-money contracts trade more than the others.
                out = call == (strike >= spots[number])
                share = flow * (0.56 if call else 0.44) * (1.4 if out else 0.6)
                ids.append(f"{root}{expiry:%y%m%d}{'C' if call else 'P'}{round(strike * 1000):08d}")
                columns.append(
                    (number, strike, call, settles, (expiry - day).days, tier, *ticks, share, share * monthly)
                )
        first.append(len(ids))
    under, strike_, call_, settles_, dte, tier_, low, high, shares, interest = zip(*columns, strict=True)
    noise = np.exp(rng.standard_normal(len(ids)))
    held = np.array(interest) ** 0.6 * noise
    return Chains(
        ids=ids,
        under=np.array(under, dtype=np.int64),
        strike=np.array(strike_),
        call=np.array(call_),
        expiry_ns=np.array(settles_, dtype=np.int64),
        dte=np.array(dte, dtype=np.int64),
        tier=np.array(tier_, dtype=np.int64),
        tick_low=np.array(low, dtype=np.int64),
        tick_high=np.array(high, dtype=np.int64),
        cumulated=np.cumsum(np.array(shares)) / float(np.sum(np.array(shares))),
        # Some fifty million contracts stand open in all, as in the market's busier half of names.
        open_interest=np.rint(held / held.sum() * 5e7).astype(np.int64),
        first=np.array(first, dtype=np.int64),
    )
