"""Striking out: what a cancel or a correction does to the print that it means (contract 19, domain 1.2).

A cancel names contract, venue, size and price, and no print: it means the most recent print with equal fields that
nothing struck out before; where the vendor refers to a print, that one. The print leaves its packet, a corrected one
takes its place; a packet that had closed gets its next revision, and so do structures that lost size with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote as url_quote

import msgspec

from events.derived import FlowPacket, MarkedPrint
from events.ids import parent_id
from events.verdicts import Structure
from operators.mark import place
from operators.packet import PacketConfig, packet_of
from operators.packing import Packs
from operators.parents import parents_of
from operators.partition_state import Burst, PacketPrint, Vicinity
from operators.side import side_from_quote, sign_of
from operators.structure import revised
from operators.units import six
from operators.work import Revised

Place = tuple[Burst, int]


@dataclass(slots=True)
class Struck:
    """The print that was meant, and the revision of its packet if that had closed."""

    mark: PacketPrint
    revised: Revised | None = None


def strike(
    vicinity: Vicinity, packs: Packs, event: MarkedPrint, ref: str | None, horizon_ns: int, config: PacketConfig
) -> Struck | None:
    """Strikes out the print that a cancel means, or puts a correction in its place; None when it is not remembered.

    What is too old is told by the prints' own times, never by what happens to be still in memory.
    """
    after_ts = event.order_ts - horizon_ns
    newest: Place | None = None
    for burst in (*vicinity.closed, *vicinity.open.values()):
        newest = _newer(newest, burst, event, ref, after_ts)
    pack, bursts, newest = _among_packed(vicinity, packs, newest, event, ref, after_ts)
    if newest is None:
        return None
    burst, at = newest
    struck = Struck(burst.marks[at])
    if not pack and any(other is burst for other in vicinity.open.values()):
        _leave_open(vicinity, burst, at, event)
    else:
        struck.revised = _revise(vicinity, burst, at, event, config)
    if pack:
        packs.put(pack, bursts)
    return struck


def _among_packed(
    vicinity: Vicinity, packs: Packs, newest: Place | None, event: MarkedPrint, ref: str | None, after_ts: int
) -> tuple[str, list[Burst], Place | None]:
    """Looks for a more recent print in packs; returns the pack's name and packets if it is there, and the newest."""
    pack, bursts = "", list[Burst]()
    for name, newest_ts in reversed(vicinity.packed):
        if newest_ts < (after_ts if newest is None else _time_of(newest) + 1):
            continue
        if packs.names(name, event.contract):
            found: Place | None = None
            unpacked = packs.get(name)
            for burst in unpacked:
                found = _newer(found, burst, event, ref, after_ts)
            if found is not None and (newest is None or _time_of(found) > _time_of(newest)):
                newest, pack, bursts = found, name, unpacked
    return pack, bursts, newest


def _leave_open(vicinity: Vicinity, burst: Burst, at: int, event: MarkedPrint) -> None:
    """A packet that is still open was not spoken of yet: the print just leaves it."""
    _leave(burst, at, event)
    if not burst.marks:
        # As if it had never been opened: the next print of the contract opens another.
        vicinity.open = {key: other for key, other in vicinity.open.items() if other is not burst}
    elif at == 0:
        first = parent_id(burst.id.removeprefix("pk:"))
        burst.aliases = {**burst.aliases, burst.marks[0].id: first}


def _time_of(where: Place) -> int:
    burst, at = where
    return burst.marks[at].order_ts


def _newer(newest: Place | None, burst: Burst, event: MarkedPrint, ref: str | None, after_ts: int) -> Place | None:
    """Returns the most recent print that the event may mean; of equal order times the last that was taken."""
    if burst.contract != event.contract:
        return newest
    for at, mark in enumerate(burst.marks):
        known = mark.order_ts >= after_ts and (newest is None or mark.order_ts >= _time_of(newest))
        if known and _is_meant(mark, event, ref):
            newest = burst, at
    return newest


def _is_meant(mark: PacketPrint, event: MarkedPrint, ref: str | None) -> bool:
    if ref is not None:
        return mark.id == ref or mark.id.endswith(f":{url_quote(ref, safe='')}")
    return (mark.price, mark.size, mark.exchange) == (event.price, event.size, event.exchange)


def _revise(
    vicinity: Vicinity, burst: Burst, at: int, event: MarkedPrint, config: PacketConfig
) -> Revised | None:  # fmt: skip
    """Makes the next revision of a packet that had closed, and of the structures that it is a leg of."""
    before = burst.marks[at]
    if not burst.id:
        _leave(burst, at, event)
        return None
    begun = [parent for parent in parents_of(packet_of(burst, config)) if parent.members[0] == before.id]
    _leave(burst, at, event)
    for parent in begun:
        # The parent that the print began keeps its id: the corrected print begins it now, or the next of its prints.
        heirs = (event.id,) if event.flag == "correction" else parent.members[1:2]
        burst.aliases = {**burst.aliases, **dict.fromkeys(heirs, parent.id)}
    burst.revision += 1
    burst.struck += 1
    packet, ts = packet_of(burst, config), event.order_ts
    return Revised(packet, ts, _revise_structures(vicinity, packet, ts), burst.taken)


def _revise_structures(vicinity: Vicinity, packet: FlowPacket, ts: int) -> tuple[Structure, ...]:
    now = {parent.id: (parent.size, parent.premium) for parent in parents_of(packet)}
    changed = []
    for number, structure in enumerate(vicinity.structures):
        if any(
            leg.packet_id == packet.id and now.get(leg.parent_id) != (leg.size, leg.premium) for leg in structure.legs
        ):
            vicinity.structures[number] = revised(structure, {packet.id: packet}, ts)
            changed.append(vicinity.structures[number])
    return tuple(changed)


def _leave(burst: Burst, at: int, event: MarkedPrint) -> None:
    """Takes a print out of its packet, or puts the corrected one in its place; later volumes are as without it."""
    marks, before = burst.marks, burst.marks[at]
    if event.flag == "correction":
        change = event.size - before.size
        marks[at] = _corrected(before, event)
        later = at + 1
    else:
        change = -before.size
        marks.pop(at)
        later = at
    for mark in marks[later:]:
        mark.volume = max(mark.volume + change, 0)


def _corrected(before: PacketPrint, event: MarkedPrint) -> PacketPrint:
    """Returns the print as the correction says it was, placed and signed against the quote of its own time."""
    corrected = msgspec.structs.replace(
        before, id=event.id, price=event.price, size=event.size, premium=event.premium,
        volume=max(before.volume + event.size - before.size, 0),
    )  # fmt: skip
    if event.price != before.price:
        corrected.iv = corrected.delta = corrected.delta_notional = None
    elif before.delta_notional is not None:
        corrected.delta_notional = six(before.delta_notional * event.size / before.size)
    if before.covered:
        bid, ask = before.bid, before.ask
        corrected.placement, _ = place(event.price, bid, ask)  # type: ignore[arg-type]
        if before.sided:
            verdict = side_from_quote(
                event.price, event.size, bid, ask, before.bid_size, before.ask_size, before.intermarket_sweep  # type: ignore[arg-type]
            )  # fmt: skip
            corrected.sign, corrected.sided = sign_of(verdict[0], verdict[1]), verdict[1] != "none"
    return corrected
