"""Each print is placed against the one quote that decides, and what cannot be known is named (contract 2, 23 to 25)."""

from __future__ import annotations

from typing import Any

import pytest

from events.contracts import parse_contract
from events.control import Control
from events.raw import Reference
from events.types import Placement
from operators.mark import fault_of, place
from operators.merge_state import Item
from tests.prints import ADJUSTED, RANKS, SPY, T0, Partition, at, marked, quote, trade

_PRINT, _QUOTE = RANKS["OptionPrint"], RANKS["OptionQuote"]


@pytest.mark.parametrize(
    ("price", "placement", "position"),
    [(1.21, "above_ask", 1.05), (1.2, "ask", 1.0), (1.19, "inside", 0.95), (1.1, "inside", 0.5), (1.01, "inside", 0.05),
     (1.0, "bid", 0.0), (0.99, "below_bid", -0.05)],
)  # fmt: skip
def test_a_price_is_placed_by_exact_comparison(price: float, placement: Placement, position: float) -> None:
    mark = marked(quote(0), trade(1, price))
    assert (mark.placement, mark.position) == (placement, position)
    assert (mark.bid, mark.ask, mark.quote_ts, mark.quote_origin) == (1.0, 1.2, at(0), "topic")
    assert place(price, 1.0, 1.2) == (placement, position)


@pytest.mark.parametrize(
    ("bid", "ask", "condition", "age_ms", "placement"),
    [
        (1.0, 1.2, None, 1000, "ask"), (1.0, 1.2, None, 1000.000001, "stale"), (1.0, 1.2, "A", 1, "ask"),
        (None, 1.2, None, 1, "missing"), (1.0, None, None, 1, "missing"), (None, None, None, 5000, "missing"),
        (1.2, 1.2, None, 1, "locked"), (1.3, 1.2, None, 1, "crossed"), (1.3, 1.2, None, 2000, "stale"),
        (0.0, 1.2, None, 1, "ask"), (0.0, 0.0, None, 1, "not_firm"), (1.0, 0.0, None, 1, "missing"),
        *((1.0, 1.2, code, 1, "not_firm") for code in "FIRTXY"), (1.2, 1.2, "F", 1, "locked"),
    ],
)  # fmt: skip
def test_a_quote_that_cannot_be_used_says_why_and_is_still_shown(
    bid: float | None, ask: float | None, condition: str | None, age_ms: float, placement: Placement
) -> None:
    mark = marked(quote(0, bid, ask, condition=condition), trade(age_ms))
    assert mark.placement == placement
    assert (mark.bid, mark.ask, mark.quote_ts) == (bid, ask, at(0))
    assert (mark.position is None) == (placement in ("missing", "stale", "locked", "crossed", "not_firm"))


def test_the_last_quote_decides_and_no_earlier_one_is_taken_for_an_unusable_one() -> None:
    mark = marked(quote(0), quote(5, None, 1.2), trade(6))
    assert (mark.placement, mark.quote_ts) == ("missing", at(5))


def test_without_any_quote_the_placement_is_missing_and_nothing_is_shown() -> None:
    mark = marked(quote(0, contract=ADJUSTED), trade(1))
    assert (mark.placement, mark.bid, mark.quote_ts, mark.quote_origin, mark.book) == ("missing",) + (None,) * 4


def test_a_zero_bid_is_a_price() -> None:
    assert marked(quote(0, 0.0, 0.05), trade(1, 0.0)).placement == "bid"
    assert fault_of(0.0, 0.05, True, False) is None


#  ms   0    5        the quote at 5 is the print's own instant: the one at 0 decides, and the mark says so
#       Q    P Q'
def test_a_quote_of_the_prints_own_instant_is_not_used_but_noted() -> None:
    partition = Partition()
    partition(quote(0))
    items: list[Item] = [
        (at(5), 0, _PRINT, SPY, 1, trade(5)), (at(5), 0, _PRINT, SPY, 2, trade(5, 1.1)),
        (at(5), 0, _QUOTE, SPY, 1, quote(5, 2.0, 3.0)), (at(5), 0, _QUOTE, ADJUSTED, 2, quote(5, contract=ADJUSTED)),
    ]  # fmt: skip
    marks = partition.step.step(items, at(6)).marks
    assert [(mark.placement, mark.quote_ts, mark.tie) for mark in marks] == [
        ("ask", at(0), True),
        ("inside", at(0), True),
    ]
    assert not partition(trade(6, 3.0)).marks[0].tie


