"""Cancels and corrections: the last revision is the packet without the print, and nothing else has changed."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest

from events.control import Control
from events.derived import FlowPacket
from events.raw import EquityQuote, OptionPrint
from events.settings import Rules, plain_rules
from operators.packing import PACK
from operators.partition_step import Stepped
from operators.work import Decision, Look, Revised, Waiting, Work
from tests.prints import SPY, Partition, packets_in, quote, trade

UPPER, FAR = "SPY260116C00455000", "SPY260116C00460000"
#: What a print that never came leaves otherwise: the packet's name and window, and how often it was told.
_ITS_OWN = ("id", "ts", "window_ms", "revision", "struck")


def _stepped(*events: Any, until_ms: float = 10_000_000, **rules: Any) -> Stepped:
    partition, out = Partition(**rules), Stepped()
    for event in events:
        _extend(out, partition(event))
    _extend(out, partition.step.step([], trade(until_ms).ts))
    return out


def _extend(out: Stepped, more: Stepped) -> None:
    out.marks += more.marks
    # What is followed has tests of its own.
    out.work += [each for each in more.work if not isinstance(each, Look)]
    out.dead += more.dead


def _cancel(ms: float, size: int = 3, price: float = 1.2, code: str = "A", **fields: Any) -> OptionPrint:
    return trade(ms, price, size, conditions=(code,), **fields)


def _last(stepped: Stepped) -> dict[str, FlowPacket]:
    return {packet.id: packet for packet in packets_in(stepped)}


def _plain(packet: FlowPacket) -> dict[str, Any]:
    fields = {name: value for name, value in msgspec.structs.asdict(packet).items() if name not in _ITS_OWN}
    fields["parents"] = [msgspec.structs.replace(parent, id="") for parent in packet.parents]
    return fields


@pytest.mark.parametrize("code", ["A", "C", "E", "G"])
@pytest.mark.parametrize("ms", [300, 900, 200_000], ids=["open", "closed", "long closed"])
def test_a_cancelled_print_leaves_its_packet(code: str, ms: float) -> None:
    prints = (quote(0), trade(1, 1.2, 3), trade(2, 1.0, 4), trade(3, 1.2, 5))
    (packet,) = _last(_stepped(*prints, _cancel(ms, 4, 1.0, code))).values()
    (without,) = _last(_stepped(prints[0], prints[1], prints[3])).values()
    assert _plain(packet) == _plain(without)
    # A packet that was not spoken of yet has nothing to revise.
    assert (packet.revision, packet.struck) == ((0, 0) if ms == 300 else (1, 1))


def test_a_revision_is_stamped_when_it_became_known_and_keeps_its_id() -> None:
    out = _stepped(trade(1), trade(2, size=4), _cancel(900))
    first, revised = packets_in(out)
    assert isinstance(out.work[1], Revised)
    # The shard stamps what it publishes; what it judges is the packet of then.
    assert (revised.id, revised.ts, out.work[1].ts) == (first.id, first.ts, trade(900).ts)
    assert (revised.start_ts, revised.members) == (trade(2).ts, ("p2",))


def test_an_emptied_packet_says_so() -> None:
    first, revised = packets_in(_stepped(trade(1), _cancel(900)))
    assert (first.count, revised.count, revised.size, revised.members) == (1, 0, 0, ())
    assert (revised.id, revised.revision, revised.struck) == (first.id, 1, 1)


def test_a_packet_emptied_while_it_is_open_was_never_there() -> None:
    (packet,) = packets_in(_stepped(trade(1), _cancel(2), trade(400, size=9)))
    assert (packet.id, packet.start_ts) == ("pk:p400", trade(400).ts)


def test_the_most_recent_print_with_equal_fields_is_meant_and_each_only_once() -> None:
    prints = [trade(ms, exchange="C") for ms in (1, 2, 3)]
    cancels = [_cancel(ms, exchange="C") for ms in (700, 800)]
    found = packets_in(_stepped(*prints, *cancels))
    assert [packet.members for packet in found] == [("p1", "p2", "p3"), ("p1", "p2"), ("p1",)]
    assert [packet.revision for packet in found] == [0, 1, 2]


@pytest.mark.parametrize(
    "other",
    [{"size": 4}, {"price": 1.25}, {"exchange": "X"}, {"contract": UPPER}],
    ids=lambda fields: next(iter(fields)),
)
def test_a_cancel_of_other_fields_strikes_nothing_and_is_a_dead_letter(other: dict[str, Any]) -> None:
    out = _stepped(trade(1, exchange="C"), _cancel(900, **{"exchange": "C"} | other))
    assert [packet.count for packet in packets_in(out)] == [1]
    (letter,) = out.dead
    assert "cancel of a print that is not remembered" in letter.reason


@pytest.mark.parametrize(("ms", "struck"), [(301.0, True), (301.001, False)])
def test_a_print_is_remembered_for_the_horizon(ms: float, struck: bool) -> None:
    out = _stepped(trade(1), trade(290, size=7), _cancel(ms), cluster_window_ms=250, cancel_horizon_ms=300)
    assert bool(out.dead) is not struck
    assert sum(packet.struck for packet in packets_in(out)) == (1 if struck else 0)


def test_a_late_report_of_equal_fields_is_the_more_recent_print() -> None:
    """It joined no packet: its cancel takes back the volume alone."""
    out = _stepped(trade(1), trade(700, conditions=("D",)), _cancel(900), trade(1000, size=1))
    assert [packet.count for packet in packets_in(out)] == [1, 1]
    assert not out.dead
    assert out.marks[-1].volume == 3 + 1


def test_volume_is_as_if_the_print_had_never_come() -> None:
    out = _stepped(trade(1), trade(2, size=5), _cancel(3, size=5), trade(4, size=1))
    assert [mark.volume for mark in out.marks] == [3, 8, 3, 4]
    inside = _last(_stepped(trade(1), trade(2, size=5), trade(3, size=1), _cancel(900)))
    assert inside["pk:p1"].volume == 6


def test_a_corrected_print_has_the_side_and_the_values_that_it_would_have_had() -> None:
    stock = EquityQuote(ts=trade(0).ts, symbol="SPY", bid=450.0, ask=450.2)
    equal = quote(0, 10.0, 10.2, bid_size=50, ask_size=50)
    at_mid, at_ask = trade(1, 10.1, 30), trade(1, 10.2, 40)
    corrected = trade(900, 10.2, 40, kind="correction", ref="p1")
    (packet,) = _last(_stepped(stock, equal, at_mid, corrected)).values()
    (without,) = _last(_stepped(stock, equal, at_ask)).values()
    own = ("members", "volume")
    assert {k: v for k, v in _plain(packet).items() if k not in own} == {
        k: v for k, v in _plain(without).items() if k not in own
    }
    assert packet.buy_size == 40
    assert packet.iv is not None


@pytest.mark.parametrize("ms", [300, 900], ids=["open", "closed"])
def test_a_correction_takes_the_place_of_the_print_that_it_refers_to(ms: float) -> None:
    corrected = trade(ms, 1.0, 7, kind="correction", ref="p2")
    (packet,) = _last(_stepped(quote(0), trade(1), trade(2, 1.2, 4), trade(3), corrected)).values()
    assert (packet.members, packet.size) == (("p1", f"p{ms}", "p3"), 13)
    assert (packet.buy_size, packet.sell_size, packet.premium) == (6, 7, 1420.0)
    assert packet.volume == 13
    assert packet.struck == (0 if ms == 300 else 1)


def test_a_reference_that_is_not_known_strikes_nothing() -> None:
    out = _stepped(trade(1), trade(900, kind="cancel", ref="elsewhere"))
    assert [packet.count for packet in packets_in(out)] == [1]
    assert "elsewhere" in out.dead[0].reason


def test_a_parent_keeps_its_id_when_its_first_print_is_struck_out() -> None:
    bought = [trade(ms, 1.2, 10 + ms) for ms in (1, 2)]
    sold = [trade(ms, 1.0, 20 + ms) for ms in (40, 41)]
    first, revised = packets_in(_stepped(quote(0), *bought, *sold, _cancel(900, 60, 1.0)))
    assert [parent.id for parent in first.parents] == ["pa:p1", "pa:p40"]
    assert [(parent.id, parent.members) for parent in revised.parents] == [
        ("pa:p1", ("p1", "p2")), ("pa:p40", ("p41",)),
    ]  # fmt: skip


def _vertical() -> list[Any]:
    legs = [
        trade(ms, price, size, contract=contract, conditions=("f",))
        for ms, price, size, contract in ((1, 1.2, 103, SPY), (2, 1.2, 103, SPY), (4, 1.0, 206, UPPER))
    ]
    return [quote(0), quote(0, contract=UPPER), *legs]


def test_a_structure_whose_leg_lost_size_is_revised() -> None:
    out = _stepped(*_vertical(), _cancel(900, 103))
    (decision,) = [each for each in out.work if isinstance(each, Decision) and each.structures]
    (revised,) = [each for each in out.work if isinstance(each, Revised)]
    (before,), (after,) = decision.structures, revised.structures
    assert (after.id, after.revision, after.ts) == (before.id, 1, trade(900).ts)
    assert {leg.contract: leg.size for leg in after.legs} == {SPY: 103, UPPER: 206}
    again = _stepped(*_vertical(), _cancel(900, 103), _cancel(901, 103))
    last = [each for each in again.work if isinstance(each, Revised)][-1].structures[0]
    assert (last.revision, [leg.contract for leg in last.legs]) == (2, [UPPER])


def test_a_packet_that_waits_is_revised_before_it_is_decided_on() -> None:
    out = _stepped(*_vertical()[:-1], trade(300, 1.0, 5, contract=UPPER, conditions=("f",)), _cancel(600, 103))
    assert [type(each) for each in out.work] == [Waiting, Revised, FlowPacket, Decision]


@pytest.mark.parametrize("seed", range(6))
def test_nothing_else_changes(seed: int) -> None:
    """Whole tapes with and without a print and its cancel, long enough for packets to be packed."""
    chance = Random(seed)
    ms, prints = 1.0, []
    for number in range(6 * PACK):
        ms += chance.choice((0.0, 1.0, 30.0, 200.0, 700.0, 2000.0))
        event = trade(
            ms, chance.choice((1.0, 1.1, 1.2)), 10 + number, contract=chance.choice((SPY, UPPER, FAR)),
            exchange=chance.choice("CX"), conditions=(chance.choice("ISD"),),
        )  # fmt: skip
        event.id = f"p{number}"
        prints.append(event)
    gone = prints[chance.randrange(len(prints) // 2)]
    cancel = _cancel(ms + 100, gone.size, gone.price, contract=gone.contract, exchange=gone.exchange)
    quotes = [quote(0, contract=contract) for contract in (SPY, UPPER, FAR)]
    # No structures here: they look across packets, and are tested above.
    rules = {"structure_min_premium": 1e9, "cancel_horizon_ms": 86_400_000}
    whole = _last(_stepped(*quotes, *prints, cancel, **rules))
    before = {p.id: p for p in packets_in(_stepped(*quotes, *prints, **rules))}
    late = gone.conditions == ("D",)
    changed = [ident for ident in whole if whole[ident] != before[ident]]
    assert [before[ident].members.count(gone.id) for ident in changed] == ([] if late else [1])
    for ident in changed:
        kept = [event for event in prints if event.id in before[ident].members and event is not gone]
        alone = _last(_stepped(*quotes, *kept, **rules))
        if kept:
            (expected,) = alone.values()
            volume = {"volume": whole[ident].volume}
            assert _plain(whole[ident]) == _plain(expected) | volume
            assert before[ident].volume - whole[ident].volume >= gone.size
        assert (whole[ident].revision, whole[ident].struck) == (1, 1)


def test_the_way_of_a_cancel_is_the_same_whether_its_print_is_packed_or_not() -> None:
    def last(filler: int) -> Work:
        others = [trade(1000 + 10 * n, 1.1, 1, contract=(UPPER, FAR)[n % 2]) for n in range(filler)]
        return _stepped(quote(0), trade(1, 1.2, 3), trade(2, 1.0, 4), *others, _cancel(290_000)).work[-1]

    packed, plain = last(8 * PACK), last(0)
    assert isinstance(plain, Revised)
    assert packed == plain


def test_prints_that_join_no_packet_are_bounded_too() -> None:
    partition = Partition()
    for n in range(4 * PACK):
        partition(trade(n * 1000, conditions=("D",)))
    (vicinity,) = partition.step.state.gathered.vicinities.values()
    assert len(vicinity.closed) <= 2 * PACK


def test_a_packet_that_waits_under_longer_windows_is_decided_on_all_the_same() -> None:
    """The settings change while it waits, and many packets close before its decision."""
    wide = Rules(structure_window_ms=2000, cluster_window_ms=2000)
    narrow = Rules(structure_window_ms=0, cluster_window_ms=250)
    partition = Partition(**wide.model_dump())
    out = Stepped()
    for event in (quote(0), quote(0, contract=UPPER), trade(1, 1.2, 103), trade(1900, 1.2, 7, contract=UPPER)):
        _extend(out, partition(event))
    _extend(out, partition(trade(2050, 1.0, 1, contract=FAR)))
    _extend(out, partition(Control(control="parameters", ts=trade(2100).ts, parameters=plain_rules(narrow))))
    for n in range(4 * PACK):
        _extend(out, partition(trade(2101 + n * 20, 1.0, 1, contract=FAR, conditions=("ceabv"[n % 5],))))
    _extend(out, partition.step.step([], trade(20_000).ts))
    assert [each.packets for each in out.work if isinstance(each, Decision)] == [("pk:p1",)]
