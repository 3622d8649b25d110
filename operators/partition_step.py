"""The step by partition: merged items in, marks and closed packets out; a state of seconds (contract 10).

Pure: what it returns for a sequence of items does not depend on how the sequence was cut into batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from events.contracts import parse_contract
from events.control import SHIPPED, Control
from events.derived import DeadLetter, MarkedPrint
from events.plausible import is_date_of
from events.raw import EquityPrint, EquityQuote, OptionPrint, Reference
from events.sessions import next_boundary, settles_at
from events.settings import Rules, rules_from
from events.sources import source as source_spec
from events.types import NS_PER_MS, Book
from operators.changes import Changes, put_back
from operators.contract_memory import Known, is_usual, new_instrument, set_multiplier
from operators.dead import dead, is_beyond_any
from operators.expiry import expired, over_before
from operators.gathering import Gathering, gathered_with
from operators.mark import mark, note_tie, take_quote
from operators.merge import CONTROL_RANK
from operators.merge_state import Item
from operators.partition_state import (
    GatheringState,
    Instrument,
    PartitionChanges,
    PartitionState,
    UnderlyingsState,
)
from operators.striking import Strike
from operators.underlyings import Underlyings, with_changes
from operators.values import ValuesConfig, Valuing
from operators.work import Said, Shipped, Warmed, Work

_PRINTS: Final = 1
_QUOTES: Final = 3
_REFERENCE: Final = 0
_EQUITY_QUOTES: Final = 4
#: Quote condition of an option whose trading is halted.
_HALTED_QUOTE: Final = "T"
#: Sale condition of an equity print that is one leg of a trade with others (qualified contingent trade).
_CONTINGENT: Final = "7"


@dataclass(slots=True)
class Stepped:
    """What a batch of items became."""

    marks: list[MarkedPrint] = field(default_factory=list)
    #: Packets and what was found out about them, for the step by shard.
    work: list[Work] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    #: What a control record said to every shard, with the work before it: (index in work, parameters or baselines).
    said: list[tuple[int, Said]] = field(default_factory=list)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(PartitionState)
_changes_decoder = msgspec.msgpack.Decoder(PartitionChanges)


def dump(state: PartitionState) -> bytes:
    """Returns the state's bytes for a snapshot or an anchor; equal histories give equal bytes."""
    return _encoder.encode(state)


def load(data: bytes, changes: Sequence[bytes] = ()) -> PartitionState:
    """Reads a state back, and what `PartitionStep.changes` returned since; raises msgspec.DecodeError on others'."""
    state = _decoder.decode(data) if data else PartitionState()
    for each in changes:
        change = _changes_decoder.decode(each)
        put_back(state.instruments, change.instruments, change.gone)
        change.rest.instruments = state.instruments
        change.rest.gathered = gathered_with(state.gathered, change.gathered)
        change.rest.underlyings = with_changes(state.underlyings, change.underlyings)
        state = change.rest
    return state


