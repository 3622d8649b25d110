"""Planting: when which order begins, what is under way, and its rows of each second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from msgspec import Struct, field

from connectors.feeds.synthetic import quoting
from connectors.feeds.synthetic.calendar import Session
from connectors.feeds.synthetic.emitting import Noted
from connectors.feeds.synthetic.rows import (
    ABOVE,
    ASK,
    BELOW,
    BID,
    EQUITY_CODE,
    LARGE_LEG,
    NS_PER_US,
    OPTION_CODE,
    OPTION_CONDITIONS,
    VENUES,
    Ints,
    PrintRows,
    QuoteRows,
    chosen,
)
from connectors.feeds.synthetic.scenarios import ALL
from connectors.feeds.synthetic.scenarios.base import STRENGTHS, Child, Order, Scenario, Stage
from connectors.feeds.synthetic.scenarios.facts import Facts, true_of
from connectors.feeds.synthetic.scenarios.labels import LARGE_LEG_TRUTH, Planted, Strength, Truth
from connectors.feeds.synthetic.scenarios.splits import split_of
from connectors.feeds.synthetic.universe import Chains
from events.types import NS_PER_S

#: Nothing is planted in the first and last seconds of a session.
_MARGIN_S = 5
_HOUR_NS = 3600 * NS_PER_S
_VENUE_NUMBER = {letter: number for number, letter in reversed(list(enumerate(VENUES)))}
_STRENGTH_SHARES = np.array([share for _, share in STRENGTHS])
#: Conditions under which a print took a quote in the open book, and under which nothing may be said of it.
_OPEN_BOOK, _NO_EVIDENCE = "IS", "BDF"
#: Labels of what the background prints by chance.
BACKGROUND = "background"


class UnknownScenario(ValueError):
    """A scenario that the library does not hold; the text names it."""


@dataclass(frozen=True, slots=True)
class Due:
    """An order that the day's plan holds."""

    ts: int
    scenario: Scenario
    strength: Strength


class Running(Struct):
    """A planted order under way: what is still to print, and what it printed."""

    scenario: str
    strength: Strength
    underlying: str
    contracts: list[str]
    truth: Truth
    split: str
    children: list[Child]
    ids: list[str] = field(default_factory=list)
    cancels: list[str] = field(default_factory=list)
    start_ts: int = 0
    end_ts: int = 0

    def label(self) -> Planted:
        """Returns the label, once all is printed."""
        return Planted(
            scenario=self.scenario, strength=self.strength, underlying=self.underlying, contracts=self.contracts,
            start_ts=self.start_ts, end_ts=self.end_ts, prints=self.ids, cancels=self.cancels, truth=self.truth,
            split=self.split,
        )  # fmt: skip

    def note(self, noted: Noted) -> None:
        """Remembers one of its prints."""
        (self.cancels if noted.is_cancel else self.ids).append(noted.ident)
        self.end_ts = noted.ts


def library(only: tuple[str, ...]) -> tuple[Scenario, ...]:
    """Returns the scenarios of these names, all for none; raises UnknownScenario."""
    names = {scenario.name for scenario in ALL}
    for name in only:
        if name not in names:
            raise UnknownScenario(f"no scenario {name!r}: there are {', '.join(sorted(names))}")
    return tuple(scenario for scenario in ALL if not only or scenario.name in only)


