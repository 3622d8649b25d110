"""Structures: every kind by its definition, strangers told from spreads, legs and premium counted once."""

from __future__ import annotations

from itertools import permutations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.derived import Flag, FlowPacket
from events.settings import Rules
from events.types import NS_PER_MS
from events.verdicts import Structure
from operators.structure import config_of, revised, structures_with

CONFIG = config_of(Rules())
T0 = 1_767_623_400_000_000_000
NEAR, FAR = "260116", "260220"

#: One leg as a test writes it: "+2 C 450" (bought, ratio 2, call, strike), with @FAR for the later expiry.
Spec = str


def leg(
    spec: Spec, *, size: int = 120, at_ms: float = 0.0, flag: Flag = "complex", venue: str = "C", price: float = 2.0,
    open_interest: int | None = None, moneyness: float | None = None, dte: int = 20, delta: float | None = None,
) -> FlowPacket:  # fmt: skip
    """Makes the packet of one leg; a side of 0 is one that could not be told."""
    words = spec.split()
    side, ratio = words[0][0], int(words[0][1:] or 1)
    expiry = FAR if words[-1] == "@FAR" else NEAR
    strike = float(words[2])
    size *= ratio
    start = T0 + int(at_ms * NS_PER_MS)
    ident = f"p:{words[1]}{words[2]}{expiry}:{start}"
    return FlowPacket(
        id=f"pk:{ident}", ts=start + 500 * NS_PER_MS, contract=f"SPY{expiry}{words[1]}{int(strike * 1000):08d}",
        underlying="SPY", flag=flag, start_ts=start, end_ts=start, window_ms=500, count=1, size=size,
        premium=price * size * 100, price_first=price, price_last=price, price_low=price, price_high=price, vwap=price,
        buy_size=size if side == "+" else 0, sell_size=size if side == "-" else 0, covered_size=size, coverage=1.0,
        members=(ident,), venues=(venue,), open_interest=open_interest, moneyness=moneyness, expiry_s=dte * 86_400,
        delta=delta,
    )  # fmt: skip


def found(packets: list[FlowPacket], stock: list[tuple[int, float, float]] | None = None) -> list[Structure]:
    return structures_with(packets[0], packets[1:], stock or [], T0 + 10**9, CONFIG)


KINDS = [
    (["+ C 450", "- C 460"], "vertical", "debit call vertical", "bullish"),
    (["- C 450", "+ C 460"], "vertical", "credit call vertical", "bearish"),
    (["- P 440", "+ P 450"], "vertical", "debit put vertical", "bearish"),
    (["+ P 440", "- P 450"], "vertical", "credit put vertical", "bullish"),
    (["- C 450", "+ C 450 @FAR"], "calendar", "long calendar", "neutral"),
    (["- C 450", "+ C 460 @FAR"], "diagonal", "long diagonal", "neutral"),
    (["+ C 450", "+ P 450"], "straddle", "long straddle", "neutral"),
    (["- C 460", "- P 440"], "strangle", "short strangle", "neutral"),
    (["+ C 450", "-2 C 460", "+ C 470"], "butterfly", "long butterfly", "neutral"),
    (["+ C 450", "- C 455", "- C 460", "+ C 465"], "condor", "long condor", "neutral"),
    (["+ P 430", "- P 440", "- C 460", "+ C 470"], "condor", "short iron condor", "neutral"),
    (["+ P 440", "- P 450", "- C 450", "+ C 460"], "butterfly", "short iron butterfly", "neutral"),
    (["+ C 450", "-2 C 460"], "ratio", "call front ratio", "neutral"),
    (["- P 450", "+2 P 440"], "ratio", "put backspread", "neutral"),
    (["+ C 450", "+ C 455", "+ C 460"], "ladder", "bought call ladder", "bullish"),
    (["+ C 460", "- P 440"], "risk_reversal", "bullish risk reversal", "bullish"),
    (["+ C 450", "- C 460", "- P 450", "+ P 460"], "box", "long box", "neutral"),
]


@pytest.mark.parametrize(("legs", "kind", "name", "direction"), KINDS, ids=[row[2] for row in KINDS])
def test_legs_of_a_complex_order_are_named_by_definition(
    legs: list[Spec], kind: str, name: str, direction: str
) -> None:
    (structure,) = found([leg(spec) for spec in legs])
    assert (structure.kind, structure.name, structure.direction) == (kind, name, direction)
    assert structure.evidence == "conditions"
    assert len(structure.legs) == len(legs)
    assert structure.size == 120


