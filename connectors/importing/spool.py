"""What an import has read and not yet written: per topic the events' bytes, given back in order of time, stably."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

import numpy as np

from connectors.importing.records import Good
from events.types import NS_PER_S

#: Between two files of one topic: longer, and what happened in between may be missing.
HOLE_NS = NS_PER_S


class TopicSpool:
    """The events of one topic: about 200 bytes each in memory."""

    def __init__(self) -> None:
        self._ts = array("q")
        self._messages: list[bytes] = []
        #: The number of each event's file among those of the import.
        self._files = array("q")
        self.sources: set[str] = set()
        #: The first and last time stamp of each file.
        self._spans: dict[int, tuple[int, int]] = {}
        self._sorted = True

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, event: Good, file: int = 0) -> None:
        """Keeps one event of a file, in the order of the files' lines."""
        if self._ts and event.ts < self._ts[-1]:
            self._sorted = False
        first, last = self._spans.get(file, (event.ts, event.ts))
        self._spans[file] = (min(first, event.ts), max(last, event.ts))
        self._ts.append(event.ts)
        self._messages.append(event.message)
        self._files.append(file)
        self.sources.add(event.source)

    @property
    def first_ts(self) -> int:
        """The earliest time stamp, ns."""
        return self._ts[0] if self._sorted else min(self._ts)

    @property
    def last_ts(self) -> int:
        """The latest time stamp, ns."""
        return self._ts[-1] if self._sorted else max(self._ts)

    def holes(self, after_ts: int) -> list[tuple[int, int]]:
        """Returns the spans that no file covers, the one behind what ends at `after_ts` (0: nothing) too, in order."""
        found = []
        for first, last in sorted(self._spans.values()):
            if after_ts and first - after_ts > HOLE_NS:
                found.append((after_ts, first))
            after_ts = max(after_ts, last)
        return found

    def in_order(self) -> Iterator[tuple[bytes, int]]:
        """Yields the events' bytes and their files' numbers by (time, order of the files' lines)."""
        if self._sorted:
            yield from zip(self._messages, self._files, strict=True)
            return
        order = np.argsort(np.frombuffer(self._ts, dtype=np.int64), kind="stable")
        for index in order:
            yield self._messages[index], self._files[index]
