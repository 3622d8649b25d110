"""A print that was cancelled might as well not have come: packet, hits and alert end as they would be without it.

Whole tapes go through both steps, with a print and its cancel and without either, and every field is compared.

    warm packets ...   | target: 1 to 6 prints within 300 ms |   later packets ...   cancel
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec
import pytest

from events.derived import FlowPacket, MarkedPrint
from events.raw import OptionPrint, Reference
from events.settings import Rules
from events.verdicts import Alert, Hit, Structure
from operators.judging import Verdicts
from operators.partition_state import PartitionState
from operators.partition_step import PartitionStep
from operators.shard_step import ShardStep
from operators.work import Decision, Work
from tests.prints import RANKS, SPY, quote, trade

UPPER, FAR, PUT = "SPY260116C00455000", "SPY260116C00460000", "SPY260116P00450000"
_CONTRACTS = (SPY, UPPER, FAR, PUT)
#: Many rules fire on little, and each alert stands alone.
_EASY: dict[str, Any] = {
    "classifier_z_min_samples": 3, "rolling_window_size": 8, "classifier_sweep_min_premium": 4_000,
    "classifier_spike_min_premium": 4_000, "repeated_hits_min_hit_premium": 1_000, "repeated_hits_min_premium": 3_000,
    "alert_cooldown_ms": 0, "alert_low_per_minute": 100_000, "nbbo_max_age_ms": 3_600_000,
}  # fmt: skip
#: What differs by what a packet, a hit or an alert is, rather than by what it says.
_OWN = {"id", "ts", "window_ms", "revision", "struck", "about", "packet_id", "hits", "evidence", "parents", "members"}
_TARGET_MS, _LATER_MS = 100_000.0, 101_000.0
#: Of some of the last a rule fires only without the print.
_SEEDS = (*range(12), 18, 47, 69)


@dataclass(slots=True)
class _Ran:
    """All that both steps said, in order, and the marks."""

    marks: list[MarkedPrint]
    said: Verdicts
    work: list[Work]

    def last(self, topic: str) -> dict[str, Any]:
        """Returns the last revision of each event of a topic."""
        return {event.id: event for event in getattr(self.said, topic)}


def _run(events: Sequence[Any], **rules: Any) -> _Ran:
    """Steps through events in order of time; now and then both states go through their bytes."""
    settings = Rules(**_EASY | rules)
    first, second, ran = PartitionStep(PartitionState(), settings), ShardStep(settings), _Ran([], Verdicts(), [])
    base, changes = b"", list[bytes]()
    for number, event in enumerate(sorted(events, key=lambda event: event.ts)):
        stepped = first.step([(event.ts, 0, RANKS[type(event).__name__], "", number, event)], event.ts)
        assert not stepped.dead
        ran.marks += stepped.marks
        ran.work += stepped.work
        second.step(stepped.work, ran.said)
        if number % 7 == 0:
            changes.append(second.changes())
            second = ShardStep(settings, base, changes=changes)
        elif number % 41 == 0:
            base, changes = second.dump(), []
            second.forget_changes()
    stepped = first.step([], trade(7_200_000).ts)
    second.step(stepped.work, ran.said)
    ran.work += stepped.work
    return ran


def _print(ident: str, ms: float, price: float, size: int, **fields: Any) -> OptionPrint:
    event = trade(ms, price, size, **fields)
    event.id = ident
    return event


def _burst(chance: Random, name: str, ms: float, contract: str, count: int, most: int = 60) -> list[OptionPrint]:
    """Prints within 300 ms; the first at `ms`. None is equal to one of the target's."""
    times = [ms, *sorted(ms + chance.randrange(1, 3000) / 10 for _ in range(count - 1))]
    conditions = chance.choice((("S",), ("I",), ()))
    side = chance.choice(((1.2,), (1.1,), (1.2, 1.2, 1.1), (1.1, 1.15, 1.2)))
    return [
        _print(
            f"{name}-{place}", time, chance.choice(side), chance.randrange(1, most) * 10 + digit, contract=contract,
            exchange=chance.choice("CX"), conditions=conditions,
        )
        for place, (time, digit) in enumerate(zip(times, range(0 if name == "t" else 6, 10), strict=False))
    ]  # fmt: skip


