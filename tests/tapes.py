"""Random option tapes, small and unpleasant, and the ways in which one and the same tape can be fed to a bus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from connectors.bus.base import Bus
from connectors.feeds.writer import TopicWriter
from events.raw import OptionPrint, OptionQuote, Reference
from events.types import NS_PER_MS

#: 15 January 2026, 15:00 UTC.
T0 = 1_768_489_200_000_000_000
PRINTS, QUOTES, FACTS = "options.prints", "options.quotes", "reference"
#: Five underlyings, one of them known by another root, one root adjusted.
CONTRACTS = (
    "SPY260116C00450000", "SPY260116P00450000", "AAPL260220C00200000", "SPXW260116C05000000", "MSFT1260116C00400000",
    "IBM270115P00250000", "GME260116C00030000",
)  # fmt: skip
_STEPS_MS = (0, 0, 0, 1, 1, 5, 20, 50, 100, 250, 700)
_CONDITIONS: tuple[tuple[str, ...], ...] = (
    (), (), ("I",), ("I",), ("S",), ("S",), ("a",), ("b",), ("c",), ("f",), ("n",), ("D",), ("t",), ("A",), ("v",),
    ("Z",),
)  # fmt: skip


@dataclass
class Tape:
    """What three feeds deliver, each in its own order."""

    prints: list[OptionPrint] = field(default_factory=list)
    quotes: list[OptionQuote] = field(default_factory=list)
    facts: list[Reference] = field(default_factory=list)
    #: Numbers of quotes delivered before each gap.
    gaps: list[int] = field(default_factory=list)

    def of(self, topic: str) -> Sequence[Any]:
        """Returns one feed's events."""
        feeds: dict[str, Sequence[Any]] = {PRINTS: self.prints, QUOTES: self.quotes, FACTS: self.facts}
        return feeds[topic]


def random_tape(seed: int, length: int, *, start_ts: int = T0, step_times: int = 1, loud: bool = False) -> Tape:
    """Draws a tape: ties, late events, one-sided and unfirm quotes, cancels, odd lots of conditions.

    `loud` makes sizes that pass the rules' floors; `step_times` stretches its time.
    """
    chance = Random(seed)
    tape, ts = Tape(), start_ts
    for number in range(length):
        ts += chance.choice(_STEPS_MS) * NS_PER_MS * step_times
        contract = chance.choice(CONTRACTS)
        at = ts - chance.choice((20, 150, 700)) * NS_PER_MS if chance.random() < 0.06 else ts
        kind = chance.random()
        if kind < 0.02:
            multiplier = chance.choice((100.0, 10.0, 150.0, None))
            tape.facts.append(
                Reference(id=f"r{number}", ts=at, kind="definition", instrument=contract, multiplier=multiplier)
            )
        elif kind < 0.5:
            tape.quotes.append(_quote(chance, number, at, contract))
            if chance.random() < 0.01:
                tape.gaps.append(len(tape.quotes))
        else:
            tape.prints.append(_print(chance, number, at, contract, loud))
    return tape


def _quote(chance: Random, number: int, ts: int, contract: str) -> OptionQuote:
    bid = chance.choice((0.0, 1.0, 1.0, 1.05, 1.1))
    ask = chance.choice((0.0, 1.0, 1.05, 1.1, 1.15, 1.2, 1.3))
    if chance.random() < 0.7:
        bid, ask = min(bid, 1.05), max(ask, 1.1)
    return OptionQuote(
        id=f"q{number}", ts=ts, contract=contract,
        bid=None if chance.random() < 0.03 else bid, ask=None if chance.random() < 0.03 else ask,
        bid_size=chance.choice((None, 1, 5, 10, 20)), ask_size=chance.choice((None, 1, 5, 10, 20)),
        source=chance.choice(("file", "alpaca")), condition=chance.choice((None, None, None, None, "A", "F")),
        book=chance.choice((None, None, None, "national")),
    )  # fmt: skip


def _print(chance: Random, number: int, ts: int, contract: str, loud: bool) -> OptionPrint:
    attached: dict[str, Any] = {}
    if chance.random() < 0.08:
        age = chance.choice((0, 5, 900, 1500)) * NS_PER_MS
        attached = {
            "bid": chance.choice((None, 1.0)), "ask": 1.2, "bid_size": 4, "ask_size": chance.choice((4, 7)),
            "quote_ts": chance.choice((None, ts - age)), "quote_origin": "attached",
        }  # fmt: skip
    return OptionPrint(
        id=f"p{number}", ts=ts, contract=contract,
        price=chance.choice((0.95, 1.0, 1.05, 1.08, 1.1, 1.12, 1.2, 1.35)),
        size=chance.choice((1, 2, 5, 10, 20)) * (chance.choice((1, 60, 200)) if loud else 1),
        exchange=chance.choice((None, "C", "X", "N")), conditions=chance.choice(_CONDITIONS),
        kind="cancel" if chance.random() < 0.02 else None, source=chance.choice(("file", "alpaca")), **attached,
    )  # fmt: skip


Order = Literal["quotes first", "prints first", "by turns"]


def append(
    bus: Bus, tape: Tape, order: Order = "quotes first", *, batch: int = 1000, pieces: int = 1, joined: bool = False
) -> None:
    """Feeds the whole tape, each topic in its own order, in one of the ways that must not matter.

    `joined`: the topics are members already.
    """
    for piece in range(pieces):
        writers = [TopicWriter(bus, topic, batch=batch) for topic in (FACTS, PRINTS, QUOTES)]
        if piece == 0 and not joined:
            for writer in writers:
                writer.member("required", 0)
            writers[2].feed("alpaca", quotes="every_change")
        feeds = [_part(tape, writer, piece, pieces) for writer in writers]
        if order == "quotes first":
            feeds.reverse()
        if order == "by turns":
            _by_turns(feeds)
        else:
            for feed in feeds:
                list(feed)
        for writer in writers:
            writer.heartbeat()


def _part(tape: Tape, writer: TopicWriter, piece: int, pieces: int) -> Iterator[None]:
    events = tape.of(writer.topic)
    first, behind = piece * len(events) // pieces, (piece + 1) * len(events) // pieces
    for place in range(first, behind):
        writer.add(events[place])
        if writer.topic == QUOTES and place + 1 in tape.gaps:
            writer.gap(events[place].ts, events[place].ts, "the line dropped")
        yield


def _by_turns(feeds: list[Iterator[None]]) -> None:
    while feeds:
        feeds = [feed for feed in feeds if next(feed, _OVER) is not _OVER]


_OVER = object()
