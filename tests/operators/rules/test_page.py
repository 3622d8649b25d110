"""docs/rules.md says what the rules say."""

from __future__ import annotations

from pathlib import Path

from operators.rules import ALL
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
