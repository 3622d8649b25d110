"""Striking out: what a cancel or a correction does to the print that it means (contract 19, domain 1.2).

A cancel names contract, venue, size and price, and no print: it means the most recent print with equal fields that
nothing struck out before; where the vendor refers to a print, that one. The print leaves its packet, a corrected one
takes its place; a packet that had closed gets its next revision, and so do structures that lost size with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote as url_quote

import msgspec

from events.derived import FlowPacket, MarkedPrint, Parent
from events.ids import parent_id
from events.verdicts import Structure
from operators.mark import place
from operators.packet import PacketConfig, packet_of
from operators.packing import Packs
from operators.parents import parents_of
from operators.partition_state import Burst, Instrument, PacketPrint, Vicinity
from operators.side import side_from_quote
from operators.structure import revised
from operators.suspects import suspect_no_more, without
from operators.values import Valued, Valuing
from operators.work import Revised

Place = tuple[Burst, int]


@dataclass(frozen=True, slots=True)
class Strike:
    """A cancel or a correction as its mark, the print that the vendor says it means, and what a corrected print needs.

    `memory` is its contract's.
    """

    event: MarkedPrint
    ref: str | None
    memory: Instrument
    valuing: Valuing

    @property
    def corrected_id(self) -> str | None:
        """The print that stands in place of the one struck out; None of a cancel."""
        return self.event.id if self.event.flag == "correction" else None


@dataclass(slots=True)
class Struck:
    """The print that was meant, and the revision of its packet if that had closed."""

    mark: PacketPrint
    revised: Revised | None = None


def strike(
    vicinity: Vicinity, packs: Packs, by: Strike, horizon_ns: int, config: PacketConfig
) -> Struck | None:  # fmt: skip
    """Strikes out the print that a cancel means, or puts a correction in its place; None when it is not remembered.

    What is too old is told by the prints' own times, never by what happens to be still in memory.
    """
    event, ref = by.event, by.ref
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
        _leave_open(vicinity, burst, at, by)
    else:
        struck.revised = _revise(vicinity, burst, at, by, config)
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


def _leave_open(vicinity: Vicinity, burst: Burst, at: int, by: Strike) -> None:
    """A packet that is still open was not spoken of yet: the print just leaves it, and nobody is suspected by it."""
    suspect_no_more(vicinity, burst.marks[at].id, by.corrected_id)
    _leave(burst, at, by)
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


def _revise(vicinity: Vicinity, burst: Burst, at: int, by: Strike, config: PacketConfig) -> Revised | None:
    """Makes the next revision of a packet that had closed, and of the structures that it is a leg of."""
    before, ts = burst.marks[at], by.event.order_ts
    if not burst.id:
        _leave(burst, at, by)
        return None
    parents = parents_of(packet_of(burst, config))
    burst.suspects = without(burst.suspects, before.id, by.corrected_id)
    _leave(burst, at, by)
    for parent in parents:
        if parent.members[0] == before.id:
            # The parent that the print began keeps its id: the corrected print begins it now, or the next of its own.
            heirs = parent.members[1:2] if by.corrected_id is None else (by.corrected_id,)
            burst.aliases = {**burst.aliases, **dict.fromkeys(heirs, parent.id)}
    burst.whole = _whole(burst, parents, before.id, by)
    burst.revision += 1
    burst.struck += 1
    packet = packet_of(burst, config)
    known = packet if packet.parents or not burst.whole else _as_known(packet, burst)
    return Revised(packet, ts, _revise_structures(vicinity, known, ts), burst.taken)


def _as_known(packet: FlowPacket, burst: Burst) -> FlowPacket:
    """Returns a packet of which one parent is left by the id that structures know it by; taken is it by either."""
    (parent,) = parents_of(packet) or (None,)
    if parent is None:
        return packet
    if burst.whole in burst.taken and parent.id not in burst.taken:
        burst.taken += (parent.id,)
    return msgspec.structs.replace(packet, parents=(msgspec.structs.replace(parent, id=burst.whole),))


def _whole(burst: Burst, parents: Sequence[Parent], struck_id: str, by: Strike) -> str:
    """Returns the id of the one of several parents whose prints alone are left, which keeps it; else what it was."""
    left = {struck_id if mark.id == by.corrected_id else mark.id for mark in burst.marks}
    if len(parents) < 2 or not left:
        return burst.whole
    return next((parent.id for parent in parents if left.issubset(parent.members)), "")


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


def _leave(burst: Burst, at: int, by: Strike) -> None:
    """Takes a print out of its packet, or puts the corrected one in its place; later volumes are as without it."""
    marks, before, event = burst.marks, burst.marks[at], by.event
    if by.corrected_id is not None:
        change = event.size - before.size
        marks[at] = _corrected(before, by)
        later = at + 1
    else:
        change = -before.size
        marks.pop(at)
        later = at
    for mark in marks[later:]:
        mark.volume = max(mark.volume + change, 0)


def _corrected(before: PacketPrint, by: Strike) -> PacketPrint:
    """Returns the print as the correction says it was: placed, signed and valued by what stood at its own time."""
    event = by.event
    price, size = event.price, event.size
    corrected = msgspec.structs.replace(
        before, id=event.id, price=price, size=size, premium=event.premium,
        volume=max(before.volume + size - before.size, 0),
    )  # fmt: skip
    if before.spot is not None and before.spot_source is not None:
        terms = by.memory
        _spot, _source, _moneyness, corrected.iv, corrected.delta, _gamma, _vega, _theta, corrected.delta_notional = (
            by.valuing.of(
                Valued(), price, size, before.spot, before.spot_source, terms.strike, terms.call, before.expiry_s,
                terms.multiplier,
            )
        )  # fmt: skip
    if before.covered:
        bid, ask = before.bid, before.ask
        corrected.placement, _ = place(price, bid, ask)  # type: ignore[arg-type]
        if before.sided:
            _side, _rule, _accuracy, corrected.sign = side_from_quote(
                price, size, bid, ask, before.bid_size, before.ask_size, before.intermarket_sweep  # type: ignore[arg-type]
            )  # fmt: skip
    return corrected
