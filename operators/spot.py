"""Spot: what the underlying is worth at a print, from its own quote, else from its options by put-call parity.

The quote is placed as an option's is: the last one strictly before the print decides, and a locked, crossed, one-sided
or not firm one is not used. Parity: a call and a put of one strike and expiry are together a forward, so that usable
quotes of near strikes imply the forward F = K + (C - P) e^rT. It is exact for European options (indices); for American
ones it misses the worth of early exercise and dividends before expiry. Whose price it is stands beside it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from math import exp
from typing import Final

from events.raw import EquityQuote
from events.types import NS_PER_MS, NS_PER_S, Book
from operators.partition_state import Instrument, Underlying
from operators.units import six

#: Equity quote conditions under which a quote is not firm: closed, not firm, order imbalance or influx, no open (UQDF),
#: closing, trading range, halts and pauses for news and related securities (CQS).
NOT_FIRM_EQUITY_QUOTES: Final = frozenset("CDGIJKLMNPQSUVXZ")
YEAR_S: Final = 365 * 86_400
#: A forward by parity is found anew when it is older, ns of event time.
PARITY_STANDS_NS: Final = 100 * NS_PER_MS
#: Strikes looked at on each side of the last forward, and how many of the nearest of them decide.
PARITY_REACH: Final = 6
PARITY_STRIKES: Final = 5
#: The two spreads of a pair, together, over its forward: a wider pair says nothing.
PARITY_MAX_SPREAD: Final = 0.01


class Chain:
    """The contracts of one root and expiry by strike; found again from the instruments, so not part of any state."""

    __slots__ = ("calls", "puts", "strikes")

    def __init__(self) -> None:
        self.calls: dict[float, Instrument] = {}
        self.puts: dict[float, Instrument] = {}
        #: Strikes that have both, in order.
        self.strikes: list[float] = []

    def add(self, memory: Instrument) -> None:
        """Takes one contract."""
        mine, other = (self.calls, self.puts) if memory.call else (self.puts, self.calls)
        strike = memory.strike
        if strike in other and strike not in mine:
            insort(self.strikes, strike)
        mine[strike] = memory

    def drop(self, memory: Instrument) -> bool:
        """Lets go of one contract; tells if it was the last."""
        mine, other = (self.calls, self.puts) if memory.call else (self.puts, self.calls)
        strike = memory.strike
        del mine[strike]
        if strike in other:
            self.strikes.remove(strike)
        return not mine and not other


def chain_key(contract_id: str) -> str:
    """Returns the name of a contract's chain: its root and expiry."""
    return contract_id[:-9]


def take_equity_quote(under: Underlying, quote: EquityQuote, stands: bool, default_book: Book) -> bool:
    """Remembers a quote; never a late one for a newer, nor one venue's book for the national best. Tells if it did."""
    if quote.ts < under.quote_ts:
        return False
    book = quote.book or default_book
    if book == "venue" and under.quote_ts and under.book == "national":
        return False
    under.book = book
    under.bid = quote.bid
    under.ask = quote.ask
    under.quote_ts = quote.ts
    under.stands = stands
    condition = quote.condition
    under.firm = condition is None or condition not in NOT_FIRM_EQUITY_QUOTES
    return True


def quoted_spot(under: Underlying, ts: int, max_age_ns: int) -> float:
    """Returns the mid of the underlying's own quote at `ts`, dollars; 0 when it has none that can be used."""
    bid, ask, quote_ts = under.bid, under.ask, under.quote_ts
    if (
        bid is not None
        and ask is not None
        and 0 < bid < ask
        and 0 < quote_ts < ts
        and under.firm
        and (under.stands or ts - quote_ts <= max_age_ns)
    ):
        return six((bid + ask) / 2)
    return 0.0


def parity_spot(
    under: Underlying, chain: Chain, key: str, ts: int, settles: int, rate: float, max_age_ns: int
) -> float:
    """Returns the forward that a chain implies at `ts`, dollars, as it was found last if that was just now; 0 when
    nothing implies one.
    """
    found = under.forwards.get(key)
    if found is None or not 0 <= ts - found[0] <= PARITY_STANDS_NS:
        near = found[1] if found is not None else 0.0
        found = under.forwards[key] = ts, forward_of(chain, near, ts, settles, rate, max_age_ns)
    return found[1]


def forward_of(chain: Chain, near: float, ts: int, settles: int, rate: float, max_age_ns: int) -> float:
    """Returns the forward that a chain's quotes before `ts` imply, dollars; 0 when none are usable.

    The strikes nearest to the money decide, by their median: around `near`, the last forward, else all are looked at.
    """
    strikes = chain.strikes
    if near:
        place = bisect_left(strikes, near)
        strikes = strikes[max(place - PARITY_REACH, 0) : place + PARITY_REACH]
    growth = exp(rate * max(settles - ts, 0) / NS_PER_S / YEAR_S)
    found: list[tuple[float, float]] = []
    for strike in strikes:
        call, put = chain.calls[strike], chain.puts[strike]
        if not (_usable(call, ts, max_age_ns) and _usable(put, ts, max_age_ns)):
            continue
        twice = call.bid + call.ask - put.bid - put.ask  # type: ignore[operator]
        forward = strike + twice / 2 * growth
        spreads = call.ask - call.bid + put.ask - put.bid  # type: ignore[operator]
        if forward > 0 and spreads <= PARITY_MAX_SPREAD * forward:
            found.append((abs(twice), forward))
    if not found:
        return 0.0
    found.sort()
    forwards = sorted(forward for _, forward in found[:PARITY_STRIKES])
    middle = len(forwards) // 2
    return six(forwards[middle] if len(forwards) % 2 else (forwards[middle - 1] + forwards[middle]) / 2)


def _usable(memory: Instrument, ts: int, max_age_ns: int) -> bool:
    bid, ask, quote_ts = memory.bid, memory.ask, memory.quote_ts
    return (
        bid is not None
        and ask is not None
        and 0 < bid < ask
        and memory.firm
        and 0 < quote_ts < ts
        and (memory.stands or ts - quote_ts <= max_age_ns)
    )
