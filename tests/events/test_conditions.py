"""The table of sale conditions says how each part treats a print, and the parts do as it says (domain 1.2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from events.conditions import OPTION_CONDITIONS, page, treatment
from operators.packet import joins
from tests.prints import marked, quote, trade

_CODES = sorted(OPTION_CONDITIONS)
_LEGS = "fghijklmnopqrsLMPQ"


def test_the_page_is_what_the_table_says() -> None:
    assert (Path(__file__).parents[2] / "docs/conditions.md").read_text() == page(), "run: make conditions"


def test_every_code_of_opra_is_there_once() -> None:
    assert sorted("ABCDEFGHIJKLMNOPQRSTX" + "abcdefghijklmnopqrstuv") == _CODES
    assert len({row.mnemonic for row in OPTION_CONDITIONS.values()}) == len(_CODES)


@pytest.mark.parametrize("code", "BDFH")
def test_a_late_report_sets_neither_price_nor_side_nor_sweep(code: str) -> None:
    row = OPTION_CONDITIONS[code]
    assert (row.sided, row.last_price, row.packet, row.single_leg, row.priced) == (False, False, "none", False, False)
    mark = marked(quote(0), trade(1, 1.2, conditions=(code,)))
    assert (mark.side, mark.reported_late, joins(mark)) == ("none", True, False)
    # Nor does a sweep's letter beside it make it one; and the tick of what follows knows nothing of it.
    assert not marked(quote(0), trade(1, 1.2, conditions=("S", code))).intermarket_sweep
    assert marked(trade(0, 1.0), trade(1, 5.0, conditions=(code,)), trade(2, 1.1)).side == "buy"


@pytest.mark.parametrize("code", _LEGS)
def test_a_leg_of_a_complex_order_is_no_single_leg_evidence_and_no_last_price(code: str) -> None:
    row = OPTION_CONDITIONS[code]
    assert row.flag in ("complex", "stock_tied")
    assert (row.single_leg, row.last_price, row.packet) == (False, False, "own kind")


@pytest.mark.parametrize("code", "tu")
def test_compression_and_proprietary_products_count_volume_only(code: str) -> None:
    row = OPTION_CONDITIONS[code]
    assert (row.volume, row.bars, row.packet, row.sided, row.last_price) == ("adds", "volume", "none", False, False)
    assert not joins(marked(quote(0), trade(1, conditions=(code,))))


def test_extended_hours_stand_apart() -> None:
    row = OPTION_CONDITIONS["v"]
    assert (row.flag, row.packet, row.single_leg, row.bars) == ("extended", "own kind", False, "volume")


def test_cancels_remove_volume_and_nothing_else_does() -> None:
    assert {code for code in _CODES if OPTION_CONDITIONS[code].cancels} == set("ACEG")
    assert all((row.volume == "removes") == row.cancels for row in OPTION_CONDITIONS.values())


@pytest.mark.parametrize("code", "KLMNOPQRTX")
def test_a_print_under_a_legacy_code_is_kept_and_said_to_be_one(code: str) -> None:
    row = OPTION_CONDITIONS[code]
    assert row.meaning.endswith("(legacy code)")
    assert (row.volume, row.packet != "none", row.bars) == ("adds", True, "price")
    before = trade(1, 1.2, 3)
    assert [marked(before, trade(2, 1.2, 3, conditions=(code,))).volume, marked(before).volume] == [6, 3]


@pytest.mark.parametrize("code", _CODES)
def test_the_mark_does_what_the_row_says(code: str) -> None:
    row = OPTION_CONDITIONS[code]
    mark = marked(quote(0), trade(1, 1.2, conditions=(code,)))
    assert mark.flag == row.flag
    assert joins(mark) == (row.packet != "none")
    assert (mark.side != "none") == row.sided
    assert (mark.flag == "regular") == row.single_leg
    assert mark.intermarket_sweep == row.intermarket_sweep
    # The next print's tick knows of its price only where the row says so.
    after = marked(trade(0, 1.0), trade(1, 0.5, conditions=(code,)), trade(2, 0.9))
    assert after.side == ("buy" if row.last_price else "sell")


def test_of_several_conditions_the_strictest_decides_and_an_unknown_code_is_regular() -> None:
    assert treatment(("I", "e", "B")).flag == "late"
    assert treatment(("S", "f")).flag == "complex"
    assert treatment(("?",)) == treatment(())
    assert treatment(()).flag == "regular"
