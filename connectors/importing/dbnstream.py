"""Databento Binary Encoding: the records of a file through Databento's own decoder, damage named by record.

Frames are cut here, by the length that begins each record, so that one record that the decoder refuses costs no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from connectors.importing.files import Damaged, pieces
from connectors.importing.records import ImportRefused

_MAGIC = b"DBN"
#: magic, version, length of what follows
_PRELUDE = 8
_MIN_RECORD = 16
_UNIT = 4


class Damage(NamedTuple):
    """A record that cannot be decoded, or the rest of a file behind which no record can be found."""

    reason: str
    raw: bytes
    cut: bool = False


class DbnStream:
    """One file: its metadata, then its records upgraded to the newest version."""

    def __init__(self, path: Path) -> None:
        """Reads the metadata; raises ImportRefused, in one line, when it is no such file or the package is missing."""
        self._dbn = databento_dbn()
        self._pieces = pieces(path)
        self._rest = b""
        self._damage = ""
        #: Called with the metadata of each further file that was put behind the first in one stream.
        self.on_metadata: Callable[[Any], None] = lambda metadata: None
        try:
            self.metadata = self._begin()
        except (EOFError, ValueError, self._dbn.DBNError) as error:
            raise ImportRefused(f"{path.name}: not a DBN file: {self._damage or error}") from None

    def _begin(self) -> Any:
        """Reads the head of a file, with which a new decoder begins; returns its metadata."""
        self._fill(_PRELUDE)
        size = _PRELUDE + int.from_bytes(self._rest[4:_PRELUDE], "little")
        self._fill(size)
        metadata = self._dbn.Metadata.decode(self._rest[:size])
        self._head = self._take(size)
        self._decoder = self._new_decoder()
        return metadata

    def __iter__(self) -> Iterator[Any | Damage]:
        """Yields every record, or Damage in its place."""
        while True:
            end, sound = self._frames()
            if end:
                yield from self._decode(self._take(end))
            if not sound:
                reason = f"a record of {self._rest[0] * _UNIT} bytes: the rest of the file cannot be read"
                yield Damage(reason, self._rest, cut=True)
                return
            if not self._more():
                break
        if self._rest or self._damage:
            yield Damage(self._damage or "the file ends inside the record", self._rest, cut=True)

    def _frames(self) -> tuple[int, bool]:
        """Returns where the last whole record ends, and whether a possible record begins there."""
        rest, at = self._rest, 0
        # No record begins so: it would be of a type that there is none of.
        while at < len(rest) and not rest.startswith(_MAGIC, at):
            length = rest[at] * _UNIT
            if length < _MIN_RECORD:
                return at, False
            if at + length > len(rest):
                break
            at += length
        return at, True

    def _decode(self, frames: bytes) -> Iterator[Any | Damage]:
        try:
            records = self._decoder.write_and_decode(frames)
        except self._dbn.DBNError:
            self._decoder = self._new_decoder()
            yield from self._decode_singly(frames)
        else:
            yield from records

    def _decode_singly(self, frames: bytes) -> Iterator[Any | Damage]:
        at = 0
        while at < len(frames):
            frame = frames[at : at + frames[at] * _UNIT]
            at += len(frame)
            try:
                yield from self._decoder.write_and_decode(frame)
            except self._dbn.DBNError as error:
                self._decoder = self._new_decoder()
                yield Damage(str(error), frame)

    def _new_decoder(self) -> Any:
        decoder = self._dbn.DBNDecoder(upgrade_policy=self._dbn.VersionUpgradePolicy.UPGRADE_TO_V3)
        decoder.write_and_decode(self._head)
        return decoder

    def _more(self) -> bool:
        """Reads on, or into the next file of the stream; False at the end of what can be read."""
        if not self._rest.startswith(_MAGIC):
            return self._read()
        try:
            metadata = self._begin()
        except (EOFError, ValueError, self._dbn.DBNError) as error:
            self._damage = self._damage or f"another DBN file follows that cannot be read: {error}"
            return False
        self.on_metadata(metadata)
        return True

    def _read(self) -> bool:
        try:
            piece = next(self._pieces, b"")
        except Damaged as error:
            self._damage = str(error)
            return False
        self._rest += piece
        return bool(piece)

    def _fill(self, size: int) -> None:
        while len(self._rest) < size:
            if not self._read():
                raise EOFError("it ends inside its metadata")

    def _take(self, size: int) -> bytes:
        self._fill(size)
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


def databento_dbn() -> Any:
    """Imports Databento's decoder; raises ImportRefused that names the extra when it is not installed."""
    try:
        import databento  # noqa: F401  # the symbol mapping is the larger package's
        import databento_dbn as package
    except ImportError:
        raise ImportRefused("DBN files need the databento package: pip install 'undertow[databento]'") from None
    return package
