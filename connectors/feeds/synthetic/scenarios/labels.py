"""The label of a planted order: what was meant, by which prints, and what a rule may say of it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Strength = Literal["weak", "medium", "strong"]
Direction = Literal["bullish", "bearish", "neutral", "mixed"]
Style = Literal["directional", "hedging", "volatility", "arbitrage", "income", "closing", "unclear"]

#: The rules that tapes are labelled for, by the ids that hits carry.
RULES: tuple[str, ...] = (
    "large_bullish_call_sweep", "large_bearish_put_sweep", "large_block", "large_call_sell_overwrite",
    "large_put_sell_write", "unusual_contract_spike", "repeated_hits", "new_position_likely", "closing_unwind_likely",
    "zero_dte_gamma_punch", "far_dated_conviction", "straddle", "strangle", "vertical_spread", "roll",
    "ladder_accumulation", "no_follow_through", "protective_put_hedge", "collar_hedge", "arbitrage_structure",
    "mechanical",
)  # fmt: skip


class Truth(Struct, kw_only=True):
    """What is true of an order.

    `expected` rules should fire. `tolerated` ones may: they would say something true of it that it was not planted
    for. Every other rule is wrong here.
    """

    expected: tuple[str, ...] = ()
    tolerated: tuple[str, ...] = ()
    #: The rules that it was planted to tempt.
    look_alike_of: tuple[str, ...] = ()
    #: What its buyer or seller gains from; None where nobody can know and no claim may be made.
    direction: Direction | None = None
    #: False where several independent orders make one label, so that no one direction is right or wrong of it.
    judge_direction: bool = True
    style: Style = "unclear"
    #: Kind of structure that its legs form, None for a single contract.
    structure: str | None = None

    @property
    def must_not(self) -> tuple[str, ...]:
        """Returns the rules that are wrong here."""
        right = (*self.expected, *self.tolerated)
        return tuple(rule for rule in RULES if rule not in right)


class Planted(Struct, kw_only=True):
    """The label of a planted order, or of one large print of the background, which has no strength."""

    scenario: str
    strength: Strength | None
    underlying: str
    contracts: list[str]
    start_ts: int
    end_ts: int
    #: Ids of its prints of options and stock, in order of time, and of what was cancelled later.
    prints: list[str]
    cancels: list[str]
    truth: Truth
    #: 'tune' or 'test' by the market's seed, 'none' for seeds of neither list.
    split: str


#: The background's complex orders are of two legs: two strikes of one expiry and right, or a call with its put.
LARGE_LEG_TRUTH = Truth(
    tolerated=("vertical_spread", "straddle", "strangle", "arbitrage_structure", "roll", "new_position_likely")
)
