"""Underlyings: what one partition knows beside its contracts' own quotes and prints.

Quotes and halts of the underlyings, the open interest of each contract, and the chains in which parity looks for pairs.
What is state is handed in and changed in place; the chains are found again from the contracts.
"""

from __future__ import annotations

from events.contracts import belongs_to
from events.raw import EquityQuote, Reference
from events.sources import source as source_spec
from events.types import Book
from operators.changes import Changes, put_back
from operators.contract_memory import forget_old, take_interest
from operators.halts import HALT_FACTS, see_fact, see_option_halted, see_option_quoted, see_quote
from operators.partition_state import Instrument, Underlying, UnderlyingsChanges, UnderlyingsState
from operators.spot import Chain, chain_key, take_equity_quote


def with_changes(state: UnderlyingsState, changes: UnderlyingsChanges) -> UnderlyingsState:
    """Returns the state as it was when the changes were noted."""
    state.by_symbol.update(changes.by_symbol)
    put_back(state.interests, changes.interests, changes.gone)
    changes.rest.by_symbol, changes.rest.interests = state.by_symbol, state.interests
    return changes.rest


class Underlyings:
    """The underlyings of one partition over their state."""

    def __init__(self, state: UnderlyingsState, instruments: dict[str, Instrument]) -> None:
        self.state = state
        self.chains: dict[str, Chain] = {}
        #: Symbols whose memory changed; whoever changes one without a method of this class notes it here.
        self.changed: dict[str, None] = {}
        self._interests = Changes()
        self._of_source: dict[str, tuple[bool, Book]] = {}
        for contract, memory in instruments.items():
            self.link(contract, memory)

    @property
    def pending(self) -> int:
        """How much has changed since `changes` was last asked for."""
        return len(self.changed) + len(self._interests.changed)

    def changes(self) -> UnderlyingsChanges:
        """Returns what has changed since it was last forgotten."""
        state = self.state
        rest = UnderlyingsState({}, {}, state.newest_date, state.date_before, state.quotes_stand)
        by_symbol = {symbol: state.by_symbol[symbol] for symbol in self.changed}
        interests = {contract: state.interests[contract] for contract in self._interests.changed}
        return UnderlyingsChanges(rest, by_symbol, interests, list(self._interests.gone))

    def forget_changes(self) -> None:
        """Says that what has changed is written down."""
        self.changed.clear()
        self._interests.clear()

    def of(self, symbol: str) -> Underlying:
        """Returns the memory of an underlying."""
        found = self.state.by_symbol.get(symbol)
        if found is None:
            found = self.state.by_symbol[symbol] = Underlying()
            self.changed[symbol] = None
        return found

    def link(self, contract_id: str, memory: Instrument) -> None:
        """Puts a contract beside those of its root and expiry."""
        key = chain_key(contract_id)
        chain = self.chains.get(key)
        if chain is None:
            chain = self.chains[key] = Chain()
        chain.add(memory)

    def unlink(self, contract_id: str, memory: Instrument) -> None:
        """Takes a contract that is forgotten from its root and expiry; with the last of them goes their forward."""
        key = chain_key(contract_id)
        if self.chains[key].drop(memory):
            del self.chains[key]
            under = self.state.by_symbol.get(memory.underlying)
            if under is not None and under.forwards.pop(key, None) is not None:
                self.changed[memory.underlying] = None

    def quote(self, event: EquityQuote, quiet_ns: int) -> None:
        """Takes a quote of an underlying."""
        of_source = self._of_source.get(event.source)
        if of_source is None:
            stands = self.state.quotes_stand.get(event.source, False)
            of_source = self._of_source[event.source] = (stands, source_spec(event.source).book)
        symbol = event.symbol
        under = self.state.by_symbol.get(symbol) or self.of(symbol)
        self.changed[symbol] = None
        if take_equity_quote(under, event, *of_source):
            see_quote(under, event, quiet_ns)

    def declare(self, source: str, stands: bool) -> None:
        """A feed of equity quotes says whether its quotes stand until they are replaced."""
        self.state.quotes_stand[source] = stands
        self._of_source.clear()

    def gap(self) -> None:
        """After a gap no quote of before stands any longer: it is judged by its age until it is replaced."""
        for symbol, under in self.state.by_symbol.items():
            if under.stands:
                self.changed[symbol] = None
                under.stands = False

    def option_halted(self, symbol: str, contract: str, ts: int, quiet_ns: int, newest: bool) -> None:
        """A quote of an option said that its trading is halted; `newest`: it stands until the contract's next."""
        see_option_halted(self.of(symbol), symbol, contract, ts, quiet_ns, newest)
        self.changed[symbol] = None

    def option_quoted(self, symbol: str, contract: str, ts: int, quiet_ns: int) -> None:
        """An option that may have been halted has a quote that does not say so."""
        under = self.state.by_symbol.get(symbol)
        if under is not None and see_option_quoted(under, contract, ts, quiet_ns):
            self.changed[symbol] = None

    def fact(self, fact: Reference, quiet_ns: int) -> None:
        """Takes a halt, a limit state or the end of one; of a contract as of its underlying, good news of neither."""
        if fact.kind not in HALT_FACTS:
            return
        symbol = belongs_to(fact.instrument, fact.underlying)
        under = self.of(symbol)
        self.changed[symbol] = None
        see_fact(under, fact, quiet_ns)

    def interest(self, fact: Reference, memory: Instrument | None) -> tuple[str, bool]:
        """Takes an open interest; returns its trading date and whether it changed the contract's own memory."""
        state = self.state
        symbol = belongs_to(fact.instrument, fact.underlying)
        date, changed = take_interest(state.interests, memory, fact, symbol)
        self._interests.changed[fact.instrument] = None
        if date > state.newest_date:
            state.newest_date, state.date_before = date, state.newest_date
            for contract in forget_old(state.interests, state.date_before):
                self._interests.delete(contract)
        return date, changed
