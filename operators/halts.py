"""Halts of an underlying: what says that it is halted and that it trades again, and how long nothing is judged.

Each source of a halt ends its own: a quote's condition by the next quote without one, a fact by the fact that trading
resumed. While one is in force the underlying is halted; behind the last of them no rule fires for a time.
"""

from __future__ import annotations

from events.raw import EquityQuote, Reference
from events.types import FOREVER_NS
from operators.partition_state import Underlying

#: Equity quote conditions that say that trading is halted: news disseminated, pending or of a related security (CQS).
HALT_EQUITY_QUOTES = frozenset("DJKMPQSV")


def see_quote(under: Underlying, quote: EquityQuote, quiet_ns: int) -> None:
    """Takes what the underlying's newest quote says: that it is halted, or, where the one before did, no longer."""
    if quote.condition in HALT_EQUITY_QUOTES:
        under.halted = True
    elif under.halted:
        under.halted = False
        under.quiet_after = max(under.quiet_after, quote.ts + quiet_ns)
    else:
        return
    _settle(under)


def tell_halt(under: Underlying, fact: Reference) -> None:
    """A fact says that trading is halted, until another says that it resumed."""
    under.halts_told[fact.instrument] = max(under.halts_told.get(fact.instrument, 0), fact.ts)
    _settle(under)


def tell_resume(under: Underlying, fact: Reference, quiet_ns: int) -> None:
    """A fact says that trading resumed: it ends the halt that was told before it, and none of a later time."""
    told = under.halts_told.get(fact.instrument)
    if told is not None and told <= fact.ts:
        del under.halts_told[fact.instrument]
    under.quiet_after = max(under.quiet_after, fact.ts + quiet_ns)
    _settle(under)


def keep_quiet(under: Underlying, ts: int, quiet_ns: int) -> None:
    """An option's quote said at `ts` that it is halted: nothing is judged until a time has passed without another."""
    under.quiet_after = max(under.quiet_after, ts + quiet_ns)
    _settle(under)


def _settle(under: Underlying) -> None:
    under.quiet_until = FOREVER_NS if under.halted or under.halts_told else under.quiet_after
