"""The step by underlying shard: packets in; packets with their baseline, hits and alerts out (contract 10).

Everything it keeps is per underlying, so that neither the number of shards nor of partitions shows in its output.
What it keeps has two sides. Baselines are large: what they were given is noted, and giving it again makes the same
baselines. The rest of an underlying (`Rest`) is small and written down whole whenever the underlying was touched, so
that a field added there needs nothing else; it must stay small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from msgspec import Struct

from events.contracts import parse_contract
from events.derived import FlowPacket
from events.settings import Rules, rules_from
from events.verdicts import Alert, Hit, Structure
from operators.alert import AlertState, alert_for
from operators.baseline import BaselineConfig, Baselines, BaselinesDump, Sample
from operators.rules import ALL
from operators.rules.rule import Rule, hit_of
from operators.window import Window
from operators.work import Decision, Revised, Waiting, Work

Parameters = dict[str, int | float | str | bool]


class Rest(Struct, array_like=True):
    """What is kept of an underlying beside its baselines: alerts that may still merge, packets that wait."""

    alerts: AlertState = msgspec.field(default_factory=AlertState)
    #: Packets scored and published, on which it is not yet decided what they are legs of, by id.
    waiting: dict[str, FlowPacket] = {}


class UnderlyingDump(Struct, array_like=True):
    """One underlying's memory as plain values."""

    baselines: BaselinesDump
    rest: Rest


class ShardDump(Struct, array_like=True):
    """All that recovery stores of a shard."""

    underlyings: dict[str, UnderlyingDump] = {}
    parameters: Parameters = {}


class ShardChanges(Struct, array_like=True):
    """What has changed: the rest of underlyings touched, samples taken and parameters set, each in order."""

    rests: dict[str, Rest] = {}
    taken: list[Sample | Parameters] = []


class _Underlying:
    __slots__ = ("baselines", "rest")

    def __init__(self, baselines: Baselines, rest: Rest) -> None:
        self.baselines = baselines
        self.rest = rest


@dataclass(slots=True)
class Judged:
    """What packets became: the packets with their baseline, in order, then hits and alerts."""

    packets: list[FlowPacket] = field(default_factory=list)
    structures: list[Structure] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ShardDump)
_changes_decoder = msgspec.msgpack.Decoder(ShardChanges)


class ShardStep:
    """The step over one shard's underlyings."""

    def __init__(
        self, rules: Rules, data: bytes | None = None, rule_set: Sequence[Rule] = ALL, follow_log: bool = True,
        changes: Sequence[bytes] = (),
    ) -> None:  # fmt: skip
        """Begins with a dump's bytes, and what `changes` returned since; raises msgspec.DecodeError on others'."""
        self._rule_set, self._follow_log = rule_set, follow_log
        dump = _decoder.decode(data) if data else ShardDump()
        self._parameters = dump.parameters
        self._use(rules_from(dump.parameters) if dump.parameters and follow_log else rules)
        self._underlyings = {
            name: _Underlying(Baselines(self._config, each.baselines), each.rest)
            for name, each in dump.underlyings.items()
        }
        self._shipped: dict[str, Window] = {}
        self._touched: dict[str, None] = {}
        self._taken: list[Sample | Parameters] = []
        for each in changes:
            self._put_back(_changes_decoder.decode(each))
        self.forget_changes()

    def _use(self, rules: Rules) -> None:
        self._rules = rules
        self._floors = [(rule, rule.least_premium(rules)) for rule in self._rule_set]
        self._least_floor = min(floor for _, floor in self._floors)
        self._config = BaselineConfig.of(rules, self._least_floor)

    def set_parameters(self, parameters: Parameters) -> None:
        """Puts recorded parameters in force from here on (contract 8)."""
        self._taken.append(parameters)
        self._parameters = parameters
        self._use(rules_from(parameters))
        for memory in self._underlyings.values():
            memory.baselines.use(self._config)

    def dump(self) -> bytes:
        """Returns the state's bytes for a snapshot or an anchor; equal histories give equal bytes."""
        dumps = {name: UnderlyingDump(each.baselines.dump(), each.rest) for name, each in self._underlyings.items()}
        return _encoder.encode(ShardDump(dumps, self._parameters))

    @property
    def pending(self) -> int:
        """How much has changed since `changes` was last asked for."""
        return len(self._taken)

    def changes(self) -> bytes:
        """Returns what has changed since it was last asked for: a dump and the changes behind it are the state."""
        rests = {name: self._underlyings[name].rest for name in self._touched}
        data = _encoder.encode(ShardChanges(rests, self._taken))
        self.forget_changes()
        return data

    def forget_changes(self) -> None:
        """Says that what has changed is written down in another way."""
        self._touched.clear()
        self._taken.clear()

    def _put_back(self, changes: ShardChanges) -> None:
        for name, rest in changes.rests.items():
            self._memory(name).rest = rest
        for each in changes.taken:
            if isinstance(each, dict):
                self.set_parameters(each)
            else:
                self._memory(parse_contract(each[0]).underlying).baselines.remember(each, self._config)

    def step(self, work: Sequence[Work], out: Judged) -> None:
        """Takes work in order: scores each packet against what came before it, and judges it once it is decided on."""
        for item in work:
            match item:
                case FlowPacket():
                    self._alert(item, self._take(item, out), out)
                case Waiting(packet):
                    self._take(packet, out).waiting[packet.id] = packet
                case Decision(ts, underlying, packets, structures):
                    rest = self._memory(underlying).rest
                    out.structures += structures
                    for ident in packets:
                        # Hits and alerts are stamped with the time of the decision (contract 21).
                        self._alert(msgspec.structs.replace(rest.waiting.pop(ident), ts=ts), rest, out)
                case Revised(packet, _, structures):
                    out.packets.append(packet)
                    out.structures += structures
                case _:
                    pass

    def _take(self, packet: FlowPacket, out: Judged) -> Rest:
        memory = self._memory(packet.underlying)
        contract = parse_contract(packet.contract)
        self._taken.append(memory.baselines.take(packet, contract, self._config, self._shipped))
        out.packets.append(packet)
        return memory.rest

    def _alert(self, packet: FlowPacket, rest: Rest, out: Judged) -> None:
        premium = packet.premium
        if premium is not None and premium >= self._least_floor:
            hits = self._judge(packet, premium)
            if hits:
                out.hits += hits
                out.alerts.append(alert_for(rest.alerts, packet, hits, self._rules))

    def _memory(self, underlying: str) -> _Underlying:
        """Returns the memory of an underlying, a new one where there was none; whoever asks may change it."""
        memory = self._underlyings.get(underlying)
        if memory is None:
            memory = self._underlyings[underlying] = _Underlying(Baselines(self._config), Rest())
        self._touched[underlying] = None
        return memory

    def _judge(self, packet: FlowPacket, premium: float) -> list[Hit]:
        contract = parse_contract(packet.contract)
        hits = []
        for rule, floor in self._floors:
            if premium >= floor and rule.sieve(packet, contract, self._rules):
                verdict = rule.judge(packet, contract, self._rules)
                if verdict.fired:
                    hits.append(hit_of(rule, packet, verdict, self._rules))
        return hits
