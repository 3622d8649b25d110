"""Halts and limit states of an underlying: what says that one began and ended, and how long nothing is judged.

A limit state is no halt: the stock's national best bid or offer stands at the edge of its price band, and trading goes
on there or is paused after 15 seconds (National Market System Plan to Address Extraordinary Market Volatility). Only
what a feed says of one is known. Each source ends what it said itself: a quote's word by the next quote without it, a
fact by the fact that ends it; a limit state that was told ends too where a halt is told, which is what it leads to.
An option's word stands for its underlying until the same option's next quote, at most to the end of the trade date:
what expires or is delisted in a halt has no next quote. While one is in force, and for a time behind the last, no rule
fires.
"""

from __future__ import annotations

from events.raw import EquityQuote, Reference
from events.sessions import trade_date
from events.types import FOREVER_NS
from operators.partition_state import Underlying

#: Equity quote conditions that say that trading is halted: news disseminated, pending or of a related security (CQS).
HALT_EQUITY_QUOTES = frozenset("DJKMPQSV")
#: Kinds of facts that are taken here.
HALT_FACTS = ("halt", "resume", "limit_state", "limit_state_end")


def see_quote(under: Underlying, quote: EquityQuote, quiet_ns: int) -> None:
    """Takes what the underlying's newest quote says, and ends what the one before said and this one does not."""
    halted, limited = quote.condition in HALT_EQUITY_QUOTES, bool(quote.limit_state)
    if not (halted or limited or under.halted or under.in_limit_state):
        return
    if under.halted and not halted:
        under.quiet_after = max(under.quiet_after, quote.ts + quiet_ns)
    if under.in_limit_state and not limited:
        under.limit_after = max(under.limit_after, quote.ts + quiet_ns)
    under.halted, under.in_limit_state = halted, limited
    _settle(under)


def see_fact(under: Underlying, fact: Reference, quiet_ns: int) -> None:
    """Takes a fact: it begins a halt or limit state, or ends the one that was told before it and none of a later time.

    What is told of a contract is ended by what is told of that contract.
    """
    quiet_after = fact.ts + quiet_ns
    if fact.kind == "halt":
        _begin(under.halts_told, fact)
        if _end(under.limits_told, fact):
            under.limit_after = max(under.limit_after, quiet_after)
    elif fact.kind == "resume":
        _end(under.halts_told, fact)
        under.quiet_after = max(under.quiet_after, quiet_after)
    elif fact.kind == "limit_state":
        _begin(under.limits_told, fact)
    elif fact.kind == "limit_state_end":
        _end(under.limits_told, fact)
        under.limit_after = max(under.limit_after, quiet_after)
    _settle(under)


def see_option_halted(
    under: Underlying, symbol: str, contract: str, ts: int, quiet_ns: int, newest: bool
) -> None:  # fmt: skip
    """Takes an option's quote that says it is halted; one that is not its contract's newest only asks for quiet."""
    under.quiet_after = max(under.quiet_after, ts + quiet_ns)
    until = trade_date(ts, symbol).until_ns
    if newest and until >= under.options_until:
        if until > under.options_until:
            under.options_halted, under.options_until = {}, until
        under.options_halted[contract] = True
    _settle(under)


def see_option_quoted(under: Underlying, contract: str, ts: int, quiet_ns: int) -> bool:
    """Takes an option's quote that does not say it is halted: it ends what the one before said; tells if it did.

    The first of a new trade date ends what every option said on the one before: that is no longer in force.
    """
    if contract not in under.options_halted:
        return False
    if ts < under.options_until:
        del under.options_halted[contract]
    else:
        under.options_halted = {}
    under.quiet_after = max(under.quiet_after, ts + quiet_ns)
    _settle(under)
    return True


def _begin(told: dict[str, int], fact: Reference) -> None:
    told[fact.instrument] = max(told.get(fact.instrument, 0), fact.ts)


def _end(told: dict[str, int], fact: Reference) -> bool:
    since = told.get(fact.instrument)
    if since is None or since > fact.ts:
        return False
    del told[fact.instrument]
    return True


def _settle(under: Underlying) -> None:
    quiet_after = max(under.quiet_after, under.options_until) if under.options_halted else under.quiet_after
    under.quiet_until = FOREVER_NS if under.halted or under.halts_told else quiet_after
    under.limit_until = FOREVER_NS if under.in_limit_state or under.limits_told else under.limit_after
