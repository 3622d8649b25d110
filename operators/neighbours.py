"""Neighbours: a packet of interest waits for the packets beside it, then it is known what it is a leg of.

It waits while packets of its underlying and flag that began near it are open; the time of the decision is known as it
closes. Whatever is decided is decided by event time, so that live equals replay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from events.derived import Flag, FlowPacket
from events.verdicts import Structure
from operators.packet import PacketConfig, packet_of
from operators.parents import parents_of
from operators.partition_state import Burst, Vicinity
from operators.structure import StructureConfig, structures_with
from operators.suspects import fits
from operators.vicinity import STOCK_NS, take_structures
from operators.work import Decision, Waiting, Work

#: Prints of other flags are never legs: one leg trades in an auction, a cross or on the floor by itself.
_LEG_FLAGS: frozenset[Flag] = frozenset(("regular", "complex", "stock_tied"))


@dataclass(frozen=True, slots=True)
class NeighbourConfig:
    """What decisions read of the settings."""

    packet: PacketConfig
    structure: StructureConfig
    window_ns: int
    min_premium: float
    #: Structures are remembered so long, for cancels of their legs' prints.
    horizon_ns: int


#: Packets that wait, by id, as they closed: not state, since their prints make them again.
Closed = dict[str, FlowPacket]


def close(
    vicinity: Vicinity, burst: Burst, config: NeighbourConfig, known: Closed, out: list[Work]
) -> Decision | None:  # fmt: skip
    """Hands on a packet that has just closed; where it waits, `burst.until` says until when.

    Returns the decision on it where structures were found at once.
    """
    packet = packet_of(burst, config.packet)
    if packet.premium is None or packet.premium < config.min_premium or packet.flag not in _LEG_FLAGS:
        out.append(packet)
        return None
    until = _until(vicinity, burst, config.window_ns)
    if until:
        burst.until = until
        known[burst.id] = packet
        out.append(Waiting(packet))
        return None
    decision = _decide(vicinity, burst, packet, burst.due_ts, config, known)
    if decision.structures:
        out += (Waiting(packet), decision)
        return decision
    out.append(packet)
    return None


def decide(
    vicinity: Vicinity, packet_id: str, ts: int, config: NeighbourConfig, known: Closed
) -> Decision | None:  # fmt: skip
    """Decides on a packet that waited until `ts`; None when a neighbour's decision took it along."""
    burst = closed(vicinity, packet_id)
    return _decide(vicinity, burst, _waited(burst, config, known), ts, config, known) if burst.until else None


def _waited(burst: Burst, config: NeighbourConfig, known: Closed) -> FlowPacket:
    """Returns a packet that waited, as it is now; it is asked for once."""
    packet = known.pop(burst.id, None)
    # A print that was struck out since, or a restart: it is made again of its prints.
    return packet if packet is not None and packet.revision == burst.revision else packet_of(burst, config.packet)


def _until(vicinity: Vicinity, burst: Burst, window_ns: int) -> int:
    """Returns when the last of the open packets beside this one is due; 0 when none is open."""
    until = 0
    for other in vicinity.open.values():
        if (
            other.flag == burst.flag
            and other.contract != burst.contract
            and abs(other.start_ts - burst.start_ts) <= window_ns
            and other.due_ts > until
        ):
            until = other.due_ts
    return until


def _decide(
    vicinity: Vicinity, burst: Burst, packet: FlowPacket, ts: int, config: NeighbourConfig, known: Closed
) -> Decision:  # fmt: skip
    """Finds the structures of a packet, and those of the packets that waited and turn out to be its legs."""
    burst.until = 0
    decided = [burst]
    structures: list[Structure] = []
    for each in decided:
        own = packet if each is burst else _waited(each, config, known)
        for structure in _structures(vicinity, each, own, ts, config):
            structures.append(structure)
            for leg in structure.legs:
                taken = closed(vicinity, leg.packet_id)
                taken.taken += (leg.parent_id,)
                if taken.until:
                    taken.until = 0
                    decided.append(taken)
    if structures:
        take_structures(vicinity, structures, ts - config.horizon_ns)
    return Decision(ts, burst.underlying, tuple([each.id for each in decided]), tuple(structures))


def closed(vicinity: Vicinity, packet_id: str) -> Burst:
    """Returns a packet that closed so recently that it may be a leg of one that is decided on."""
    recent = vicinity.closed
    for place in range(len(recent) - 1, -1, -1):
        burst = recent[place]
        if burst.id == packet_id:
            return burst
    raise LookupError(packet_id)


def _structures(
    vicinity: Vicinity, burst: Burst, packet: FlowPacket, ts: int, config: NeighbourConfig
) -> Sequence[Structure]:
    own = _free(burst, packet)
    if own is None:
        return ()
    sizes = [parent.size for parent in parents_of(own)]
    others = [
        free
        for other in _beside(vicinity, burst, config.window_ns)
        if any([fits(size, theirs) for size in sizes for theirs in other.sizes])
        and (free := _free(other, packet_of(other, config.packet))) is not None
    ]
    stock = [each for each in vicinity.stock if each[0] >= ts - STOCK_NS]
    if not others and not stock and packet.flag != "stock_tied":
        return ()
    return structures_with(own, others, stock, ts, config.structure)


def _beside(vicinity: Vicinity, burst: Burst, window_ns: int) -> list[Burst]:
    """Returns the closed packets of other contracts and the same flag that began near this one."""
    earliest, flag, contract, start = burst.start_ts - window_ns, burst.flag, burst.contract, burst.start_ts
    found = []
    for other in reversed(vicinity.closed):
        if other.due_ts < earliest:
            break
        if other.flag == flag and other.contract != contract and abs(other.start_ts - start) <= window_ns:
            found.append(other)
    return found


def is_taken(burst: Burst, config: PacketConfig) -> bool:
    """Tells whether structures have taken all parents of a packet, so that no rule reads it by itself."""
    return bool(burst.taken) and _free(burst, packet_of(burst, config)) is None


def _free(burst: Burst, packet: FlowPacket) -> FlowPacket | None:
    """Returns the packet with the parents that no structure has taken; None when none is left."""
    if not burst.taken:
        return packet
    left = tuple(parent for parent in parents_of(packet) if parent.id not in burst.taken)
    return msgspec.structs.replace(packet, parents=left) if left else None
