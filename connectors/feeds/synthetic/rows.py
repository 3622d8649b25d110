"""The columns in which a second of the market is drawn before it becomes events.

Instruments are numbered: first the underlyings, then the day's contracts. Prices are integers of 1/10,000 dollar.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: Units of price in a dollar and in a cent.
DOLLAR = 10_000
CENT = 100
NS_PER_US = 1000

#: Where a print stands against the quote in force: the price is found when its turn comes.
BID, ASK, INSIDE, ABOVE, BELOW, MID, SUBPENNY = range(7)
#: What a row of prints is: a print, a cancel of the instrument's marked print, a print that will be cancelled.
PRINT, CANCEL, DOOMED = range(3)
#: What a row of quotes says beside prices: nothing; that the stock is halted, trades freely again, is in a limit state.
OPEN, HALTED, RESUMED, LIMITED = range(4)
#: What a row that no planted order printed says in `plant`: nothing; a large single print; a large leg of a spread.
NOISE, LARGE_SINGLE, LARGE_LEG = -1, -2, -3

#: OPRA participants and their share of prints.
OPTION_VENUES: tuple[tuple[str, float], ...] = (
    ("C", 0.17), ("X", 0.11), ("A", 0.08), ("N", 0.10), ("I", 0.06), ("M", 0.07), ("P", 0.06), ("D", 0.04), ("Z", 0.07),
    ("E", 0.05), ("Q", 0.06), ("T", 0.02), ("U", 0.05), ("H", 0.02), ("J", 0.02), ("W", 0.01), ("B", 0.01),
)  # fmt: skip
#: Equity venues on exchange and their share of on-exchange prints; off-exchange is D.
EQUITY_VENUES: tuple[tuple[str, float], ...] = (
    ("Q", 0.28), ("P", 0.17), ("K", 0.11), ("Z", 0.12), ("N", 0.10), ("V", 0.06), ("J", 0.04), ("Y", 0.03), ("U", 0.05),
    ("B", 0.01), ("H", 0.02), ("X", 0.01),
)  # fmt: skip
OFF_EXCHANGE = "D"
#: Every venue letter by number: options first, then equities, then off-exchange.
VENUES: tuple[str, ...] = (*(v for v, _ in OPTION_VENUES), *(v for v, _ in EQUITY_VENUES), OFF_EXCHANGE)
OFF_EXCHANGE_VENUE = len(VENUES) - 1
FIRST_EQUITY_VENUE = len(OPTION_VENUES)
#: Said by a row of a print: at the venue that shows the price it takes.
AT_QUOTE = -1

#: Sale conditions by number. Equities: the first is the regular letter of the tape, which differs (space or @).
OPTION_CONDITIONS: tuple[str, ...] = (
    "I", "S", "a", "b", "c", "d", "e", "f", "g", "h", "j", "B", "D", "A", "n", "C", "E", "G", "i", "q", "k", "o", "u",
    "t", "v",
)  # fmt: skip
EQUITY_CONDITIONS: tuple[tuple[str, ...], ...] = (
    (), ("F",), ("I",), ("F", "I"), ("X",), ("4",), ("W",), ("7",), ("O",), ("Q",), ("6",), ("M",), ("Z",), ("T",),
)  # fmt: skip
OPTION_CODE = {letter: number for number, letter in enumerate(OPTION_CONDITIONS)}
EQUITY_CODE = {letters: number for number, letters in enumerate(EQUITY_CONDITIONS)}


def cumulative(shares: tuple[float, ...] | Floats) -> Floats:
    """Returns the running sum of shares, scaled to end at one, for `choose`."""
    summed = np.cumsum(np.asarray(shares, dtype=np.float64))
    return np.asarray(summed / summed[-1])


def choose(cumulated: Floats, uniform: Floats) -> Ints:
    """Returns the number of the share into which each uniform falls."""
    found = np.searchsorted(cumulated, uniform, side="right").astype(np.int64)
    return np.minimum(found, len(cumulated) - 1)


OPTION_VENUE_SHARES = cumulative(tuple(share for _, share in OPTION_VENUES))
EQUITY_VENUE_SHARES = cumulative(tuple(share for _, share in EQUITY_VENUES))


@dataclass(slots=True)
class PrintRows:
    """Prints of one second; every column has the same length."""

    ts: Ints
    instrument: Ints
    size: Floats
    place: Ints
    #: Inside the spread: 0 bid to 1 ask. Outside: ticks beyond. Sub-penny: units of improvement.
    position: Floats
    condition: Ints
    venue: Ints
    #: How long before its report it was executed, ns; 0 where report and execution are one.
    delay: Ints
    kind: Ints
    #: Which planted order it belongs to; below zero for none: `NOISE`, or background of real size.
    plant: Ints
    #: What it does to open interest: 1 both sides open, -1 both close, 0 one opens what the other closes.
    opens: Ints


@dataclass(slots=True)
class QuoteRows:
    """Candidates for quotes of one second: emitted where prices differ from the quote in force, or when forced."""

    ts: Ints
    instrument: Ints
    bid: Ints
    ask: Ints
    bid_size: Ints
    ask_size: Ints
    bid_venue: Ints
    ask_venue: Ints
    forced: Bools
    #: Ticks by which the quote in force is shifted instead of `bid` and `ask` being used; 0 for none.
    lift: Ints
    #: Ticks by which both sides of the quote in force retreat; 0 for none.
    widen: Ints
    #: Of stocks: `HALTED`, `RESUMED` and `LIMITED` say so with the prices in force.
    halt: Ints


_Rows = TypeVar("_Rows", PrintRows, QuoteRows)


def chosen(rows: _Rows, kept: Bools) -> _Rows:
    """Returns the rows that are kept."""
    return type(rows)(*(getattr(rows, f.name)[kept] for f in fields(rows)))


def joined(parts: list[_Rows]) -> _Rows:
    """Returns rows of one type, one after the other."""
    first = parts[0]
    return type(first)(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(first)))
