"""Each rule fires on its true case, on no look-alike, and on one side of each threshold only (tests/…/cases.py)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.verdicts import Check
from operators.rules import ALL
from operators.rules.rule import Rule, Verdict
from tests.operators.rules.cases import CASES
from tests.operators.rules.subjects import Cases, Fields, subject_of

_RULES = {rule.id: rule for rule in ALL}
_NEVER = re.compile(r"smart money|institution\w* intent|guarantee|predict|will (rise|fall|go)|dark pool of", re.I)
_HEDGED = re.compile(r"suggest|consistent with|correlated with|higher likelihood|likelier|likeliest", re.I)


def _judge(rule: Rule, fields: Fields) -> Verdict:
    verdict: Verdict = rule.judge(subject_of(rule.reads, fields))
    return verdict


def _failed(verdict: Verdict) -> list[str]:
    return [check.name for check in verdict.checks if check.required and not check.passed]


def _names(cases: Cases) -> str:
    return f"{cases.rule}, {'expiring' if cases.rule == 'mechanical' and 'spot' in cases.true else 'plain'}"


def test_no_rule_is_without_a_true_case_look_alikes_and_thresholds() -> None:
    for rule in ALL:
        mine = [cases for cases in CASES if cases.rule == rule.id]
        assert mine, f"{rule.id} has no cases in tests/operators/rules/cases.py"
        for cases in mine:
            assert len(cases.look_alikes) >= 3, rule.id
            assert cases.edges, rule.id
    assert {cases.rule for cases in CASES} == set(_RULES)


@pytest.mark.parametrize("cases", CASES, ids=_names)
def test_the_true_case_fires_and_its_sieve_lets_it_through(cases: Cases) -> None:
    rule = _RULES[cases.rule]
    verdict = _judge(rule, cases.true)
    assert verdict.fired, _failed(verdict)
    subject = subject_of(rule.reads, cases.true)
    assert rule.sieve(subject)
    assert subject.premium is not None
    assert subject.premium >= rule.least_premium(subject.rules)
    assert 0 < verdict.confidence <= 0.9


@pytest.mark.parametrize(
    ("cases", "why"), [(cases, why) for cases in CASES for why in cases.look_alikes],
    ids=lambda value: value if isinstance(value, str) else value.rule,
)  # fmt: skip
def test_a_look_alike_does_not_fire(cases: Cases, why: str) -> None:
    assert not _judge(_RULES[cases.rule], cases.true | cases.look_alikes[why]).fired


@pytest.mark.parametrize(
    ("cases", "name"),
    [(cases, name) for cases in CASES for name in cases.edges],
    ids=lambda value: value if isinstance(value, str) else value.rule,
)
def test_each_threshold_has_two_sides(cases: Cases, name: str) -> None:
    rule, (fires, just_not) = _RULES[cases.rule], cases.edges[name]
    passing, failing = _judge(rule, cases.true | fires), _judge(rule, cases.true | just_not)
    assert passing.fired, _failed(passing)
    assert rule.sieve(subject_of(rule.reads, cases.true | fires))
    failed = _failed(failing)
    assert failed
    # A key may say more than the check's name, to tell several edges of one check apart.
    assert any(name.startswith(each) for each in failed), (name, failed)


@pytest.mark.parametrize("cases", CASES, ids=_names)
def test_no_threshold_is_without_its_two_sides(cases: Cases) -> None:
    verdict = _judge(_RULES[cases.rule], cases.true)
    numeric = [check.name for check in verdict.checks if check.required and isinstance(check.threshold, float)]
    missing = [name for name in numeric if not any(edge.startswith(name) for edge in cases.edges)]
    assert not missing


#: What may change in any order: it printed behind its expiry, a baseline that speaks or gives no z, a floor of its own.
_OF_ORDERS: list[Fields] = [
    {"contract": "SPY260114C00450000"}, {"contract": "SPY260114P00450000"}, {"baseline": "contract"},
    {"premium_z": 4.0}, {"size_z": 4.0}, {"premium_z": None}, {"size_z": None}, {"premium_floor": 1e6},
]  # fmt: skip


@st.composite
def _sides(draw: st.DrawFn, size: int) -> Fields:
    """Draws whose an order is: bought, sold and unquoted size, told apart from who trades beside it or not."""
    covered = draw(st.integers(0, size))
    bought = draw(st.sampled_from([covered, covered * 6 // 10, covered * 4 // 10, covered // 2, 0]))
    return {
        "covered_size": covered, "buy_size": bought, "sell_size": covered - bought, "ask_size": bought,
        "bid_size": covered - bought, "mixed": draw(st.booleans()), "unsided": draw(st.booleans()),
    }  # fmt: skip


@st.composite
def _changed(draw: st.DrawFn, cases: Cases) -> Fields:
    """Draws a true case changed by some of its look-alikes and edges, and an order's also in sides and expiry."""
    of_order = _RULES[cases.rule].reads in ("order", "packet")
    changes = [*cases.look_alikes.values(), *(side for pair in cases.edges.values() for side in pair)]
    changes += _OF_ORDERS if of_order else []
    fields = dict(cases.true)
    for change in draw(st.lists(st.sampled_from(changes), max_size=3)):
        fields |= change
    if of_order and draw(st.booleans()):
        fields |= draw(_sides(fields.get("size", 100)))
    return fields


