"""Of what is told of an order, what a cancel leaves alone: names, legs, the time in which alerts merge, suspicion."""

from __future__ import annotations

import pytest

from events.raw import OptionPrint
from tests.operators.test_revising import UPPER, _begun, _cancel_of, _print, _run
from tests.prints import SPY


def _strangers_sale(ident: str, ms: float, size: int) -> OptionPrint:
    return _print(ident, ms, 1.1, size, contract=SPY, exchange="C", conditions=("I",))


def _sweep(name: str, ms: float, contract: str, price: float, count: int = 4, size: int = 400) -> list[OptionPrint]:
    """Prints at one venue that are nobody else's."""
    return [
        _print(f"{name}-{n}", ms + n, price, size, contract=contract, exchange="X", conditions=("S",))
        for n in range(count)
    ]


def test_a_leg_stays_one_when_the_strangers_print_that_began_its_packet_is_cancelled() -> None:
    legs = [*_sweep("b", 50_100, SPY, 1.2), *_sweep("u", 50_100, UPPER, 1.1)]
    stranger = _strangers_sale("a-0", 50_000, 7)
    whole = _run([*_begun(), stranger, *legs, _cancel_of(stranger, 55_000)])
    without = _run([*_begun(), *legs])
    (structure,), (expected,) = whole.said.structures, without.said.structures
    assert (structure.id, structure.name, structure.confidence) == (expected.id, expected.name, expected.confidence)
    assert [(leg.parent_id, leg.size) for leg in structure.legs] == [("pa:b-0", 1600), ("pa:u-0", 1600)]
    assert [hit.id for hit in whole.said.hits] == [hit.id for hit in without.said.hits]
    assert [alert.id for alert in whole.said.alerts] == [alert.id for alert in without.said.alerts]
    # The leg loses a print of its own: the structure still knows it.
    again = _cancel_of(legs[1], 56_000)
    again.id = "cancel-2"
    smaller = _run([*_begun(), stranger, *legs, _cancel_of(stranger, 55_000), again]).said.structures[-1]
    assert {leg.contract: leg.size for leg in smaller.legs} == {SPY: 1200, UPPER: 1600}


def test_what_still_stands_keeps_its_name_and_what_does_not_is_taken_back_under_its_own() -> None:
    bought, sold = _sweep("b", 50_000, SPY, 1.2, 4, 500), _strangers_sale("s-0", 50_200, 900)
    ran = _run([*_begun(), *bought, sold, _cancel_of(sold, 52_000)])
    first = [hit for hit in ran.said.hits if not hit.revision]
    assert {hit.about for hit in first} >= {"pa:b-0", "pk:b-0"}
    last = ran.last("hits")
    assert {ident for ident, hit in last.items()} == {hit.id for hit in first}
    assert [hit.rule for hit in last.values() if hit.confidence and hit.about == "pa:b-0"] == [
        hit.rule for hit in first if hit.about == "pa:b-0"
    ]
    stands = [each for each in ran.last("alerts").values() if not each.withdrawn]
    assert [each.id for each in stands] == ["al:pa:b-0"]


def test_neither_a_cancel_nor_a_look_prolongs_the_time_in_which_alerts_merge() -> None:
    one, other = _sweep("b", 50_000, SPY, 1.2), _sweep("d", 90_000, SPY, 1.2, 4, 500)
    alone = _run([*_begun(), *one[1:], *other], alert_cooldown_ms=30_000)
    cancelled = _run([*_begun(), *one, _cancel_of(one[0], 75_000), *other], alert_cooldown_ms=30_000)
    assert [each.packets for each in alone.last("alerts").values()] == [1, 1]
    assert [each.packets for each in cancelled.last("alerts").values()] == [1, 1]


def test_suspicion_goes_with_the_print_that_it_rests_on_while_nothing_is_told_of_it() -> None:
    """A feed without conditions: two contracts at one venue in one instant are suspected of being one order's legs."""
    own = [_print(f"a-{n}", 50_000 + n, 1.2, 100, contract=SPY, exchange="C") for n in range(4)]
    other = _print("o-0", 50_000, 1.2, 100, contract=UPPER, exchange="C")
    told = _run([*_begun(), *own, other]).last("packets")
    assert told["pk:a-0"].suspected_complex
    open_still = _run([*_begun(), *own, other, _cancel_of(other, 50_300)])
    never = _run([*_begun(), *own])
    for topic in ("packets", "hits", "alerts"):
        assert getattr(open_still.said, topic) == getattr(never.said, topic), topic
    closed = _run([*_begun(), *own, other, _cancel_of(other, 52_000)]).last("packets")
    assert closed["pk:a-0"] == told["pk:a-0"]


@pytest.mark.parametrize("ms", [50_300, 52_000], ids=["open", "closed"])
def test_a_corrected_print_is_as_suspected_as_it_was(ms: float) -> None:
    own = [_print(f"a-{n}", 50_000 + n, 1.2, 100, contract=SPY, exchange="C") for n in range(4)]
    other = _print("o-0", 50_000, 1.2, 100, contract=UPPER, exchange="C")
    same = _print("k-0", ms, 1.2, 100, contract=SPY, exchange="C", kind="correction", ref="a-0")
    packet = _run([*_begun(), *own, other, same]).last("packets")["pk:a-0"]
    assert packet.suspected_complex
    assert packet.members == ("k-0", "a-1", "a-2", "a-3")