def _tape(seed: int, count: int) -> tuple[list[Any], list[OptionPrint], list[OptionPrint]]:
    """Returns what comes before the target packet, the target's prints, and what comes later."""
    chance = Random(seed)
    before: list[Any] = [quote(0, 1.1, 1.2, contract=contract) for contract in _CONTRACTS]
    for number in range(chance.choice((2, 8, 30))):
        contract = chance.choice(_CONTRACTS)
        before += _burst(chance, f"w{number}", 1000 + number * 1500, contract, chance.randrange(1, 4), 10)
    # Small packets, on which no rule fires, and large ones.
    target = _burst(chance, "t", _TARGET_MS, SPY, count, chance.choice((3, 60)))
    later = [
        each
        for number in range(chance.choice((0, 5, 40)))
        for each in _burst(chance, f"l{number}", _LATER_MS + number * 900, chance.choice(_CONTRACTS), 2)
    ]
    return before, target, later


def _which(target: Sequence[OptionPrint], place: str, chance: Random) -> OptionPrint:
    if place == "largest":
        return max(target, key=lambda event: event.size)
    return {"first": target[0], "last": target[-1], "any": chance.choice(target)}[place]


def _cancel_of(event: OptionPrint, ms: float) -> OptionPrint:
    fields = {"contract": event.contract, "exchange": event.exchange, "conditions": ("A",)}
    return _print("cancel", ms, event.price, event.size, **fields)


def _plain(event: FlowPacket | Hit | Alert) -> dict[str, Any]:
    """Returns what an event says, without what it is called and when that was known."""
    fields = {name: value for name, value in msgspec.structs.asdict(event).items() if name not in _OWN}
    if isinstance(event, FlowPacket):
        fields["members"] = event.members
        fields["parents"] = [msgspec.structs.replace(parent, id="") for parent in event.parents]
    return fields