def plan(
    rng: np.random.Generator, session: Session, per_hour: float, only: tuple[str, ...] = (), evenly: bool = False
) -> list[Due]:
    """Returns what is planted in a session, by time; `evenly` gives every kind and strength the same share."""
    scenarios = library(only)
    weights = np.array([1.0 if evenly else scenario.weight for scenario in scenarios])
    strengths = np.full(len(STRENGTHS), 1 / len(STRENGTHS)) if evenly else _STRENGTH_SHARES
    seconds = session.seconds - 2 * _MARGIN_S
    count = int(rng.poisson(per_hour * seconds / 3600))
    begins = np.sort(rng.integers(0, seconds * 1_000_000, count)) * NS_PER_US
    kinds = rng.choice(len(scenarios), count, p=weights / weights.sum())
    chosen = rng.choice(len(STRENGTHS), count, p=strengths)
    first = session.open_ns + _MARGIN_S * NS_PER_S
    planned = []
    for begin, kind, strength in zip(begins.tolist(), kinds, chosen, strict=True):
        scenario, ts = scenarios[kind], first + begin
        if scenario.opening_s:
            # An hour's worth of them, in the session's first seconds.
            if begin >= _HOUR_NS:
                continue
            ts = session.open_ns + NS_PER_S + NS_PER_US * (begin * scenario.opening_s // (3600 * NS_PER_US))
        planned.append(Due(ts, scenario, STRENGTHS[strength][0]))
    return sorted(planned, key=lambda due: due.ts)


def due(planned: list[Due], start_ns: int) -> list[int]:
    """Returns the places in the plan of what begins within the second."""
    times = [each.ts for each in planned]
    return list(range(*np.searchsorted(times, [start_ns, start_ns + NS_PER_S]).tolist()))


def begin(planned: Due, stage: Stage, seed: int) -> tuple[Running, Order] | None:
    """Sets an order on the stage; None where the market has no room for it."""
    order = planned.scenario.build(stage)
    if order is None:
        return None
    children = sorted(order.children, key=lambda child: child.ts)
    printed = [child for child in children if child.size and child.contract >= 0]
    contracts = list(dict.fromkeys(stage.chains.ids[child.contract] for child in printed))
    underlying = stage.names.symbols[int(stage.chains.under[printed[0].contract])]
    running = Running(
        planned.scenario.name, planned.strength, underlying, contracts, order.truth, split_of(seed), children,
        start_ts=children[0].ts,
    )  # fmt: skip
    return running, order


def background_truth(noted: Noted, chains: Chains, contract: int, spot: float, price: float) -> Truth:
    """Returns what is true of one large print of the background, in a contract that costs `price` dollars a share.

    Its side is known only where it took a quote in the open book.
    """
    if noted.plant == LARGE_LEG:
        return LARGE_LEG_TRUTH
    letter = OPTION_CONDITIONS[noted.condition]
    if letter in _NO_EVIDENCE:
        return Truth()
    side = {ASK: True, ABOVE: True, BID: False, BELOW: False}.get(noted.place) if letter in _OPEN_BOOK else None
    call, away = bool(chains.call[contract]), float(chains.strike[contract]) / spot - 1
    facts = Facts(
        call=call, days=int(chains.dte[contract]), out=away if call else -away, premium=100 * noted.size * price,
        size=noted.size, held=int(chains.open_interest[contract]), fills=1, bought=side,
    )  # fmt: skip
    return Truth(tolerated=true_of(facts))


def background_label(noted: Noted, contract: str, underlying: str, truth: Truth, seed: int) -> Planted:
    """Returns the label of one large print of the background."""
    return Planted(
        scenario=BACKGROUND, strength=None, underlying=underlying, contracts=[contract], start_ts=noted.ts,
        end_ts=noted.ts, prints=[noted.ident], cancels=[], truth=truth, split=split_of(seed),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Doings:
    """What planted orders do in one second."""

    prints: PrintRows
    #: Shifts of the quotes in force, each before its print.
    shifts: QuoteRows
    #: When the market's own quotes of an instrument are wanted, and which.
    look_ts: Ints
    looked_at: Ints


def rows(running: list[Running], start_ns: int, first: int) -> Doings:
    """Takes from each order what it does within the second.

    `first` is the instrument number of the first contract; a child of stock says -1 minus the underlying's number.
    """
    found: list[tuple[int, Child]] = []
    for number, order in enumerate(running):
        now = [child for child in order.children if child.ts < start_ns + NS_PER_S]
        order.children = order.children[len(now) :]
        found += [(number, child) for child in now]
    ts = np.maximum(_column([child.ts for _, child in found]), start_ns + 2 * NS_PER_US)
    instrument = _column([child.contract + first if child.contract >= 0 else -1 - child.contract for _, child in found])
    prints = PrintRows(
        ts=ts,
        instrument=instrument,
        size=np.array([float(child.size) for _, child in found]),
        place=_column([child.place for _, child in found]),
        position=np.array([child.position for _, child in found], dtype=np.float64),
        condition=_column([_code(child) for _, child in found]),
        venue=_column([_VENUE_NUMBER[child.venue] for _, child in found]),
        delay=_column([child.delay for _, child in found]),
        kind=_column([child.kind for _, child in found]),
        plant=_column([number for number, _ in found]),
        opens=_column([child.opens for _, child in found]),
    )
    ticks, widen = _column([child.lift for _, child in found]), _column([child.widen for _, child in found])
    halt = _column([child.halt for _, child in found])
    moved = (ticks != 0) | (widen != 0) | (halt != 0)
    shifts = quoting.lifts(ts[moved] - NS_PER_US, instrument[moved], ticks[moved], widen[moved], halt[moved])
    looks = _looks(found)
    return Doings(chosen(prints, prints.size > 0), shifts, ts[looks], instrument[looks])


def _looks(found: list[tuple[int, Child]]) -> Ints:
    """Returns the rows that the market's own quotes surround: the first of each order in each instrument."""
    seen: dict[tuple[int, int], int] = {}
    for row, (number, child) in enumerate(found):
        if not child.quiet:
            seen.setdefault((number, child.contract), row)
    return np.array(list(seen.values()), dtype=np.int64)


def _code(child: Child) -> int:
    if child.contract >= 0:
        return OPTION_CODE[child.condition]
    return EQUITY_CODE[(child.condition,) if child.condition else ()]


def _column(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)
