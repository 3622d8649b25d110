"""docs/rules.md says what the rules say."""

from __future__ import annotations

from pathlib import Path

from connectors.feeds.synthetic.model import MODEL_VERSION
from operators.rules import ALL
from operators.rules.measured import MEASURED, MODEL
from operators.rules.page import page

_PAGE = Path(__file__).parents[3] / "docs" / "rules.md"


def test_the_page_is_made_of_the_rules() -> None:
    assert _PAGE.read_text() == page(), "run: make rules-page"


def test_every_rule_says_what_else_it_could_be() -> None:
    for rule in ALL:
        assert rule.sees, rule.id
        assert rule.why, rule.id
        assert rule.otherwise, rule.id
        assert f"## {rule.id}" in page()


def test_what_was_measured_stands_with_every_rule_and_is_of_the_market_as_it_is() -> None:
    assert set(MEASURED) == {rule.id for rule in ALL}
    assert MODEL == MODEL_VERSION, "evaluate on tuning seeds, then tools/make_measured.py"
    for rule in ALL:
        assert MEASURED[rule.id].found <= MEASURED[rule.id].expected
        assert f"of {MEASURED[rule.id].hits} hits" in page()
