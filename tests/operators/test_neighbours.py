"""A packet of interest waits for the packets that began beside it; then it is decided what it is a leg of."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from events.control import Control
from events.derived import FlowPacket
from events.raw import EquityPrint
from events.settings import Rules, plain_rules
from operators.merge import CONTROL_RANK
from operators.merge_state import Item
from operators.partition_state import PartitionState
from operators.partition_step import PartitionStep, dump, load
from operators.work import Decision, Look, Waiting, Work
from tests.prints import RANKS, SPY, at, quote, trade

UPPER, OTHER_EXPIRY, PUT = "SPY260116C00455000", "SPY260220C00450000", "SPY260116P00450000"
AAPL = "AAPL260116C00200000"


def _work(*events: Any, until_ms: float = 10_000, cut: int = 1, **rules: Any) -> list[Work]:
    """Steps events through, `cut` at a time, then to a watermark; between batches the state goes through its bytes."""
    step = PartitionStep(PartitionState(), Rules(**rules))
    ranks = RANKS | {"EquityPrint": 2}
    items: list[Item] = [
        (event.ts, 0, ranks[type(event).__name__], getattr(event, "contract", ""), offset, event)
        for offset, event in enumerate(events)
    ]
    work: list[Work] = []
    for start in range(0, len(items), cut):
        batch = items[start : start + cut]
        work += step.step(batch, batch[-1][0]).work
        step.state = load(dump(step.state))
    return work + step.step([], at(until_ms)).work


def _decided(*events: Any, until_ms: float = 10_000, cut: int = 1, **rules: Any) -> list[Work]:
    """What `_work` returns without looks, which have tests of their own."""
    work = _work(*events, until_ms=until_ms, cut=cut, **rules)
    return [each for each in work if not isinstance(each, Look)]


def _legs(*, gap_ms: float = 3, size: int = 103, upper: str = UPPER, conditions: tuple[str, ...] = ("f",)) -> list[Any]:
    """A bought call and a sold one above it, as a complex order prints: 103 each, about 12,000 and 10,000 dollars."""
    return [
        quote(0), quote(0, contract=upper),
        trade(1, 1.2, size, conditions=conditions), trade(1 + gap_ms, 1.0, size, contract=upper, conditions=conditions),
    ]  # fmt: skip


def test_legs_of_one_order_wait_for_each_other_and_are_decided_together() -> None:
    work = _decided(*_legs())
    waiting, second, decision = work
    assert isinstance(waiting, Waiting)
    assert isinstance(second, Waiting)
    assert isinstance(decision, Decision)
    assert (waiting.packet.ts, second.packet.ts, decision.ts) == (at(501), at(504), at(504))
    assert set(decision.packets) == {"pk:p1", "pk:p4"}
    (structure,) = decision.structures
    assert (structure.kind, {leg.packet_id for leg in structure.legs}) == ("vertical", {"pk:p1", "pk:p4"})


def test_a_packet_without_neighbours_is_decided_as_it_closes() -> None:
    (packet,) = _decided(quote(0), trade(1, 1.2, 103))
    assert isinstance(packet, FlowPacket)


def test_a_packet_that_waited_in_vain_is_judged_alone() -> None:
    waiting, other, decision = _decided(quote(0), trade(1, 1.2, 103), trade(4, 1.2, 7, contract=UPPER))
    assert isinstance(waiting, Waiting)
    assert isinstance(other, FlowPacket)
    assert decision == Decision(at(504), "SPY", ("pk:p1",), ())


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (trade(4, 1.2, 7, contract=AAPL), "another underlying"),
        (trade(4, 1.2, 7, contract=UPPER, conditions=("f",)), "another flag"),
        (trade(501.001, 1.2, 7, contract=UPPER), "it began later than the window"),
        (trade(4, 1.2, 7, conditions=("c",)), "the same contract"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_who_cannot_be_its_leg_is_not_waited_for(other: Any, reason: str) -> None:
    assert not any(isinstance(each, Waiting) for each in _decided(quote(0), trade(1, 1.2, 103), other)), reason


@pytest.mark.parametrize(("size", "waits"), [(83, False), (84, True)])
def test_only_packets_of_the_least_premium_wait(size: int, waits: bool) -> None:
    """83 at 1.20 are 9,960 dollars, 84 are 10,080."""
    work = _decided(quote(0), trade(1, 1.2, size), trade(4, 1.2, 1, contract=UPPER))
    assert isinstance(work[0], Waiting) is waits


def test_a_small_leg_that_was_handed_on_before_belongs_to_the_structure_all_the_same() -> None:
    """The sold leg has 515 dollars: it is handed on as it closes, before the bought one's decision."""
    legs = _legs(gap_ms=-0.5)
    legs[3].price = 0.05
    small, waiting, decision = _decided(*legs)
    assert isinstance(small, FlowPacket)
    assert isinstance(waiting, Waiting)
    assert isinstance(decision, Decision)
    assert decision.packets == ("pk:p1",)
    assert {leg.packet_id for leg in decision.structures[0].legs} == {"pk:p1", "pk:p0.5"}


