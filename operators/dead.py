"""Dead: what the step by partition cannot use, as the dead letter that keeps it whole."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from events.deadletters import dead_letter
from events.derived import DeadLetter
from events.raw import OptionPrint, OptionQuote, Reference

#: Price times size of one print, dollars, and with the multiplier: above them the state's sums would leave 64 bits, and
#: a broken print would end the flow.
MAX_NOTIONAL: Final = 1e9
MAX_PREMIUM: Final = 1e11
#: Below it no contract's multiplier comes near the second.
_USUAL_NOTIONAL: Final = 1e6
_TOPICS: Final = {"OptionPrint": "options.prints", "OptionQuote": "options.quotes", "Reference": "reference"}


def dead(event: OptionPrint | OptionQuote | Reference, order_ts: int, reason: str) -> DeadLetter:
    """Returns the dead letter of an event that cannot be used, and why."""
    topic = _TOPICS[type(event).__name__]
    return dead_letter(topic, event.source, event.id, reason, msgspec.json.encode(event), order_ts)


def is_beyond_any(notional: float, multiplier: Any) -> bool:
    """Tells whether price times size, dollars, or that times the multiplier is more than any market trades."""
    return notional > _USUAL_NOTIONAL and (notional > MAX_NOTIONAL or notional * (multiplier or 0) > MAX_PREMIUM)
