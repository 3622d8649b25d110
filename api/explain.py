"""Why a packet fired or not: every rule judges it again, and shows each of its checks, nearest to firing first."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from events.contracts import parse_contract
from events.derived import FlowPacket
from events.settings import Rules, plain_rules
from events.topics import decoder
from events.verdicts import Check
from operators.rules import ALL
from operators.rules.rule import Rule

_decoder = decoder("flow.packets")


def explain(fields: dict[str, Any], rules: Rules) -> dict[str, Any]:
    """Returns what every rule says of an archived packet under these settings."""
    packet: FlowPacket = _decoder.decode(orjson.dumps(fields))
    judged = sorted((_judged(rule, packet, rules) for rule in ALL), key=_distance)
    return {"packet": packet.id, "revision": packet.revision, "contract": packet.contract, "rules": judged}


def _judged(rule: Rule, packet: FlowPacket, rules: Rules) -> dict[str, Any]:
    verdict = rule.judge(packet, parse_contract(packet.contract), rules)
    required = [check for check in verdict.checks if check.required]
    settings = plain_rules(rules)
    return {
        "rule": rule.id,
        "version": rule.version,
        "style": rule.style,
        "fired": verdict.fired,
        "required": len(required),
        "passed": sum(check.passed for check in required),
        "nearness": round(sum(map(_nearness, required)) / max(len(required), 1), 4),
        "direction": verdict.direction,
        "confidence": verdict.confidence,
        "checks": [msgspec.to_builtins(check) | {"margin": _margin(check)} for check in verdict.checks],
        "sentences": list(verdict.sentences) if verdict.fired else [],
        "against": list(verdict.against),
        "thresholds": {name.upper(): settings[name.upper()] for name in rule.settings},
    }


def _distance(judged: dict[str, Any]) -> tuple[bool, int, float, str]:
    return not judged["fired"], judged["required"] - judged["passed"], -judged["nearness"], judged["rule"]


def _margin(check: Check) -> float | None:
    """Returns observed less threshold; None where they are words or nothing was observed."""
    if isinstance(check.observed, int | float) and isinstance(check.threshold, int | float):
        return round(check.observed - check.threshold, 6)
    return None


def _nearness(check: Check) -> float:
    """Returns 1 for a check that passed, else the share of its threshold that was reached."""
    if check.passed:
        return 1.0
    if not isinstance(check.observed, int | float) or not isinstance(check.threshold, int | float):
        return 0.0
    low, high = sorted((check.observed, check.threshold))
    return low / high if low > 0 else 0.0