def test_with_a_shared_sequence_a_quote_of_the_same_instant_before_the_print_is_used() -> None:
    shared = Control(control="feed", ts=T0, source="file", shared_sequence=True)
    mark = marked(shared, quote(0), quote(5, 2.0, 3.0), trade(5, 3.0))
    assert (mark.placement, mark.quote_ts) == ("ask", at(5))


@pytest.mark.parametrize(("age_ms", "placement"), [(None, "ask"), (0, "ask"), (1000, "ask"), (1001, "stale")])
def test_an_attached_quote_wins_over_the_topics_and_is_judged_by_its_own_age(
    age_ms: float | None, placement: Placement
) -> None:
    attached: dict[str, Any] = {
        "bid": 1.5,
        "ask": 2.0,
        "quote_ts": None if age_ms is None else at(9 - age_ms),
        "book": "venue",
    }
    mark = marked(quote(8), trade(9, 2.0, quote_origin="attached", **attached))
    assert (mark.placement, mark.quote_origin, mark.ask, mark.book) == (placement, "attached", 2.0, "venue")


def test_an_attached_quote_without_a_price_is_missing_and_the_topics_is_not_taken() -> None:
    mark = marked(quote(8), trade(9, quote_origin="attached", ask=1.2))
    assert (mark.placement, mark.quote_origin, mark.bid) == ("missing", "attached", None)


def test_a_late_print_takes_the_quote_before_it_or_none() -> None:
    partition = Partition()
    partition(quote(0))
    early = partition(trade(5), late_ms=100).marks[0]
    assert (early.placement, early.arrived_late, early.order_ts, early.side) == ("ask", True, at(100), "none")
    partition(quote(110))
    replaced = partition(trade(50), late_ms=200).marks[0]
    # The quote that stood at 50 was replaced: it is not guessed at.
    assert (replaced.placement, replaced.bid, replaced.quote_ts) == ("stale", None, None)


def test_a_late_quote_does_not_replace_a_newer_one() -> None:
    partition = Partition()
    partition(quote(50))
    partition(quote(10, 5.0, 6.0), late_ms=100)
    assert partition(trade(120)).marks[0].quote_ts == at(50)


def test_a_venues_book_does_not_replace_the_national_best_and_is_named() -> None:
    mark = marked(quote(0), quote(5, 5.0, 6.0, book="venue"), trade(6))
    assert (mark.book, mark.quote_ts) == ("national", at(0))
    assert marked(quote(0, book="venue"), quote(5), trade(6)).book == "national"
    assert marked(quote(0, book="venue"), trade(6)).book == "venue"


def _every_change(source: str = "alpaca") -> Control:
    return Control(control="feed", ts=T0, source=source, quotes="every_change")


def test_a_quote_of_a_feed_that_delivers_every_change_stands_until_a_gap() -> None:
    partition = Partition()
    partition(_every_change())
    partition(quote(0, source="alpaca"))
    assert partition(trade(50_000)).marks[0].placement == "ask"
    partition(Control(control="gap", ts=at(50_001)))
    assert partition(trade(50_002)).marks[0].placement == "stale"
    partition(quote(50_003, source="alpaca"))
    assert partition(trade(90_000)).marks[0].placement == "ask"


def test_a_feed_that_never_said_so_is_judged_by_age() -> None:
    assert marked(_every_change(), quote(0, source="file"), trade(1001)).placement == "stale"


