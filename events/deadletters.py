"""Dead letters: input that could not be used, kept with its place, the reason and its bytes."""

from __future__ import annotations

from base64 import b64encode
from hashlib import blake2b

from events.derived import DeadLetter

_RAW_LIMIT = 65_536


def dead_letter(topic: str, origin: str, position: str, reason: str, raw: bytes, ts: int) -> DeadLetter:
    """Makes a dead letter whose id is its content and place, so that reading the same input again adds nothing."""
    digest = blake2b(f"{topic}\n{origin}\n{position}\n{reason}\n".encode() + raw, digest_size=12).hexdigest()
    text = shown(raw)
    return DeadLetter(id=f"dl:{digest}", ts=ts, topic=topic, origin=origin, position=position, reason=reason, raw=text)


def shown(raw: bytes) -> str:
    """Returns bytes as text, cut at 64 KiB; bytes that are no text in base64 behind 'base64:'."""
    raw = raw[:_RAW_LIMIT]
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return f"base64:{b64encode(raw).decode()}"
