"""Orders as rules read them: what was told apart, by side; what cannot be told apart has none, whoever is beside it."""

from __future__ import annotations

import pytest

from events.derived import FlowPacket
from events.settings import Rules
from events.types import Side
from operators.rules import ALL
from operators.rules.subject import orders_of, whole_of
from tests.packets import order
from tests.prints import Partition, at, packets_in, quote, trade

_RULES = Rules()


def _packet(*pieces: tuple[float, str], stranger: bool = False) -> FlowPacket:
    """Returns a packet of pieces, each begun at (ms, venue): three prints of 1,100 bought and between them two sold.

    A stranger buys ten behind them, on another venue and by a sweep.
    """
    partition = Partition()
    partition(quote(0))
    for ms, venue in pieces:
        for number in range(5):
            bought = number % 2 == 0
            partition(trade(ms + 5 * number, 1.2 if bought else 1.0, 1100, exchange=venue, conditions=("I",)))
    if stranger:
        partition(trade(300, 1.2, 10, exchange="X", conditions=("S",)))
    (packet,) = packets_in(partition.step.step([], at(2000)))
    return packet


@pytest.mark.parametrize("stranger", [False, True])
def test_six_tenths_of_an_inseparable_order_give_it_no_side_whoever_trades_beside_it(stranger: bool) -> None:
    packet = _packet((10, "C"), stranger=stranger)
    assert packet.mixed != stranger
    largest = orders_of(packet, frozenset(), _RULES)[0]
    assert (largest.parent.size, largest.side) == (5500, "none")
    claimed = {rule.judge(largest).direction for rule in ALL if rule.reads == "order" and rule.judge(largest).fired}
    assert claimed <= {"neutral"}


def test_orders_without_a_side_have_none_together_either() -> None:
    packet = _packet((10, "C"), (150, "N"), stranger=True)
    sides = [parent.side for parent in packet.parents]
    assert sides.count("none") == 2
    largest = orders_of(packet, frozenset(), _RULES)[0]
    assert (largest.parent.size, largest.side) == (11_000, "none")
    taken = frozenset(parent.id for parent in packet.parents if parent.side != "none")
    left = whole_of(packet, taken, _RULES)
    assert left is not None
    assert (left.parent.size, left.side) == (11_000, "none")


@pytest.mark.parametrize(("sold", "side"), [(0, "buy"), (49, "buy"), (50, "none"), (51, "sell")])
def test_a_packet_as_one_order_is_on_the_side_of_most_of_its_size(sold: int, side: Side) -> None:
    subject = order(buy_size=100 - sold, sell_size=sold)
    assert subject.side == side
    shown = {check.name: check for check in ALL[0].judge(subject).checks}["side"]
    assert (shown.observed, shown.threshold, shown.passed) == (side, "buy", side == "buy")
