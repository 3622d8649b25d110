"""Events as the payload of a record batch."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from events.codec import ended_lines


def encode_lines(events: Sequence[msgspec.Struct]) -> bytes:
    """Returns the events' bytes joined by newlines, without one at the end."""
    return ended_lines(events)[:-1]
