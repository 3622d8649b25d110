"""What a rule is: named checks on one packet, a direction, a style, a confidence, and the sentences people read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from events.contracts import Contract
from events.derived import FlowPacket
from events.ids import hit_id
from events.settings import Rules
from events.types import Direction, Style
from events.verdicts import Check, Hit

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">=": lambda observed, threshold: observed >= threshold,
    "<=": lambda observed, threshold: observed <= threshold,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule found in a packet, fired or not."""

    fired: bool
    direction: Direction
    confidence: float
    checks: tuple[Check, ...]
    sentences: tuple[str, ...]
    against: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `least_premium` (dollars) and `sieve` are necessary for it to fire: most packets cost little."""

    id: str
    version: int
    style: Style
    settings: tuple[str, ...]
    least_premium: Callable[[Rules], float]
    sieve: Callable[[FlowPacket, Contract, Rules], bool]
    judge: Callable[[FlowPacket, Contract, Rules], Verdict]


def check(
    name: str, observed: float | None, comparison: Literal[">=", "<="], threshold: float, required: bool = True
) -> Check:
    """Makes a numeric check; what was not observed does not pass."""
    if observed is None:
        return Check(name, None, comparison, float(threshold), False, required)
    return Check(
        name, float(observed), comparison, float(threshold), _COMPARE[comparison](observed, threshold), required
    )


def check_is(name: str, observed: str | None, wanted: str, required: bool = True) -> Check:
    """Makes a check of equality."""
    return Check(name, observed, "==", wanted, observed == wanted, required)


def passes(checks: tuple[Check, ...]) -> bool:
    """Tells whether every required check passed."""
    return all(each.passed for each in checks if each.required)


def hit_of(rule: Rule, packet: FlowPacket, verdict: Verdict, rules: Rules) -> Hit:
    """Makes the hit of a verdict that fired, stamped with the settings that made it."""
    return Hit(
        id=hit_id(packet.id, rule.id),
        revision=packet.revision,
        ts=packet.ts,
        about=packet.id,
        packet_id=packet.id,
        contract=packet.contract,
        underlying=packet.underlying,
        rule=rule.id,
        version=rule.version,
        direction=verdict.direction,
        style=rule.style,
        confidence=verdict.confidence,
        premium=packet.premium,
        checks=verdict.checks,
        sentences=verdict.sentences,
        against=verdict.against,
        thresholds={name.upper(): float(getattr(rules, name)) for name in rule.settings},
    )


def money(dollars: float | None) -> str:
    """Returns dollars as people write them: $412.5k, $1.2M."""
    if dollars is None:
        return "an unknown premium"
    # From where rounding would write $1000.0k and $1000.
    if dollars >= 999_950:
        return f"${dollars / 1_000_000:.1f}M"
    return f"${dollars / 1000:.1f}k" if dollars >= 999.5 else f"${dollars:.0f}"


def contract_name(contract: Contract) -> str:
    """Returns a contract as professionals read it: NVDA 16 Jan 26 450 C."""
    day = f"{contract.expiry.day} {contract.expiry:%b %y}"
    return f"{contract.root} {day} {contract.strike:g} {contract.right}"


def percent(share: float) -> str:
    """Returns a share of 1 as a whole percentage."""
    return f"{share * 100:.0f} %"
