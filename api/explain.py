"""Why something fired or not: every rule judges it again, and shows each of its checks, nearest to firing first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import orjson

from api.evidence import Evidence
from api.explain_later import about_of, judged_again, newest_alert
from api.named import named
from api.params import Param
from events.derived import FlowPacket
from events.ids import parent_id
from events.settings import Rules, plain_rules
from events.topics import decoder
from events.verdicts import Check, Hit, Structure
from operators.parents import parents_of
from operators.rules import ALL
from operators.rules.rule import Rule, Verdict
from operators.rules.subject import StructureSubject, Subject, orders_of, whole_of

_packets = decoder("flow.packets")
_structures = decoder("flow.structures")
_hits = decoder("flow.hits")
#: Rules that need more than the packet: where they fired, the archived hit shows what they saw.
_ACROSS = ("repeated_hits", "ladder_accumulation")
_NOTE = "It looks across packets; judged again, only this packet stands before it."
PARAMS = (Param("near", "int", "only rules that did not fire, so many, nearest to firing first", None, 1, 100),)


def explain_all(found: Evidence, rules: Rules, near: int | None = None) -> dict[str, Any]:
    """Returns what every rule says of the packets and structures that an id leads to, under these settings.

    A packet's parents that a structure holds are judged in the structure. `near` narrows to rules that did not fire.
    Rules that found nothing to read stand apart, each with the reason.
    """
    taken = frozenset(leg["parent_id"] for each in found.structures for leg in each["legs"])
    about = named(found.id).about
    packets = [
        explain(packet, rules, taken | _whole_leg(packet, found.structures), about, None, found.hits)
        for packet in found.packets
    ]
    structures = [explain_structure(each, rules) for each in found.structures]
    later = _later(found, rules)
    named_rules = {each["rule"] for of in (*packets, *structures) for each in of["rules"]}
    named_rules |= {each["rule"] for each in later}
    for of in (*packets, *structures):
        of["rules"] = _chosen(of["rules"], near)
    return {
        "id": found.id,
        "packets": packets,
        "structures": structures,
        "later": _chosen(later, near),
        "not_judged": [_not_judged(rule, found) for rule in ALL if rule.id not in named_rules],
    }


def _whole_leg(packet: dict[str, Any], structures: Sequence[dict[str, Any]]) -> frozenset[str]:
    """Returns the one parent that a packet is, where it is a leg: it may be one under the id it had beside another."""
    is_leg = any(leg["packet_id"] == packet["id"] for each in structures for leg in each["legs"])
    return frozenset([parent_id(packet["id"].removeprefix("pk:"))] if is_leg and not packet.get("parents") else [])


def _later(found: Evidence, rules: Rules) -> list[dict[str, Any]]:
    """Returns what rules on looks said of alerts, and what they say of the newest where they did not fire."""
    judged = [_of_hit(hit) for hit in found.hits if _reads(hit["rule"]) == "look"]
    alert = newest_alert(found.alerts)
    if alert is None:
        return judged
    about = about_of(alert)
    for rule in ALL:
        if rule.reads == "look" and (about, rule.id) not in {(each["about"], each["rule"]) for each in judged}:
            again = judged_again(rule, alert, found.outcomes, found.packets, rules)
            if again is not None:
                judged.append(_with_verdict(rule, again[0], about, rules, again[1]))
    return judged


def _not_judged(rule: Rule, found: Evidence) -> dict[str, Any]:
    """Returns a rule that found nothing to read, and why."""
    if rule.reads == "structure":
        reason = "It reads structures, and none was found here."
    elif rule.reads != "look" and found.structures:
        reason = "It reads orders by themselves, and structures hold all of them here."
    elif rule.reads != "look":
        reason = "It reads orders, and nothing is left of one here."
    elif newest_alert(found.alerts) is None:
        reason = "It reads looks at an alert, and there is none here."
    else:
        reason = "It reads looks at the alert, and nobody has looked yet: not yet judged."
    return {"rule": rule.id, "version": rule.version, "reads": rule.reads, "reason": reason}


def explain(
    fields: dict[str, Any], rules: Rules, taken: frozenset[str] = frozenset(), about: str | None = None,
    near: int | None = None, hits: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:  # fmt: skip
    """Returns what every rule says of an archived packet; `about` narrows to the order that holds a parent."""
    packet: FlowPacket = _packets.decode(orjson.dumps(fields))
    subjects = orders_of(packet, taken, rules)
    chosen = [each for each in subjects if about in (each.about, each.parent.id)] or subjects
    archived = {(hit["about"], hit["rule"]): hit for hit in hits if hit["rule"] in _ACROSS}
    judged = []
    for rule in ALL:
        if rule.reads == "order":
            judged += [
                _of_hit(archived[each.about, rule.id])
                if (each.about, rule.id) in archived
                else _judged(rule, each, each.about, rules)
                for each in chosen
            ]
        elif rule.reads == "packet":
            whole = whole_of(packet, taken, rules)
            judged += [] if whole is None else [_judged(rule, whole, packet.id, rules)]
    return {
        "packet": packet.id, "revision": packet.revision, "contract": packet.contract,
        "in_structures": sorted(parent.id for parent in parents_of(packet) if parent.id in taken),
        "rules": _chosen(judged, near),
    }  # fmt: skip


def explain_structure(fields: dict[str, Any], rules: Rules, near: int | None = None) -> dict[str, Any]:
    """Returns what every rule on structures says of an archived structure."""
    structure: Structure = _structures.decode(orjson.dumps(fields))
    subject = StructureSubject(structure, rules)
    judged = [_judged(rule, subject, structure.id, rules) for rule in ALL if rule.reads == "structure"]
    return {
        "structure": structure.id, "revision": structure.revision, "kind": structure.kind, "name": structure.name,
        "rules": _chosen(judged, near),
    }  # fmt: skip


def _reads(ident: str) -> str:
    return next((rule.reads for rule in ALL if rule.id == ident), "")


def _of_hit(fields: dict[str, Any]) -> dict[str, Any]:
    """Returns an archived hit as what is judged again is shown."""
    hit: Hit = _hits.decode(orjson.dumps(fields))
    return _shown(
        {
            "rule": hit.rule, "version": hit.version, "about": hit.about, "style": hit.style,
            "direction": hit.direction, "confidence": hit.confidence, "thresholds": hit.thresholds,
        },
        hit.checks, hit.sentences, hit.against, "As it was judged then.",
    )  # fmt: skip


def _chosen(judged: list[dict[str, Any]], near: int | None) -> list[dict[str, Any]]:
    ordered = sorted(judged, key=_distance)
    return ordered if near is None else [each for each in ordered if not each["fired"]][:near]


def _judged(rule: Rule, subject: Subject | StructureSubject, about: str, rules: Rules) -> dict[str, Any]:
    return _with_verdict(rule, rule.judge(subject), about, rules, _NOTE if rule.id in _ACROSS else None)


def _with_verdict(rule: Rule, verdict: Verdict, about: str, rules: Rules, note: str | None) -> dict[str, Any]:
    settings = plain_rules(rules)
    fields = {
        "rule": rule.id, "version": rule.version, "about": about, "style": verdict.style or rule.style,
        "direction": verdict.direction, "confidence": verdict.confidence,
        "thresholds": {name.upper(): settings[name.upper()] for name in rule.settings},
    }  # fmt: skip
    return _shown(fields, verdict.checks, verdict.sentences, verdict.against, note)


def _shown(
    fields: dict[str, Any], checks: Sequence[Check], sentences: Sequence[str], against: Sequence[str], note: str | None
) -> dict[str, Any]:
    """Adds checks with their margins, how near it came, and the failed check that came nearest."""
    required = [check for check in checks if check.required]
    failed = [check for check in required if not check.passed]
    nearest = max(failed, key=_nearness, default=None)
    return fields | {
        "fired": not failed,
        "required": len(required),
        "passed": len(required) - len(failed),
        "nearness": round(sum(map(_nearness, required)) / max(len(required), 1), 4),
        "failed": [check.name for check in failed],
        "nearest": None if nearest is None else nearest.name,
        "checks": [msgspec.to_builtins(check) | {"margin": _margin(check)} for check in checks],
        "sentences": [] if failed else list(sentences),
        "against": list(against),
        "note": note,
    }


#: Checks of what something is: a put is not nearly a call, nor a spread nearly a box.
_WHAT_IT_IS = {"right", "kind"}


def _distance(judged: dict[str, Any]) -> tuple[bool, bool, int, float, str, str]:
    missing, other = judged["required"] - judged["passed"], not _WHAT_IT_IS.isdisjoint(judged["failed"])
    return not judged["fired"], other, missing, -judged["nearness"], judged["rule"], judged["about"]


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
