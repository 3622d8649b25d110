"""What a planted order is: prints with a purpose, the stage on which it is set, and the label that says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from msgspec import Struct

from connectors.feeds.synthetic.rows import DOLLAR, OPTION_VENUES, Ints
from connectors.feeds.synthetic.universe import Chains, Underlyings

Strength = Literal["weak", "medium", "strong"]
STRENGTHS: tuple[tuple[Strength, float], ...] = (("weak", 0.2), ("medium", 0.5), ("strong", 0.3))


class Child(Struct, gc=False, array_like=True):
    """One print of a planted order."""

    ts: int
    #: Number of the contract within the day's chains.
    contract: int
    size: int
    #: Place and position as in `rows.PrintRows`.
    place: int
    position: float
    condition: str
    venue: str
    #: Ticks by which the contract's quote has moved before this print.
    lift: int = 0


class Planted(Struct, kw_only=True):
    """The label of a planted order: what was meant, where, when, and by which prints."""

    scenario: str
    strength: Strength
    underlying: str
    contract: str
    start_ts: int
    end_ts: int
    prints: list[str]


@dataclass(frozen=True, slots=True)
class Stage:
    """The market at the moment a scenario begins."""

    rng: np.random.Generator
    names: Underlyings
    chains: Chains
    ts: int
    strength: Strength
    #: Bid and ask of contracts now, in units of price.
    quotes: Callable[[Ints], tuple[Ints, Ints]]

    def between(self, low: float, high: float) -> float:
        """Draws a number evenly in logs."""
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))

    def venues(self, count: int) -> list[str]:
        """Draws that many venues, all different where there are enough."""
        letters = [letter for letter, _ in OPTION_VENUES]
        order = self.rng.permutation(len(letters))
        return [letters[order[n % len(letters)]] for n in range(count)]

    def contract(
        self, right: Literal["C", "P"] | None, *, dte: tuple[int, int], ask: tuple[float, float], tiers: tuple[int, ...]
    ) -> tuple[int, float] | None:
        """Draws a contract by tier of its underlying, days to expiry and ask; returns its number and ask in dollars."""
        numbers = np.flatnonzero(np.isin(self.names.tier, tiers) & (self.names.flow > 0))
        share = self.names.flow[numbers] ** 0.5
        number = int(self.rng.choice(numbers, p=share / share.sum()))
        first, last = int(self.chains.first[number]), int(self.chains.first[number + 1])
        candidates = np.arange(first, last, dtype=np.int64)
        days = self.chains.dte[candidates]
        candidates = candidates[(days >= dte[0]) & (days <= dte[1])]
        if right is not None:
            candidates = candidates[self.chains.call[candidates] == (right == "C")]
        bids, asks = self.quotes(candidates)
        candidates = candidates[(asks >= ask[0] * DOLLAR) & (asks <= ask[1] * DOLLAR) & (bids > 0)]
        if not len(candidates):
            return None
        chosen = int(self.rng.choice(candidates))
        return chosen, float(self.quotes(np.array([chosen]))[1][0]) / DOLLAR


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of planted order; `build` returns its prints in order of time, None where the market has no room."""

    name: str
    #: Relative frequency.
    weight: float
    build: Callable[[Stage], list[Child] | None]