@pytest.mark.parametrize("cases", CASES, ids=_names)
@settings(max_examples=60)
@given(data=st.data())
def test_judging_alone_decides_what_sieve_and_judging_decide(cases: Cases, data: st.DataObject) -> None:
    """`undertow explain` judges without the sieve: what it shows as fired must have fired."""
    rule = _RULES[cases.rule]
    subject = subject_of(rule.reads, data.draw(_changed(cases)))
    verdict = rule.judge(subject)
    assert verdict.fired == (not _failed(verdict))
    if verdict.fired:
        assert rule.sieve(subject)
        assert subject.premium is not None
        assert subject.premium >= rule.least_premium(subject.rules)


def _verdicts(rule: Rule) -> Iterator[Verdict]:
    for cases in CASES:
        if cases.rule == rule.id:
            variants = [{}, *cases.look_alikes.values(), *(side for pair in cases.edges.values() for side in pair)]
            for fields in variants:
                yield _judge(rule, cases.true | fields)


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.id)
def test_no_sentence_claims_what_nobody_knows(rule: Rule) -> None:
    texts = {text for verdict in _verdicts(rule) for text in verdict.sentences + verdict.against}
    texts |= {rule.sees, rule.why}
    assert len(texts) >= 5
    for text in texts:
        assert not _NEVER.search(text), text
        assert text[0].isupper() or text[0].isdigit(), text
        assert text.endswith("."), text
    for verdict in _verdicts(rule):
        if verdict.direction in ("bullish", "bearish"):
            assert any(_HEDGED.search(text) for text in verdict.sentences), verdict.sentences


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.id)
def test_every_setting_that_a_check_reads_is_stamped_on_its_hits(rule: Rule) -> None:
    """A threshold that is no setting's value would be a number of nobody."""
    for cases in CASES:
        if cases.rule != rule.id:
            continue
        subject = subject_of(rule.reads, cases.true)
        values = {float(getattr(subject.rules, name)) for name in rule.settings}
        for check in _judge(rule, cases.true).checks:
            if isinstance(check.threshold, float) and check.required and not _fixed(check):
                assert check.threshold in values, f"{rule.id}: {check.name} {check.threshold}"


def _fixed(check: Check) -> bool:
    """Tells whether a threshold is part of what the word means: one venue, no day left, at parity, not lower."""
    return check.name in (
        "venues", "days to expiry", "price over parity, share of it", "the option's mark since, dollars",
        "legs beside the stock",
    )  # fmt: skip
