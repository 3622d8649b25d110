"""What a file's reader gives: events as bytes, records that cannot be used, records that are not for us."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from events.types import Book


class ImportRefused(ValueError):
    """An import that is refused before anything is written; the text is one line."""


class Good(NamedTuple):
    """One raw event, validated and encoded without its id."""

    topic: str
    ts: int
    source: str
    message: bytes
    #: Which of several files that stand behind one another in one stream it is from.
    part: int = 0


@dataclass(frozen=True, slots=True)
class Bad:
    """A record that cannot be used: it goes to the dead-letter topic with where it stood and why."""

    position: str
    reason: str
    raw: bytes
    #: The topic it was meant for, empty when it does not say.
    topic: str = ""
    #: Whether the file is damaged here: what stands behind it cannot be read.
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A sound record of a kind that is not imported; counted by reason."""

    reason: str


Item = Good | Bad | Unsupported


@dataclass(frozen=True, slots=True)
class FeedFacts:
    """What a source declares about its events in one topic, for the `feed` control record."""

    source: str
    carries_conditions: bool | None
    quotes: Literal["every_change", "sampled"] | None
    book: Book | None

    def combined(self, other: FeedFacts) -> FeedFacts:
        """Returns what holds of both: of two files of one source the weaker claim."""
        return FeedFacts(
            self.source,
            self.carries_conditions if self.carries_conditions == other.carries_conditions else False,
            self.quotes if self.quotes == other.quotes else "sampled",
            self.book if self.book == other.book else "venue",
        )


class Printed(NamedTuple):
    """A day of which a file held prints, as a vendor names its data set and schema: two schemas repeat each print."""

    dataset: str
    day: str
    schema: str


class Reader(Protocol):
    """One file: its records in order, and what its sources declare."""

    def __iter__(self) -> Iterator[Item]:
        """Yields every record of the file once."""
        ...

    def facts(self, topic: str, source: str) -> FeedFacts:
        """Returns what a source declares about its events in a topic, once the file was read."""
        ...

    def printed(self) -> list[Printed]:
        """Returns the days of which the file held prints, once it was read; none where prints are in one form only."""
        ...
