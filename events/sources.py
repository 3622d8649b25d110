"""What each feed declares about its events; rules that need more than a feed has must say so (domain 1.2 to 1.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from events.types import Book


@dataclass(frozen=True, slots=True)
class Source:
    """A feed's declared capabilities."""

    name: str
    #: Is the vendor's trade id unique for one instrument and time stamp, so that it can stand in an id.
    unique_trade_id: bool = False
    #: Does it carry sale conditions; None when each event tells.
    carries_conditions: bool | None = None
    quotes: Literal["every_change", "sampled"] = "sampled"
    book: Book = "national"


SOURCES: dict[str, Source] = {
    s.name: s
    for s in (
        Source("file"),
        Source("databento", carries_conditions=False),
        Source("alpaca", carries_conditions=True, quotes="every_change"),
        Source("ibkr", carries_conditions=None),
        Source("synthetic", unique_trade_id=True, carries_conditions=True, quotes="every_change"),
    )
}


def source(name: str) -> Source:
    """Returns a feed's capabilities; an unknown name has those of a tape file."""
    return SOURCES.get(name) or Source(name)
