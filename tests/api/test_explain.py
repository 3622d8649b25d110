"""Explain names every rule: judged from what was archived, or not judged and why."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from api.evidence import Evidence
from api.explain import explain_all
from events.derived import FlowPacket
from events.settings import Rules
from events.types import NS_PER_S
from events.verdicts import Structure
from operators.judging import Verdicts
from operators.rules import ALL
from operators.shard_step import ShardStep
from operators.work import Decision, Look, Waiting, Work
from tests.operators.rules.subjects import structure
from tests.packets import CALL, PUT, T0, packet

_PRINT = f"file:options.prints:{CALL}:{T0}:1"
_OTHER = f"file:options.prints:{PUT}:{T0}:2"
_ALERT = f"al:pk:{_PRINT}"
#: Within minutes one per cent against an alert is more than it takes, a fifteenth of that less.
_FLAT, _NEAR, _AGAINST = 450.0, 449.7, 445.0


def _packet(print_id: str = _PRINT, **fields: Any) -> FlowPacket:
    plain = {"id": f"pk:{print_id}", "members": (print_id,), "spread": 0.1, "intermarket_sweeps": 2, "iv": 0.2}
    return packet(**plain | fields)


def _look(after_s: int, spot: float, **fields: Any) -> Look:
    ts = T0 + after_s * NS_PER_S
    return Look(f"pk:{_PRINT}", "SPY", ts, after_s, 10.0, 9.0, 11.0, 8.0, 450.0, spot, 452.0, 440.0, **fields)


def _straddle() -> Structure:
    made = structure(id=f"st:pa:{_PRINT}")
    for leg, print_id in zip(made.legs, (_PRINT, _OTHER), strict=True):
        leg.parent_id, leg.packet_id = f"pa:{print_id}", f"pk:{print_id}"
    return made


def _explained(*work: Work, ident: str = _ALERT, near: int | None = None) -> dict[str, Any]:
    """Returns what is explained of an id, by what the work became."""
    out = Verdicts()
    ShardStep(Rules()).step(work, out)
    of: dict[str, Any] = {
        name: [msgspec.to_builtins(each) for each in getattr(out, name)]
        for name in ("alerts", "structures", "hits", "packets", "outcomes")
    }
    evidence = Evidence(id=ident, kind="alert", prints=[], checks=[], missing=[], **of)
    return explain_all(evidence, Rules(), near)


def _names(answer: dict[str, Any]) -> list[str]:
    of = (*answer["packets"], *answer["structures"])
    shown = [rule["rule"] for each in of for rule in each["rules"]]
    return sorted({*shown, *(each["rule"] for each in (*answer["later"], *answer["not_judged"]))})


def _reasons(answer: dict[str, Any]) -> dict[str, str]:
    return {each["rule"]: each["reason"] for each in answer["not_judged"]}


_QUIET: tuple[Work, ...] = (_packet(), _look(60, _FLAT), _look(300, _NEAR), _look(900, _AGAINST))
_PAIR: tuple[Work, ...] = (
    Waiting(_packet()), Waiting(_packet(_OTHER, contract=PUT)),
    Decision(T0 + NS_PER_S, "SPY", (f"pk:{_PRINT}", f"pk:{_OTHER}"), (_straddle(),)),
)  # fmt: skip


@pytest.mark.parametrize("work", [_QUIET, _QUIET[:1], _PAIR, (_packet(premium=500.0),)])
def test_every_rule_is_named_whatever_there_was_to_read(work: tuple[Work, ...]) -> None:
    assert _names(_explained(*work)) == sorted(rule.id for rule in ALL)


def test_a_rule_on_looks_that_did_not_fire_is_judged_at_the_look_at_which_it_was_due() -> None:
    (judged,) = _explained(*_QUIET)["later"]
    assert (judged["rule"], judged["about"], judged["fired"]) == ("no_follow_through", f"pk:{_PRINT}", False)
    assert judged["failed"] == ["move against it, deviations"]
    observed = {check["name"]: check["observed"] for check in judged["checks"]}
    assert observed["seconds since the alert"] == 300
    assert "halted" in judged["note"]


def test_before_that_it_says_what_is_missing_and_without_a_look_that_nobody_looked() -> None:
    (judged,) = _explained(*_QUIET[:2])["later"]
    assert "seconds since the alert" in judged["failed"]
    unseen = _explained(_QUIET[0])
    assert unseen["later"] == []
    assert "not yet judged" in _reasons(unseen)["no_follow_through"]


def test_what_fired_is_shown_once_as_it_was_judged_then() -> None:
    (judged,) = _explained(_packet(), _look(300, _AGAINST), _look(900, _FLAT))["later"]
    assert (judged["fired"], judged["note"]) == (True, "As it was judged then.")


def test_what_would_fire_but_did_not_in_a_halt_says_so() -> None:
    (judged,) = _explained(_packet(), _look(300, _AGAINST, halted=True))["later"]
    assert "it did not then" in judged["note"]


def test_rules_without_anything_to_read_say_what_they_would_read() -> None:
    alone = _reasons(_explained(_packet(premium=500.0)))
    assert "structures" in alone["straddle"]
    assert "alert" in alone["no_follow_through"]
    assert {rule.id for rule in ALL if rule.reads in ("structure", "look")} == {*alone}
    legs = _reasons(_explained(*_PAIR))
    assert "structures hold all" in legs["large_block"]
    assert "straddle" not in legs


def test_near_narrows_what_was_judged_of_looks_too() -> None:
    assert [each["fired"] for each in _explained(*_QUIET, near=1)["later"]] == [False]
    assert _reasons(_explained(*_QUIET, near=1)) == _reasons(_explained(*_QUIET))
    assert _explained(_packet(), _look(300, _AGAINST), near=1)["later"] == []


def test_what_is_about_something_else_is_never_nearer_than_what_is_not() -> None:
    """A put sweep is not nearly what a call was, however few of its other checks failed."""
    (packet,) = _explained(_packet(premium=500.0))["packets"]
    others = [not {"right", "kind"}.isdisjoint(rule["failed"]) for rule in packet["rules"] if not rule["fired"]]
    assert others == sorted(others)
    assert {*others} == {False, True}
