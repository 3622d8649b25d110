"""What of a large map has changed since it was last written down: so that a snapshot costs what changed, not what is.

Whoever sets a key of a tracked map notes it in `changed`; whoever deletes one calls `delete`. Order is part of a
state's bytes: keys that are new are noted as they are inserted, so that putting the changes back gives the same order.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TypeVar

_V = TypeVar("_V")


class Changes:
    """Keys of one map that were set, and keys that were deleted, since `clear`."""

    __slots__ = ("changed", "gone")

    def __init__(self) -> None:
        #: Keys set and still there, in order; written to without a call where it is hot.
        self.changed: dict[str, None] = {}
        #: Keys deleted, also those that were set again later.
        self.gone: dict[str, None] = {}

    def delete(self, key: str) -> None:
        """Notes that a key has left the map."""
        self.changed.pop(key, None)
        self.gone[key] = None

    def clear(self) -> None:
        """Forgets what was noted: it has been written down."""
        self.changed.clear()
        self.gone.clear()


def put_back(into: MutableMapping[str, _V], changed: MutableMapping[str, _V], gone: list[str]) -> None:
    """Does to a map what was done to the one that the changes were noted of."""
    for key in gone:
        into.pop(key, None)
    into.update(changed)
