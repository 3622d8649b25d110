"""The equity sale conditions as data, by (tape, code): may a print set a price, and does its size count (domain 1.6).

Price: what the table of domain 1.6 uses for levels (regular, electronic, sweep, cross) and, as a session of its own,
extended hours. Size counts for every print but the official opening, official closing and corrected closing prices,
which report no trade of their own. A code that the table does not know is treated as regular, as for options.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: A and B: listed elsewhere than Nasdaq; C: Nasdaq. A print without a tape is judged by what holds on all of them.
Tape = Literal["A", "B", "C"]
TAPES: tuple[Tape, ...] = ("A", "B", "C")


@dataclass(frozen=True, slots=True)
class EquityCondition:
    """One sale condition of one tape."""

    tape: Tape
    code: str
    meaning: str
    #: May set open, high, low and close.
    price: bool
    #: Its size counts in volume.
    volume: bool = True
    extended: bool = False


_REGULAR = {
    " ": "regular", "@": "regular", "E": "automatic execution", "F": "intermarket sweep", "X": "cross",
}  # fmt: skip
_NO_PRICE = {
    "A": "acquisition", "C": "cash settlement", "D": "distribution", "G": "bunched sold", "H": "price variation",
    "I": "odd lot", "K": "rule 127 or 155", "L": "sold last", "N": "next day", "O": "opening",
    "P": "prior reference price", "R": "seller's option", "U": "extended hours, out of sequence", "V": "contingent",
    "W": "average price", "Y": "yellow flag", "Z": "sold, out of sequence", "4": "derivatively priced",
    "5": "reopening", "6": "closing", "7": "qualified contingent trade",
}  # fmt: skip
_NO_TRADE = {"M": "market centre official close", "Q": "market centre official open", "9": "corrected close"}


def _of_tape(tape: Tape) -> list[EquityCondition]:
    bunched = "bunched" if tape == "C" else "average price"
    return [
        *(EquityCondition(tape, code, meaning, price=True) for code, meaning in _REGULAR.items()),
        *(EquityCondition(tape, code, meaning, price=False) for code, meaning in _NO_PRICE.items()),
        *(EquityCondition(tape, code, meaning, price=False, volume=False) for code, meaning in _NO_TRADE.items()),
        EquityCondition(tape, "B", bunched, price=False),
        EquityCondition(tape, "T", "extended hours", price=True, extended=True),
    ]


EQUITY_CONDITIONS: dict[tuple[str, str], EquityCondition] = {
    (row.tape, row.code): row for tape in TAPES for row in _of_tape(tape)
}


def codes(tape: str | None, *, price: bool | None = None, volume: bool | None = None) -> tuple[str, ...]:
    """Returns the codes of a tape (None: of any) whose treatment is as asked, sorted."""
    return tuple(
        sorted(
            {
                row.code
                for row in EQUITY_CONDITIONS.values()
                if tape in (None, row.tape) and price in (None, row.price) and volume in (None, row.volume)
            }
        )
    )
