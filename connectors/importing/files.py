"""The bytes of an imported file: digest, and content in pieces, decompressed where it is Zstandard."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path

import zstandard

_MAGIC = b"\x28\xb5\x2f\xfd"
_PIECE = 1 << 20
#: Of a compressed file: what a piece holds before the damage in it is lost, and its content stands in memory at once.
_PACKED = 1 << 12


class Damaged(ValueError):
    """The compressed stream ends early or cannot be read on."""


def sha256(path: Path) -> str:
    """Returns the digest of a file's bytes as they are on disk, hex."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def pieces(path: Path, *, text: bool = False) -> Iterator[bytes]:
    """Yields a file's content, a text's without its byte order mark; raises Damaged behind the last readable byte."""
    with path.open("rb") as file:
        first = file.read(len(_MAGIC))
        if not first and path.name.endswith(".zst"):
            raise Damaged("the compressed stream is empty")
        packed = first == _MAGIC
        file.seek(0)
        raw = iter(lambda: file.read(_PACKED if packed else _PIECE), b"")
        content = _decompressed(raw) if packed else raw
        yield from _unmarked(content) if text else content


def _unmarked(content: Iterator[bytes]) -> Iterator[bytes]:
    first = b""
    for piece in content:
        first += piece
        if len(first) >= len(BOM_UTF8):
            break
    yield first.removeprefix(BOM_UTF8)
    yield from content


def _decompressed(raw: Iterator[bytes]) -> Iterator[bytes]:
    frame = zstandard.ZstdDecompressor().decompressobj()
    try:
        for data in raw:
            rest = data
            while rest:
                if frame.eof:
                    frame = zstandard.ZstdDecompressor().decompressobj()
                content = frame.decompress(rest)
                rest = frame.unused_data if frame.eof else b""
                if content:
                    yield content
    except zstandard.ZstdError as error:
        raise Damaged(f"the compressed stream is damaged: {error}") from None
    if not frame.eof:
        raise Damaged("the compressed stream ends early")