@pytest.mark.parametrize("restarted", [False, True])
def test_what_waits_is_decided_on_by_the_settings_in_force_then_restarted_or_not(restarted: bool) -> None:
    """A buyer of 103 and a seller of 7 are two by pauses of 60 ms, one of 110 once 100 ms say nothing."""
    wider = Control(control="parameters", ts=at(502), parameters=plain_rules(Rules(parent_max_gap_ms=100)))
    events: list[Any] = [
        quote(0), quote(0, contract=UPPER), trade(1, 1.2, 50, conditions=("f",)), trade(61, 1.0, 7, conditions=("f",)),
        trade(121, 1.2, 53, conditions=("f",)), trade(3, 1.0, 103, contract=UPPER, conditions=("f",)),
    ]  # fmt: skip
    for changed in (False, True):
        step = PartitionStep(PartitionState(), Rules())
        work: list[Work] = []
        for offset, event in enumerate(sorted([*events, wider] if changed else events, key=lambda each: each.ts)):
            rank = RANKS.get(type(event).__name__, CONTROL_RANK + RANKS["OptionQuote"])
            work += step.step([(event.ts, 0, rank, getattr(event, "contract", ""), offset, event)], event.ts).work
            if restarted:
                step.state = load(dump(step.state))
        work += step.step([], at(10_000)).work
        found = [each.structures for each in work if isinstance(each, Decision) and each.structures]
        assert bool(found) is not changed


def test_a_leg_belongs_to_one_structure() -> None:
    """Three sold strikes, one bought: whoever decides second does not find the leg again."""
    third = "SPY260116C00460000"
    work = _decided(
        *_legs(conditions=("f",)), quote(0, contract=third), trade(80, 1.0, 103, contract=third, conditions=("f",))
    )
    legs = [leg.parent_id for each in work if isinstance(each, Decision) for s in each.structures for leg in s.legs]
    assert legs
    assert len(legs) == len(set(legs))
    decided = [ident for each in work if isinstance(each, Decision) for ident in each.packets]
    assert len(decided) == len(set(decided))
    assert set(decided) == {each.packet.id for each in work if isinstance(each, Waiting)}


def test_stock_that_traded_with_the_option_ties_it() -> None:
    stock = EquityPrint(id="e", ts=at(2), symbol="SPY", price=450.0, size=10_300, conditions=("7",), source="file")
    waiting, decision = _decided(quote(0), trade(1, 1.2, 103), stock)
    assert isinstance(waiting, Waiting)
    assert isinstance(decision, Decision)
    assert decision.structures[0].kind == "stock_tied"
    stock.conditions = ("@",)
    (packet,) = _decided(quote(0), trade(1, 1.2, 103), stock)
    assert isinstance(packet, FlowPacket)


@pytest.mark.parametrize("seed", range(8))
def test_no_cut_of_batches_changes_what_is_handed_on(seed: int) -> None:
    chance = Random(seed)
    contracts = (SPY, UPPER, OTHER_EXPIRY, PUT, AAPL)
    events: list[Any] = [quote(0, contract=contract) for contract in contracts]
    ms = 1.0
    for number in range(400):
        ms += chance.choice((0.0, 0.0, 1.0, 3.0, 40.0, 200.0, 700.0))
        event = trade(
            ms, chance.choice((1.0, 1.2)), chance.choice((50, 100, 103, 200)), contract=chance.choice(contracts),
            conditions=chance.choice((("f",), ("S",), (), ())), exchange="C",
        )  # fmt: skip
        event.id = f"p{number}"
        events.append(event)
    events.sort(key=lambda event: event.ts)
    expected = _work(*events, until_ms=1e6)
    assert any(isinstance(each, Decision) and each.structures for each in expected)
    packets = [each.packet if isinstance(each, Waiting) else each for each in expected]
    assert any(isinstance(packet, FlowPacket) and packet.suspected_complex for packet in packets)
    waited = [each.packet.id for each in expected if isinstance(each, Waiting)]
    decided = [ident for each in expected if isinstance(each, Decision) for ident in each.packets]
    assert sorted(waited) == sorted(decided)
    # Cuts lie between times, as the tape's do; a batch in one piece is the extreme.
    for cut in (7, 64, len(events)):
        assert _work(*events, until_ms=1e6, cut=cut) == expected


def test_prints_of_one_instant_and_venue_without_conditions_are_suspected() -> None:
    def flags(*events: Any) -> list[bool]:
        return [each.suspected_complex for each in _decided(*events) if isinstance(each, FlowPacket)]

    one = trade(1, 1.2, 10, exchange="C")
    assert flags(one, trade(1, 1.2, 20, contract=UPPER, exchange="C")) == [True, True]
    assert flags(one, trade(1, 1.2, 15, contract=UPPER, exchange="C")) == [True, True]
    assert flags(one, trade(1, 1.2, 40, contract=UPPER, exchange="C")) == [False, False]
    assert flags(one, trade(1, 1.2, 10, contract=UPPER, exchange="X")) == [False, False]
    assert flags(one, trade(2, 1.2, 10, contract=UPPER, exchange="C")) == [False, False]
    assert flags(one, trade(1, 1.2, 10, contract=AAPL, exchange="C")) == [False, False]
    known = {"exchange": "C", "conditions": ("I",)}
    assert flags(trade(1, 1.2, 10, **known), trade(1, 1.2, 10, contract=UPPER, **known)) == [False, False]
