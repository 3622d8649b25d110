"""Following: what became of packets of interest, looked at some times after they were decided on (contract 10).

Which packets get alerts is not known here: the path leads forward only. Followed is what a rule may fire on; of packets
at which equally many looks were taken the largest are kept and the smallest let go. So what is small, or has waited for
the close since the morning, takes no place from a large packet that has just come. What remains: an alert whose packet
is smaller than so many others that came within the time between two looks has its looks until then, none of them final.

Of a contract and an underlying, highs and lows are kept once for all who follow them, by the value with which they
began. Each is the extreme from a beginning until now, so that highs never rise from one beginning to the next and lows
never fall: a value is compared from the newest on, until one holds.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import date
from typing import Any, Final, NamedTuple

from events.derived import Flag
from events.ids import structure_id
from events.sessions import options_close
from events.types import NS_PER_S
from events.verdicts import Leg, Structure
from operators.partition_state import Course, Followed, Watch
from operators.work import Interest, Look

#: Looks after the decision, seconds; the last is at the close of the session.
LOOKS_S = (10, 60, 300, 900, 3600)
_LOOKS_NS: Final[tuple[int, ...]] = tuple(after_s * NS_PER_S for after_s in LOOKS_S)
#: Packets of one underlying that are followed at once with equally many looks behind them; contracts whose next open
#: interest is waited for; trade dates of each: figures lag by one or two (domain 1.4), and some never come.
MOST_WATCHED, MOST_TRADED, MOST_DATES = 128, 2048, 4
#: Flags of packets that rules read by themselves; under any other no rule on an order or a packet can fire.
READ_ALONE: frozenset[Flag] = frozenset(("regular", "cross", "floor"))


def see(course: Course, value: float) -> None:
    """Takes a value: the highest since each beginning behind which nothing higher came, and so with the lowest."""
    boxed: Any = value
    course.now = boxed
    highs, lows = course.highs, course.lows
    if not highs:
        return
    course.touched = True
    for at in range(len(highs) - 1, -1, -1):
        high = highs[at]
        if high is not None and value <= high:
            break
        highs[at] = boxed
    for at in range(len(lows) - 1, -1, -1):
        low = lows[at]
        if low is not None and value >= low:
            break
        lows[at] = boxed


def begin(course: Course) -> int:
    """Begins to follow; returns the number of the stretch that begins here."""
    numbers = course.numbers
    if numbers and not course.touched:
        course.begun[-1] += 1
    else:
        numbers.append(course.next)
        course.next += 1
        course.highs.append(course.now)
        course.lows.append(course.now)
        course.begun.append(1)
        course.touched = False
    return numbers[-1]


def since(course: Course, number: int) -> tuple[float | None, float | None]:
    """Returns the highest and lowest value since a beginning; None when there was none."""
    at = bisect_left(course.numbers, number)
    return course.highs[at], course.lows[at]


def end(course: Course, number: int) -> None:
    """Ends what began with a stretch; one that nobody follows any longer joins the one before, if there is one."""
    at = bisect_left(course.numbers, number)
    course.begun[at] -= 1
    if course.begun[at]:
        return
    if at and at == len(course.numbers) - 1:
        # A stretch follows another only where a value came between them.
        course.touched = True
    del course.numbers[at], course.begun[at], course.highs[at], course.lows[at]


def first_leg(structure: Structure) -> Leg:
    """Returns the leg that stands for a structure: the one that printed first, while it has it."""
    return next((leg for leg in structure.legs if structure_id(leg.parent_id) == structure.id), structure.legs[0])


class Lead(NamedTuple):
    """A packet to follow, as it was decided on; one that stands for a structure has the premium of the whole."""

    id: str
    contract: str
    premium: float
    spot: float | None
    start_ts: int


def closes_at(day: date, underlying: str, settles: int) -> int:
    """Returns when a contract stops trading on a trade date, ns: as its underlying's do, or settling before that."""
    return min(options_close(day, underlying), settles)