@pytest.mark.parametrize("row", KINDS, ids=[row[2] for row in KINDS])
def test_the_order_in_which_legs_arrive_and_which_is_asked_for_change_nothing(
    row: tuple[list[Spec], str, str, str],
) -> None:
    packets = [leg(spec) for spec in row[0]]
    assert {msgspec.json.encode(s) for p in permutations(packets) for s in found(list(p))} == {
        msgspec.json.encode(found(packets)[0])
    }


def test_one_side_told_wrongly_does_not_unmake_a_complex_order() -> None:
    legs = [leg("+ C 450"), leg("- C 455"), leg("+ C 460"), leg("+ C 465")]
    (structure,) = found(legs)
    assert (structure.kind, structure.name) == ("condor", "long condor")
    assert structure.confidence < found([leg("+ C 450"), leg("- C 455"), leg("- C 460"), leg("+ C 465")])[0].confidence


def test_legs_whose_sides_cannot_be_told_are_a_vertical_that_claims_nothing() -> None:
    (structure,) = found([leg("0 C 450"), leg("0 C 460")])
    assert (structure.kind, structure.payer, structure.direction) == ("vertical", "unknown", "neutral")
    assert structure.net_premium is None
    assert {each.side for each in structure.legs} == {"none"}


def test_a_call_and_a_put_without_sides_are_not_even_named() -> None:
    (structure,) = found([leg("0 C 460"), leg("0 P 440")])
    assert (structure.kind, structure.direction) == ("unnamed", "neutral")


#  strangers: single-leg prints of neighbouring strikes in one half second
STRANGERS = {
    "other sizes": [leg("+ C 450", flag="regular"), leg("- C 460", flag="regular", size=175, at_ms=20)],
    "the same side": [leg("+ C 450", flag="regular"), leg("+ C 460", flag="regular", at_ms=5)],
    "far apart in time": [leg("+ C 450", flag="regular"), leg("- C 460", flag="regular", at_ms=420)],
    "a side unknown": [leg("+ C 450", flag="regular"), leg("0 C 460", flag="regular", at_ms=5)],
    "ten lots as everybody": [
        leg("+ C 450", flag="regular", size=10), leg("- C 460", flag="regular", size=10, at_ms=120),
    ],
    "one of them complex": [leg("+ C 450", flag="regular"), leg("- C 460", at_ms=5)],
    "the window is over": [leg("+ C 450", flag="regular"), leg("- C 460", flag="regular", at_ms=501)],
    "complex, but not at once": [leg("+ C 450"), leg("- C 460", at_ms=51)],
    "no small ratio": [leg("+5 C 450"), leg("-7 C 460")],
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGERS)
def test_strangers_in_neighbouring_strikes_are_not_a_spread(name: str) -> None:
    assert found(STRANGERS[name]) == []


def test_equal_telling_sizes_of_opposite_sides_at_nearly_one_time_are_a_spread_by_timing() -> None:
    (structure,) = found([leg("+ C 450", flag="regular"), leg("- C 460", flag="regular", at_ms=5, venue="N")])
    assert (structure.kind, structure.evidence) == ("vertical", "timing")
    assert structure.confidence < found([leg("+ C 450"), leg("- C 460")])[0].confidence


def test_legs_of_one_instant_are_no_surer_one_order_where_the_feed_carries_no_conditions() -> None:
    legs = [leg("+ C 450", flag="regular"), leg("- C 460", flag="regular")]
    (known,) = found(legs)
    (unknown,) = found([msgspec.structs.replace(each, conditions_known=False) for each in legs])
    assert (known.evidence, unknown.evidence) == ("instant", "instant")
    assert unknown.confidence <= known.confidence


@pytest.mark.parametrize("place", [None, 0, 1])
def test_a_structure_is_suspected_as_one_of_its_legs_is_and_stays_so_when_a_leg_loses_size(place: int | None) -> None:
    packets = [leg("+ C 450", flag="regular"), leg("- C 460", flag="regular")]
    if place is not None:
        packets[place] = msgspec.structs.replace(packets[place], suspected_complex=True)
    (structure,) = found(packets)
    assert structure.suspected_complex == (place is not None)
    smaller = msgspec.structs.replace(packets[1], size=100, premium=20_000.0, revision=1)
    again = revised(structure, {smaller.id: smaller}, T0 + 2 * 10**9)
    assert again.suspected_complex == structure.suspected_complex


ROLLS = [
    ("- C 450", "+ C 450 @FAR", "roll_out", "roll out"),
    ("- C 450", "+ C 470 @FAR", "roll_up", "roll up and out"),
    ("- P 450", "+ P 440 @FAR", "roll_down", "roll down and out"),
]


