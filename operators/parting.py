"""Parting: the prints of one packet told apart by the orders that they are consistent with.

Sides part where their runs do not interleave, or where time, venues or flags keep them apart. Within one side a gap
alone is no reason, since one order may pause: it parts with a second piece of evidence beside it.
"""

from __future__ import annotations

from typing import Any

from operators.partition_state import PacketPrint

#: Places of prints in a packet, in order.
Places = list[int]
#: From so many prints on a single venue says something of who sent them.
_VENUE_RUN = 2


def part(marks: list[PacketPrint], signs: list[int], brief: bool, gap_ns: int, least_share: float) -> list[Places]:
    """Returns the places of each parent's prints, parents in the order of their first print; all of them are in one.

    `signs` says which side of a print counts: 1 buy, -1 sell, 0 none; `brief` that nothing can cut the packet in time.
    `gap_ns` is the longest pause that says nothing, `least_share` the share of size from which one side is enough.
    """
    pieces = [list(range(len(marks)))]
    if not brief:
        pieces = _cut(marks, signs, pieces[0], gap_ns)
    if 1 in signs and -1 in signs:
        pieces = [side for piece in pieces for side in _separate(marks, signs, piece, gap_ns, least_share)]
        if not brief:
            pieces = [parent for side in pieces for parent in _cut(marks, signs, side, gap_ns)]
        pieces.sort(key=lambda places: places[0])
    return pieces


def _cut(marks: list[PacketPrint], signs: list[int], places: Places, gap_ns: int) -> list[Places]:
    """Cuts in time: at a pause with further evidence, and without one where flag and price path both turn."""
    cuts: list[int] = []
    turned: list[bool] = []
    before = places[0]
    # Fields are asked for once each, and have a type where they are reckoned with.
    kept: Any = marks[before]
    last_ts: int = kept.ts
    swept: bool = kept.intermarket_sweep
    for number in range(1, len(places)):
        place = places[number]
        kept = marks[place]
        ts: int = kept.ts
        sweeps: bool = kept.intermarket_sweep
        turn = sweeps != swept and _steps_back(marks, signs, before, place)
        if turn or ts - last_ts > gap_ns:
            cuts.append(number)
            turned.append(turn)
        before, last_ts, swept = place, ts, sweeps
    if not cuts:
        return [places]
    runs = [places[start:end] for start, end in zip((0, *cuts), (*cuts, len(places)), strict=True)]
    pieces = [list(runs[0])]
    for number, run in enumerate(runs[1:]):
        if turned[number] or _are_apart(marks, signs, runs[number], run):
            pieces.append(list(run))
        else:
            pieces[-1] += run
    return pieces


def _steps_back(marks: list[PacketPrint], signs: list[int], before: int, after: int) -> bool:
    """A buyer that works through the book pays more, not less; a seller gets less."""
    sign = signs[before]
    return sign == signs[after] != 0 and sign * (marks[after].price - marks[before].price) < 0


def _are_apart(marks: list[PacketPrint], signs: list[int], before: Places, after: Places) -> bool:
    """Tells whether two runs with a pause between them differ in flag, venue or the way the price goes.

    Not in side: sides are separated over the whole, so that who pauses and comes back stays one order.
    """
    flag = _one_flag(marks, before)
    if flag is not None and _one_flag(marks, after) == (not flag):
        return True
    if _steps_back(marks, signs, before[-1], after[0]) and _has_one_side(signs, before) and _has_one_side(signs, after):
        return True
    if min(len(before), len(after)) < _VENUE_RUN:
        return False
    venue = _one_venue(marks, before)
    return venue is not None and _one_venue(marks, after) not in (None, venue)


def _one_flag(marks: list[PacketPrint], places: Places) -> bool | None:
    """Returns whether prints had a sweep flag, None where some had and some had not."""
    first: bool = marks[places[0]].intermarket_sweep
    for place in places:
        if marks[place].intermarket_sweep != first:
            return None
    return first


def _one_venue(marks: list[PacketPrint], places: Places) -> str | None:
    """Returns the venue of prints, None where there are several or one is unknown."""
    first = marks[places[0]].exchange
    for place in places:
        if marks[place].exchange != first:
            return None
    return first


def _has_one_side(signs: list[int], places: Places) -> bool:
    """Tells whether prints that have a side have the same; without any there is none."""
    found = 0
    for place in places:
        sign = signs[place]
        if sign and found and sign != found:
            return False
        found = sign or found
    return found != 0


def _known_apart(one: set[str | None], other: set[str | None]) -> bool:
    return None not in one and None not in other and one.isdisjoint(other)


def _separate(
    marks: list[PacketPrint], signs: list[int], places: Places, gap_ns: int, least_share: float
) -> list[Places]:
    """Separates buys from sells where something keeps them apart; prints without a side go with the nearest in time."""
    sided = [place for place in places if signs[place]]
    buys = [place for place in sided if signs[place] > 0]
    sells = [place for place in sided if signs[place] < 0]
    if not buys or not sells:
        return [places]
    changes = [
        marks[after].ts - marks[before].ts
        for before, after in zip(sided, sided[1:], strict=False)
        if signs[before] != signs[after]
    ]
    if not (
        len(changes) == 1 or min(changes) > gap_ns or _differ_in_flag(marks, buys, sells)
        or (_is_contested(marks, buys, sells, least_share) and _differ_in_venue(marks, buys, sells))
    ):  # fmt: skip
        return [places]
    sides: tuple[Places, Places] = [], []
    for place in places:
        nearest = (
            place if signs[place] else min(sided, key=lambda other: (abs(marks[other].ts - marks[place].ts), other))
        )
        sides[signs[nearest] < 0].append(place)
    return list(sides)


def _differ_in_flag(marks: list[PacketPrint], buys: Places, sells: Places) -> bool:
    return len({marks[place].intermarket_sweep for place in buys}) == 1 and all(
        marks[place].intermarket_sweep != marks[buys[0]].intermarket_sweep for place in sells
    )


def _is_contested(marks: list[PacketPrint], buys: Places, sells: Places, least_share: float) -> bool:
    """One print of another side among many is more likely a wrong side than a stranger."""
    bought, sold = sum(marks[place].size for place in buys), sum(marks[place].size for place in sells)
    return max(bought, sold) < least_share * (bought + sold)


def _differ_in_venue(marks: list[PacketPrint], buys: Places, sells: Places) -> bool:
    return _known_apart({marks[place].exchange for place in buys}, {marks[place].exchange for place in sells})