class PartitionStep:
    """The step over one partition's state."""

    def __init__(self, state: PartitionState, rules: Rules, follow_log: bool = True) -> None:
        self.state = state
        self._follow_log = follow_log
        #: Instruments that changed. Every other field is written down whole: a map that grows with the session is
        #: tracked likewise.
        self._instruments = Changes()
        self._changed = self._instruments.changed
        #: The source of the last quote, none where that may have changed; whether its quotes stand until replaced, and
        #: whose book they are when they do not say.
        self._source = ""
        self._of_source: tuple[bool, Book] = (False, "national")
        self._bind()
        self._use(rules_from(state.parameters) if state.parameters and follow_log else rules)

    def _bind(self) -> None:
        """Works on the state that is there now."""
        state = self.state
        self._known: dict[str, Known] = {}
        self._gathering = Gathering(state.gathered, state.instruments, state.underlyings.by_symbol)
        self._underlyings = Underlyings(state.underlyings, state.instruments)

    def _use(self, rules: Rules) -> None:
        self._quiet_ns = rules.halt_quiet_ms * NS_PER_MS
        spot_ns = rules.spot_max_age_ms * NS_PER_MS
        self._valuing = Valuing(ValuesConfig(rules.risk_free_rate, rules.iv_min_expiry_s, spot_ns))
        self._nbbo_max_age_ns = rules.nbbo_max_age_ms * NS_PER_MS
        self._gathering.use(rules)

    @property
    def pending(self) -> int:
        """How much has changed since `changes` was last asked for."""
        return len(self._changed) + self._underlyings.pending + self._gathering.pending

    def changes(self) -> bytes:
        """Returns what has changed since it was last asked for: a dump and the changes behind it are the state."""
        memories = self.state.instruments
        changed = {contract: memories[contract] for contract in self._changed}
        rest = msgspec.structs.replace(
            self.state, instruments={}, underlyings=UnderlyingsState(), gathered=GatheringState()
        )  # fmt: skip
        beside, gathered = self._underlyings.changes(), self._gathering.changes()
        data = _encoder.encode(PartitionChanges(rest, changed, beside, gathered, list(self._instruments.gone)))
        self.forget_changes()
        return data

    def forget_changes(self) -> None:
        """Says that what has changed is written down in another way."""
        for contract in self._changed:
            if (known := self._known.get(contract)) is not None:
                known.noted = False
        self._instruments.clear()
        self._gathering.forget_changes()
        self._underlyings.forget_changes()

    def dump(self) -> bytes:
        """Returns the state's bytes for a snapshot or an anchor."""
        return dump(self.state)

    def step(self, items: Sequence[Item], watermark: int) -> Stepped:
        """Takes items in order and the watermark behind them; returns marks, work and dead letters in order."""
        out = Stepped()
        self.step_into(out, items, watermark)
        return out

    def step_into(self, out: Stepped, items: Sequence[Item], watermark: int) -> None:
        """Does as `step`, adding to what is there."""
        if self._underlyings.state is not self.state.underlyings:
            rules = self._gathering.rules
            self._bind()
            self._gathering.use(rules)
        gathering, forgets_ts = self._gathering, self.state.forgets_ts
        # Untyped it is shared by all that keep it; what is reckoned with has a type, for compiled code.
        untyped: Sequence[Any] = items
        item: tuple[Any, ...]
        for item in untyped:
            stamp: Any = item[0]
            order_ts: int = stamp
            rank: int = item[2]
            event: Any = item[5]
            if gathering.next_due < order_ts:
                gathering.fire(order_ts, out.work)
            if forgets_ts <= order_ts:
                forgets_ts = self._forget_expired(order_ts)
            if rank == _PRINTS:
                self._print(event, stamp, out)
            elif rank == _QUOTES:
                self._quote(event, stamp, out)
            elif rank == _REFERENCE:
                self._learn(event, order_ts, out)
            elif rank > 0:
                self._equity(event, rank, order_ts)
            elif rank < 0:
                self._control(event, rank - CONTROL_RANK, out)
        gathering.fire(watermark, out.work)
        gathering.settle()

    def _print(self, event: Any, order_ts: Any, out: Stepped) -> None:
        known = self._known.get(event.contract) or self._know(event.contract)
        if known is None:
            out.dead.append(dead(event, order_ts, f"{event.contract!r} is not a compact OCC contract id"))
            return
        memory = known.memory
        price: float = event.price
        size: int = event.size
        if is_beyond_any(price * float(size), memory.multiplier):
            out.dead.append(dead(event, order_ts, f"{event.size} at {event.price} is more than any market trades"))
            return
        if not known.noted:
            self._note(known)
        beside, gathering, underlying = self._underlyings, self._gathering, known.underlying
        under = known.under
        if under is None:
            under = known.under = beside.of(underlying)
        marked, kept = mark(
            known, under, event, order_ts, self._nbbo_max_age_ns, self._valuing, self.state.shared_sequence,
            beside.chains, beside.state.interests,
        )  # fmt: skip
        if under.forwards:
            beside.changed[underlying] = None
        memory.print_order_ts = order_ts
        out.marks.append(marked)
        spot = kept.spot
        if spot is not None:
            gathering.see_spot(underlying, spot)
        flag = marked.flag
        if flag == "cancel" or flag == "correction":
            self._strike(event, marked, memory, out)
        else:
            known_conditions = bool(event.conditions) or self._carries_conditions(event.source)
            gathering.take(known, marked, kept, flag, known_conditions)

    def _strike(self, event: OptionPrint, marked: MarkedPrint, memory: Instrument, out: Stepped) -> None:
        """Strikes out the print that is meant; a cancel of a print that is not remembered is a dead letter."""
        struck = self._gathering.strike(Strike(marked, event.ref, memory, self._valuing), out.work)
        if marked.flag == "correction":
            # Its own size was counted as if it were another trade.
            memory.volume = marked.volume = max(memory.volume - (struck or marked).size, 0)
        if struck is None:
            what = event.ref or f"{event.size} at {event.price}"
            out.dead.append(dead(event, marked.order_ts, f"{marked.flag} of a print that is not remembered: {what}"))

    def _carries_conditions(self, name: str) -> bool:
        """Tells whether a print without conditions had none to carry; each event tells where the feed does not say."""
        found = self.state.conditions.get(name)
        return bool(source_spec(name).carries_conditions if found is None else found)

    def _equity(self, event: EquityPrint | EquityQuote, rank: int, order_ts: int) -> None:
        if rank == _EQUITY_QUOTES:
            self._underlyings.quote(event, self._quiet_ns)  # type: ignore[arg-type]
            self._gathering.see_underlying(event.symbol, self._underlyings.state.by_symbol[event.symbol])
        elif _CONTINGENT in event.conditions and event.kind is None:  # type: ignore[union-attr]
            self._gathering.take_stock(event.symbol, order_ts, event.size, event.price)  # type: ignore[union-attr]

    def _quote(self, event: Any, order_ts: Any, out: Stepped) -> None:
        known = self._known.get(event.contract) or self._know(event.contract)
        if known is None:
            out.dead.append(dead(event, order_ts, f"{event.contract!r} is not a compact OCC contract id"))
            return
        memory, contract = known.memory, known.contract
        source: str = event.source
        if source != self._source:
            self._of_source = self.state.quotes_stand.get(source, False), source_spec(source).book
            self._source = source
        stands, default_book = self._of_source
        if not known.noted:
            self._note(known)
        was_firm = memory.firm
        ts: int = event.ts
        condition: str | None = event.condition
        taken = take_quote(memory, event, event.book or default_book, stands)
        followed = self._gathering.state.followed.get(known.underlying)
        if followed is not None and contract in followed.marks:
            self._gathering.see_quote(contract, memory)
        if condition == _HALTED_QUOTE:
            self._underlyings.option_halted(memory.underlying, contract, ts, self._quiet_ns, taken)
        elif taken and not was_firm:
            # A halted option's quote is not firm.
            self._underlyings.option_quoted(memory.underlying, contract, ts, self._quiet_ns)
        order: int = order_ts
        if memory.print_order_ts == order:
            note_tie(out.marks, event, order_ts)

    def _note(self, known: Known) -> None:
        """Notes that a contract's memory changes, once until that is written down."""
        self._changed[known.contract] = None
        known.noted = True

    def _know(self, contract_id: str) -> Known | None:
        """Returns what is known of a contract, under the name that it has from now on; None where it has no such."""
        memory = self.state.instruments.get(contract_id) or self._new(contract_id)
        if memory is None:
            return None
        known = self._known[contract_id] = Known(contract_id, memory)
        return known

    def _new(self, contract_id: str) -> Instrument | None:
        try:
            memory = new_instrument(parse_contract(contract_id))
        except ValueError:
            return None
        self.state.instruments[contract_id] = memory
        self._changed[contract_id] = None
        self._underlyings.link(contract_id, memory)
        return memory

    def _forget_expired(self, ts: int) -> int:
        """Forgets contracts that are over by the boundary before `ts`; returns the next boundary, ns."""
        memories = self.state.instruments
        for contract in expired(memories, over_before(ts)):
            self._underlyings.unlink(contract, memories.pop(contract))
            self._instruments.delete(contract)
            self._known.pop(contract, None)
        self.state.forgets_ts = boundary = next_boundary(ts)
        return boundary

    def _learn(self, fact: Reference, order_ts: int, out: Stepped) -> None:
        """Remembers what a fact says of a contract or of its underlying."""
        if fact.kind == "definition":
            self._define(fact)
        elif fact.kind == "open_interest":
            if fact.for_date is not None and not is_date_of(fact.for_date, fact.ts):
                out.dead.append(dead(fact, order_ts, f"{fact.for_date!r} is no date that a fact can be of"))
                return
            memory = self.state.instruments.get(fact.instrument)
            date, changed = self._underlyings.interest(fact, memory)
            if changed:
                self._changed[fact.instrument] = None
            if memory is not None and fact.open_interest is not None:
                self._gathering.check(fact.instrument, memory.underlying, date, fact.open_interest, order_ts, out.work)
        else:
            self._underlyings.fact(fact, self._quiet_ns)

    def _define(self, fact: Reference) -> None:
        """Remembers a contract's terms; one that was never seen and has the usual ones needs no memory for them."""
        memory = self.state.instruments.get(fact.instrument)
        if memory is None and not is_usual(fact):
            memory = self._new(fact.instrument)
        if memory is None:
            return
        self._changed[fact.instrument] = None
        if fact.multiplier is not None:
            set_multiplier(memory, fact.multiplier)
        if fact.expiry_ts is not None:
            memory.settles = settles_at(parse_contract(fact.instrument), fact.expiry_ts)

    def _control(self, record: Control | DeadLetter, topic_rank: int, out: Stepped) -> None:
        if isinstance(record, DeadLetter):
            out.dead.append(record)
        elif record.control == "feed" and record.source is not None:
            if topic_rank == _QUOTES:
                declared = record.quotes or source_spec(record.source).quotes
                self.state.quotes_stand[record.source] = declared == "every_change"
                self._source = ""
            elif topic_rank == _EQUITY_QUOTES:
                declared = record.quotes or source_spec(record.source).quotes
                self._underlyings.declare(record.source, declared == "every_change")
            if topic_rank == _PRINTS and record.carries_conditions is not None:
                self.state.conditions[record.source] = record.carries_conditions
            if topic_rank in (_PRINTS, _QUOTES):
                self.state.shared_sequence = record.shared_sequence
        elif record.control == "gap" and topic_rank == _QUOTES:
            self._forget_quotes()
        elif record.control == "gap" and topic_rank == _EQUITY_QUOTES:
            self._underlyings.gap()
        elif record.control == "parameters":
            self._change(record, out)

    def _change(self, record: Control, out: Stepped) -> None:
        """Puts recorded parameters in force; a copy, or an older one from a topic that was absent, is passed over."""
        if record.baselines is not None:
            self._warm(record.baselines, out)
        if record.parameters is not None and self._follow_log and record.ts > self.state.parameters_ts:
            self.state.parameters, self.state.parameters_ts = record.parameters, record.ts
            self._use(rules_from(record.parameters))
            out.said.append((len(out.work), record.parameters))

    def _warm(self, baselines: dict[str, list[list[int]]], out: Stepped) -> None:
        """Hands on what a cold start begins with: shipped buckets to all, earlier packets to their underlyings."""
        buckets: dict[str, list[list[int]]] = {}
        contracts: dict[str, dict[str, list[list[int]]]] = {}
        for key, rows in baselines.items():
            if key.startswith(SHIPPED):
                buckets[key.removeprefix(SHIPPED)] = rows
            else:
                contracts.setdefault(parse_contract(key).underlying, {})[key] = rows
        if buckets:
            out.said.append((len(out.work), Shipped(buckets)))
        out.work += [Warmed(underlying, each) for underlying, each in contracts.items()]

    def _forget_quotes(self) -> None:
        """After a gap no quote of before stands any longer: it is judged by its age until it is replaced."""
        for contract, memory in self.state.instruments.items():
            if memory.stands:
                self._changed[contract] = None
                memory.stands = False
