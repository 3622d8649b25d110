"""Records that cannot be used go to the dead-letter topic once, however often their file is read."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from connectors.bus.base import Batch, Bus, LeaseLost
from connectors.importing.held import held_ids
from connectors.importing.records import Bad
from events.codec import encode
from events.deadletters import shown
from events.derived import DeadLetter
from events.types import FOREVER_NS

TOPIC = "deadletter"
_BATCH = 1000
_ATTEMPTS = 5


def dead_letter(bad: Bad, ts: int, file: str, digest: str) -> DeadLetter:
    """Returns the dead letter of a record; `ts` is the time of the last sound record before it, 0 without one."""
    content = "\n".join((digest, bad.position, bad.reason))
    return DeadLetter(
        id=f"dl:{blake2b(content.encode(), digest_size=12).hexdigest()}",
        ts=ts, topic=bad.topic, origin=file, position=bad.position, reason=bad.reason, raw=shown(bad.raw),
    )  # fmt: skip


def write_dead_letters(bus: Bus, letters: Iterable[DeadLetter]) -> None:
    """Appends to partition 0 the letters that the topic does not hold yet."""
    held = held_ids(bus, TOPIC, 0, FOREVER_NS)
    fresh = [encode(letter) for letter in letters if letter.id not in held]
    for start in range(0, len(fresh), _BATCH):
        messages = fresh[start : start + _BATCH]
        _append(bus, Batch(len(messages), b"\n".join(messages), [TOPIC] * len(messages)))


def _append(bus: Bus, batch: Batch) -> None:
    """Appends under whatever epoch stands there: the topic has many writers and no holder."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            bus.append(TOPIC, {0: batch}, bus.heads(TOPIC)[0].epoch)
        except LeaseLost:
            if attempt == _ATTEMPTS:
                raise
        else:
            return
