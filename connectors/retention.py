"""Retention: drops what is old from a log, never behind an anchor and never what is not archived (contract 8).

After it, the log can still be computed and verified from the anchor on; the archive keeps all rows of before.
"""

from __future__ import annotations

import msgspec

from connectors.anchors import newest_anchor
from connectors.bus.base import Bus
from connectors.store.base import Progress
from events.derived import Anchor
from events.topics import DERIVED_TOPICS, RAW_TOPICS
from operators.merge_state import MergeState

_READ = 5000
_tape = msgspec.json.Decoder(MergeState)


class _Stamp(msgspec.Struct):
    ts: int
    order_ts: int = 0


_stamp = msgspec.json.Decoder(_Stamp)


def trim(bus: Bus, raw: Progress, run: Progress, code: str, before_ts: int) -> dict[str, int]:
    """Drops each partition's log before its newest anchor at or before `before_ts`; returns records dropped by topic.

    `raw` and `run` say how far the archive holds the data set and its run. A partition without such an anchor keeps
    everything.
    """
    dropped: dict[str, int] = {}
    for partition in range(bus.partitions):
        anchor = newest_anchor(bus, partition, code, before_ts)
        if anchor:
            for topic, offset in _cuts(bus, partition, anchor["partition"], raw, run).items():
                start = bus.heads(topic)[partition].start
                dropped[topic] = dropped.get(topic, 0) + bus.trim(topic, partition, offset) - start
    return {topic: count for topic, count in dropped.items() if count}


def _cuts(bus: Bus, partition: int, anchor: Anchor, raw: Progress, run: Progress) -> dict[str, int]:
    """Returns, by topic, the first offset that must stay."""
    assert anchor.tape is not None
    cuts = {
        topic: min(state.position, raw.offsets(topic, bus.partitions)[partition])
        for topic, state in _tape.decode(anchor.tape).topics.items()
        if topic in RAW_TOPICS and bus.heads(topic)[partition].next
    }
    for topic in DERIVED_TOPICS:
        known = _first_known_from(bus, topic, partition, anchor.ts)
        cuts[topic] = min(known, run.offsets(topic, bus.partitions)[partition])
    cuts["anchors"] = _first_known_from(bus, "anchors", partition, anchor.ts)
    return {topic: cut for topic, cut in cuts.items() if bus.heads(topic)[partition].next}


def _first_known_from(bus: Bus, topic: str, partition: int, ts: int) -> int:
    """Returns the offset of the first batch that holds anything known at or after a time."""
    head = bus.heads(topic)[partition]
    offset = head.start
    while offset < head.next:
        for batch in bus.read(topic, partition, offset, _READ):
            stamps = () if batch.control else _stamp.decode_lines(batch.payload)
            if any(max(stamp.ts, stamp.order_ts) >= ts for stamp in stamps):
                return batch.first
            offset = batch.next
    return head.next
