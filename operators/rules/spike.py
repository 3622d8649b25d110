"""Spike: a packet far larger than its contract usually sees, whoever started it (contract 27)."""

from __future__ import annotations

from events.contracts import Contract
from events.derived import FlowPacket
from events.settings import Rules
from events.types import Direction
from events.verdicts import Check
from operators.rules.rule import Rule, Verdict, check, check_is, contract_name, money, passes
from operators.units import ratio

_SETTINGS = (
    "classifier_spike_min_premium", "classifier_spike_min_size", "classifier_spike_min_premium_z",
    "classifier_spike_min_size_z", "classifier_z_min_samples", "classifier_min_aggressor_ratio",
    "classifier_min_nbbo_coverage", "rolling_window_size",
)  # fmt: skip


def _sieve(packet: FlowPacket, contract: Contract, rules: Rules) -> bool:
    return packet.size >= rules.classifier_spike_min_size


def _judge(packet: FlowPacket, contract: Contract, rules: Rules) -> Verdict:
    has_baseline = packet.baseline is not None
    checks = (
        check_is("flag", packet.flag, "regular"),
        check("size, contracts", packet.size, ">=", rules.classifier_spike_min_size),
        check("premium, dollars", packet.premium, ">=", rules.classifier_spike_min_premium),
        _z_check("premium z", packet.premium_z, rules.classifier_spike_min_premium_z, has_baseline),
        _z_check("size z", packet.size_z, rules.classifier_spike_min_size_z, has_baseline),
    )
    direction = _direction(packet, contract, rules)
    return Verdict(
        fired=passes(checks),
        direction=direction,
        confidence=_confidence(packet),
        checks=checks,
        sentences=_sentences(packet, contract, direction),
        against=_against(packet, direction),
    )


def _z_check(name: str, z: float | None, threshold: float, has_baseline: bool) -> Check:
    """A z decides where a baseline gives one; without it the floors alone decide."""
    return check(name, z, ">=", threshold, required=has_baseline and z is not None)


def _direction(packet: FlowPacket, contract: Contract, rules: Rules) -> Direction:
    """Bought calls are bullish, bought puts bearish; sold or unclear size claims no direction."""
    bought = ratio(packet.buy_size, packet.covered_size)
    if packet.coverage < rules.classifier_min_nbbo_coverage or bought < rules.classifier_min_aggressor_ratio:
        return "neutral"
    return "bullish" if contract.right == "C" else "bearish"


def _confidence(packet: FlowPacket) -> float:
    """Grows with how unusual premium and size are; 0.4 when there is nothing to compare with."""
    if packet.premium_z is None or packet.size_z is None:
        return 0.4
    return round(min(0.5 + 0.05 * min(packet.premium_z, 4.0) + 0.05 * min(packet.size_z, 4.0), 0.9), 4)


def _sentences(packet: FlowPacket, contract: Contract, direction: Direction) -> tuple[str, ...]:
    first = f"{packet.size:,} contracts of {contract_name(contract)} for {money(packet.premium)} in one window."
    if packet.premium_z is None or packet.size_z is None:
        usual = "There is no usable baseline yet; size and premium alone pass their floors."
    else:
        usual = (
            f"Size stands {packet.size_z:.1f} and premium {packet.premium_z:.1f} deviations from the mean of "
            f"{packet.baseline_samples} earlier packets of its {packet.baseline}."
        )
    if direction == "neutral":
        return first, usual, "The side is not clear: consistent with opening, closing or a trade against a hedge."
    return first, usual, f"Most of it traded as bought, which is consistent with a {direction} view."


def _against(packet: FlowPacket, direction: Direction) -> tuple[str, ...]:
    against = []
    if packet.premium_z is None:
        against.append("No usable baseline yet: whether this is unusual here is not known.")
    elif packet.baseline != "contract":
        against.append(f"The contract itself has too few packets: compared with its {packet.baseline}.")
    if packet.coverage < 1:
        against.append("Part of the size had no usable quote.")
    if direction == "neutral":
        against.append("Buyers and sellers cannot be told apart well enough.")
    if packet.venue_book:
        against.append("The quotes are one venue's book, not the national best.")
    return tuple(against)


RULE = Rule(
    id="unusual_contract_spike", version=1, style="unclear", settings=_SETTINGS,
    least_premium=lambda rules: rules.classifier_spike_min_premium, sieve=_sieve, judge=_judge,
)  # fmt: skip
