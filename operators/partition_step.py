"""The step by partition: merged items in, marks and closed packets out; a state of seconds (contract 10).

Pure: what it returns for a sequence of items does not depend on how the sequence was cut into batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from msgspec import Struct

from events.contracts import parse_contract
from events.control import Control
from events.deadletters import dead_letter
from events.derived import DeadLetter, FlowPacket, MarkedPrint
from events.raw import OptionPrint, OptionQuote, Reference
from events.settings import Rules, rules_from
from events.sources import source as source_spec
from events.types import NS_PER_MS, Book
from operators.changes import Changes, put_back
from operators.mark import Instrument, MarkConfig, mark, new_instrument, set_multiplier, take_quote
from operators.merge import CONTROL_RANK, Item
from operators.packet import PacketState, close_due, join, joins

_PRINTS, _QUOTES, _REFERENCE = 1, 3, 0
#: Price times size of one print, dollars before the multiplier: a hundred billion with it. Above it the state's sums
#: would leave 64 bits, and a broken print would end the flow in its next snapshot.
MAX_NOTIONAL = 1e9


class PartitionState(Struct):
    """All that the step remembers of its partition."""

    instruments: dict[str, Instrument] = {}
    packets: PacketState = msgspec.field(default_factory=PacketState)
    #: Sources whose quotes stand until replaced, by name; None in a gap.
    quotes_stand: dict[str, bool] = {}
    shared_sequence: bool = False
    #: Shards that ever had a packet or heard of parameters: they hold state that an anchor must gather.
    shards: dict[str, bool] = {}
    #: Rules in force, under their documented names, and the time of the record that said so, ns.
    parameters: dict[str, int | float | str | bool] = {}
    parameters_ts: int = 0


@dataclass(slots=True)
class Stepped:
    """What a batch of items became."""

    marks: list[MarkedPrint] = field(default_factory=list)
    packets: list[FlowPacket] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    #: Parameters that a control record put in force, with the packets closed before it: (index in packets, values).
    parameters: list[tuple[int, dict[str, int | float | str | bool]]] = field(default_factory=list)


class PartitionChanges(Struct):
    """What has changed: the whole state but for the large maps, whose changed keys and deleted keys stand beside it."""

    rest: PartitionState
    instruments: dict[str, Instrument]
    gone: list[str] = []


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
        self._quotes_of: dict[str, tuple[bool, Book]] = {}
        self._use(rules_from(state.parameters) if state.parameters and follow_log else rules)

    def _use(self, rules: Rules) -> None:
        self._mark_config = MarkConfig(rules.nbbo_max_age_ms * NS_PER_MS)
        self._window_ms = rules.cluster_window_ms

    @property
    def pending(self) -> int:
        """How much has changed since `changes` was last asked for."""
        return len(self._changed)

    def changes(self) -> bytes:
        """Returns what has changed since it was last asked for: a dump and the changes behind it are the state."""
        memories = self.state.instruments
        changed = {contract: memories[contract] for contract in self._changed}
        rest = msgspec.structs.replace(self.state, instruments={})
        data = _encoder.encode(PartitionChanges(rest, changed, list(self._instruments.gone)))
        self.forget_changes()
        return data

    def forget_changes(self) -> None:
        """Says that what has changed is written down in another way."""
        self._instruments.clear()

    def dump(self) -> bytes:
        """Returns the state's bytes for a snapshot or an anchor."""
        return dump(self.state)

    def step(self, items: Sequence[Item], watermark: int) -> Stepped:
        """Takes items in order and the watermark behind them; returns marks, packets and dead letters in order."""
        out = Stepped()
        packets, due = self.state.packets, self.state.packets.due
        for order_ts, _, rank, _, _, event in items:
            if due and due[0][0] < order_ts:
                close_due(packets, order_ts, out.packets)
            if rank == _PRINTS:
                self._print(event, order_ts, out)
            elif rank == _QUOTES:
                self._quote(event, order_ts, out)
            elif rank == _REFERENCE:
                self._define(event)
            elif rank < 0:
                self._control(event, rank - CONTROL_RANK, out)
        if due and due[0][0] < watermark:
            close_due(packets, watermark, out.packets)
        return out

    def _print(self, event: OptionPrint, order_ts: int, out: Stepped) -> None:
        memory = self.state.instruments.get(event.contract) or self._new(event.contract)
        if memory is None:
            out.dead.append(_dead(event, order_ts, f"{event.contract!r} is not a compact OCC contract id"))
            return
        if event.price * event.size > MAX_NOTIONAL:
            out.dead.append(_dead(event, order_ts, f"{event.size} at {event.price} is more than any market trades"))
            return
        self._changed[event.contract] = None
        marked = mark(memory, event, order_ts, self._mark_config, self.state.shared_sequence)
        memory.print_order_ts = order_ts
        out.marks.append(marked)
        if joins(marked):
            join(self.state.packets, marked, memory.notional, memory.multiplier, self._window_ms)

    def _quote(self, event: OptionQuote, order_ts: int, out: Stepped) -> None:
        memory = self.state.instruments.get(event.contract) or self._new(event.contract)
        if memory is None:
            out.dead.append(_dead(event, order_ts, f"{event.contract!r} is not a compact OCC contract id"))
            return
        of_source = self._quotes_of.get(event.source)
        if of_source is None:
            of_source = self._learn_source(event.source)
        self._changed[event.contract] = None
        take_quote(memory, event, *of_source)
        if memory.print_order_ts == order_ts:
            _note_tie(out.marks, event, order_ts)

    def _learn_source(self, name: str) -> tuple[bool, Book]:
        """Returns whether a source's quotes stand until replaced, and whose book they are when they do not say."""
        found = self._quotes_of[name] = (self.state.quotes_stand.get(name, False), source_spec(name).book)
        return found

    def _new(self, contract_id: str) -> Instrument | None:
        try:
            memory = new_instrument(parse_contract(contract_id))
        except ValueError:
            return None
        self.state.instruments[contract_id] = memory
        self._changed[contract_id] = None
        return memory

    def _define(self, fact: Reference) -> None:
        """Remembers a multiplier; a contract that was never seen and has the usual one needs no memory for it."""
        if fact.kind != "definition" or fact.multiplier is None:
            return
        memory = self.state.instruments.get(fact.instrument)
        if memory is None and not _is_usual(fact):
            memory = self._new(fact.instrument)
        if memory is not None:
            self._changed[fact.instrument] = None
            set_multiplier(memory, fact.multiplier)

    def _control(self, record: Control | DeadLetter, topic_rank: int, out: Stepped) -> None:
        if isinstance(record, DeadLetter):
            out.dead.append(record)
        elif record.control == "feed" and record.source is not None:
            if topic_rank == _QUOTES:
                declared = record.quotes or source_spec(record.source).quotes
                self.state.quotes_stand[record.source] = declared == "every_change"
                self._quotes_of.clear()
            if topic_rank in (_PRINTS, _QUOTES):
                self.state.shared_sequence = record.shared_sequence
        elif record.control == "gap" and topic_rank == _QUOTES:
            self._forget_quotes()
        elif record.control == "parameters" and self._follow_log and record.ts > self.state.parameters_ts:
            self._change(record, out)

    def _change(self, record: Control, out: Stepped) -> None:
        """Puts recorded parameters in force; a copy, or an older one from a topic that was absent, is passed over."""
        if record.parameters is not None:
            self.state.parameters, self.state.parameters_ts = record.parameters, record.ts
            self._use(rules_from(record.parameters))
            out.parameters.append((len(out.packets), record.parameters))

    def _forget_quotes(self) -> None:
        """After a gap no quote of before stands any longer: it is judged by its age until it is replaced."""
        for contract, memory in self.state.instruments.items():
            if memory.stands:
                self._changed[contract] = None
                memory.stands = False


def _is_usual(fact: Reference) -> bool:
    try:
        return parse_contract(fact.instrument).multiplier == fact.multiplier
    except ValueError:
        return False


def _note_tie(marks: list[MarkedPrint], quote: OptionQuote, order_ts: int) -> None:
    for marked in reversed(marks):
        if marked.order_ts != order_ts:
            break
        same_instant = marked.ts == quote.ts and marked.contract == quote.contract
        if same_instant and marked.quote_ts != quote.ts and marked.quote_origin != "attached":
            marked.tie = True


def _dead(event: OptionPrint | OptionQuote, order_ts: int, reason: str) -> DeadLetter:
    topic = "options.prints" if isinstance(event, OptionPrint) else "options.quotes"
    return dead_letter(topic, event.source, event.id, reason, msgspec.json.encode(event), order_ts)
