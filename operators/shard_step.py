"""The step by underlying shard: work in; packets with their baseline and what was judged of them out (contract 10).

Everything it keeps is per underlying, so that neither the number of shards nor of partitions shows in its output.
What it keeps has two sides. Baselines are large: what they were given is noted, and giving it again makes the same
baselines. The rest of an underlying (`operators/memory.py`) is small and written down whole whenever judging touched
it, so that a field added there needs nothing else; it must stay small.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from events.contracts import parse_contract
from events.derived import FlowPacket
from events.settings import Rules, rules_from
from operators.baseline import BaselineConfig, Baselines, samples_of, windows_of
from operators.judging import Judge, Verdicts
from operators.later import check_interest, outcomes
from operators.memory import MAX_HELD, Memory, trim
from operators.rules import ALL
from operators.rules.rule import Rule
from operators.shard_state import Earlier, Parameters, Sample, ShardChanges, ShardDump, UnderlyingDump
from operators.sharing import underlying_of
from operators.work import Decision, Interest, Look, Revised, Said, Shipped, Waiting, Warmed, Work


class _Underlying:
    __slots__ = ("baselines", "rest")

    def __init__(self, baselines: Baselines, rest: Memory) -> None:
        self.baselines = baselines
        self.rest = rest


def _own_floor(memory: _Underlying) -> float | None:
    """Returns the underlying's own quantile of packet premium as it is known now, dollars; None while it is not."""
    return memory.baselines.premium_floor(0.0) or None


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
        self._ship(dump.shipped)
        self._newly_shipped: dict[str, list[Earlier]] | None = None
        self._touched: dict[str, None] = {}
        self._taken: list[Sample | Parameters] = []
        for each in changes:
            self._put_back(_changes_decoder.decode(each))
        self.forget_changes()

    def _use(self, rules: Rules) -> None:
        self._rules = rules
        self._judge = Judge(self._rule_set, rules)
        self._config = BaselineConfig.of(rules, self._judge.least)

    def set_parameters(self, parameters: Parameters) -> None:
        """Puts recorded parameters in force from here on (contract 8)."""
        self._taken.append(parameters)
        self._parameters = parameters
        self._use(rules_from(parameters))
        for memory in self._underlyings.values():
            memory.baselines.use(self._config)

    def hear(self, said: Said) -> None:
        """Takes what a control record said: parameters, or shipped buckets, which speak where an underlying has nothing
        of its own yet (contract 8).
        """
        if isinstance(said, Shipped):
            self._newly_shipped = self._ship(said.buckets)
        else:
            self.set_parameters(said)

    def _ship(self, buckets: dict[str, list[Earlier]]) -> dict[str, list[Earlier]]:
        self._shipped_rows, self._shipped = buckets, windows_of(buckets)
        return buckets

    def _warm(self, memory: _Underlying, contracts: dict[str, list[Earlier]]) -> None:
        """Remembers packets of before, where there are none yet of its own."""
        if memory.baselines.cold:
            for sample in samples_of(contracts):
                memory.baselines.remember(sample, self._config)
                self._taken.append(sample)

    def dump(self) -> bytes:
        """Returns the state's bytes for a snapshot or an anchor; equal histories give equal bytes."""
        # By name: an underlying whose rest was not touched is made again in another order than it first came.
        every = sorted(self._underlyings.items())
        dumps = {name: UnderlyingDump(each.baselines.dump(), each.rest) for name, each in every}
        return _encoder.encode(ShardDump(dumps, self._parameters, self._shipped_rows))

    @property
    def pending(self) -> int:
        """How much has changed since `changes` was last asked for."""
        return len(self._taken)

    def changes(self) -> bytes:
        """Returns what has changed since it was last asked for: a dump and the changes behind it are the state."""
        rests = {name: self._underlyings[name].rest for name in self._touched}
        data = _encoder.encode(ShardChanges(rests, self._taken, self._newly_shipped))
        self.forget_changes()
        return data

    def forget_changes(self) -> None:
        """Says that what has changed is written down in another way."""
        self._touched.clear()
        self._taken.clear()
        self._newly_shipped = None

    def _put_back(self, changes: ShardChanges) -> None:
        if changes.shipped is not None:
            self._ship(changes.shipped)
        for name, rest in changes.rests.items():
            self._memory(name).rest = rest
        for each in changes.taken:
            if isinstance(each, dict):
                self.set_parameters(each)
            else:
                self._memory(parse_contract(each[0]).underlying).baselines.remember(each, self._config)

    def step(self, work: Sequence[Work], out: Verdicts) -> None:
        """Takes work in order: scores each packet against what came before it, judges it, then remembers it."""
        for item in work:
            if type(item) is FlowPacket:
                self._packet(item, out)
            else:
                self._later(item, out)

    def _packet(self, packet: FlowPacket, out: Verdicts) -> None:
        memory = self._memory(packet.underlying)
        self._score(packet, memory, out)
        premium = packet.premium
        if premium is not None and premium >= self._judge.least:
            self._touched[packet.underlying] = None
            self._judge.packet(memory.rest, packet, packet.ts, out)

    def _score(self, packet: FlowPacket, memory: _Underlying, out: Verdicts) -> None:
        contract = parse_contract(packet.contract)
        self._taken.append(memory.baselines.take(packet, contract, self._config, self._shipped))
        out.packets.append(packet)

    def _later(self, item: Work, out: Verdicts) -> None:
        """What is not a packet to judge at once changes what is remembered of its underlying."""
        underlying = underlying_of(item)
        memory = self._memory(underlying)
        self._touched[underlying] = None
        if type(item) is Waiting:
            self._score(item.packet, memory, out)
            memory.rest.held[item.packet.id] = item.packet
            trim(memory.rest.held, MAX_HELD)
        elif type(item) is Decision:
            self._decide(memory, item, out)
        elif type(item) is Revised:
            self._revise(memory, item, out)
        elif type(item) is Look:
            self._look(memory, item, out)
        elif type(item) is Interest:
            out.checks += check_interest(memory.rest, item)
        elif type(item) is Warmed:
            self._warm(memory, item.contracts)

    def _decide(self, memory: _Underlying, decision: Decision, out: Verdicts) -> None:
        """Judges structures first; the parents that they took are no single-leg evidence."""
        rest = memory.rest
        taken: dict[str, None] = {}
        for structure in decision.structures:
            structure.premium_floor = _own_floor(memory)
            out.structures.append(structure)
            self._judge.structure(rest, structure, decision.ts, out)
            taken.update(dict.fromkeys(leg.parent_id for leg in structure.legs))
        for ident in decision.packets:
            held = rest.held.pop(ident, None)
            if held is not None and held.premium is not None and held.premium >= self._judge.least:
                self._judge.packet(rest, held, decision.ts, out, frozenset(taken))

    def _revise(self, memory: _Underlying, revised: Revised, out: Verdicts) -> None:
        """Scores and judges a packet as it would have been without a print; what waits is judged with its decision."""
        packet, rest = revised.packet, memory.rest
        if packet.members:
            memory.baselines.again(packet, parse_contract(packet.contract), self._config, self._shipped)
        out.packets.append(msgspec.structs.replace(packet, ts=revised.ts))
        for structure in revised.structures:
            # What the packet was held against is of its own day, also where the next one has begun since.
            structure.premium_floor = packet.premium_floor or _own_floor(memory)
            out.structures.append(structure)
            self._judge.revise_structure(rest, structure, revised.ts, out)
        if packet.id in rest.held:
            rest.held[packet.id] = packet
        else:
            self._judge.revise_packet(rest, revised, out)

    def _look(self, memory: _Underlying, look: Look, out: Verdicts) -> None:
        look.premium_floor = _own_floor(memory)
        for found, hit, alert in outcomes(memory.rest, look, self._rules, self._judge.looks):
            out.outcomes.append(found)
            if hit is not None:
                out.hits.append(hit)
            if alert is not None:
                out.alerts.append(alert)

    def _memory(self, underlying: str) -> _Underlying:
        """Returns the memory of an underlying, a new one where there was none."""
        memory = self._underlyings.get(underlying)
        if memory is None:
            memory = self._underlyings[underlying] = _Underlying(Baselines(self._config), Memory())
        return memory
