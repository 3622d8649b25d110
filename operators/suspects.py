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
    own = vicinity.open.get(key_of(marked))
    for other_venue, other_contract, other_size, other_id in block.prints:
        if other_venue == venue and other_contract != contract and fits(size, other_size):
            _note(vicinity.open.get(other_contract), other_id, marked.id)
            _note(own, marked.id, other_id)
    if len(block.prints) < _MOST:
        block.prints.append((venue, contract, size, marked.id))


def _note(burst: Burst | None, print_id: str, fits_with: str) -> None:
    if burst is not None:
        burst.suspects += ((print_id, fits_with),)


def suspect_no_more(vicinity: Vicinity, print_id: str, corrected_id: str | None) -> None:
    """Takes a print that was struck out from what open packets are suspected by, or names the corrected one instead.

    What had closed was known by then and stays as it is.
    """
    block = vicinity.block
    if block is not None:
        kept = []
        for venue, contract, size, ident in block.prints:
            if ident != print_id:
                kept.append((venue, contract, size, ident))
            elif corrected_id is not None:
                kept.append((venue, contract, size, corrected_id))
        block.prints = kept
    for burst in vicinity.open.values():
        if burst.suspects:
            burst.suspects = without(burst.suspects, print_id, corrected_id)


def without(pairs: tuple[tuple[str, str], ...], print_id: str, corrected_id: str | None) -> tuple[tuple[str, str], ...]:
    """Returns suspects without a print, or with the corrected one in its place."""
    if corrected_id is None:
        return tuple([pair for pair in pairs if print_id not in pair])
    return tuple([
        (corrected_id if own == print_id else own, corrected_id if other == print_id else other)
        for own, other in pairs
    ])  # fmt: skip
