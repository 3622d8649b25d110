"""What the log holds behind a checkpoint: ids of events, and what control records said meanwhile."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from connectors.bus.base import Bus, StoredBatch
from connectors.feeds.synthetic.checkpoint import FeedError
from events.control import decode_control

_READ = 20_000


class _Id(msgspec.Struct):
    id: str


_decoder = msgspec.json.Decoder(_Id)
_decode_id, _decode_ids = _decoder.decode, _decoder.decode_lines


@dataclass(slots=True)
class Held:
    """What one topic holds behind a checkpoint."""

    ids: set[str] = field(default_factory=set)
    #: A watchdog has said meanwhile that the topic is absent.
    absent: bool = False


def held_since(bus: Bus, topic: str, offsets: list[int]) -> Held:
    """Reads a topic behind the checkpoint's offsets; raises FeedError when the log ends before them."""
    held = Held()
    for partition, head in enumerate(bus.heads(topic)):
        offset = offsets[partition]
        if offset > head.next:
            raise FeedError(
                f"{topic}/{partition} ends at {head.next}, before the feed's state ({offset}): a power cut may cost "
                f"the log its tail; begin a new data set"
            )
        while offset < head.next:
            for batch in bus.read(topic, partition, offset, _READ):
                offset = batch.next
                if not batch.control:
                    held.ids.update(_ids_of(batch))
                    continue
                for line in batch.lines():
                    record = decode_control(line)
                    if record.control == "member":
                        held.absent = record.state == "absent"
    return held


def _ids_of(batch: StoredBatch) -> list[str]:
    """Returns the ids of a batch's events of ours; what somebody else wrote into the topic is none of them."""
    try:
        return [each.id for each in _decode_ids(batch.payload)]
    except (msgspec.MsgspecError, UnicodeDecodeError):
        found = []
        for line in batch.lines():
            with suppress(msgspec.MsgspecError, UnicodeDecodeError):
                found.append(_decode_id(line).id)
        return found


def controls_at_start(bus: Bus, topic: str) -> set[str]:
    """Returns the kinds of control records that a topic begins with; every kind where its start was trimmed."""
    head = bus.heads(topic)[0]
    if head.start:
        return {"member", "feed"}
    first = [batch for batch in bus.read(topic, 0, 0, 2) if batch.control]
    return {decode_control(line).control for batch in first[:2] for line in batch.lines()}
