"""Background option orders of one second: small, mostly single, mostly meaning nothing."""

from __future__ import annotations

import numpy as np

from connectors.feeds.synthetic.rows import (
    ABOVE,
    ASK,
    AT_QUOTE,
    BELOW,
    BID,
    CANCEL,
    DOOMED,
    INSIDE,
    LARGE_LEG,
    LARGE_SINGLE,
    MID,
    NOISE,
    NS_PER_US,
    OPTION_CODE,
    OPTION_VENUE_SHARES,
    PRINT,
    Bools,
    Floats,
    Ints,
    PrintRows,
    choose,
    cumulative,
    joined,
)
from connectors.feeds.synthetic.universe import Chains
from events.types import NS_PER_S

#: Prints that an order makes in the mean: some split in two, some have a second leg.
PRINTS_PER_ORDER = 1.20
_SPLIT, _TWO_LEGS = 0.11, 0.09
#: Single-leg prints by condition; the rest of the table comes from splits, legs and cancels.
_CODES: tuple[tuple[str, float], ...] = (
    ("I", 0.757), ("S", 0.05), ("a", 0.15), ("b", 0.015), ("c", 0.012), ("d", 0.001), ("e", 0.007), ("n", 0.004),
    ("j", 0.002), ("B", 0.001), ("D", 0.001),
)  # fmt: skip
_CODE_OF = np.array([OPTION_CODE[letter] for letter, _ in _CODES], dtype=np.int64)
_CODE_SHARES = cumulative(tuple(share for _, share in _CODES))
_PLACES = np.array([BID, ASK, INSIDE, MID, ABOVE, BELOW], dtype=np.int64)
_PLACE_SHARES = cumulative((0.365, 0.385, 0.13, 0.108, 0.006, 0.006))
#: Places of auctions, crosses, floor trades and legs: mostly inside.
_PRIVATE_SHARES = cumulative((0.12, 0.13, 0.42, 0.33, 0.0, 0.0))
_PRIVATE = np.array([OPTION_CODE[letter] for letter in "abcden"], dtype=np.int64)
_LATE = np.array([OPTION_CODE["B"], OPTION_CODE["D"]], dtype=np.int64)
#: Sizes people type: ones lead, round numbers cluster; the rest is a heavy tail from 10 contracts on.
_SIZES = np.array([1, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 40, 50, 75, 100, 0], dtype=np.float64)
_SIZE_SHARES = cumulative(
    (0.42, 0.13, 0.07, 0.045, 0.075, 0.02, 0.012, 0.014, 0.075, 0.016, 0.03, 0.018, 0.008, 0.006, 0.015, 0.003, 0.008,
     0.035)
)  # fmt: skip
_TAIL_FROM, _TAIL_POWER, _TAIL_MOST = 10.0, 1.5, 3000.0
#: Noise is of money that means nothing: no print of it is worth more, dollars.
_MOST_PREMIUM = 400_000.0
#: Above this value per contract (dollars a share) people trade fewer of them.
_DEAR = 4.0
_CANCELLED = 0.0005
#: From this premium on, or this size at some premium, a background print is noted in the labels for what it is: a large
#: print that means nothing. One in a few thousand is.
LARGE_PREMIUM = 50_000.0
LARGE_SIZE, LARGE_SIZE_PREMIUM = 300.0, 15_000.0
#: From this premium on the legs of a background spread are noted: two legs are a spread whatever they cost.
LEG_PREMIUM = 10_000.0
#: Most volume passes from hand to hand; somewhat more opens than closes while a contract lives.
_OPENS = np.array([1, -1, 0], dtype=np.int64)
_OPENS_SHARES = cumulative((0.36, 0.30, 0.34))
_MS = 1_000_000


def sizes(uniform: Floats, tail: Floats, price: Floats) -> Floats:
    """Returns sizes of orders, contracts, from two uniforms and what each contract costs (dollars a share)."""
    typed = _SIZES[choose(_SIZE_SHARES, uniform)]
    heavy = np.minimum(_TAIL_FROM * (1.0 - tail) ** (-1.0 / _TAIL_POWER), _TAIL_MOST)
    size = np.where(typed > 0, typed, heavy)
    dearness = np.minimum(np.sqrt(_DEAR / np.maximum(price, 0.01)), 1.0)
    affordable = _MOST_PREMIUM / (100.0 * np.maximum(price, 0.01))
    return np.asarray(np.maximum(np.rint(np.minimum(size * dearness, affordable)), 1.0))


