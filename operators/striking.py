"""Striking out: what a cancel or a correction does to the print that it means (contract 19, domain 1.2).

A cancel names contract, venue, size and price, and no print: it means the most recent print with equal fields that
nothing struck out before; where the vendor refers to a print, that one. The print leaves its packet, a corrected one
takes its place; a packet that had closed gets its next revision, and so do the structures of which it lost a leg's size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote as url_quote

import msgspec

from events.derived import FlowPacket, MarkedPrint
from events.ids import parent_id
from events.verdicts import Structure
from operators.mark import place
from operators.packet import Burst, PacketConfig, packet_of
from operators.packing import Packs
from operators.parents import parents_of
from operators.side import NO_SIDE, side_from_quote
from operators.structure import revised
from operators.units import six
from operators.vicinity import Vicinity
from operators.work import Revised

Place = tuple[Burst, int]


@dataclass(slots=True)
class Struck:
    """The print that was meant, and the revision of its packet if that had closed."""

    mark: MarkedPrint
    revised: Revised | None = None


def strike(
    vicinity: Vicinity, packs: Packs, event: MarkedPrint, ref: str | None, horizon_ns: int, config: PacketConfig
) -> Struck | None:
    """Strikes out the print that a cancel means, or puts a correction in its place; None when it is not remembered.

    What is too old is told by the prints' own times, never by what happens to be still in memory.
    """
    after_ts = event.order_ts - horizon_ns
    found = _newest(_open(vicinity, event, ref, after_ts))
    if found is not None:
        burst, at = found
        mark = burst.marks[at]
        _leave(burst, at, event, config)
        if not burst.marks:
            # As if it had never been opened: the next print of the contract opens another.
            vicinity.open = {key: other for key, other in vicinity.open.items() if other is not burst}
        return Struck(mark)
    found = _newest(_closed(vicinity, event, ref, after_ts))
    if found is not None:
        burst, at = found
        mark = burst.marks[at]
        return Struck(mark, _revise(vicinity, burst, at, event, config))
    for name, newest, _ in reversed(vicinity.packed):
        if newest < after_ts or not packs.names(name, event.contract):
            continue
        bursts = packs.get(name)
        found = _newest(_among(bursts, event, ref, after_ts))
        if found is not None:
            burst, at = found
            mark = burst.marks[at]
            struck = Struck(mark, _revise(vicinity, burst, at, event, config))
            packs.put(name, bursts)
            return struck
    return None


def _open(vicinity: Vicinity, event: MarkedPrint, ref: str | None, after_ts: int) -> Iterator[Place]:
    return _among(list(vicinity.open.values()), event, ref, after_ts)


def _closed(vicinity: Vicinity, event: MarkedPrint, ref: str | None, after_ts: int) -> Iterator[Place]:
    return _among(vicinity.closed, event, ref, after_ts)


def _among(bursts: list[Burst], event: MarkedPrint, ref: str | None, after_ts: int) -> Iterator[Place]:
    """Yields where prints stand that the event may mean, in the order of their packets."""
    contract = event.contract
    for burst in bursts:
        if burst.contract == contract:
            for at, mark in enumerate(burst.marks):
                if mark.order_ts >= after_ts and _is_meant(mark, event, ref):
                    yield burst, at


def _is_meant(mark: MarkedPrint, event: MarkedPrint, ref: str | None) -> bool:
    if ref is not None:
        return mark.id == ref or mark.id.endswith(f":{url_quote(ref, safe='')}")
    return (mark.price, mark.size, mark.exchange) == (event.price, event.size, event.exchange)


def _newest(places: Iterator[Place]) -> Place | None:
    """Returns the most recent print; of equal order times the last that was taken."""
    newest: Place | None = None
    for burst, at in places:
        if newest is None or burst.marks[at].order_ts >= newest[0].marks[newest[1]].order_ts:
            newest = burst, at
    return newest


def _leave(burst: Burst, at: int, event: MarkedPrint, config: PacketConfig) -> None:
    """Takes a print out of its packet, or puts the corrected one in its place; later volumes are as without it."""
    marks, before = burst.marks, burst.marks[at]
    change = -before.size
    if event.kind_is_correction:
        change += event.size
    marks[at + 1 :] = [_with_volume(mark, change) for mark in marks[at + 1 :]]
    if event.flag == "correction":
        marks[at] = _corrected(before, event, change)
    else:
        marks.pop(at)


def _with_volume(mark: MarkedPrint, change: int) -> MarkedPrint:
    # A copy: the mark itself was handed on as it was then.
    return msgspec.structs.replace(mark, volume=max(mark.volume + change, 0))
