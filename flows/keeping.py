"""Keeping: how a step's state survives its process: in a journal, whole in every snapshot, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from connectors.journal import Journal, Journals, Mark

#: What a snapshot is: a mark in the key's journal, or the state's bytes.
Snapshot = Mark | bytes
#: Changes that wait for a snapshot at most; more are written at once, so that they do not add to its pause.
_SPILL = 200


class Step(Protocol):
    """A pure step that knows what has changed."""

    @property
    def pending(self) -> int:
        """How much has changed since `changes` was last asked for."""
        ...

    def changes(self) -> bytes:
        """Returns what has changed since it was last asked for."""
        ...

    def forget_changes(self) -> None:
        """Says that what has changed is written down in another way."""
        ...

    def dump(self) -> bytes:
        """Returns the whole state."""
        ...


@dataclass(frozen=True, slots=True)
class Nothing:
    """Where nothing is resumed, nothing is kept."""


@dataclass(frozen=True, slots=True)
class Whole:
    """Every snapshot is the whole state."""


Keep = Journals | Whole | Nothing


class Kept:
    """One key's state between snapshots; `share` of a whole state may stand behind it as changes."""

    def __init__(self, keep: Keep, name: str, resume: Snapshot | None, first: bytes, share: float) -> None:
        self._keep, self._share = keep, share
        #: Since when changes have waited to be written down, at the earliest.
        self._waited_since = 0.0
        self._journal: Journal | None = None
        #: The state to begin with, and what changed since.
        self.state, self.changes = first, list[bytes]()
        if isinstance(resume, bytes):
            self.state = resume
        elif resume is not None and isinstance(keep, Journals):
            self._journal, (self.state, *self.changes) = keep.resume(resume)
        if self._journal is None and isinstance(keep, Journals):
            self._journal = keep.begin(name, self.state)

    def began(self) -> None:
        """Says that the step stands: what it was made from is needed no longer."""
        self.state, self.changes = b"", []

    def tend(self, step: Step) -> None:
        """Writes down what has piled up; called between batches."""
        if self._journal is None or not isinstance(self._keep, Journals):
            if step.pending > _SPILL:
                step.forget_changes()
            return
        pace, pending = self._keep.pace, step.pending
        if pace.may_rewrite(self._journal.overdue(self._share)):
            began = pace.clock()
            self._journal.rewrite(step.dump())
            step.forget_changes()
            pace.rewritten(pace.clock() - began)
        elif pending > _SPILL or (pending and pace.may_spill(self._waited_since)):
            self._journal.append(step.changes())
        else:
            return
        self._waited_since = pace.clock()

    def snapshot(self, step: Step) -> Snapshot:
        """Returns what the step can be made from again."""
        if self._journal is None or not isinstance(self._keep, Journals):
            step.forget_changes()
            return step.dump() if isinstance(self._keep, Whole) else b""
        self._journal.append(step.changes())
        self._keep.pace.snapshot()
        self._waited_since = self._keep.pace.clock()
        return self._journal.mark()