def follow(followed: Followed, packet: Lead, close_ts: int, ts: int, mark: float | None) -> int:
    """Begins to follow a packet decided on at `ts`; returns when to look first, ns, 0 when it is followed already.

    `mark` is the mid of its contract, which stops trading at `close_ts`.
    """
    held = _find(followed, packet.id)
    if held is not None:
        held[1].premium = max(held[1].premium, packet.premium)
        return 0
    contract, spot = packet.contract, followed.spot
    if spot.now is None:
        spot.now = packet.spot
    course = followed.marks.get(contract)
    if course is None:
        course = followed.marks[contract] = Course(mark)
    watch = Watch(contract, packet.premium, ts, close_ts, course.now, spot.now, begin(course), begin(spot))
    _hold(followed, packet.id, watch, 0)
    return _due(watch, 0)


def _find(followed: Followed, packet_id: str) -> tuple[int, Watch] | None:
    """Returns how many looks at a packet were taken, and what is followed of it; None where it is not followed."""
    for looks, held in followed.watches.items():
        if packet_id in held:
            return looks, held[packet_id]
    return None


def _hold(followed: Followed, packet_id: str, watch: Watch, looks: int) -> None:
    """Goes on following a packet; beyond the number the smallest is let go, of equals the oldest."""
    held = followed.watches.setdefault(looks, {})
    held[packet_id] = watch
    if len(held) > MOST_WATCHED:
        _let_go(followed, held.pop(min(held, key=lambda ident: held[ident].premium)))


def trade(followed: Followed, contract: str, day: date, interest: int | None) -> None:
    """Notes that a packet of interest traded a contract on a trade date; its open interest then was `interest`."""
    dates = followed.traded.pop(contract, None) or {}
    dates[day.isoformat()] = interest
    if len(dates) > MOST_DATES:
        del dates[min(dates)]
    followed.traded[contract] = dates
    if len(followed.traded) > MOST_TRADED:
        del followed.traded[next(iter(followed.traded))]


def look(followed: Followed, packet_id: str, underlying: str, ts: int) -> tuple[Look, int] | None:
    """Returns the look that is due and when the next one is, 0 when it was the last; None when nobody looks."""
    held = _find(followed, packet_id)
    if held is None or _due(held[1], held[0]) != ts:
        return None
    looks, watch = held
    course, spot = followed.marks[watch.contract], followed.spot
    mark_high, mark_low = since(course, watch.mark_from)
    spot_high, spot_low = since(spot, watch.spot_from)
    closing = ts == watch.close_ts and watch.since_ts < watch.close_ts
    due = 0 if closing else _due(watch, looks + 1)
    found = Look(
        packet_id, underlying, ts, (ts - watch.since_ts) // NS_PER_S, watch.mark_then, course.now, mark_high, mark_low,
        watch.spot_then, spot.now, spot_high, spot_low, final=not due,
    )  # fmt: skip
    del followed.watches[looks][packet_id]
    if due:
        _hold(followed, packet_id, watch, looks + 1)
    else:
        _let_go(followed, watch)
    return found, due


def check(followed: Followed, contract: str, underlying: str, for_date: str, interest: int, ts: int) -> Interest | None:
    """Returns the new open interest of a trade date on which packets of interest traded the contract.

    No earlier date is waited for any longer.
    """
    dates = followed.traded.get(contract)
    if dates is None:
        return None
    found = Interest(contract, underlying, ts, for_date, dates[for_date], interest) if for_date in dates else None
    for day in [each for each in dates if each <= for_date]:
        del dates[day]
    if not dates:
        del followed.traded[contract]
    return found


def _due(watch: Watch, looks: int) -> int:
    """Returns when the next look is, 0 when there is none: before the close by the list, then at the close itself.

    Who began behind the close is looked at by the list alone.
    """
    before_close = watch.since_ts < watch.close_ts
    if looks < len(LOOKS_S):
        due = watch.since_ts + _LOOKS_NS[looks]
        if not before_close or due < watch.close_ts:
            return due
    return watch.close_ts if before_close else 0


def _let_go(followed: Followed, watch: Watch) -> None:
    course = followed.marks[watch.contract]
    end(course, watch.mark_from)
    end(followed.spot, watch.spot_from)
    if not course.numbers:
        del followed.marks[watch.contract]
