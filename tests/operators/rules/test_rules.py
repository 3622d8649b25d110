"""What holds for every rule: its sieve loses nothing, its words claim no more than is known (contract 26 to 28)."""

from __future__ import annotations

import ast
import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.settings import Rules
from operators.rules import ALL
from operators.rules.rule import Rule, money
from operators.rules.subject import StructureSubject, Subject
from tests.operators.rules.subjects import structure
from tests.packets import CALL, PUT, order, whole

_ROOT = Path(__file__).parents[3]
_NEVER = re.compile(r"smart money|institution\w* intent|guarantee|predict|will (rise|fall|go)|dark pool of", re.I)
_HEDGED = ("suggests", "consistent with", "correlated with", "higher likelihood")


@st.composite
def _packets(draw: st.DrawFn) -> dict[str, Any]:
    size = draw(st.sampled_from([1, 399, 400, 401, 5000]))
    covered = draw(st.integers(0, size))
    bought = draw(st.integers(0, covered))
    z = st.none() | st.sampled_from([-1.0, 0.0, 1.99, 2.0, 2.5, 9.0])
    return {
        "contract": draw(st.sampled_from([CALL, PUT])), "size": size,
        "flag": draw(st.sampled_from(["regular", "regular", "complex"])),
        "covered_size": covered, "coverage": round(covered / size, 6), "buy_size": bought,
        "sell_size": covered - bought, "count": draw(st.integers(1, 5)),
        "premium": draw(st.none() | st.sampled_from([9_999.99, 10_000.0, 19_999.0, 20_000.0, 40_000.0, 5e6])),
        "baseline": draw(st.sampled_from([None, "contract", "bucket"])), "premium_z": draw(z), "size_z": draw(z),
        "venues": draw(st.sampled_from([(), ("C",), ("C", "X")])), "intermarket_sweeps": draw(st.integers(0, 2)),
        "venue_book": draw(st.booleans()),
    }  # fmt: skip


_OF_PACKETS = [rule for rule in ALL if rule.reads in ("order", "packet")]


def _subject(rule: Rule, rules: Rules, fields: dict[str, Any]) -> Subject:
    return whole(rules, **fields) if rule.reads == "packet" else order(rules, **fields)


@given(
    fields=_packets(),
    rules=st.builds(
        Rules,
        classifier_sweep_min_count=st.integers(1, 4),
        classifier_spike_min_size=st.sampled_from([1, 400]),
        classifier_min_nbbo_coverage=st.sampled_from([0.0, 0.5]),
    ),
)
@settings(max_examples=150)
def test_the_sieve_lets_through_whatever_the_rule_would_fire_on(fields: dict[str, Any], rules: Rules) -> None:
    for rule in _OF_PACKETS:
        subject = _subject(rule, rules, fields)
        verdict = rule.judge(subject)
        assert verdict.fired == all(check.passed for check in verdict.checks if check.required)
        assert 0 <= verdict.confidence <= 0.9
        if verdict.fired:
            assert subject.premium is not None
            assert subject.premium >= rule.least_premium(rules)
            assert rule.sieve(subject)


def _texts(rule: Rule) -> set[str]:
    """Returns every sentence that a rule can say, by judging packets of every kind."""
    found: set[str] = set()
    values: dict[str, list[Any]] = {
        "contract": [CALL, PUT], "venues": [(), ("C", "X")], "intermarket_sweeps": [0, 2], "premium_z": [None, 3.0],
        "size_z": [None, 3.0], "baseline": [None, "contract", "bucket"], "buy_size": [0, 100], "sell_size": [0, 50],
        "coverage": [0.4, 1.0], "venue_book": [False, True], "premium": [None, 500.0, 50_000.0, 5e6],
    }  # fmt: skip
    for row in product(*values.values()):
        verdict = rule.judge(_subject(rule, Rules(), dict(zip(values, row, strict=True))))
        found.update(verdict.sentences + verdict.against)
    return found


@pytest.mark.parametrize("rule", _OF_PACKETS, ids=lambda rule: rule.id)
def test_no_sentence_claims_what_nobody_knows(rule: Rule) -> None:
    texts = _texts(rule)
    assert len(texts) > 5
    for text in texts:
        assert not _NEVER.search(text), text
        assert text[0].isupper() or text[0].isdigit()
        assert text.endswith("."), text
        if re.search(r"\b(bullish|bearish)\b", text):
            assert any(word in text for word in _HEDGED), text


def _strings(path: Path) -> list[str]:
    """Returns a module's texts, docstrings left out: nobody reads those on a screen."""
    tree = ast.parse(path.read_text())
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]


@pytest.mark.parametrize("room", ["events", "operators", "connectors", "flows", "api", "backtest", "undertow"])
def test_no_text_of_the_code_says_the_words_either(room: str) -> None:
    for path in (_ROOT / room).rglob("*.py"):
        for text in _strings(path):
            # The name of a library's setting is no text.
            assert re.fullmatch(r"\w+(\.\w+)+", text) or not _NEVER.search(text), f"{path}: {text}"


def test_rules_have_ids_of_their_own_and_settings_that_exist() -> None:
    assert len({rule.id for rule in ALL}) == len(ALL)
    for rule in ALL:
        assert set(rule.settings) <= set(Rules.model_fields)
        assert rule.version >= 1


@pytest.mark.parametrize(
    ("dollars", "text"), [(None, "an unknown premium"), (999.0, "$999"), (999.6, "$1.0k"), (1000.0, "$1.0k"),
                          (412_500.0, "$412.5k"),
                          (999_949.0, "$999.9k"), (999_960.0, "$1.0M"), (1_200_000.0, "$1.2M")]
)  # fmt: skip
def test_money_is_written_as_people_write_it(dollars: float | None, text: str) -> None:
    assert money(dollars) == text


def test_a_spread_says_what_was_paid_for_it_and_that_it_is_little() -> None:
    """An index's vertical is thousands of dollars of premium against thousands: what stands on it is the rest."""
    rule = next(rule for rule in ALL if rule.id == "vertical_spread")
    kind: dict[str, Any] = {
        "kind": "vertical",
        "name": "debit put vertical",
        "direction": "bearish",
        "gross_premium": 121_062.0,
    }
    for net, payer, said in (
        (978.0, "even", "$978 paid"),
        (-978.0, "even", "$978 taken in"),
        (0.0, "even", "premium."),
    ):
        verdict = rule.judge(StructureSubject(structure(**kind, net_premium=net, payer=payer), Rules()))
        assert said in verdict.sentences[0]
        assert any("little money stands on its direction" in each for each in verdict.against)
    verdict = rule.judge(StructureSubject(structure(**kind, net_premium=60_000.0, payer="debit"), Rules()))
    assert "$60.0k paid" in verdict.sentences[0]
    assert not any("little money" in each for each in verdict.against)
