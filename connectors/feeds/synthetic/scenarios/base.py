"""What a planted order is: prints with a purpose, the stage on which it is set, and what is true of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from msgspec import Struct

from connectors.feeds.synthetic.rows import DOLLAR, OPTION_VENUES, PRINT, Floats, Ints
from connectors.feeds.synthetic.scenarios.labels import Strength, Truth
from connectors.feeds.synthetic.universe import INDEX, Chains, Underlyings
from events.types import NS_PER_S

STRENGTHS: tuple[tuple[Strength, float], ...] = (("weak", 0.2), ("medium", 0.5), ("strong", 0.3))
Right = Literal["C", "P"]
#: How often another underlying is drawn where one has no fitting contract.
_TRIES = 8


class Child(Struct, gc=False, array_like=True):
    """One print of a planted order, or with size 0 a quote of its contract alone: the market's, or a shift of it."""

    ts: int
    #: Number of the contract within the day's chains; of stock, -1 minus the number of the underlying.
    contract: int
    size: int
    #: Place and position as in `rows.PrintRows`.
    place: int
    position: float
    condition: str
    venue: str
    #: Ticks by which the contract's quote has moved before this print, and by which both its sides have retreated.
    lift: int = 0
    widen: int = 0
    #: A print, one that will be cancelled, or the cancel of its contract's oldest such print of its size.
    kind: int = PRINT
    #: What it does to open interest: 1 opens, -1 closes, 0 passes from hand to hand.
    opens: int = 0
    #: How long before its report it was executed, ns.
    delay: int = 0
    #: The market's own quotes keep away from it: its order has made them retreat.
    quiet: bool = False
    #: Of stock: as in `rows.QuoteRows`.
    halt: int = 0


class Halt(Struct, gc=False, array_like=True):
    """A span in which a stock, by its number, does not trade, halted or held at the edge of its price band.

    Nothing else is planted there until long after it.
    """

    number: int
    start_ts: int
    end_ts: int


class Drift(Struct, gc=False, array_like=True):
    """How an underlying moves after an order: in all, in logs, evenly over a span."""

    number: int
    spot: float
    volatility: float
    start_ts: int
    end_ts: int


@dataclass(frozen=True, slots=True)
class Order:
    """What a scenario plants."""

    children: list[Child]
    truth: Truth
    drifts: list[Drift] = field(default_factory=list)
    halts: list[Halt] = field(default_factory=list)