@pytest.mark.parametrize(("old", "new", "kind", "name"), ROLLS)
def test_a_near_leg_that_can_be_closed_and_a_later_one_are_a_roll(old: Spec, new: Spec, kind: str, name: str) -> None:
    (structure,) = found([leg(old, open_interest=120), leg(new)])
    assert (structure.kind, structure.name, structure.direction) == (kind, name, "neutral")
    # Open interest below the size: nothing there to close; nor is a position moved months before its end.
    assert found([leg(old, open_interest=119), leg(new)])[0].kind in ("calendar", "diagonal")
    assert found([leg(old, open_interest=120, dte=22), leg(new)])[0].kind in ("calendar", "diagonal")
    assert found([leg(old), leg(new)])[0].kind in ("calendar", "diagonal")


def test_within_an_expiry_only_a_leg_in_the_money_is_rolled() -> None:
    deep = leg("- C 450", open_interest=500, moneyness=-0.05)
    (rolled,) = found([deep, leg("+ C 480", open_interest=10, moneyness=0.01)])
    assert rolled.kind == "roll_up"
    (spread,) = found([leg("- C 450", open_interest=500, moneyness=0.01), leg("+ C 480", open_interest=10)])
    assert spread.kind == "vertical"


def test_stock_makes_a_collar_of_a_risk_reversal_and_a_conversion_of_a_synthetic() -> None:
    shares = [(T0, 12_000.0, 451.0)]
    assert found([leg("+ P 440"), leg("- C 460")], shares)[0].kind == "collar"
    assert found([leg("+ P 450"), leg("- C 450")], shares)[0].name == "conversion"
    assert found([leg("+ P 440"), leg("- C 460")], [(T0, 5_000.0, 451.0)])[0].kind == "risk_reversal"


def test_a_stock_tied_leg_stands_alone_and_says_what_it_is_consistent_with() -> None:
    (structure,) = found([leg("+ P 440", flag="stock_tied")])
    assert (structure.kind, structure.style, structure.stock_tied) == ("stock_tied", "hedging", True)
    (write,) = found([leg("- C 460", flag="stock_tied")])
    assert (write.kind, write.style) == ("stock_tied", "income")
    # Without the condition only exactly the shares at the same moment tie it.
    assert found([leg("+ P 440", flag="regular")], [(T0, 12_000.0, 451.0)])[0].stock_tied
    assert found([leg("+ P 440", flag="regular")], [(T0, 11_000.0, 451.0)]) == []
    assert found([leg("+ P 440", flag="regular")], [(T0 + 2 * 10**9, 12_000.0, 451.0)]) == []


_SPECS = ["+ C 450", "- C 455", "+ C 460", "- C 470", "0 C 480", "+ P 440", "- P 450", "+ C 450 @FAR", "- C 460 @FAR"]


@given(
    st.lists(st.sampled_from(_SPECS), min_size=1, max_size=6, unique=True),
    st.lists(st.sampled_from([60, 120, 240]), min_size=6, max_size=6),
    st.sampled_from(["complex", "regular", "stock_tied"]),
)
def test_a_leg_belongs_to_one_structure_and_premium_is_counted_once(
    specs: list[Spec], sizes: list[int], flag: Flag
) -> None:
    packets = [leg(spec, size=size, flag=flag) for spec, size in zip(specs, sizes, strict=False)]
    structures = found(packets)
    taken = [each.parent_id for structure in structures for each in structure.legs]
    assert len(taken) == len(set(taken))
    gross = sum(structure.gross_premium or 0.0 for structure in structures)
    assert gross <= sum(packet.premium or 0.0 for packet in packets) + 1e-6
    for structure in structures:
        if structure.net_premium is not None:
            assert abs(structure.net_premium) <= (structure.gross_premium or 0.0)


def test_a_leg_that_loses_size_leaves_a_structure_without_a_name_and_one_that_loses_all_is_gone() -> None:
    packets = [leg("+ C 450"), leg("- C 460")]
    (structure,) = found(packets)
    smaller = msgspec.structs.replace(packets[1], size=100, premium=20_000.0, revision=1)
    again = revised(structure, {packets[0].id: packets[0], smaller.id: smaller}, T0 + 2 * 10**9)
    assert (again.id, again.revision, again.kind) == (structure.id, 1, "unnamed")
    assert again.gross_premium == 44_000.0
    empty = msgspec.structs.replace(packets[1], size=0, count=0, members=(), premium=0.0, revision=1)
    left = revised(structure, {packets[0].id: packets[0], empty.id: empty}, T0 + 2 * 10**9)
    assert [each.packet_id for each in left.legs] == [packets[0].id]
    same = revised(structure, {packet.id: packet for packet in packets}, T0 + 2 * 10**9)
    assert same.kind == structure.kind
