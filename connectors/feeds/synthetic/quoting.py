"""Candidates for quotes of one second: just before each print, just after it, and now and then where nothing trades."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from connectors.feeds.synthetic.rows import (
    EQUITY_VENUE_SHARES,
    FIRST_EQUITY_VENUE,
    NS_PER_US,
    OPTION_VENUE_SHARES,
    Bools,
    Floats,
    Ints,
    QuoteRows,
    choose,
)
from events.types import NS_PER_S

#: Bid and ask of instruments at times, in units of price.
Quoter = Callable[[Ints, Ints], tuple[Ints, Ints]]

#: Quotes where nothing trades, for each print in the mean.
_IDLE_OPTION, _IDLE_EQUITY = 0.35, 0.8
#: Shares of candidates that are emitted though no price changed: sizes did.
_FORCED_BEFORE, _FORCED_AFTER, _FORCED_IDLE = 0.10, 0.55, 0.30
_LOCKED = 3e-4
#: Median size shown, contracts and round lots, by tier.
_OPTION_SIZE = np.array([110.0, 45.0, 20.0, 11.0])
_EQUITY_LOTS = np.array([7.0, 3.0, 2.0, 1.0])
_US_BEFORE, _US_AFTER = 12_000, 4_000


def times(
    prints: Ints, instruments: Ints, idle: Ints, start_ns: int, rng: np.random.Generator
) -> tuple[Ints, Ints, Bools]:
    """Returns time, instrument and whether it is forced of the candidates around prints and for idle instruments."""
    before = prints - rng.integers(1, _US_BEFORE, len(prints)) * NS_PER_US
    after = prints + rng.integers(30, _US_AFTER, len(prints)) * NS_PER_US
    other = start_ns + rng.integers(0, 1_000_000, len(idle)) * NS_PER_US
    ts = np.clip(np.concatenate([before, after, other]), start_ns, start_ns + NS_PER_S - NS_PER_US)
    shares = np.repeat([_FORCED_BEFORE, _FORCED_AFTER, _FORCED_IDLE], [len(prints), len(prints), len(idle)])
    forced = rng.random(len(ts)) < shares
    return ts, np.concatenate([instruments, instruments, idle]), forced


def option_candidates(
    ts: Ints, contract: Ints, forced: Bools, tier: Ints, first: int, quoter: Quoter, rng: np.random.Generator
) -> QuoteRows:
    """Returns candidates for quotes of contracts; `first` is the instrument number of the first contract."""
    count = len(ts)
    bid, ask = quoter(contract, ts)
    locked = (rng.random(count) < _LOCKED) & (bid > 0)
    shown = _OPTION_SIZE[tier]
    return QuoteRows(
        ts=ts,
        instrument=contract + first,
        bid=bid,
        ask=np.where(locked, bid, ask),
        bid_size=_shown(shown, rng),
        ask_size=_shown(shown, rng),
        bid_venue=choose(OPTION_VENUE_SHARES, rng.random(count)),
        ask_venue=choose(OPTION_VENUE_SHARES, rng.random(count)),
        forced=forced,
        lift=np.zeros(count, dtype=np.int64),
        widen=np.zeros(count, dtype=np.int64),
        halt=np.zeros(count, dtype=np.int64),
    )


def equity_candidates(
    ts: Ints, number: Ints, forced: Bools, tier: Ints, quoter: Quoter, rng: np.random.Generator
) -> QuoteRows:
    """Returns candidates for quotes of stocks; sizes are shares."""
    count = len(ts)
    bid, ask = quoter(number, ts)
    return QuoteRows(
        ts=ts,
        instrument=number,
        bid=bid,
        ask=ask,
        bid_size=_shown(_EQUITY_LOTS[tier], rng) * 100,
        ask_size=_shown(_EQUITY_LOTS[tier], rng) * 100,
        bid_venue=FIRST_EQUITY_VENUE + choose(EQUITY_VENUE_SHARES, rng.random(count)),
        ask_venue=FIRST_EQUITY_VENUE + choose(EQUITY_VENUE_SHARES, rng.random(count)),
        forced=forced,
        lift=np.zeros(count, dtype=np.int64),
        widen=np.zeros(count, dtype=np.int64),
        halt=np.zeros(count, dtype=np.int64),
    )


def lifts(ts: Ints, instrument: Ints, ticks: Ints, widen: Ints, halt: Ints) -> QuoteRows:
    """Returns shifts of the quotes in force by ticks, by how many both sides retreat, and halts and their ends."""
    nothing = np.zeros(len(ts), dtype=np.int64)
    forced = np.ones(len(ts), dtype=np.bool_)
    return QuoteRows(ts, instrument, nothing, nothing, nothing, nothing, nothing, nothing, forced, ticks, widen, halt)


def idle_options(prints: int, cumulated: Floats, rng: np.random.Generator) -> Ints:
    """Draws contracts whose quote may change though they do not trade."""
    return choose(cumulated, rng.random(int(rng.poisson(_IDLE_OPTION * prints))))


def idle_equities(prints: int, cumulated: Floats, rng: np.random.Generator) -> Ints:
    """Draws stocks whose quote may change though they do not trade."""
    return choose(cumulated, rng.random(int(rng.poisson(_IDLE_EQUITY * prints))))


def _shown(median: Floats, rng: np.random.Generator) -> Ints:
    return np.maximum(np.rint(median * np.exp(0.8 * rng.standard_normal(len(median)))), 1.0).astype(np.int64)
