"""Contracts that are over are forgotten, by event time alone: what is remembered does not grow with the calendar."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

import pytest

from events.raw import OptionPrint, OptionQuote, Reference
from events.sessions import NEW_YORK
from events.settings import Rules
from events.types import FOREVER_NS, NS_PER_S
from operators.merge_state import Item
from operators.partition_state import PartitionState
from operators.partition_step import PartitionStep, Stepped, load
from operators.work import Interest
from tests.prints import RANKS, packets_in

#: What expires on Friday, 16 January 2026, at 16:00; the Monday after is a holiday.
_FRIDAY, _LATER = "SPXW260116C06900000", "SPXW260320C06900000"


def _ts(day: int, clock: str) -> int:
    """Returns a time of a day of January 2026, ns."""
    return int(datetime.combine(date(2026, 1, day), time.fromisoformat(clock), NEW_YORK).timestamp() * NS_PER_S)


def _quote(ts: int, contract: str = _FRIDAY) -> OptionQuote:
    return OptionQuote(ts=ts, contract=contract, bid=10.0, ask=10.2)


def _trade(ts: int, contract: str = _FRIDAY, size: int = 1, **fields: Any) -> OptionPrint:
    return OptionPrint(id=f"p{ts}{contract}", ts=ts, contract=contract, price=10.2, size=size, **fields)


def _step(*events: Any, step: PartitionStep | None = None) -> tuple[PartitionStep, Stepped]:
    step = step or PartitionStep(PartitionState(), Rules())
    items: list[Item] = [(each.ts, 0, RANKS[type(each).__name__], "", n, each) for n, each in enumerate(events)]
    return step, step.step(items, events[-1].ts)


def _known(*events: Any) -> set[str]:
    step, _ = _step(*events)
    assert set(step._known) <= set(step.state.instruments)
    return set(step.state.instruments)


@pytest.mark.parametrize(
    ("day", "clock", "known"),
    [
        (17, "03:00:00", True), (20, "09:30:00", True), (21, "02:59:59", True), (21, "03:00:00", False),
        (23, "11:00:00", False),
    ],
)  # fmt: skip
def test_a_contract_is_forgotten_at_the_boundary_behind_the_session_after_its_last(
    day: int, clock: str, known: bool
) -> None:
    found = _known(_quote(_ts(16, "11:00")), _quote(_ts(day, clock), _LATER))
    assert found == ({_FRIDAY, _LATER} if known else {_LATER})


def test_no_watermark_forgets_for_feeds_may_return() -> None:
    step, _ = _step(_quote(_ts(16, "11:00")))
    before = step.dump()
    step.step([], _ts(30, "11:00"))
    step.step([], FOREVER_NS)
    assert step.dump() == before


def test_two_months_of_daily_expiries_leave_what_the_last_days_left() -> None:
    step = PartitionStep(PartitionState(), Rules())
    for day in range(60):
        expiry = date(2026, 1, 15) + timedelta(days=day)
        ts = _ts(15, "10:00") + day * 86_400 * NS_PER_S
        call, put = (f"SPXW{expiry:%y%m%d}{right}06900000" for right in "CP")
        _step(_quote(ts, call), _quote(ts, put), _trade(ts + NS_PER_S, call), step=step)
    forwards = step.state.underlyings.by_symbol["SPX"].forwards
    assert len(step.state.instruments) <= 10
    assert len(forwards) == len(step._underlyings.chains) <= 5


def test_what_is_left_of_an_expiry_goes_on_implying_its_forward() -> None:
    call, put, other = "SPXW260116C06900000", "SPXW260116P06900000", "SPXW260116C07000000"
    definition = [
        Reference(ts=_ts(16, "10:00"), kind="definition", instrument=each, expiry_ts=_ts(30, "16:00"))
        for each in (call, put)
    ]
    begun = [_quote(_ts(16, "09:00"), each) for each in (call, put, other)]
    now = _ts(22, "11:00")
    step, stepped = _step(*begun, *definition, _quote(now, call), _quote(now, put), _trade(now + 1, call))
    assert set(step.state.instruments) == {call, put}
    assert (stepped.marks[0].spot, stepped.marks[0].spot_source) == (6900.0, "parity")


def test_a_late_print_over_the_boundary_is_packed_followed_and_cancelled() -> None:
    late, cancelled = _ts(21, "02:59:59.9"), _ts(21, "03:00:30")
    step, before = _step(_quote(_ts(16, "11:00")), _trade(late, size=500), _quote(_ts(21, "03:00:01"), _LATER))
    assert set(step.state.instruments) == {_FRIDAY, _LATER}
    assert [packet.size for packet in packets_in(before)] == [500]
    _, after = _step(_trade(cancelled, size=500, conditions=("A",)), step=step)
    assert not after.dead
    assert [packet.size for packet in packets_in(after)] == [0]
    assert after.marks[0].volume == 0


def test_the_open_interest_of_the_morning_after_the_last_session_still_comes() -> None:
    interest = Reference(ts=_ts(20, "06:30"), kind="open_interest", instrument=_FRIDAY, open_interest=7)
    traded = _ts(16, "11:00")
    _, stepped = _step(_quote(traded), _trade(traded + 1, size=500), _quote(_ts(16, "12:00"), _LATER), interest)
    assert [each.for_date for each in stepped.work if isinstance(each, Interest)] == ["2026-01-16"]


@pytest.mark.parametrize("for_date", ["zzz", "9999-12-31", "2026-02-30"])
def test_a_date_that_cannot_be_is_a_dead_letter_and_takes_no_interest_away(for_date: str) -> None:
    known = Reference(ts=_ts(16, "06:30"), kind="open_interest", instrument=_FRIDAY, open_interest=7)
    poison = Reference(
        ts=_ts(16, "06:31"), kind="open_interest", instrument=_LATER, open_interest=5, for_date=for_date
    )  # fmt: skip
    _, stepped = _step(known, poison, poison, _trade(_ts(16, "11:00"), size=500))
    assert [letter.topic for letter in stepped.dead] == ["reference"] * 2
    assert stepped.marks[0].open_interest == 7


def test_what_comes_later_still_begins_again() -> None:
    events = _trade(_ts(16, "11:00"), size=5), _quote(_ts(22, "11:00"), _LATER), _trade(_ts(22, "12:00"), size=2)
    step, stepped = _step(*events)
    assert [mark.volume for mark in stepped.marks] == [5, 2]
    assert list(step.state.instruments) == [_LATER, _FRIDAY]


def _weeks(chance: Random) -> list[Item]:
    """Returns quotes and prints of daily expiries over three weeks, in bursts."""
    ts, found = _ts(5, "04:00"), list[Item]()
    for number in range(500):
        ts += NS_PER_S if chance.random() < 0.7 else chance.randrange(4 * 3600) * NS_PER_S
        expiry = datetime.fromtimestamp(ts / NS_PER_S, NEW_YORK).date() + timedelta(days=chance.randint(-4, 3))
        contract = f"SPXW{expiry:%y%m%d}{chance.choice('CP')}0{chance.choice((6900, 6905))}000"
        event: Any = _quote(ts, contract) if chance.random() < 0.7 else _trade(ts, contract, chance.choice((1, 900)))
        found.append((ts, 0, RANKS[type(event).__name__], "", number, event))
    return found


@pytest.mark.parametrize("seed", range(15))
def test_what_is_forgotten_depends_neither_on_batches_nor_on_restarts(seed: int) -> None:
    chance = Random(seed)
    items = _weeks(chance)
    whole = PartitionStep(PartitionState(), Rules())
    expected = whole.step(items, items[-1][0])
    step, base, changes, found, place = PartitionStep(PartitionState(), Rules()), b"", list[bytes](), Stepped(), 0
    while place < len(items):
        end = min(place + chance.randint(1, 40), len(items))
        # A watermark may stand anywhere up to what comes next.
        step.step_into(found, items[place:end], items[end - 1][0])
        place = end
        changes.append(step.changes())
        if chance.random() < 0.2:
            base, changes = step.dump(), []
        if chance.random() < 0.3:
            step = PartitionStep(load(base, changes), Rules())
    assert load(base, changes) == step.state
    assert step.dump() == whole.dump()
    assert (found.marks, found.work) == (expected.marks, expected.work)
    assert len(step.state.instruments) < 40
