"""The step by underlying shard: packets in; packets with their baseline, hits and alerts out (contract 10).

Everything it keeps is per underlying, so that neither the number of shards nor of partitions shows in its output.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from events.contracts import parse_contract
from events.derived import FlowPacket
from events.sessions import NEW_YORK
from events.settings import Rules, rules_from
from events.types import NS_PER_S
from events.verdicts import Alert, Hit
from operators.alert import AlertState, alert_for
from operators.baseline import Baseline, BaselineConfig, Baselines, Sample, bucket_of
from operators.rules import ALL
from operators.rules.rule import Rule, hit_of
from operators.units import micro

_HOUR_NS = 3600 * NS_PER_S


class UnderlyingDump(Struct, array_like=True):
    """One underlying's memory as plain values: samples oldest first, alerts that may still merge."""

    contracts: dict[str, list[Sample]]
    buckets: dict[str, list[Sample]]
    underlying: list[Sample]
    alerts: AlertState


class ShardDump(Struct, array_like=True):
    """All that recovery stores of a shard."""

    underlyings: dict[str, UnderlyingDump] = {}
    parameters: dict[str, int | float | str | bool] = {}


class _Underlying:
    __slots__ = ("alerts", "baselines")

    def __init__(self) -> None:
        self.baselines = Baselines()
        self.alerts = AlertState()


@dataclass(slots=True)
class Judged:
    """What packets became: the packets with their baseline, in order, then hits and alerts."""

    packets: list[FlowPacket] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ShardDump)


class ShardStep:
    """The step over one shard's underlyings."""

    def __init__(
        self, rules: Rules, data: bytes | None = None, rule_set: Sequence[Rule] = ALL, follow_log: bool = True
    ) -> None:
        self._rule_set = rule_set
        dump = _decoder.decode(data) if data else ShardDump()
        self._underlyings = {name: _restored(each) for name, each in dump.underlyings.items()}
        self._parameters = dump.parameters
        self._days: dict[int, int] = {}
        self._use(rules_from(dump.parameters) if dump.parameters and follow_log else rules)

    def _use(self, rules: Rules) -> None:
        self._rules = rules
        self._config = BaselineConfig(rules.rolling_window_size, rules.classifier_z_min_samples)
        self._floors = [(rule, rule.least_premium(rules)) for rule in self._rule_set]
        self._least_floor = min(floor for _, floor in self._floors)

    def set_parameters(self, parameters: dict[str, int | float | str | bool]) -> None:
        """Puts recorded parameters in force from here on (contract 8)."""
        self._parameters = parameters
        self._use(rules_from(parameters))

    def dump(self) -> bytes:
        """Returns the state's bytes for a snapshot or an anchor; equal histories give equal bytes."""
        dumps = {name: _dumped(each) for name, each in self._underlyings.items()}
        return _encoder.encode(ShardDump(dumps, self._parameters))

    def step(self, packets: Sequence[FlowPacket], out: Judged) -> None:
        """Takes packets in order: scores each against what came before it, judges it, then remembers it."""
        for packet in packets:
            memory = self._underlyings.get(packet.underlying)
            if memory is None:
                memory = self._underlyings[packet.underlying] = _Underlying()
            self._score(packet, memory.baselines)
            out.packets.append(packet)
            premium = packet.premium
            if premium is not None and premium >= self._least_floor:
                hits = self._judge(packet, premium)
                if hits:
                    out.hits += hits
                    out.alerts.append(alert_for(memory.alerts, packet, hits, self._rules))

    def _judge(self, packet: FlowPacket, premium: float) -> list[Hit]:
        contract = parse_contract(packet.contract)
        hits = []
        for rule, floor in self._floors:
            if premium >= floor and rule.sieve(packet, contract, self._rules):
                verdict = rule.judge(packet, contract, self._rules)
                if verdict.fired:
                    hits.append(hit_of(rule, packet, verdict, self._rules))
        return hits

    def _score(self, packet: FlowPacket, baselines: Baselines) -> None:
        contract = parse_contract(packet.contract)
        own, bucket, underlying = baselines.levels(contract, bucket_of(contract, self._day(packet.start_ts)))
        enough, limit = self._config.min_samples, self._config.window
        premium, spread = packet.premium, packet.spread
        sample: Sample = (
            None if premium is None else micro(premium), packet.size, None if spread is None else micro(spread)
        )  # fmt: skip
        if own.count >= enough:
            packet.baseline, chosen = "contract", own
        elif bucket.count >= enough:
            packet.baseline, chosen = "bucket", bucket
        elif underlying.count >= enough:
            packet.baseline, chosen = "underlying", underlying
        else:
            chosen = own
        # Without a baseline the contract's own count says how far it has warmed up.
        packet.baseline_samples = chosen.count
        if packet.baseline is not None:
            chosen.score(packet, sample, enough)
        own.add(sample, limit)
        bucket.add(sample, limit)
        underlying.add(sample, limit)

    def _day(self, ts: int) -> int:
        """Returns the New York date of a time as an ordinal."""
        hour = ts // _HOUR_NS
        day = self._days.get(hour)
        if day is None:
            self._days.clear()
            day = datetime.fromtimestamp(hour * 3600, UTC).astimezone(NEW_YORK).toordinal()
            self._days[hour] = day
        return day


def _dumped(memory: _Underlying) -> UnderlyingDump:
    baselines = memory.baselines
    return UnderlyingDump(
        contracts={name: list(each.samples) for name, each in baselines.contracts.items()},
        buckets={name: list(each.samples) for name, each in baselines.buckets.items()},
        underlying=list(baselines.underlying.samples),
        alerts=memory.alerts,
    )


def _restored(dump: UnderlyingDump) -> _Underlying:
    memory = _Underlying()
    memory.baselines.contracts = {name: Baseline(samples) for name, samples in dump.contracts.items()}
    memory.baselines.buckets = {name: Baseline(samples) for name, samples in dump.buckets.items()}
    memory.baselines.underlying = Baseline(dump.underlying)
    memory.alerts = dump.alerts
    return memory
