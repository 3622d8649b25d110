"""Planting: when which order begins, what is under way, and its rows of each second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from msgspec import Struct, field

from connectors.feeds.synthetic import quoting
from connectors.feeds.synthetic.calendar import Session
from connectors.feeds.synthetic.rows import NS_PER_US, OPTION_CODE, VENUES, Ints, PrintRows, QuoteRows
from connectors.feeds.synthetic.scenarios import ALL
from connectors.feeds.synthetic.scenarios.base import STRENGTHS, Child, Planted, Scenario, Stage, Strength
from connectors.feeds.synthetic.universe import Chains, Underlyings
from events.types import NS_PER_S

#: Nothing is planted in the first and last seconds of a session.
_MARGIN_S = 5
_VENUE_NUMBER = {letter: number for number, letter in reversed(list(enumerate(VENUES)))}
_SHARES = np.array([scenario.weight for scenario in ALL]) / sum(scenario.weight for scenario in ALL)
_STRENGTH_SHARES = np.array([share for _, share in STRENGTHS])


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
    contract: str
    children: list[Child]
    ids: list[str] = field(default_factory=list)
    start_ts: int = 0
    end_ts: int = 0

    def label(self) -> Planted:
        """Returns the label, once all is printed."""
        return Planted(
            scenario=self.scenario, strength=self.strength, underlying=self.underlying, contract=self.contract,
            start_ts=self.start_ts, end_ts=self.end_ts, prints=self.ids,
        )  # fmt: skip


def plan(rng: np.random.Generator, session: Session, per_hour: float) -> list[Due]:
    """Returns what is planted in a session, by time."""
    seconds = session.seconds - 2 * _MARGIN_S
    count = int(rng.poisson(per_hour * seconds / 3600))
    begins = np.sort(rng.integers(0, seconds * 1_000_000, count)) * NS_PER_US
    kinds = rng.choice(len(ALL), count, p=_SHARES)
    strengths = rng.choice(len(STRENGTHS), count, p=_STRENGTH_SHARES)
    first = session.open_ns + _MARGIN_S * NS_PER_S
    return [
        Due(first + int(begin), ALL[kind], STRENGTHS[strength][0])
        for begin, kind, strength in zip(begins, kinds, strengths, strict=True)
    ]


def due(planned: list[Due], start_ns: int) -> list[int]:
    """Returns the places in the plan of what begins within the second."""
    times = [each.ts for each in planned]
    return list(range(*np.searchsorted(times, [start_ns, start_ns + NS_PER_S]).tolist()))


def begin(
    planned: Due,
    rng: np.random.Generator,
    names: Underlyings,
    chains: Chains,
    quotes: Callable[[Ints, Ints], tuple[Ints, Ints]],
) -> Running | None:
    """Sets an order on the stage; None where the market has no room for it."""

    def now(contracts: Ints) -> tuple[Ints, Ints]:
        return quotes(contracts, np.full(len(contracts), planned.ts, dtype=np.int64))

    children = planned.scenario.build(Stage(rng, names, chains, planned.ts, planned.strength, now))
    if not children:
        return None
    contract = children[0].contract
    return Running(
        planned.scenario.name, planned.strength, names.symbols[int(chains.under[contract])], chains.ids[contract],
        children, start_ts=children[0].ts,
    )  # fmt: skip


def rows(running: list[Running], start_ns: int, first: int) -> tuple[PrintRows, QuoteRows]:
    """Takes from each order what prints within the second; returns the prints and the shifts of quotes before them."""
    found: list[tuple[int, Child]] = []
    for number, order in enumerate(running):
        now = [child for child in order.children if child.ts < start_ns + NS_PER_S]
        order.children = order.children[len(now) :]
        found += [(number, child) for child in now]
    ts = np.maximum(_column([child.ts for _, child in found]), start_ns + 2 * NS_PER_US)
    instrument = _column([child.contract + first for _, child in found])
    nothing = np.zeros(len(found), dtype=np.int64)
    prints = PrintRows(
        ts=ts,
        instrument=instrument,
        size=np.array([float(child.size) for _, child in found]),
        place=_column([child.place for _, child in found]),
        position=np.array([child.position for _, child in found], dtype=np.float64),
        condition=_column([OPTION_CODE[child.condition] for _, child in found]),
        venue=_column([_VENUE_NUMBER[child.venue] for _, child in found]),
        delay=nothing,
        kind=nothing,
        plant=_column([number for number, _ in found]),
    )
    ticks = _column([child.lift for _, child in found])
    lifted = ticks != 0
    return prints, quoting.lifts(ts[lifted] - NS_PER_US, instrument[lifted], ticks[lifted])


def _column(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)
