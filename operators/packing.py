"""Packing: closed packets as bytes that never change, so that minutes of them cost a snapshot nothing but their size.

What is packed is only looked at again when a cancel names one of its contracts.
"""

from __future__ import annotations

from typing import Final

import msgspec

from operators.changes import Changes
from operators.partition_state import Burst, Vicinity

#: Packets to a pack.
PACK: Final = 16
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Burst]).decode


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
        # Prints stand in the order of their taking.
        newest = max([burst.marks[-1].order_ts for burst in oldest if burst.marks], default=0)
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
        self.packs[name] = _encode(bursts)
        self.changes.changed[name] = None

    def get(self, name: str) -> list[Burst]:
        """Unpacks the packets under a name."""
        return _decode(self.packs[name])

    def names(self, name: str, contract: str) -> bool:
        """Tells, without unpacking, whether a pack may hold prints of a contract."""
        return contract.encode() in self.packs[name]
