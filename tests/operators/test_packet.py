"""A packet is the burst of one contract and flag within the window of its first print (contract 7, 17, 23)."""

from __future__ import annotations

from typing import Any

import pytest

from events.derived import FlowPacket
from events.raw import OptionPrint, Reference
from events.settings import Rules
from events.types import NS_PER_MS
from operators.merge_state import Item
from operators.partition_state import PartitionState
from operators.partition_step import PartitionStep, dump, load
from tests.prints import ADJUSTED, RANKS, SPY, T0, at, packets_in, quote, trade


def packets(
    *events: Any, until_ms: float = 10_000, late: dict[str, float] | None = None, **rules: Any
) -> list[FlowPacket]:
    """Steps through events in tape order, one at a time, then to a watermark; `late` gives order times by id."""
    step = PartitionStep(PartitionState(), Rules(**rules))
    out: list[FlowPacket] = []
    order = 0
    for offset, event in enumerate(events):
        late_ms = (late or {}).get(event.id)
        order = max(order, event.ts if late_ms is None else at(late_ms))
        item: Item = (order, 0, RANKS[type(event).__name__], getattr(event, "contract", ""), offset, event)
        out += packets_in(step.step([item], order))
        step.state = load(dump(step.state))
    return out + packets_in(step.step([], at(until_ms)))


#  ms   0        499  500 | 501
#       A         B    C  | D        window 500 ms: C joins A's packet, D opens the next
@pytest.mark.parametrize(("window", "members"), [(500, [3, 1]), (499, [2, 2]), (501, [4])])
def test_a_print_joins_while_it_is_at_most_the_window_after_the_first(window: int, members: list[int]) -> None:
    found = packets(*(trade(ms) for ms in (0, 499, 500, 501)), cluster_window_ms=window)
    assert [packet.count for packet in found] == members
    assert [packet.ts - packet.start_ts for packet in found] == [window * NS_PER_MS] * len(members)


def test_a_packet_closes_strictly_behind_its_window_and_keeps_its_own_end() -> None:
    assert packets(trade(0), trade(200), until_ms=500) == []
    (packet,) = packets(trade(0), trade(200), until_ms=500.000001)
    assert (packet.id, packet.ts, packet.start_ts, packet.end_ts) == (
        "pk:p0",
        T0 + 500 * NS_PER_MS,
        T0,
        T0 + 200 * NS_PER_MS,
    )


def test_packets_close_in_the_order_of_due_time_then_id() -> None:
    found = packets(trade(0, contract=ADJUSTED), trade(0.5), trade(0, conditions=("f",)))
    assert [packet.ts for packet in found] == sorted(packet.ts for packet in found)
    same = packets(*(OptionPrint(id=name, ts=T0, contract=name, price=1.0, size=1) for name in (SPY, ADJUSTED)))
    assert [packet.id for packet in same] == [f"pk:{ADJUSTED}", f"pk:{SPY}"]


def test_prints_of_another_flag_form_packets_of_their_own() -> None:
    conditions = ("I", "S", "a", "c", "e", "f", "n", "v")
    found = packets(*(trade(place, conditions=(code,)) for place, code in enumerate(conditions)))
    assert {packet.flag: packet.count for packet in found} == {
        "regular": 2, "auction": 1, "cross": 1, "floor": 1, "complex": 1, "stock_tied": 1, "extended": 1,
    }  # fmt: skip


@pytest.mark.parametrize("conditions", [("B",), ("D",), ("F",), ("H",), ("t",), ("u",), ("A",), ("C",)])
def test_late_cancelled_and_volume_only_prints_never_join(conditions: tuple[str, ...]) -> None:
    (packet,) = packets(trade(0), trade(1, size=4, conditions=conditions), trade(2, size=5, kind="cancel"))
    assert packet.members == ("p0",)
    assert packets(trade(1, conditions=conditions)) == []


def test_a_correction_does_not_count_its_trade_twice() -> None:
    (packet,) = packets(trade(0, size=3), trade(1, size=4, kind="correction", ref="p0"))
    assert packet.size in (3, 4)


def test_a_print_that_arrived_late_never_joins_nor_opens() -> None:
    (packet,) = packets(trade(0), trade(1), late={"p1": 2})
    assert packet.members == ("p0",)
    assert packets(trade(1), late={"p1": 2}) == []


def test_sizes_are_counted_by_placement_side_and_coverage() -> None:
    (packet,) = packets(
        quote(0, 1.0, 1.2, bid_size=50, ask_size=90), trade(1, 1.3, 1, exchange="C"), trade(2, 1.2, 2, exchange="X"),
        trade(3, 1.15, 4, exchange="C"), trade(4, 1.0, 8), trade(5, 0.9, 16, conditions=("S",)),
        quote(6, 1.3, 1.3), trade(7, 1.3, 32, exchange="N"),
    )  # fmt: skip
    sizes = (packet.above_ask_size, packet.ask_size, packet.inside_size, packet.bid_size, packet.below_bid_size)
    assert sizes == (1, 2, 4, 8, 16)
    assert (packet.size, packet.covered_size, packet.coverage) == (63, 31, 0.492063)
    # The locked quote's print has a side by tick: shown, not counted.
    assert (packet.buy_size, packet.sell_size) == (7, 24)
    assert (packet.venues, packet.intermarket_sweeps) == (("C", "X", "N"), 1)
    assert (packet.price_first, packet.price_last, packet.price_low, packet.price_high) == (1.3, 1.3, 0.9, 1.3)
    assert packet.spread == 0.2
    notional = 1.3 + 2.4 + 4.6 + 8 + 14.4 + 41.6
    assert packet.vwap == pytest.approx(notional / 63, abs=1e-6)
    assert packet.premium == pytest.approx(notional * 100, abs=1e-6)


def test_without_a_usable_quote_there_is_no_coverage_and_no_spread() -> None:
    (packet,) = packets(trade(0))
    assert (packet.covered_size, packet.coverage, packet.spread, packet.buy_size) == (0, 0.0, None, 0)


def test_an_adjusted_contract_without_a_definition_has_no_premium() -> None:
    (packet,) = packets(trade(0, contract=ADJUSTED))
    assert packet.premium is None
    fact = Reference(ts=T0, kind="definition", instrument=ADJUSTED, multiplier=150.0)
    assert packets(fact, trade(1, contract=ADJUSTED))[0].premium == 540.0


def test_one_venues_book_is_said_of_the_packet() -> None:
    assert packets(quote(0, book="venue"), trade(1))[0].venue_book
    assert not packets(quote(0), trade(1))[0].venue_book


def test_money_does_not_drift_over_many_prints() -> None:
    (packet,) = packets(*(trade(n / 10, 0.1, 1) for n in range(1000)))
    assert (packet.premium, packet.vwap, packet.size) == (10_000.0, 0.1, 1000)
