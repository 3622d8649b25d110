"""Suspects: on a feed without conditions, prints that look like legs of one complex order printed leg by leg.

Prints of one underlying on one venue in one block time, in different contracts, with equal or ratio sizes: each of
them is suspected, and none is evidence of a single leg.
"""

from __future__ import annotations

from math import gcd
from typing import Final

from events.derived import MarkedPrint
from operators.packet import key_of
from operators.partition_state import Block, Burst, Vicinity

#: 1:1, 1:2, 1:3 and 2:3.
_LARGEST_RATIO: Final = 3
#: Prints of one instant that are compared with each other.
_MOST: Final = 64


def fits(size: int, other: int) -> bool:
    """Tells whether two sizes stand in a ratio that legs have."""
    return max(size, other) <= _LARGEST_RATIO * gcd(size, other)


def suspect(vicinity: Vicinity, marked: MarkedPrint) -> None:
    """Compares a print that has just joined its packet with those of its instant, and notes the suspects."""
    block = vicinity.block
    if block is None or block.ts != marked.ts:
        block = vicinity.block = Block(marked.ts, [])
    venue, contract, size = marked.exchange, marked.contract, marked.size
    found = False
    for other_venue, other_contract, other_size, other_id in block.prints:
        if other_venue == venue and other_contract != contract and fits(size, other_size):
            found = True
            _note(vicinity.open.get(other_contract), other_id)
    if found:
        _note(vicinity.open.get(key_of(marked)), marked.id)
    if len(block.prints) < _MOST:
        block.prints.append((venue, contract, size, marked.id))


def _note(burst: Burst | None, print_id: str) -> None:
    if burst is not None and print_id not in burst.suspects:
        burst.suspects += (print_id,)
