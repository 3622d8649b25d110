"""The bytes of an imported file: digest, and content in pieces, decompressed where it is Zstandard."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path

import zstandard

_MAGIC = b"\x28\xb5\x2f\xfd"
_PIECE = 1 << 20


class Damaged(ValueError):
    """The compressed stream ends early or cannot be read on."""


def sha256(path: Path) -> str:
    """Returns the digest of a file's bytes as they are on disk, hex."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def pieces(path: Path) -> Iterator[bytes]:
    """Yields a file's content; raises Damaged behind the last byte that could be read."""
    with path.open("rb") as file:
        first = file.read(len(_MAGIC))
        if not first and path.name.endswith(".zst"):
            raise Damaged("the compressed stream is empty")
        file.seek(0)
        raw = iter(lambda: file.read(_PIECE), b"")
        yield from _decompressed(raw) if first == _MAGIC else raw


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
