"""What an import did, in records: read = written + duplicate + dead + unsupported (contract 18)."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from events.types import Clock

FileState = Literal["imported", "imported up to its damage", "already imported"]


class TopicCount(Struct, kw_only=True):
    """What became of the events of one topic."""

    written: int = 0
    duplicate: int = 0


class FileCount(Struct, kw_only=True):
    """One file of the command: its bytes were imported now, as far as they could be read, or had been before."""

    file: str
    state: FileState
    read: int


class ImportReport(Struct, kw_only=True):
    """The whole import; `seconds` is the only field that a second run of the same would change."""

    dataset: str
    clock: Clock
    read: int = 0
    written: int = 0
    #: Records whose ids the topic already held.
    duplicate: int = 0
    #: Records that went to the dead-letter topic.
    dead: int = 0
    #: Sound records of kinds that are not imported, by reason in `reasons`.
    unsupported: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    topics: dict[str, TopicCount] = field(default_factory=dict)
    files: list[FileCount] = field(default_factory=list)
    #: Days of which two schemas of one vendor's data set brought the same prints, a line each.
    repeated: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def balanced(self) -> bool:
        """Says whether every record that was read is accounted for."""
        return self.read == self.written + self.duplicate + self.dead + self.unsupported
