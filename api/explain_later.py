"""What rules on looks say of an alert, judged again from its archived outcomes."""

from __future__ import annotations

from typing import Any

from api.evidence import Fields, newest_revisions
from events.ids import alert_id, hit_id
from events.settings import Rules
from operators.rules.rule import Rule, Verdict
from operators.rules.subject import LookSubject
from operators.work import Look

_AGAIN = "Judged again from the archived outcome, which does not say whether trading was halted."
_NOT_THEN = "Judged again it fires; it did not then: trading was halted at the look, or the settings were others."


def newest_alert(alerts: list[Fields]) -> Fields | None:
    """Returns the alert whose outcomes an evidence holds; None where there is none."""
    return next(reversed(newest_revisions(alerts)), None)


def about_of(alert: Fields) -> str:
    """Returns the packet, parent or structure that an alert was first about; its id says so, whatever became of it."""
    return str(alert["id"]).removeprefix(alert_id(""))


def judged_again(
    rule: Rule, alert: Fields, outcomes: list[Fields], packets: list[Fields], rules: Rules
) -> tuple[Verdict, str] | None:
    """Returns what a rule on looks says of an alert, and a note; None where nobody has looked at it yet.

    It was judged once, at the first look that was late enough; before that, the newest look says what is missing.
    """
    looks = [each for each in outcomes if each["alert_id"] == alert["id"]]
    if not looks:
        return None
    late = (each for each in looks if each["after_s"] >= rules.no_follow_through_after_s)
    outcome = next(late, looks[-1])
    iv = _iv(about_of(alert), packets)
    verdict = rule.judge(LookSubject(_look(outcome), outcome["direction"], alert.get("premium"), iv, rules))
    fired_then = hit_id(about_of(alert), rule.id) in alert["hits"]
    return verdict, _NOT_THEN if verdict.fired and not fired_then else _AGAIN


def _look(outcome: Fields) -> Look:
    """Returns the look that an outcome tells of; highs and lows are not read."""
    said = outcome.get
    return Look(
        "", outcome["underlying"], outcome["ts"], outcome["after_s"], said("mark_then"), said("mark_now"), None, None,
        said("spot_then"), said("spot_now"), None, None, said("final", False),
    )  # fmt: skip


def _iv(about: str, packets: list[Fields]) -> float | None:
    """Returns the implied volatility of the packet that an alert is about; a structure has none of its own."""
    for packet in packets:
        if about == packet["id"] or about in [parent["id"] for parent in packet.get("parents", ())]:
            iv: Any = packet.get("iv")
            return None if iv is None else float(iv)
    return None