def background(
    rate: float, start_ns: int, chains: Chains, first: int, worth: Floats, rng: np.random.Generator
) -> PrintRows:
    """Returns the prints of a second's background orders at a mean rate of prints; `worth` is each contract's price.

    `first` is the instrument number of the first contract.
    """
    orders = int(rng.poisson(rate / PRINTS_PER_ORDER))
    contract = choose(chains.cumulated, rng.random(orders))
    ts = start_ns + rng.integers(2, 999_900, orders) * NS_PER_US
    code = _CODE_OF[choose(_CODE_SHARES, rng.random(orders))]
    size = sizes(rng.random(orders), rng.random(orders), worth[contract])
    private = np.isin(code, _PRIVATE)
    drawn = rng.random(orders)
    place = np.where(private, _PLACES[choose(_PRIVATE_SHARES, drawn)], _PLACES[choose(_PLACE_SHARES, drawn)])
    late = np.isin(code, _LATE)
    place[late] = np.where(drawn[late] < 0.5, ABOVE, BELOW)
    singles = PrintRows(
        ts=ts,
        instrument=contract + first,
        size=size,
        place=place,
        position=_positions(place, rng.random(orders)),
        condition=code,
        venue=_venues(place, rng.random(orders), rng.random(orders)),
        delay=np.where(late, (20 + 70 * rng.random(orders)).astype(np.int64) * NS_PER_S, 0),
        kind=np.where(rng.random(orders) < _CANCELLED, DOOMED, PRINT),
        plant=np.where(_large(size, size * 100.0 * worth[contract]), LARGE_SINGLE, NOISE),
        opens=_OPENS[choose(_OPENS_SHARES, rng.random(orders))],
    )
    fate = rng.random(orders)
    splits = _splits(singles, fate < _SPLIT, start_ns, rng)
    legs = _legs(singles, (fate >= _SPLIT) & (fate < _SPLIT + _TWO_LEGS) & ~late, chains, first, worth, rng)
    return joined([singles, splits, legs, _cancels(singles, start_ns, rng)])


def _large(size: Floats, premium: Floats) -> Bools:
    return np.asarray((premium >= LARGE_PREMIUM) | ((size >= LARGE_SIZE) & (premium >= LARGE_SIZE_PREMIUM)))


def _positions(place: Ints, uniform: Floats) -> Floats:
    """Inside: anywhere in the spread. Outside: one to three ticks beyond."""
    return np.where(place == INSIDE, uniform, 1.0 + np.floor(uniform * 3))


def _venues(place: Ints, at_quote: Floats, uniform: Floats) -> Ints:
    """Most prints at a quote are where that quote is shown; the others anywhere."""
    shown = (at_quote < 0.6) & ((place == BID) | (place == ASK))
    return np.where(shown, AT_QUOTE, choose(OPTION_VENUE_SHARES, uniform))


def _splits(
    singles: PrintRows, chosen: np.typing.NDArray[np.bool_], start_ns: int, rng: np.random.Generator
) -> PrintRows:
    """The second fill of an order: the same contract and price, another venue, up to 3 ms later."""
    count = int(chosen.sum())
    later = singles.ts[chosen] + rng.integers(1, 3000, count) * NS_PER_US
    return PrintRows(
        ts=np.minimum(later, start_ns + NS_PER_S - NS_PER_US),
        instrument=singles.instrument[chosen],
        size=np.maximum(np.rint(singles.size[chosen] * rng.random(count)), 1.0),
        place=singles.place[chosen],
        position=singles.position[chosen],
        condition=singles.condition[chosen],
        venue=choose(OPTION_VENUE_SHARES, rng.random(count)),
        delay=singles.delay[chosen],
        kind=np.zeros(count, dtype=np.int64),
        plant=singles.plant[chosen],
        opens=singles.opens[chosen],
    )


def _legs(
    singles: PrintRows, chosen: Bools, chains: Chains, first: int, worth: Floats, rng: np.random.Generator
) -> PrintRows:
    """The second leg of a complex order: a near strike of the same chain and instant; the first leg is flagged too."""
    count = int(chosen.sum())
    leg = singles.instrument[chosen] - first
    step = 2 * rng.integers(1, 4, count) * np.where(rng.random(count) < 0.5, -1, 1)
    other = np.clip(leg + step, 0, len(chains.ids) - 1)
    other = np.where(chains.under[other] == chains.under[leg], other, leg ^ 1)
    code = np.where(rng.random(count) < 0.75, OPTION_CODE["f"], np.where(
        rng.random(count) < 0.5, OPTION_CODE["g"], np.where(rng.random(count) < 0.8, OPTION_CODE["j"], OPTION_CODE["h"])
    ))  # fmt: skip
    place = _PLACES[choose(_PRIVATE_SHARES, rng.random(count))]
    singles.condition[chosen] = code
    dearest = np.maximum(worth[leg], worth[other])
    large = np.where(singles.size[chosen] * 100.0 * dearest >= LEG_PREMIUM, LARGE_LEG, NOISE)
    singles.plant[chosen] = large
    return PrintRows(
        ts=singles.ts[chosen],
        instrument=other + first,
        size=singles.size[chosen],
        place=place,
        position=_positions(place, rng.random(count)),
        condition=code,
        venue=_venues(place, np.ones(count), rng.random(count)),
        delay=np.zeros(count, dtype=np.int64),
        kind=np.zeros(count, dtype=np.int64),
        plant=large,
        opens=singles.opens[chosen],
    )


def _cancels(singles: PrintRows, start_ns: int, rng: np.random.Generator) -> PrintRows:
    """The cancel of each doomed print: what it names is the print's own price, size and venue."""
    chosen = singles.kind == DOOMED
    count = int(chosen.sum())
    later = singles.ts[chosen] + (20 + rng.integers(0, 600, count)) * _MS
    return PrintRows(
        ts=np.minimum(later, start_ns + NS_PER_S - NS_PER_US),
        instrument=singles.instrument[chosen],
        size=singles.size[chosen],
        place=singles.place[chosen],
        position=singles.position[chosen],
        condition=np.full(count, OPTION_CODE["A"], dtype=np.int64),
        venue=singles.venue[chosen],
        delay=np.zeros(count, dtype=np.int64),
        kind=np.full(count, CANCEL, dtype=np.int64),
        plant=np.full(count, NOISE, dtype=np.int64),
        opens=np.zeros(count, dtype=np.int64),
    )