class Pick(NamedTuple):
    """A contract that was drawn: its number and quote in dollars."""

    contract: int
    bid: float
    ask: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a scenario asks of a contract; ranges include both ends."""

    right: Right | None
    #: Calendar days to expiry; ask in dollars.
    dte: tuple[int, int]
    ask: tuple[float, float]
    tiers: tuple[int, ...] = (0, 1, 2)
    #: How far out of the money, as a share of spot: below 0 in the money.
    out: tuple[float, float] = (-9.0, 9.0)
    #: Open interest, contracts.
    interest: tuple[int, int] = (0, 10**9)
    #: Spread over mid.
    spread: tuple[float, float] = (0.0, 0.5)


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
    #: Dollars by underlying.
    spots: Floats
    #: Underlyings that are halted or were a short time ago, and those in which an order is under way.
    shut: tuple[int, ...] = ()
    busy: tuple[int, ...] = ()

    def between(self, low: float, high: float) -> float:
        """Draws a number evenly in logs."""
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))

    def chance(self, share: float) -> bool:
        """Draws true in this share of cases."""
        return bool(self.rng.random() < share)

    def either(self, *choices: str) -> str:
        """Draws one of the words."""
        return choices[int(self.rng.integers(len(choices)))]

    def venues(self, count: int) -> list[str]:
        """Draws that many venues, all different where there are enough."""
        letters = [letter for letter, _ in OPTION_VENUES]
        order = self.rng.permutation(len(letters))
        return [letters[order[n % len(letters)]] for n in range(count)]

    def venue(self) -> str:
        """Draws one venue."""
        return self.venues(1)[0]

    def pick(self, wanted: Wanted, alone: bool = False) -> Pick | None:
        """Draws a contract, the underlying first; None where the market has none.

        Never in an underlying that is halted; where it shall be `alone`, in none with an order under way.
        """
        numbers = np.flatnonzero(np.isin(self.names.tier, wanted.tiers) & (self.names.flow > 0))
        numbers = numbers[~np.isin(numbers, (*self.shut, *(self.busy if alone else ())))]
        if not len(numbers):
            return None
        share = self.names.flow[numbers] ** 0.5
        for _ in range(_TRIES):
            candidates = self._fitting(int(self.rng.choice(numbers, p=share / share.sum())), wanted)
            if len(candidates):
                return self.quote(int(self.rng.choice(candidates)))
        return None

    def _fitting(self, number: int, wanted: Wanted) -> Ints:
        chains = self.chains
        found = np.arange(chains.first[number], chains.first[number + 1], dtype=np.int64)
        days, held = chains.dte[found], chains.open_interest[found]
        found = found[(days >= wanted.dte[0]) & (days <= wanted.dte[1])
                      & (held >= wanted.interest[0]) & (held <= wanted.interest[1])]  # fmt: skip
        if wanted.right is not None:
            found = found[chains.call[found] == (wanted.right == "C")]
        out = self.out(found)
        found = found[(out >= wanted.out[0]) & (out <= wanted.out[1]) & (chains.expiry_ns[found] > self.ts)]
        bids, asks = self.quotes(found)
        width = (asks - bids) / np.maximum((asks + bids) / 2, 1)
        return found[
            (asks >= wanted.ask[0] * DOLLAR) & (asks <= wanted.ask[1] * DOLLAR) & (bids > 0)
            & (width >= wanted.spread[0]) & (width <= wanted.spread[1])
        ]  # fmt: skip

    def out(self, contracts: Ints) -> Floats:
        """Returns how far each contract is out of the money, as a share of spot."""
        ratio = self.chains.strike[contracts] / self.spots[self.chains.under[contracts]] - 1.0
        return np.where(self.chains.call[contracts], ratio, -ratio)

    def quote(self, contract: int) -> Pick:
        """Returns a contract with its quote."""
        bid, ask = self.quotes(np.array([contract], dtype=np.int64))
        return Pick(contract, float(bid[0]) / DOLLAR, float(ask[0]) / DOLLAR)

    def is_call(self, contract: int) -> bool:
        """Tells a call from a put."""
        return bool(self.chains.call[contract])

    def number(self, contract: int) -> int:
        """Returns the number of a contract's underlying."""
        return int(self.chains.under[contract])

    def interest(self, contract: int) -> int:
        """Returns a contract's open interest this morning."""
        return int(self.chains.open_interest[contract])

    def strike_away(self, contract: int, steps: int) -> int | None:
        """Returns the contract of the same expiry and right so many strikes higher, None past the chain's end."""
        other = int(contract + 2 * steps)
        first, last = self._chain(contract)
        if not first <= other < last or self.chains.expiry_ns[other] != self.chains.expiry_ns[contract]:
            return None
        return other

    def other_right(self, contract: int) -> int:
        """Returns the put of a call, and the call of a put."""
        return contract + 1 if self.is_call(contract) else contract - 1

    def other_expiry(self, contract: int, days: tuple[int, int], strike_steps: int = 0) -> int | None:
        """Returns the contract that expires so many days later, at its strike or steps away; None where none is."""
        chains, (first, last) = self.chains, self._chain(contract)
        found = np.arange(first, last, dtype=np.int64)
        later = chains.dte[found] - chains.dte[contract]
        found = found[(later >= days[0]) & (later <= days[1]) & (chains.call[found] == chains.call[contract])
                      & (chains.strike[found] == chains.strike[contract])]  # fmt: skip
        if not len(found):
            return None
        chosen = int(self.rng.choice(found))
        return chosen if not strike_steps else self.strike_away(chosen, strike_steps)

    def _chain(self, contract: int) -> tuple[int, int]:
        number = self.number(contract)
        return int(self.chains.first[number]), int(self.chains.first[number + 1])

    def drift(self, contract: int, deviations: float, seconds: int, volatility: float = 0.0) -> Drift:
        """Returns a move of the contract's underlying by so many of its own deviations over the span, from now on."""
        number = self.number(contract)
        if self.names.symbols[number] == INDEX:
            number = self.names.number("SPY")  # the index follows its fund
        spot = deviations * float(self.names.implied[number]) * (seconds / (252 * 23_400)) ** 0.5
        return Drift(number, spot, volatility, self.ts, self.ts + seconds * NS_PER_S)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of planted order; `build` returns its prints in order of time, None where the market has no room."""

    name: str
    #: Relative frequency.
    weight: float
    build: Callable[[Stage], Order | None]
    #: It begins within so many seconds of the open, 0 for any time of the day.
    opening_s: int = 0
