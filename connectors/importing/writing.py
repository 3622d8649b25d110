"""Writes the events of one topic in order of time, each with its id, those that the topic holds left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from connectors.feeds.writer import TopicWriter, key_of
from connectors.importing.ledger import Counters
from connectors.importing.report import TopicCount
from connectors.importing.spool import TopicSpool
from events.codec import encode
from events.ids import IdMaker
from events.topics import TOPICS, decoder

#: Called with a stage, how many records of it are done, and of how many (0 when unknown).
Progress = Callable[[str, int, int], None]
_REPORT_EVERY = 20_000


def write_events(
    topic: str,
    spool: TopicSpool,
    begin: Counters,
    held: AbstractSet[str],
    holes: Sequence[tuple[int, int]],
    writer: TopicWriter,
    progress: Progress,
) -> tuple[TopicCount, Counters]:
    """Writes a topic's events, and a gap for each hole between them, and levels the promises of its partitions.

    Returns counts and the counters at the end.
    """
    maker = IdMaker(topic, TOPICS[topic].instrument, begin.ts, begin.seen)
    decode = decoder(topic).decode
    count = TopicCount()
    stage, total = f"writing {topic}", len(spool)
    ts, taken, ahead = 0, dict[str, Any](), list(reversed(holes))
    for number, (message, file) in enumerate(spool.in_order()):
        event = decode(message)
        event.id = maker.id_of(event, file)
        if event.ts != ts:
            count.written += _add(writer, taken)
            ts, taken = event.ts, {}
            while ahead and ahead[-1][1] <= ts:
                writer.gap(*ahead.pop(), "no imported file holds what was quoted in between")
        # Only a vendor's unique trade id or sequence can repeat among events of one time stamp.
        before = taken.get(event.id)
        if event.id in held or before is not None:
            count.duplicate += 1
        if event.id not in held and (before is None or _says_more(event, before)):
            taken[event.id] = event
        if number % _REPORT_EVERY == 0:
            progress(stage, number, total)
    count.written += _add(writer, taken)
    writer.heartbeat()
    progress(stage, total, total)
    return count, Counters(maker.ts, maker.seen)


def _add(writer: TopicWriter, taken: Mapping[str, Any]) -> int:
    for event in taken.values():
        writer.add_encoded(event.ts, key_of(event), encode(event))
    return len(taken)


def _says_more(event: Any, before: Any) -> bool:
    """Tells whether of two reports of one print this one brings a quote and the other none."""
    return getattr(event, "quote_origin", None) is not None and before.quote_origin is None
