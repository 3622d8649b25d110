"""Journals: where a step's state stands between snapshots, so that a snapshot writes what changed and no more.

A key has one file: its whole state as it once was, then what changed since, each piece with its length and checksum.
A snapshot is a mark, (name, generation, end), and Bytewax's recovery store holds nothing else. What stands behind a
mark's end belongs to no committed epoch and is cut off when the mark is resumed from. Now and then the state is
written whole into a file of the next generation; the one before stays until the one after, since a mark in it may be
the newest that was committed.

Guarantee: kill -9 at any instruction costs nothing that a mark speaks of. A power cut may; `intact` finds it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from struct import Struct
from zlib import crc32

from connectors.pacing import Pace

Mark = tuple[str, int, int]

_HEAD = Struct("<II")
#: What may stand behind a whole state before it is written again, bytes at least.
_LEAST_TAIL = 1 << 16
#: Marks that a generation must have given before the next: by then one of them was committed.
_MARKS = 4


class JournalError(Exception):
    """A journal that does not hold what its mark says; its text is one line."""


class Journal:
    """One key's file; belongs to one thread."""

    def __init__(self, directory: Path, name: str, generation: int, whole: int, end: int) -> None:
        self._directory, self._name, self._generation = directory, name, generation
        #: Bytes of the whole state that the file begins with, and where the file ends.
        self._base, self._end = whole, end
        self._marks = 0
        self._file = self._open()
        os.ftruncate(self._file, end)

    def append(self, piece: bytes) -> None:
        """Writes what changed."""
        data = _HEAD.pack(len(piece), crc32(piece)) + piece
        written = 0
        while written < len(data):
            written += os.pwrite(self._file, data[written:], self._end + written)
        self._end += len(data)

    def mark(self) -> Mark:
        """Returns what a snapshot says: everything written so far."""
        self._marks += 1
        return self._name, self._generation, self._end

    def overdue(self, share: float) -> float:
        """Returns how often over what is behind the whole state exceeds a share of it; from 1 on it should be written.

        Below 1 as long as the generation may not end.
        """
        if self._marks < _MARKS:
            return 0.0
        return (self._end - self._base) / max(self._base * share, _LEAST_TAIL)

    def rewrite(self, state: bytes) -> None:
        """Writes the whole state into a file of the next generation and removes the one before the present."""
        os.close(self._file)
        _path(self._directory, self._name, self._generation - 1).unlink(missing_ok=True)
        self._generation += 1
        self._end, self._base, self._marks = 0, len(state), 0
        self._file = self._open()
        os.ftruncate(self._file, 0)
        self.append(state)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)

    def _open(self) -> int:
        return os.open(_path(self._directory, self._name, self._generation), os.O_RDWR | os.O_CREAT, 0o644)


class Journals:
    """The journals of one process's recovery store."""

    def __init__(self, directory: Path, clock: Callable[[], float] = time.monotonic) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self.pace = Pace(clock)

    def begin(self, name: str, state: bytes) -> Journal:
        """Begins a key's journal with a state; whatever stands there of before is forgotten."""
        known = [int(path.suffix[1:]) for path in self._directory.glob(f"{name}.*")]
        for generation in known:
            _path(self._directory, name, generation).unlink()
        journal = Journal(self._directory, name, max(known, default=0) + 1, len(state), 0)
        journal.append(state)
        return journal

    def resume(self, mark: Mark) -> tuple[Journal, list[bytes]]:
        """Goes on from a mark; returns the state and its changes as written. Raises JournalError, OSError."""
        name, generation, end = mark
        pieces = read(self._directory, mark)
        for path in self._directory.glob(f"{name}.*"):
            if int(path.suffix[1:]) > generation:
                path.unlink()
        return Journal(self._directory, name, generation, len(pieces[0]), end), pieces


def read(directory: Path, mark: Mark) -> list[bytes]:
    """Returns the pieces up to a mark, the whole state first; raises JournalError where they are not all there."""
    name, generation, end = mark
    path = _path(directory, name, generation)
    try:
        with path.open("rb") as file:
            data = memoryview(file.read(end))
    except FileNotFoundError:
        raise JournalError(f"{path} is missing") from None
    pieces, at = [], 0
    while at < end:
        if at + _HEAD.size > len(data):
            raise JournalError(f"{path} ends at {len(data)}, before its mark at {end}")
        length, checksum = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        piece = bytes(data[at : at + length])
        if len(piece) < length or crc32(piece) != checksum:
            raise JournalError(f"{path} is damaged at {at}")
        pieces.append(piece)
        at += length
    return pieces


def damage(directory: Path, mark: Mark) -> str:
    """Says what is wrong with the journal behind a mark; empty when it holds what the mark says."""
    try:
        read(directory, mark)
    except JournalError as error:
        return str(error)
    return ""


def _path(directory: Path, name: str, generation: int) -> Path:
    return directory / f"{name}.{generation}"
