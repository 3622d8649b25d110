"""Parents: strangers in one contract and half second come apart where the tape shows it, else the packet is mixed."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from events.derived import FlowPacket, MarkedPrint, Parent
from events.settings import Rules
from operators.packet import PacketConfig, joins, key_of, new_burst, packet_of
from operators.parents import parents_of
from tests.prints import Partition, packets_in, quote, trade

_BID, _ASK = 1.0, 1.2


def _packet(*prints: tuple[float, float, int, str | None, str], mid_depth: bool = False, **rules: float) -> FlowPacket:
    """One packet of prints at 1.00 (sold) to 1.20 (bought): (ms, price, size, venue, condition)."""
    partition = Partition(**rules)
    # Equal depth leaves a print at the mid without a side.
    partition(quote(0, _BID, _ASK, bid_size=5000, ask_size=5000 if mid_depth else 5001))
    for ms, price, size, venue, code in prints:
        event = trade(ms, price, size, exchange=venue, conditions=(code,))
        event.id = f"p{ms}-{venue}-{size}"
        partition(event)
    (packet,) = packets_in(partition.step.step([], 2**62))
    return packet


def _sides(packet: FlowPacket) -> list[tuple[str, int]]:
    return [(parent.side, parent.size) for parent in parents_of(packet)]


def test_a_packet_of_one_side_is_one_parent_as_a_whole() -> None:
    packet = _packet((1, 1.2, 10, "C", "S"), (2, 1.2, 20, "X", "S"), (3, 1.2, 30, "N", "S"))
    assert (packet.parents, packet.mixed) == ((), False)
    (parent,) = parents_of(packet)
    assert (parent.id, parent.side, parent.size) == ("pa:p1-C-10", "buy", 60)


#  ms    1 2 3 . . 40 41 42
#        B B B      S  S  S        one after the other
def test_a_buyer_and_a_seller_one_after_the_other_come_apart() -> None:
    bought = [(ms, 1.2, 10, "C", "I") for ms in (1, 2, 3)]
    sold = [(ms, 1.0, 20, "C", "I") for ms in (40, 41, 42)]
    packet = _packet(*bought, *sold)
    assert _sides(packet) == [("buy", 30), ("sell", 60)]
    assert not packet.mixed


def test_interleaved_strangers_of_one_venue_and_flag_are_mixed() -> None:
    packet = _packet(*((ms, 1.2 if ms % 2 else 1.0, 10, "C", "I") for ms in range(1, 9)))
    assert (packet.parents, packet.mixed) == ((), True)
    assert _sides(packet) == [("none", 80)]


@pytest.mark.parametrize(
    ("bought", "sold"),
    [(("C", "S"), ("C", "I")), (("C", "I"), ("X", "I"))],
    ids=["by the intermarket-sweep flag", "by venue"],
)
def test_interleaved_strangers_come_apart(bought: tuple[str, str], sold: tuple[str, str]) -> None:
    packet = _packet(*((ms, 1.2, 10, *bought) if ms % 2 else (ms, 1.0, 10, *sold) for ms in range(1, 9)))
    assert _sides(packet) == [("buy", 40), ("sell", 40)]
    assert not packet.mixed


def test_sides_that_alternate_with_pauses_are_two_orders_and_not_many() -> None:
    packet = _packet(*((ms * 60, 1.2 if ms % 2 else 1.0, 10, "C", "I") for ms in range(1, 7)))
    assert _sides(packet) == [("buy", 30), ("sell", 30)]


def test_one_print_of_another_side_among_many_leaves_the_order_whole() -> None:
    prints = [(ms, 1.2, 10, "CXN"[ms % 3], "S") for ms in range(1, 10)]
    prints[4] = (5, 1.0, 10, "Q", "S")
    packet = _packet(*prints)
    assert (packet.parents, packet.mixed, _sides(packet)) == ((), False, [("buy", 90)])


def test_a_pause_alone_does_not_part_one_order() -> None:
    packet = _packet(*((ms, 1.2, 10, "CXN"[ms // 60 % 3], "S") for ms in (1, 61, 121, 181)))
    assert packet.parents == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((1.2, "C", "S"), (1.2, "C", "I")),
        ((1.2, "C", "S"), (1.15, "C", "S")),
        ((1.2, "C", "S"), (1.2, "X", "S")),
    ],
    ids=["flag", "price steps back", "another venue"],
)
@pytest.mark.parametrize(("pause", "parents"), [(50, 1), (51, 2)])
def test_a_pause_parts_two_orders_of_one_side_with_a_second_piece_of_evidence(
    before: tuple[float, str, str], after: tuple[float, str, str], pause: int, parents: int
) -> None:
    def prints(first: int, one: tuple[float, str, str]) -> list[tuple[float, float, int, str | None, str]]:
        return [(first + ms, one[0], 10, one[1], one[2]) for ms in range(2)]

    packet = _packet(*prints(1, before), *prints(2 + pause, after))
    # A turn of flag and price at once needs no pause.
    assert len(parents_of(packet)) == parents


def test_flag_and_price_that_turn_at_once_part_without_a_pause() -> None:
    packet = _packet((1, 1.2, 10, "C", "S"), (2, 1.2, 10, "X", "S"), (3, 1.15, 30, "N", "I"))
    assert _sides(packet) == [("buy", 20), ("buy", 30)]


@pytest.mark.parametrize(("ms", "sizes"), [(40, [100, 70]), (60, [90, 80]), (50.5, [100, 70])])
def test_a_print_without_a_side_goes_with_the_nearest_in_time(ms: float, sizes: list[int]) -> None:
    packet = _packet((1, 1.2, 90, "C", "I"), (ms, 1.1, 10, "C", "J"), (100, 1.0, 70, "C", "I"), mid_depth=True)
    assert [parent.size for parent in parents_of(packet)] == sizes


@pytest.mark.parametrize(("share", "mixed"), [(0.75, False), (0.76, True)])
def test_a_packet_is_mixed_below_the_least_share_of_one_side(share: float, mixed: bool) -> None:
    prints = [(1, 1.2, 25, "C", "I"), (2, 1.0, 25, "C", "I"), (3, 1.2, 50, "C", "I")]
    assert _packet(*prints, parent_min_side_share=share).mixed is mixed


@pytest.mark.parametrize("seed", range(30))
def test_parents_partition_the_packet_and_add_up_to_it(seed: int) -> None:
    chance = Random(seed)
    ms, prints = 1.0, []
    for number in range(chance.randint(2, 40)):
        ms += chance.choice((0, 0, 1, 5, 30, 60))
        prints.append(
            (ms + number / 1000, chance.choice((1.0, 1.05, 1.1, 1.2)), chance.randint(1, 90), chance.choice("CXN"),
             chance.choice("SI"))
        )  # fmt: skip
    packet = _packet(*prints, cluster_window_ms=2000)
    parents = parents_of(packet)
    assert sorted(member for parent in parents for member in parent.members) == sorted(packet.members)
    _adds_up(packet, parents)
    assert [parent.id for parent in parents] == [f"pa:{parent.members[0]}" for parent in parents]
    assert packet.mixed is (
        len(parents) == 1 and max(packet.buy_size, packet.sell_size) < 0.8 * packet.covered_size
    )  # fmt: skip


def _adds_up(packet: FlowPacket, parents: Sequence[Parent]) -> None:
    for name in ("count", "size", "buy_size", "sell_size", "covered_size", "ask_size", "intermarket_sweeps"):
        assert sum(getattr(parent, name) for parent in parents) == getattr(packet, name), name
    assert sum(parent.premium or 0 for parent in parents) == pytest.approx(packet.premium, abs=1e-6)


def test_a_single_print_says_of_itself_what_a_sum_over_it_says() -> None:
    """The short way for one print, against the general one: a twin struck out leaves the same packet."""
    config = PacketConfig(500_000_000, Rules().parent_max_gap_ms * 1_000_000, 0.8)
    for event in (trade(3, 1.15, 7, exchange="C", conditions=("S",)), trade(3, 0.9, 2), trade(3, 1.1, 5)):
        partition = Partition()
        partition(quote(0, _BID, _ASK, bid_size=9, ask_size=4))
        mark: MarkedPrint = partition(event).marks[0]
        assert joins(mark)
        (vicinity,) = partition.step.state.gathered.vicinities.values()
        kept = vicinity.open[key_of(mark)].marks[0]
        alone, twice = (new_burst(mark.contract, mark.underlying, mark.flag, kept, config.window_ns) for _ in range(2))
        twice.marks.append(kept)
        one, two = packet_of(alone, config), packet_of(twice, config)
        for name in ("size", "buy_size", "sell_size", "covered_size", "above_ask_size", "ask_size", "inside_size",
                     "bid_size", "below_bid_size", "premium", "intermarket_sweeps"):  # fmt: skip
            assert getattr(two, name) == 2 * getattr(one, name), name
        for name in ("vwap", "coverage", "venues", "spread", "venue_book", "price_low", "price_high", "flag", "volume"):
            assert getattr(two, name) == getattr(one, name), name
