"""Packing: closed packets as bytes that never change, so that minutes of them cost a snapshot nothing but their size.

What is packed is only looked at again when a cancel names one of its contracts.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Struct

from events.derived import MarkedPrint
from operators.changes import Changes
from operators.packet import Burst
from operators.vicinity import Vicinity

#: Packets to a pack.
PACK = 16
#: What a packet is made of again; the rest of a mark is said by its packet or by nobody.
_FIELDS = (
    "id", "ts", "order_ts", "price", "size", "premium", "exchange", "intermarket_sweep", "bid", "ask", "bid_size",
    "ask_size", "book", "placement", "position", "side", "side_rule", "volume", "open_interest", "expiry_s", "halted",
)  # fmt: skip
#: What a mark without a spot does not have.
_VALUES = ("spot", "spot_source", "moneyness", "iv", "delta", "delta_notional")
_facts_of, _values_of = attrgetter(*_FIELDS), attrgetter(*_VALUES)


class _Packed(Struct, gc=False, array_like=True):
    burst: Burst
    facts: list[tuple[Any, ...]]
    #: Empty where no mark has any.
    values: list[tuple[Any, ...]]


_NO_VALUES = (None,) * len(_VALUES)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[_Packed]).decode


class Packs:
    """The packs of one partition by name; what changed of them is noted."""

    def __init__(self, packs: dict[str, bytes]) -> None:
        self.packs = packs
        self.changes = Changes()

    def keep(self, vicinity: Vicinity, underlying: str, recent_ts: int, before_ts: int) -> None:
        """Packs the oldest closed packets, once enough of them were due before `recent_ts`, and forgets old packs.

        A pack is forgotten when all of it was known before `before_ts`: by event time alone, so that whether a cancel
        finds its print does not depend on how many others there were.
        """
        closed = vicinity.closed
        if len(closed) < PACK or closed[PACK - 1].due_ts >= recent_ts:
            return
        oldest = closed[:PACK]
        if any([burst.until for burst in oldest]):
            # Still to be decided on: its windows were longer than those in force.
            return
        del closed[:PACK]
        newest = max([mark.order_ts for burst in oldest for mark in burst.marks], default=0)
        name = f"{underlying} {vicinity.packs}"
        vicinity.packs += 1
        packed = vicinity.packed
        packed.append((name, newest))
        self.put(name, oldest)
        while packed and packed[0][1] < before_ts:
            gone, _ = packed.pop(0)
            del self.packs[gone]
            self.changes.delete(gone)

    def put(self, name: str, bursts: list[Burst]) -> None:
        """Packs packets under a name, in place of what was there."""
        rows = []
        for burst in bursts:
            marks, burst.marks = burst.marks, []
            # A spot is what the other values come from.
            valued = any([mark.spot is not None for mark in marks])
            rows.append(_Packed(burst, list(map(_facts_of, marks)), list(map(_values_of, marks)) if valued else []))
        self.packs[name] = _encode(rows)
        self.changes.changed[name] = None

    def get(self, name: str) -> list[Burst]:
        """Unpacks the packets under a name."""
        found = []
        for row in _decode(self.packs[name]):
            burst = row.burst
            values = row.values or [_NO_VALUES] * len(row.facts)
            burst.marks = [_mark(burst, facts, each) for facts, each in zip(row.facts, values, strict=True)]
            found.append(burst)
        return found

    def names(self, name: str, contract: str) -> bool:
        """Tells, without unpacking, whether a pack may hold prints of a contract."""
        return contract.encode() in self.packs[name]


def _mark(burst: Burst, facts: tuple[Any, ...], values: tuple[Any, ...]) -> MarkedPrint:
    fields = dict(zip(_FIELDS + _VALUES, (*facts, *values), strict=True))
    return MarkedPrint(contract=burst.contract, underlying=burst.underlying, flag=burst.flag, source="", **fields)
