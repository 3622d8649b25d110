"""Dead: what the step by partition cannot use, as the dead letter that keeps it whole."""

from __future__ import annotations

from typing import Final

import msgspec

from events.deadletters import dead_letter
from events.derived import DeadLetter
from events.raw import OptionPrint, OptionQuote, Reference

_TOPICS: Final = {"OptionPrint": "options.prints", "OptionQuote": "options.quotes", "Reference": "reference"}


def dead(event: OptionPrint | OptionQuote | Reference, order_ts: int, reason: str) -> DeadLetter:
    """Returns the dead letter of an event that cannot be used, and why."""
    topic = _TOPICS[type(event).__name__]
    return dead_letter(topic, event.source, event.id, reason, msgspec.json.encode(event), order_ts)
