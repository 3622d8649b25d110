"""Why something fired or not: every rule judges it again, and shows each of its checks, nearest to firing first."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from events.derived import FlowPacket
from events.settings import Rules, plain_rules
from events.topics import decoder
from events.verdicts import Check, Structure
from operators.rules import ALL
from operators.rules.rule import Rule
from operators.rules.subject import StructureSubject, Subject, orders_of, whole_of

_packets = decoder("flow.packets")
_structures = decoder("flow.structures")
#: What cannot be judged again from one packet, and why.
_ELSEWHERE = {
    "repeated_hits": "It looks across packets: only the packet itself stands here.",
    "ladder_accumulation": "It looks across packets: only the packet itself stands here.",
}


def explain(
    fields: dict[str, Any], rules: Rules, *, taken: frozenset[str] = frozenset(), about: str | None = None,
    near: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Returns what every rule says of an archived packet under these settings.

    `taken` are parents that structures hold: no single-leg evidence. `about` narrows to one parent; `near` to rules
    that did not fire, at most so many, nearest first.
    """
    packet: FlowPacket = _packets.decode(orjson.dumps(fields))
    subjects = orders_of(packet, taken, rules)
    chosen = [each for each in subjects if about in (None, packet.id, each.about, each.parent.id)] or subjects
    judged = []
    for rule in ALL:
        if rule.reads == "order":
            judged += [_judged(rule, subject, subject.about, rules) for subject in chosen]
        elif rule.reads == "packet":
            whole = whole_of(packet, taken, rules)
            judged += [] if whole is None else [_judged(rule, whole, packet.id, rules)]
    return {
        "packet": packet.id, "revision": packet.revision, "contract": packet.contract,
        "parents_in_structures": sorted(taken), "rules": _chosen(judged, near),
    }  # fmt: skip


def explain_structure(fields: dict[str, Any], rules: Rules, near: int | None = None) -> dict[str, Any]:
    """Returns what every rule on structures says of an archived structure under these settings."""
    structure: Structure = _structures.decode(orjson.dumps(fields))
    subject = StructureSubject(structure, rules)
    judged = [_judged(rule, subject, structure.id, rules) for rule in ALL if rule.reads == "structure"]
    return {
        "structure": structure.id, "revision": structure.revision, "kind": structure.kind, "name": structure.name,
        "rules": _chosen(judged, near),
    }  # fmt: skip


def _chosen(judged: list[dict[str, Any]], near: int | None) -> list[dict[str, Any]]:
    ordered = sorted(judged, key=_distance)
    return ordered if near is None else [each for each in ordered if not each["fired"]][:near]


def _judged(rule: Rule, subject: Subject | StructureSubject, about: str, rules: Rules) -> dict[str, Any]:
    verdict = rule.judge(subject)
    required = [check for check in verdict.checks if check.required]
    failed = [check for check in required if not check.passed]
    settings = plain_rules(rules)
    nearest = max(failed, key=_nearness, default=None)
    return {
        "rule": rule.id,
        "version": rule.version,
        "about": about,
        "style": verdict.style or rule.style,
        "fired": verdict.fired,
        "required": len(required),
        "passed": len(required) - len(failed),
        "nearness": round(sum(map(_nearness, required)) / max(len(required), 1), 4),
        "failed": [check.name for check in failed],
        "nearest": None if nearest is None else nearest.name,
        "direction": verdict.direction,
        "confidence": verdict.confidence,
        "checks": [msgspec.to_builtins(check) | {"margin": _margin(check)} for check in verdict.checks],
        "sentences": list(verdict.sentences) if verdict.fired else [],
        "against": list(verdict.against),
        "note": _ELSEWHERE.get(rule.id),
        "thresholds": {name.upper(): settings[name.upper()] for name in rule.settings},
    }


def _distance(judged: dict[str, Any]) -> tuple[bool, int, float, str, str]:
    missing = judged["required"] - judged["passed"]
    return not judged["fired"], missing, -judged["nearness"], judged["rule"], judged["about"]


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
