"""What is true of an order in one contract whoever sent it: the rules that may say so, planted or background."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    """An order in one contract as it was in truth."""

    call: bool
    #: Calendar days to expiry.
    days: int
    #: How far out of the money, as a share of spot.
    out: float
    #: Dollars; contracts; contracts that stood open in the morning.
    premium: float
    size: int
    held: int
    fills: int
    #: None where nobody can know the side.
    bought: bool | None


def true_of(facts: Facts) -> tuple[str, ...]:
    """Returns the rules that say something true of it; bounds are generous: a rule may ask for more."""
    call, bought, size = facts.call, facts.bought is True, facts.size
    sold, burst = facts.bought is False, facts.fills >= 3
    true = {
        "no_follow_through": True,
        "unusual_contract_spike": size >= 200 and facts.premium >= 10_000,
        "large_block": facts.fills <= 2,
        "new_position_likely": size >= 0.8 * facts.held,
        "closing_unwind_likely": sold and 0.1 * facts.held <= size <= 1.05 * facts.held,
        "large_bullish_call_sweep": bought and call and burst,
        "large_bearish_put_sweep": bought and not call and burst,
        "large_call_sell_overwrite": sold and call and facts.out > -0.02,
        "large_put_sell_write": sold and not call and facts.out > -0.02,
        "far_dated_conviction": bought and facts.days >= 55,
        "zero_dte_gamma_punch": bought and facts.days == 0 and abs(facts.out) < 0.012 and size >= 300,
        "protective_put_hedge": bought and not call and facts.days >= 7 and facts.out > -0.03,
    }
    return tuple(rule for rule, holds in true.items() if holds)