def _of(ran: _Ran, packet_id: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Returns what stands at the end of a packet's hits and alerts: those taken back do not count."""
    hits = [hit for hit in ran.last("hits").values() if hit.packet_id == packet_id and hit.confidence > 0]
    alerts = [each for each in ran.last("alerts").values() if packet_id in each.evidence and not each.withdrawn]
    by_rule = sorted((_plain(hit) for hit in hits), key=lambda fields: (fields["rule"], fields["premium"]))
    return by_rule, sorted((_plain(alert) for alert in alerts), key=lambda fields: fields["premium"])


def _others(ran: _Ran, packet_id: str) -> dict[str, list[Any]]:
    """Returns, topic by topic, everything that is not about a packet, in order."""

    def is_about(event: Any) -> bool:
        names = (
            event.id,
            getattr(event, "packet_id", ""),
            getattr(event, "alert_id", ""),
            getattr(event, "hit_id", ""),
        )
        return packet_id in getattr(event, "evidence", ()) or any(
            packet_id.removeprefix("pk:") in name for name in names
        )

    topics = ("packets", "structures", "hits", "alerts", "outcomes", "checks")
    return {topic: [event for event in getattr(ran.said, topic) if not is_about(event)] for topic in topics}


@pytest.mark.parametrize("after_ms", [900, 4_000, 150_000, 290_000], ids=["closed", "soon", "later", "at the horizon"])
@pytest.mark.parametrize("place", ["first", "last", "largest", "any"])
@pytest.mark.parametrize("seed", _SEEDS)
def test_a_closed_packet_ends_as_if_the_print_had_not_come(seed: int, place: str, after_ms: float) -> None:
    before, target, later = _tape(seed, 2 + seed % 5)
    gone = _which(target, place, Random(seed))
    whole = _run([*before, *target, *later, _cancel_of(gone, _TARGET_MS + after_ms)])
    without = _run([*before, *(event for event in target if event is not gone)])
    packet = whole.last("packets")["pk:t-0"]
    kept = [event.id for event in target if event is not gone]
    (expected,) = [each for each in without.said.packets if each.members == tuple(kept)]
    assert _plain(packet) == _plain(expected)
    assert (packet.revision, packet.struck, packet.ts) == (1, 1, trade(_TARGET_MS + after_ms).ts)
    assert _of(whole, packet.id) == _of(without, expected.id)
    assert _taken_back(whole) <= {hit.id for hit in whole.said.hits if not hit.revision}


def _taken_back(ran: _Ran) -> set[str]:
    return {hit.id for hit in ran.said.hits if hit.revision and not hit.confidence}


def test_the_tapes_of_these_tests_have_something_to_say() -> None:
    """Hits that go, hits that come, packets without any, baselines of each level: all of it is among them."""
    seen: dict[str, None] = {}
    for seed in _SEEDS:
        before, target, _ = _tape(seed, 2 + seed % 5)
        for gone in target:
            ran = _run([*before, *target, _cancel_of(gone, _TARGET_MS + 900)])
            (first, last) = [each for each in ran.said.packets if each.id == "pk:t-0"]
            hits = [hit for hit in ran.said.hits if hit.packet_id == first.id]
            known = [hit.id for hit in hits if not hit.revision]
            seen[f"baseline {last.baseline}"] = None
            seen |= dict.fromkeys(_fate(hit, known) for hit in (hits if hits else (None,)))
    assert set(seen) >= {
        "silent", "taken back", "still fires", "fires only now", "baseline None", "baseline contract",
        "baseline bucket", "baseline underlying",
    }  # fmt: skip


def _fate(hit: Hit | None, known: Sequence[str]) -> str:
    if hit is None:
        return "silent"
    if not hit.revision:
        return "fired"
    return "taken back" if not hit.confidence else "still fires" if hit.id in known else "fires only now"


@pytest.mark.parametrize("seed", range(12))
def test_an_open_packet_ends_as_if_the_print_had_not_come(seed: int) -> None:
    before, target, later = _tape(seed, 2 + seed % 5)
    for gone in target[1:]:
        whole = _run([*before, *target, *later, _cancel_of(gone, _TARGET_MS + 400)])
        without = _run([*before, *(event for event in target if event is not gone), *later])
        assert [_plain(each) for each in whole.said.packets] == [_plain(each) for each in without.said.packets]
        for topic in ("packets", "structures", "hits", "alerts", "outcomes", "checks"):
            assert getattr(whole.said, topic) == getattr(without.said, topic), topic


def test_the_only_print_of_a_packet_leaves_nothing_behind() -> None:
    before, _, later = _tape(5, 1)
    only = _print("t-0", _TARGET_MS, 1.2, 900, contract=SPY, exchange="C", conditions=("S",))
    open_still = _run([*before, only, _cancel_of(only, _TARGET_MS + 100), *later])
    never = _run([*before, *later])
    for topic in ("packets", "structures", "hits", "alerts", "outcomes", "checks"):
        assert getattr(open_still.said, topic) == getattr(never.said, topic), topic
    closed = _run([*before, only, *later, _cancel_of(only, _TARGET_MS + 5_000)])
    assert (closed.last("packets")["pk:t-0"].count, closed.last("packets")["pk:t-0"].baseline) == (0, None)
    assert _of(closed, "pk:t-0") == ([], [])
    assert [hit for hit in closed.said.hits if hit.packet_id == "pk:t-0"]


@pytest.mark.parametrize("after_ms", [900, 30_000, 250_000])
@pytest.mark.parametrize("seed", range(12))
def test_nothing_else_changes_in_any_topic(seed: int, after_ms: float) -> None:
    before, target, later = _tape(seed, 2 + seed % 5)
    gone = _which(target, "any", Random(seed))
    cancel = _cancel_of(gone, _TARGET_MS + after_ms)
    whole, never = (_run([*before, *target, *later, *more]) for more in ((cancel,), ()))
    others, as_before = _others(whole, "pk:t-0"), _others(never, "pk:t-0")
    # What is said of orders that come back to a contract, from the cancel on, no longer counts the one that never was;
    # nor does the contract's volume of the day.
    known = cancel.ts
    assert [each for each in others["packets"] if each.end_ts < known or each.contract != SPY] == [
        each for each in as_before["packets"] if each.end_ts < known or each.contract != SPY
    ]
    volumes = [(each.id, each.volume) for each in others["packets"] if each.end_ts >= known and each.contract == SPY]
    for ident, volume in volumes:
        assert volume == never.last("packets")[ident].volume - gone.size
    for topic in ("structures", "hits", "alerts", "outcomes", "checks"):
        earlier, then = ([each for each in said[topic] if each.ts < known] for said in (others, as_before))
        assert earlier == then, topic
    assert [mark for mark in whole.marks if mark.ts < known] == [mark for mark in never.marks if mark.ts < known]
    revised = [each for each in whole.said.packets if each.revision]
    assert [(each.id, each.ts) for each in revised] == [("pk:t-0", known)]


def _vertical(size: int = 103) -> list[Any]:
    """Returns a bought and a sold leg, and a stranger's packet that keeps the decision waiting."""
    return [
        _print("a-0", 50_000, 1.2, size, contract=SPY, exchange="C", conditions=("f",)),
        _print("a-1", 50_000.5, 1.2, size, contract=SPY, exchange="C", conditions=("f",)),
        _print("b-0", 50_001, 1.1, 2 * size, contract=UPPER, exchange="C", conditions=("f",)),
        _print("c-0", 50_300, 1.1, 5, contract=FAR, exchange="C", conditions=("f",)),
    ]


def _begun() -> list[Any]:
    return [quote(0, 1.1, 1.2, contract=contract) for contract in _CONTRACTS] + [
        each for n in range(12) for each in _burst(Random(n), f"w{n}", 1000 + 1500 * n, _CONTRACTS[n % 4], 2, 10)
    ]


def test_a_leg_that_waits_is_decided_on_as_if_the_print_had_not_come() -> None:
    """Closed, scored and published, but its neighbour is still open: the decision finds no structure in ratio."""
    legs, structure = _vertical(), {"classifier_structure_min_premium": 0.0}
    cancel = _cancel_of(legs[1], 50_600)
    whole = _run([*_begun(), *legs, cancel], **structure)
    without = _run([*_begun(), legs[0], *legs[2:]], **structure)
    assert [type(each) for each in whole.work if isinstance(each, Decision)]
    packets, expected = whole.last("packets"), without.last("packets")
    assert {ident: _plain(each) for ident, each in packets.items()} == {
        ident: _plain(each) for ident, each in expected.items()
    }
    assert [_told(each) for each in whole.said.structures] == [_told(each) for each in without.said.structures]
    assert _of(whole, "pk:a-0") == _of(without, "pk:a-0")
    assert _of(whole, "pk:b-0") == _of(without, "pk:b-0")


def _told(structure: Structure) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(structure).items() if name not in ("ts", "revision")}