@pytest.mark.parametrize(
    ("condition", "flag", "sweep", "reported_late", "sided"),
    [
        (None, "regular", False, False, True), ("I", "regular", False, False, True),
        ("S", "regular", True, False, True), ("a", "auction", False, False, True),
        ("b", "auction", True, False, True), ("c", "cross", False, False, False),
        ("d", "cross", True, False, False), ("e", "floor", False, False, False),
        ("f", "complex", False, False, True), ("m", "complex", False, False, False),
        ("q", "stock_tied", False, False, True), ("D", "late", False, True, False),
        ("B", "late", False, True, False), ("t", "volume_only", False, False, False),
        ("u", "volume_only", False, False, False), ("v", "extended", False, False, True),
        ("A", "cancel", False, False, False), ("?", "regular", False, False, True),
    ],
)  # fmt: skip
def test_conditions_flag_a_print_and_take_its_side_where_none_can_be_known(
    condition: str | None, flag: str, sweep: bool, reported_late: bool, sided: bool
) -> None:
    mark = marked(quote(0), trade(1, conditions=() if condition is None else (condition,)))
    assert (mark.flag, mark.intermarket_sweep, mark.reported_late) == (flag, sweep, reported_late)
    assert (mark.side, mark.side_rule) == (("buy", "quote") if sided else ("none", "none"))


def test_the_strictest_of_several_conditions_decides() -> None:
    mark = marked(quote(0), trade(1, conditions=("S", "f", "t")))
    assert (mark.flag, mark.intermarket_sweep) == ("volume_only", True)


def test_a_cancel_has_no_side_and_moves_no_price() -> None:
    partition = Partition()
    partition(trade(0, 1.0))
    cancel = partition(trade(1, 9.0, kind="cancel")).marks[0]
    assert (cancel.flag, cancel.side) == ("cancel", "none")
    assert partition(trade(2, 1.1)).marks[0].side == "buy"


@pytest.mark.parametrize(
    ("contract", "multiplier", "premium"),
    [(SPY, None, 360.0), (SPY, 10.0, 36.0), (ADJUSTED, None, None), (ADJUSTED, 150.0, 540.0), (ADJUSTED, 0.5, 1.8)],
)
def test_premium_takes_the_definitions_multiplier_else_the_standard_roots_else_none(
    contract: str, multiplier: float | None, premium: float | None
) -> None:
    fact = Reference(ts=T0, kind="definition", instrument=contract, multiplier=multiplier)
    assert marked(fact, trade(1, contract=contract)).premium == premium
    assert parse_contract(ADJUSTED).adjusted


def test_a_print_that_its_multiplier_makes_larger_than_any_market_trades_is_a_dead_letter() -> None:
    partition = Partition()
    partition(Reference(ts=T0, kind="definition", instrument=SPY, multiplier=100_000.0))
    stepped = partition(trade(1, 1000.0, size=1001))
    assert (len(stepped.marks), [letter.reason for letter in stepped.dead]) == (
        0, ["1001 at 1000.0 is more than any market trades"],
    )  # fmt: skip
    assert partition(trade(2, 1000.0, size=1000)).marks[0].premium == 1e11


@pytest.mark.parametrize("quote_ts", [at(2), at(1) + 1])
def test_a_quote_attached_with_a_stamp_behind_the_print_is_none(quote_ts: int) -> None:
    attached: dict[str, Any] = {"bid": 1.0, "ask": 1.2, "quote_ts": quote_ts, "quote_origin": "attached"}
    alone = marked(trade(1, **attached))
    assert (alone.placement, alone.bid, alone.side) == ("missing", None, "none")
    beside = marked(quote(0, 1.1, 1.2), trade(1, **attached))
    assert (beside.placement, beside.bid, beside.quote_origin, beside.quote_ts) == ("ask", 1.1, "topic", at(0))
    assert marked(trade(1, **attached | {"quote_ts": at(1)})).placement == "ask"


def test_a_definition_without_a_multiplier_changes_nothing() -> None:
    known = Reference(ts=T0, kind="definition", instrument=ADJUSTED, multiplier=150.0)
    bare = Reference(ts=T0, kind="definition", instrument=ADJUSTED)
    assert marked(known, bare, trade(1, contract=ADJUSTED)).premium == 540.0


def test_an_event_of_an_unreadable_contract_is_a_dead_letter_and_its_neighbours_are_marked() -> None:
    partition = Partition()
    unreadable = [quote(1, contract="NOT A CONTRACT 1"), trade(2, contract="NOT A CONTRACT 2")]
    stepped = [partition(event) for event in (trade(0), *unreadable, trade(3))]
    letters = [letter for each in stepped for letter in each.dead]
    assert [letter.topic for letter in letters] == ["options.quotes", "options.prints"]
    assert all("compact OCC" in letter.reason for letter in letters)
    assert [len(each.marks) for each in stepped] == [1, 0, 0, 1]
