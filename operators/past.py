"""Past: the windows of a baseline as they stood before one of the last minutes' packets (contract 19).

A packet that loses a print is scored again against what was usual before it. What each packet pushed out of its windows
is noted for as long as a cancel may name one of its prints; put back in front of a window, less what came since, it is
the window of then. How long that is, is told by event time alone.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final

from operators.shard_state import PastDump, Sample
from operators.window import FIELDS, Window

_CONTRACT: Final = 0
_BUCKET: Final = 1
_START: Final = 2
_ID: Final = 6
#: Pushed out of a window that was not full; no size is below nothing.
_NOTHING: Final = array("q", (0, -1, 0))
#: Windows that take each packet: the contract's, its bucket's, the underlying's.
_WINDOWS: Final = 3


class Past:
    """The samples of the last minutes, and what each pushed out of the windows that took it."""

    __slots__ = ("_pushed", "_samples", "keep_ns")

    def __init__(self, keep_ns: int, dump: PastDump | None = None) -> None:
        self.keep_ns = keep_ns
        self._samples = list(dump.samples) if dump else []
        self._pushed = array("q", dump.pushed if dump else b"")

    def dump(self) -> PastDump:
        """Returns all that recovery stores."""
        return PastDump(self._samples, self._pushed.tobytes())

    def clear(self, keep_ns: int) -> None:
        """Forgets everything: windows of another length from here on cannot be wound back over the change."""
        self.keep_ns = keep_ns
        self._samples, self._pushed = [], array("q")

    def note(self, sample: Sample, own: Window, shared: Window, whole: Window, limit: int) -> None:
        """Notes what a sample is about to push out of its contract's, its bucket's and its underlying's window."""
        samples, pushed = self._samples, self._pushed
        if samples and samples[0][_START] < sample[_START] - self.keep_ns - self.keep_ns // 4:
            self._forget(sample[_START] - self.keep_ns)
        samples.append(sample)
        pushed += own.samples[own.at : own.at + FIELDS] if own.count == limit else _NOTHING
        pushed += shared.samples[shared.at : shared.at + FIELDS] if shared.count == limit else _NOTHING
        pushed += whole.samples[whole.at : whole.at + FIELDS] if whole.count == limit else _NOTHING

    def _forget(self, before_ts: int) -> None:
        samples = self._samples
        gone = next((place for place, each in enumerate(samples) if each[_START] >= before_ts), len(samples))
        del samples[:gone]
        del self._pushed[: gone * _WINDOWS * FIELDS]

    def before(
        self, ident: str, contract: str, bucket: str, own: Window, shared: Window, whole: Window
    ) -> tuple[Window, Window, Window]:
        """Returns the windows of a contract, a bucket and the underlying as they stood before a packet.

        As they stand now where the packet is no longer remembered: no cancel can name a print of it.
        """
        samples = self._samples
        first = next((place for place in range(len(samples) - 1, -1, -1) if samples[place][_ID] == ident), None)
        if first is None:
            return own, shared, whole
        since = range(first, len(samples))
        return (
            self._back(own, 0, [place for place in since if samples[place][_CONTRACT] == contract]),
            self._back(shared, 1, [place for place in since if samples[place][_BUCKET] == bucket]),
            self._back(whole, 2, since),
        )

    def _back(self, window: Window, which: int, since: Sequence[int]) -> Window:
        """Returns a window without the samples taken since, and with what they pushed out."""
        values, pushed = array("q"), self._pushed
        for place in since:
            at = (place * _WINDOWS + which) * FIELDS
            if pushed[at + 1] >= 0:
                values += pushed[at : at + FIELDS]
        values.frombytes(window.dump())
        del values[max(len(values) - len(since) * FIELDS, 0) :]
        return Window(values.tobytes())