@pytest.mark.parametrize("after_ms", [2_000, 200_000])
def test_a_structures_leg_that_loses_a_print_is_the_packet_without_it(after_ms: float) -> None:
    """Its structure stays one, smaller; the other leg's packet does not change, and nothing of it is single-leg."""
    legs, structure = _vertical(), {"classifier_structure_min_premium": 0.0}
    cancel = _cancel_of(legs[1], 50_000 + after_ms)
    whole = _run([*_begun(), *legs, cancel], **structure)
    # The legs of a structure are taken by it whatever becomes of them: its packet alone is compared with a tape that
    # never had the print.
    expected = _run([*_begun(), legs[0], *legs[2:]], **structure).last("packets")["pk:a-0"]
    assert _plain(whole.last("packets")["pk:a-0"]) == _plain(expected)
    before, after = whole.said.structures
    assert (after.id, after.revision, before.size, after.size) == (before.id, 1, 206, 103)
    assert {leg.contract: leg.size for leg in after.legs} == {SPY: 103, UPPER: 206}
    assert [each.revision for each in whole.said.packets if each.id == "pk:b-0"] == [0]
    last = [hit for hit in whole.last("hits").values() if hit.confidence > 0]
    assert all(hit.structure_id == before.id for hit in last if hit.packet_id in ("pk:a-0", "pk:b-0"))


