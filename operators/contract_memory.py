"""Contract memory: what the step by partition remembers of one contract, and its trade date's volume and interest."""

from __future__ import annotations

from collections.abc import Sequence
from sys import intern

from events.contracts import Contract, parse_contract
from events.raw import Reference
from events.sessions import settles_at, trade_date
from operators.partition_state import Instrument, Interests, Underlying, Vicinity
from operators.values import Valued

#: As many of a contract are remembered: of the evening before and of today's, reported before midnight.
INTERESTS_KEPT = 2


class Known(Valued):
    """A contract, its memory and its underlying's, found at once; all who are told of it share its names."""

    __slots__ = ("contract", "memory", "noted", "under", "underlying", "vicinity")

    def __init__(self, contract: str, memory: Instrument) -> None:
        super().__init__()
        self.contract = contract
        self.memory = memory
        # Equal names that are one are found sooner.
        self.underlying = intern(memory.underlying)
        #: It is among what has changed since that was last written down.
        self.noted = False
        #: There from the first print on.
        self.under: Underlying | None = None
        self.vicinity: Vicinity | None = None


def new_instrument(contract: Contract) -> Instrument:
    """Returns the memory of a contract that was not seen before."""
    memory = Instrument(underlying=contract.underlying, strike=contract.strike, call=contract.right == "C")
    memory.settles = settles_at(contract)
    memory.adjusted = contract.adjusted
    set_multiplier(memory, contract.multiplier)
    return memory


def set_multiplier(memory: Instrument, multiplier: float | None) -> None:
    """Remembers a multiplier; a whole one as an integer, so that money stays exact and cheap."""
    memory.multiplier = int(multiplier) if multiplier is not None and multiplier == int(multiplier) else multiplier


def is_usual(fact: Reference) -> bool:
    """Tells whether a definition says of a contract what its id says."""
    try:
        contract = parse_contract(fact.instrument)
    except ValueError:
        return False
    usual = fact.multiplier is None or contract.multiplier == fact.multiplier
    return usual and settles_at(contract, fact.expiry_ts) == settles_at(contract)


def roll(memory: Instrument, contract_id: str, ts: int, interests: Interests) -> None:
    """Begins the trade date of `ts`: nothing traded yet, the interest of the session before; never an earlier one."""
    if ts < memory.day_from:
        return
    day = trade_date(ts, memory.underlying)
    memory.day_from, memory.day_until = day.from_ns, day.until_ns
    memory.volume = 0
    memory.open_interest = _of_date(interests.get(contract_id, ()), day.interest_date)


def _of_date(known: Sequence[tuple[str, int]], date: str) -> int | None:
    return next((interest for of_date, interest in known if of_date == date), None)


def take_interest(
    interests: Interests, memory: Instrument | None, fact: Reference, underlying: str
) -> tuple[str, bool]:
    """Remembers an open interest; returns its trading date and whether the contract's own memory changed.

    A fact without a date is that of the session before it was reported; a later report of a date replaces it.
    """
    date = fact.for_date or trade_date(fact.ts, underlying).interest_date
    known = [row for row in interests.get(fact.instrument, ()) if row[0] != date]
    if fact.open_interest is not None:
        known.append((date, fact.open_interest))
    interests[fact.instrument] = known = sorted(known)[-INTERESTS_KEPT:]
    if memory is None or not memory.day_from:
        return date, False
    before, today = memory.open_interest, trade_date(memory.day_from, memory.underlying)
    memory.open_interest = _of_date(known, today.interest_date)
    return date, memory.open_interest != before


def forget_old(interests: Interests, before_date: str) -> list[str]:
    """Forgets contracts of which nothing was heard since a date, expired ones that is; returns them."""
    old = [contract for contract, known in interests.items() if not known or known[-1][0] < before_date]
    for contract in old:
        del interests[contract]
    return old
