"""Each scenario prints what its label says, on several seeds, and the label's ids stand in the log."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from math import gcd
from typing import Any

import pytest

from connectors.feeds.synthetic.calendar import LATE_S
from connectors.feeds.synthetic.model import Market, ModelConfig
from connectors.feeds.synthetic.planting import BACKGROUND, UnknownScenario
from connectors.feeds.synthetic.scenarios import ALL
from connectors.feeds.synthetic.scenarios.labels import RULES, Planted
from connectors.feeds.synthetic.scenarios.splits import TEST_SEEDS, TUNE_SEEDS, split_of
from events.conditions import OPTION_CONDITIONS
from events.contracts import parse_contract
from events.raw import EquityPrint, OptionPrint
from events.sessions import NEW_YORK
from events.types import NS_PER_MS, NS_PER_S
from tests.labelled import LabelledTape, labelled_tape

_SEEDS = (101, 107)
#: Seconds that are run, and the last in which an order may begin so that its label is whole.
_SECONDS = 480
_COMPLEX = {"f", "g", "j", "i"}
_TIED = {"n", "q", "k", "o"}


def _new_york(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=NEW_YORK).timestamp()) * NS_PER_S  # type: ignore[arg-type, misc]


_OPEN = _new_york(2026, 1, 14, 9, 30)


@pytest.fixture(scope="module", params=_SEEDS)
def tape(request: pytest.FixtureRequest) -> LabelledTape:
    return labelled_tape(
        ModelConfig(request.param, _OPEN, rate=20.0, planted_per_hour=24_000, evenly=True), _SECONDS + 1
    )


def test_every_kind_is_planted_in_every_strength(tape: LabelledTape) -> None:
    found = Counter((label.scenario, label.strength) for label in tape.labels)
    kinds = {scenario.name for scenario in ALL}
    assert len(kinds) == len(ALL) >= 30
    # It takes longer than this tape.
    kinds.remove("sweep_after_halt")
    missing = kinds - {kind for kind, _ in found}
    assert not missing
    # The stronger, the less often a market has room: but for a handful every strength of every kind is there.
    wanted = {(kind, strength) for kind in kinds for strength in ("weak", "medium", "strong")}
    assert len(wanted - set(found)) < 12
    expected = Counter(rule for label in tape.labels for rule in label.truth.expected)
    assert set(expected) == set(RULES)
    assert min(expected.values()) >= 3


def test_labels_name_prints_of_the_log_and_no_print_is_in_two(tape: LabelledTape) -> None:
    named = [ident for label in tape.labels for ident in label.prints]
    assert len(named) == len(set(named))
    assert set(named) <= set(tape.prints)
    cancelled = [ident for label in tape.labels for ident in label.cancels]
    assert set(cancelled) <= set(tape.cancels)
    for label in tape.labels:
        events = [tape.prints[ident] for ident in label.prints]
        assert [event.ts for event in events] == sorted(event.ts for event in events)
        options = [event for event in events if isinstance(event, OptionPrint)]
        assert {event.contract for event in options} == set(label.contracts)
        assert {parse_contract(contract).underlying for contract in label.contracts} == {label.underlying}
        assert label.start_ts <= events[0].ts
        assert events[-1].ts <= label.end_ts


def test_what_is_expected_tolerated_and_wrong_never_overlap(tape: LabelledTape) -> None:
    for label in tape.labels:
        truth = label.truth
        expected, tolerated, wrong = set(truth.expected), set(truth.tolerated), set(truth.must_not)
        assert not expected & tolerated, label.scenario
        assert expected | tolerated | wrong == set(RULES)
        assert len(expected) + len(tolerated) + len(wrong) == len(RULES)
        assert not set(truth.look_alike_of) & expected, label.scenario
        assert label.split == "tune"


def _bursts(scenario: str, place: str, letters: set[str], venues: int, tape: LabelledTape) -> Iterator[Planted]:
    for label, prints in tape.of(scenario):
        assert len(label.contracts) == 1
        assert {event.conditions[0] for event in prints} <= letters
        assert {tape.place(event) for event in prints} - {"locked"} == {place}
        assert len({event.exchange for event in prints}) >= venues
        assert prints[-1].ts - prints[0].ts < 500 * NS_PER_MS
        yield label


@pytest.mark.parametrize("right", ["C", "P"])
def test_a_sweep_takes_the_ask_on_three_venues_and_its_sold_twin_the_bid(tape: LabelledTape, right: str) -> None:
    word = {"C": "call", "P": "put"}[right]
    for label in _bursts(f"{word}_sweep", "ask", {"S", "I"}, 3, tape):
        assert parse_contract(label.contracts[0]).right == right
        assert label.truth.direction == ("bullish" if right == "C" else "bearish")
        assert len(label.truth.expected) == 1
    for label in _bursts(f"sold_{word}_sweep", "bid", {"S", "I"}, 3, tape):
        assert label.truth.direction == ("bearish" if right == "C" else "bullish")
        assert not label.truth.expected


def test_a_stronger_order_is_worth_more() -> None:
    config = ModelConfig(103, _OPEN, rate=5.0, planted_per_hour=36_000, evenly=True, only=("call_sweep", "block"))
    tape = labelled_tape(config, 61)
    worth: dict[tuple[str, Any], list[float]] = defaultdict(list)
    for label, prints in tape.of("call_sweep", "block"):
        worth[label.scenario, label.strength].append(sum(100 * event.price * event.size for event in prints))
    for kind in ("call_sweep", "block"):
        weak, medium, strong = (worth[kind, strength] for strength in ("weak", "medium", "strong"))
        assert max(weak) < min(medium)
        assert max(medium) < min(strong)


def test_a_block_is_one_or_two_prints_at_a_quote_or_named_and_between(tape: LabelledTape) -> None:
    for _, prints in tape.of("block"):
        assert len(prints) <= 2
        assert {tape.place(event) for event in prints} <= {"ask", "bid"}
    for scenario, letter in (("floor_block", "e"), ("cross_block", "c")):
        for label, prints in tape.of(scenario):
            assert len(prints) <= 2
            assert {event.conditions for event in prints} == {(letter,)}
            assert label.truth.direction is None


def test_repeated_hits_are_bursts_apart_and_of_one_side_unless_they_are_a_crowd(tape: LabelledTape) -> None:
    for _, prints in tape.of("repeated_hits"):
        gaps = [b.ts - a.ts for a, b in zip(prints, prints[1:], strict=False)]
        assert sum(gap > 5 * NS_PER_S for gap in gaps) >= 2
        assert {tape.place(event) for event in prints} == {"ask"}
    for _, prints in tape.of("two_sided_hits"):
        assert {tape.place(event) for event in prints} == {"ask", "bid"}


def test_an_opening_order_is_larger_than_what_stands_open_and_a_closing_one_smaller(tape: LabelledTape) -> None:
    for scenario, sign in (("opening_buy", 1), ("opening_sale", 1), ("closing_sale", -1)):
        for label, prints in tape.of(scenario):
            held = next(held for (name, _), held in tape.interest.items() if name == label.contracts[0])
            total = sum(event.size for event in prints)
            assert (total - held) * sign > 0
    for label, prints in tape.of("closing_sale"):
        assert {tape.place(event) for event in prints} == {"bid"}
        assert label.truth.style == "closing"


def test_next_mornings_interest_shows_what_was_opened_and_closed() -> None:
    only = ("opening_buy", "closing_sale")
    start = _new_york(2026, 1, 14, 15, 57)
    tape = labelled_tape(
        ModelConfig(105, start, rate=5.0, planted_per_hour=7_200, evenly=True, only=only), 180 + LATE_S + 2 + 1
    )
    checked = 0
    for label, prints in tape.of(*only):
        contract = label.contracts[0]
        before, after = tape.interest[contract, "2026-01-13"], tape.interest.get((contract, "2026-01-14"))
        if after is None or sum(contract in other.contracts for other in tape.labels) > 1:
            continue
        total = sum(event.size for event in prints)
        change = after - before
        # The background trades in the same contracts, though seldom in three minutes.
        assert change == pytest.approx(total if label.scenario == "opening_buy" else -total, abs=0.25 * total + 20)
        checked += 1
    assert checked > 30


def test_a_complex_order_prints_its_legs_in_one_instant_on_one_venue_in_fixed_ratios(tape: LabelledTape) -> None:
    shapes = {
        "straddle": 2, "strangle": 2, "vertical": 2, "calendar": 2, "diagonal": 2, "roll_out": 2, "roll_up": 2,
        "roll_down": 2, "butterfly": 3, "condor": 4, "ratio": 2, "spread_ladder": 3, "risk_reversal": 2, "box": 4,
        "collar": 2,
    }  # fmt: skip
    for scenario, count in shapes.items():
        for label, prints in tape.of(scenario):
            assert len(label.contracts) == count, scenario
            assert {event.conditions[0] for event in prints} <= _COMPLEX
            assert len({event.exchange for event in prints}) == 1
            fills = [prints[n : n + count] for n in range(0, len(prints), count)]
            for fill in fills:
                assert fill[-1].ts - fill[0].ts < NS_PER_MS
                unit = gcd(*(event.size for event in fill))
                assert {event.size // unit for event in fill} <= {1, 2}


def _legs(label: Planted) -> list[Any]:
    return sorted((parse_contract(name) for name in label.contracts), key=lambda leg: (leg.strike, leg.right))


def test_a_structures_legs_make_what_its_label_names(tape: LabelledTape) -> None:
    for label, _ in tape.of("straddle"):
        put, call = _legs(label)[::-1]
        assert (put.strike, put.expiry, put.right, call.right) == (call.strike, call.expiry, "P", "C")
    for label, _ in tape.of("strangle", "risk_reversal", "collar"):
        low, high = _legs(label)
        assert (low.right, high.right) == ("P", "C")
        assert low.strike < high.strike
    for label, _ in tape.of("vertical", "ratio"):
        low, high = _legs(label)
        assert (low.right, low.expiry) == (high.right, high.expiry)
    for label, _ in tape.of("calendar", "roll_out"):
        one, two = _legs(label)
        assert one.strike == two.strike
        assert one.expiry != two.expiry
    for label, _ in tape.of("diagonal", "roll_up", "roll_down"):
        one, two = _legs(label)
        assert one.strike != two.strike
        assert one.expiry != two.expiry
    for label, _ in tape.of("butterfly"):
        a, b, c = _legs(label)
        assert b.strike - a.strike == pytest.approx(c.strike - b.strike)
    for label, _ in tape.of("condor"):
        assert [leg.right for leg in _legs(label)] == ["P", "P", "C", "C"]
    for label, _ in tape.of("box"):
        assert [leg.right for leg in _legs(label)] == ["C", "P", "C", "P"]


def test_the_bought_leg_of_a_strong_structure_trades_nearer_its_ask(tape: LabelledTape) -> None:
    for label, prints in tape.of("straddle"):
        if label.strength == "strong":
            positions = []
            for event in prints:
                bid, ask = tape.quotes[event.id]
                positions.append((event.price - bid) / (ask - bid))
            assert min(positions) >= 0.5 or max(positions) <= 0.5


def test_a_stock_tied_order_has_its_stock_in_the_same_instant(tape: LabelledTape) -> None:
    tied = ("protective_put", "collar_with_stock", "buy_write", "conversion", "reversal", "hedged_option")
    for label, prints in tape.of(*tied):
        options = [event for event in prints if isinstance(event, OptionPrint)]
        shares = [event for event in prints if isinstance(event, EquityPrint)]
        assert len(shares) == 1
        assert shares[0].symbol == label.underlying
        assert shares[0].exchange == "D"
        assert shares[0].conditions[1:] == ("7",)
        assert 0 <= shares[0].ts - options[0].ts <= 150 * NS_PER_MS
        assert {event.conditions[0] for event in options} <= _TIED
        if label.scenario == "protective_put":
            assert shares[0].size == 100 * sum(event.size for event in options)


def test_a_cancel_names_the_print_that_it_takes_back(tape: LabelledTape) -> None:
    for label, prints in tape.of("cancelled_block", "cancelled_block_late", "partly_cancelled_sweep"):
        assert len(label.cancels) == 1
        cancel = tape.cancels[label.cancels[0]]
        named = (cancel.contract, cancel.price, cancel.size, cancel.exchange)
        same = [event for event in prints if (event.contract, event.price, event.size, event.exchange) == named]
        assert same
        later = cancel.ts - same[0].ts
        assert OPTION_CONDITIONS[cancel.conditions[0]].flag == "cancel"
        if label.scenario == "cancelled_block":
            assert later < 500 * NS_PER_MS
        else:
            assert later > NS_PER_S


def test_the_market_goes_on_or_back_after_a_sweep_as_the_label_says() -> None:
    only = ("followed_sweep", "faded_sweep")
    tape = labelled_tape(ModelConfig(104, _OPEN, rate=5.0, planted_per_hour=480, evenly=True, only=only), 900)
    seen = Counter[str]()
    for label, _ in tape.of("followed_sweep", "faded_sweep"):
        if label.strength != "strong" or label.underlying not in tape.spots:
            continue
        path = tape.spots[label.underlying]
        before = [mid for ts, mid in path if ts <= label.start_ts][-1:]
        after = [mid for ts, mid in path if ts >= label.start_ts + 250 * NS_PER_S][:1]
        if before and after:
            rises = label.truth.direction == "bullish"
            went = (after[0] > before[0]) == rises
            seen[f"{label.scenario} {'with' if went else 'against'}"] += 1
    assert seen["followed_sweep with"] > 4 * seen["followed_sweep against"]
    assert seen["faded_sweep against"] > 4 * seen["faded_sweep with"]


def test_strangers_share_a_moment_and_nothing_else(tape: LabelledTape) -> None:
    for label, prints in tape.of("neighbouring_strangers"):
        one, two = prints
        assert len(label.contracts) == 2
        assert one.exchange != two.exchange
        assert one.size != two.size
        assert 0 < two.ts - one.ts < 500 * NS_PER_MS
    for label, prints in tape.of("one_contract_strangers"):
        assert len(label.contracts) == 1
        places = Counter(tape.place(event) for event in prints)
        assert places["ask"] == places["bid"] == 2
        assert prints[-1].ts - prints[0].ts < 500 * NS_PER_MS


def test_what_its_condition_disqualifies_says_so(tape: LabelledTape) -> None:
    for _, prints in tape.of("late_print"):
        for event in prints:
            assert event.conditions == ("B",)
            assert event.price > tape.quotes[event.id][1]
            assert event.ts - event.exec_ts >= 20 * NS_PER_S
    for scenario, letter in (("mid_auction", "a"), ("extended_hours", "v"), ("compression", "u")):
        for _, prints in tape.of(scenario):
            assert {event.conditions for event in prints} == {(letter,)}


def test_a_wide_market_is_wide_when_its_burst_prints(tape: LabelledTape) -> None:
    for _, prints in tape.of("wide_market"):
        bid, ask = tape.quotes[prints[0].id]
        assert (ask - bid) / ((ask + bid) / 2) > 0.35


def test_a_roll_through_the_single_books_sells_near_and_buys_far_in_equal_size(tape: LabelledTape) -> None:
    for label, prints in tape.of("roll_as_sweep"):
        near, far = label.contracts
        assert parse_contract(near).expiry < parse_contract(far).expiry
        of = {name: [event for event in prints if event.contract == name] for name in (near, far)}
        assert sum(event.size for event in of[near]) == sum(event.size for event in of[far])
        assert {tape.place(event) for event in of[near]} == {"bid"}
        assert {tape.place(event) for event in of[far]} == {"ask"}


def test_an_opening_spike_stands_in_the_first_minute(tape: LabelledTape) -> None:
    for label, _ in tape.of("opening_spike"):
        assert label.start_ts - _OPEN < 62 * NS_PER_S


def test_only_named_scenarios_are_planted_and_an_unknown_name_is_refused() -> None:
    config = ModelConfig(101, _OPEN, rate=20.0, planted_per_hour=7_200, only=("straddle",))
    labels = labelled_tape(config, 31).labels
    assert {label.scenario for label in labels} - {BACKGROUND} == {"straddle"}
    with pytest.raises(UnknownScenario, match="straddel"):
        Market(ModelConfig(101, _OPEN, only=("straddel",)))


def test_no_seed_is_both_for_tuning_and_for_testing() -> None:
    assert not set(TUNE_SEEDS) & set(TEST_SEEDS)
    assert [split_of(seed) for seed in (TUNE_SEEDS[0], TEST_SEEDS[0], 1)] == ["tune", "test", "none"]


#: When its sweep begins, seconds from the moment at which the stock goes on.
_AFTER_S = {
    "halted_sweep": (-240, 0), "reopening_sweep": (225, 256), "sweep_after_halt": (345, 391),
    "limit_state_sweep": (-15, 0), "sweep_behind_limit_state": (10, 256),
}  # fmt: skip
_HALTED = ("halted_sweep", "reopening_sweep", "sweep_after_halt")
_LIMITED = ("limit_state_sweep", "sweep_behind_limit_state")


@pytest.mark.parametrize(("kinds", "word", "lasts_s"), [(_HALTED, "P", (60, 240)), (_LIMITED, "limit", (5, 15))])
def test_a_halt_or_limit_state_is_said_by_the_stocks_quotes_and_only_what_is_planted_trades_in_it(
    kinds: tuple[str, ...], word: str, lasts_s: tuple[int, int]
) -> None:
    """Sweeps in a halt, four minutes after it, and six: the first two are none of what they look like."""
    tape = labelled_tape(ModelConfig(105, _OPEN, rate=20.0, planted_per_hour=240, evenly=True, only=kinds), 780)
    by_symbol: dict[str, list[Any]] = defaultdict(list)
    for event in tape.prints.values():
        of_stock = isinstance(event, EquityPrint)
        by_symbol[event.symbol if of_stock else parse_contract(event.contract).underlying].append(event)
    for label, prints in tape.of(*kinds):
        quotes = tape.conditions[label.underlying]
        halted = next(ts for ts, said in quotes if said == word and ts >= label.start_ts - NS_PER_MS)
        resumed, said = next(quote for quote in quotes if quote[0] > halted)
        assert said is None
        assert lasts_s[0] <= (resumed - halted) / NS_PER_S <= lasts_s[1]
        within = {event.id for event in by_symbol[label.underlying] if halted < event.ts < resumed}
        assert within <= set(label.prints)
        after = (prints[0].ts - resumed) / NS_PER_S
        low, high = _AFTER_S[label.scenario]
        assert low <= after <= high
        assert bool(label.truth.expected) == (label.scenario == "sweep_after_halt")
    assert {label.scenario for label, _ in tape.of(*kinds)} == set(kinds)


def test_nothing_else_is_planted_where_a_halt_or_limit_state_is_near(tape: LabelledTape) -> None:
    """Its orders would be missed through no fault of their rules."""
    for label, _ in tape.of("halted_sweep", "reopening_sweep", *_LIMITED):
        begins = [other.start_ts for other in tape.labels if other.underlying == label.underlying and other.strength]
        assert not [ts for ts in begins if label.start_ts < ts < label.start_ts + 300 * NS_PER_S]
