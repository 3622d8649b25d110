"""Sweep: many prints of one side in one window, bought calls or bought puts (contract 27)."""

from __future__ import annotations

from functools import partial
from typing import Literal

from events.contracts import Contract
from events.derived import FlowPacket
from events.settings import Rules
from events.types import Direction
from events.verdicts import Check
from operators.rules.rule import Rule, Verdict, check, check_is, contract_name, money, passes, percent
from operators.units import ratio

_SETTINGS = (
    "classifier_sweep_min_premium", "classifier_sweep_min_count", "classifier_sweep_min_premium_z",
    "classifier_min_aggressor_ratio", "classifier_min_nbbo_coverage", "classifier_z_min_samples", "cluster_window_ms",
)  # fmt: skip
#: An unusual premium replaces the floor only above this share of it.
_FLOOR_SHARE_WITH_Z = 0.25


def _least_premium(rules: Rules) -> float:
    return rules.classifier_sweep_min_premium * _FLOOR_SHARE_WITH_Z


def _sieve(right: Literal["C", "P"], packet: FlowPacket, contract: Contract, rules: Rules) -> bool:
    return contract.right == right and packet.count >= rules.classifier_sweep_min_count and packet.flag == "regular"


def _judge(right: Literal["C", "P"], packet: FlowPacket, contract: Contract, rules: Rules) -> Verdict:
    bought = ratio(packet.buy_size, packet.covered_size)
    checks = (
        check_is("right", contract.right, right),
        check_is("flag", packet.flag, "regular"),
        check("print count", packet.count, ">=", rules.classifier_sweep_min_count),
        check("quote coverage", packet.coverage, ">=", rules.classifier_min_nbbo_coverage),
        check("bought share of covered size", bought, ">=", rules.classifier_min_aggressor_ratio),
        _premium_check(packet, rules),
        check("premium z", packet.premium_z, ">=", rules.classifier_sweep_min_premium_z, required=False),
        check("intermarket sweep prints", packet.intermarket_sweeps, ">=", 1, required=False),
        check("venues", len(packet.venues), ">=", 2, required=False),
    )
    direction: Direction = "bullish" if right == "C" else "bearish"
    return Verdict(
        fired=passes(checks),
        direction=direction,
        confidence=_confidence(packet, bought, rules),
        checks=checks,
        sentences=_sentences(packet, contract, bought, direction),
        against=_against(packet),
    )


def _premium_check(packet: FlowPacket, rules: Rules) -> Check:
    """The floor; a quarter of it is enough when the premium is unusual against its baseline."""
    floor = rules.classifier_sweep_min_premium
    if packet.premium_z is not None and packet.premium_z >= rules.classifier_sweep_min_premium_z:
        return check("premium, dollars (unusual: a quarter of the floor)", packet.premium, ">=", _least_premium(rules))
    return check("premium, dollars", packet.premium, ">=", floor)


def _swept(packet: FlowPacket) -> bool:
    return packet.intermarket_sweeps > 0 or len(packet.venues) >= 2


def _confidence(packet: FlowPacket, bought: float, rules: Rules) -> float:
    """Weighs purity of side, coverage, evidence of a sweep and unusualness; at most 0.9: the side is an estimate."""
    z = packet.premium_z
    confidence = 0.35
    confidence += (
        0.2 * (bought - rules.classifier_min_aggressor_ratio) / (1.0001 - rules.classifier_min_aggressor_ratio)
    )
    confidence += 0.1 * packet.coverage
    confidence += 0.1 * (packet.intermarket_sweeps > 0) + 0.1 * (len(packet.venues) >= 2)
    confidence += 0.05 * min(max(z or 0.0, 0.0), 3.0) / 3
    confidence -= 0.1 * packet.venue_book
    return round(min(max(confidence, 0.05), 0.9), 4)


def _sentences(packet: FlowPacket, contract: Contract, bought: float, direction: Direction) -> tuple[str, ...]:
    how = "swept" if _swept(packet) else "bought in a burst or split"
    span_ms = (packet.end_ts - packet.start_ts) / 1e6
    sentences = [
        f"{packet.size:,} contracts of {contract_name(contract)} {how} in {packet.count} prints "
        f"within {span_ms:.0f} ms for {money(packet.premium)}.",
        f"{percent(bought)} of the size with a quote traded as bought, which suggests a {direction} buyer in a hurry.",
    ]
    if packet.intermarket_sweeps:
        sentences.append(f"{packet.intermarket_sweeps} of the prints carry the intermarket-sweep flag.")
    if len(packet.venues) >= 2:
        sentences.append(f"It printed on {len(packet.venues)} venues.")
    if packet.premium_z is not None:
        sentences.append(
            f"Its premium stands {packet.premium_z:.1f} deviations from the mean of {packet.baseline_samples} earlier "
            f"packets of its {packet.baseline}."
        )
    return tuple(sentences)


def _against(packet: FlowPacket) -> tuple[str, ...]:
    against = []
    if not _swept(packet):
        against.append("One venue and no sweep flag: consistent with a split order or with several strangers.")
    if packet.premium_z is None:
        against.append("No usable baseline yet: whether this is unusual here is not known.")
    if packet.coverage < 1:
        against.append(f"{percent(1 - packet.coverage)} of the size had no usable quote.")
    if packet.venue_book:
        against.append("The quotes are one venue's book, not the national best.")
    if packet.sell_size:
        against.append(f"{packet.sell_size:,} contracts traded as sold inside the same window.")
    return tuple(against)


def _rule(ident: str, right: Literal["C", "P"]) -> Rule:
    return Rule(
        id=ident, version=1, style="directional", settings=_SETTINGS, least_premium=_least_premium,
        sieve=partial(_sieve, right), judge=partial(_judge, right),
    )  # fmt: skip


RULES = (_rule("large_bullish_call_sweep", "C"), _rule("large_bearish_put_sweep", "P"))