def test_more_verdicts_than_any_number_are_taken_back_within_the_horizon() -> None:
    """The memory of what may be cancelled goes by time: two hundred hits later the first is still known."""
    first = _print("t-0", 20_000, 1.2, 900, contract=FAR, exchange="C", conditions=("S",))
    many = [
        _print(f"m{n}", 21_000 + 900 * n, 1.2, 400 + n, contract=_CONTRACTS[n % 2], exchange="X", conditions=("S",))
        for n in range(200)
    ]
    ran = _run([*_begun(), first, *many, _cancel_of(first, 20_000 + 299_000)], classifier_single_print_premium=1000)
    assert [hit for hit in ran.said.hits if hit.packet_id == "pk:t-0"]
    assert _of(ran, "pk:t-0") == ([], [])
    assert [each.withdrawn for each in ran.said.alerts if each.about == "pk:t-0"][-1]


def test_a_later_order_no_longer_counts_one_that_was_cancelled() -> None:
    """Four orders make repeated hits; with one of them cancelled before the fourth, three do not."""
    orders = [
        _print(f"o{n}", 20_000 + 8000 * n, 1.2, 100 + n, contract=SPY, exchange="C", conditions=("S",))
        for n in range(4)
    ]  # fmt: skip
    rules = {"repeated_hits_min_count": 4, "repeated_hits_min_hit_premium": 10_000, "repeated_hits_min_premium": 40_000}
    cancel = _cancel_of(orders[1], 40_000)
    begun = [quote(0, 1.1, 1.2, contract=SPY)]

    def rules_of(events: list[Any]) -> list[str]:
        return [hit.rule for hit in _run([*begun, *events], **rules).said.hits if hit.packet_id == "pk:o3"]

    assert "repeated_hits" in rules_of(orders)
    assert "repeated_hits" not in rules_of([*orders, cancel])


def test_a_claim_on_open_interest_is_held_to_the_size_that_stands() -> None:
    def fact(ms: float, date: str, interest: int) -> Reference:
        return Reference(ts=trade(ms).ts, kind="open_interest", instrument=SPY, for_date=date, open_interest=interest)

    prints = [
        _print(f"o{n}", 1000 + n, 1.2, size, contract=SPY, exchange="C", conditions=("S",))
        for n, size in enumerate((200, 300))
    ]
    before, after = fact(1, "2026-01-14", 50), fact(7_000_000, "2026-01-15", 230)

    def checked(*more: Any) -> list[tuple[int, str]]:
        rules = {"classifier_position_min_premium": 1_000, "classifier_position_single_premium": 1_000}
        ran = _run([quote(0, 1.1, 1.2), before, *prints, *more, after], **rules)
        return [(each.size, each.verdict) for each in ran.said.checks]

    assert checked() == [(500, "undecided")]
    assert checked(_cancel_of(prints[1], 9_000)) == [(200, "confirmed")]
    assert checked(_cancel_of(prints[1], 9_000), _print_cancel(prints[0], 9_001)) == []


def _print_cancel(event: OptionPrint, ms: float) -> OptionPrint:
    cancel = _cancel_of(event, ms)
    cancel.id = "cancel-2"
    return cancel


def test_looks_go_on_after_a_revision_and_tell_of_the_alert_that_stands() -> None:
    prints = [
        _print(f"o{n}", 20_000 + n, 1.2, 900 + n, contract=SPY, exchange="C", conditions=("I",)) for n in range(5)
    ]  # fmt: skip
    ran = _run([*_begun(), *prints, _cancel_of(prints[4], 22_000)])
    assert [each.premium for each in ran.said.alerts if each.about == "pk:o0"][-1] == 432_720.0
    outcomes = [each for each in ran.said.outcomes if each.alert_id == "al:pk:o0"]
    assert [each.after_s for each in outcomes[:5]] == [10, 60, 300, 900, 3600]
