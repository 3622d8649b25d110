"""Writes the events of one topic in order of time, each with its id, those that the topic holds left out."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet

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
    writer: TopicWriter,
    progress: Progress,
) -> tuple[TopicCount, Counters]:
    """Writes a topic's events and levels the promises of its partitions; returns counts and the counters at the end."""
    maker = IdMaker(topic, TOPICS[topic].instrument, begin.ts, begin.seen)
    decode = decoder(topic).decode
    count = TopicCount()
    stage, total = f"writing {topic}", len(spool)
    ts, taken = 0, set[str]()
    for number, message in enumerate(spool.in_order()):
        event = decode(message)
        event.id = maker.id_of(event)
        if event.ts != ts:
            ts = event.ts
            taken.clear()
        # Only a vendor's unique trade id can repeat among events of one time stamp.
        if event.id in held or event.id in taken:
            count.duplicate += 1
        else:
            taken.add(event.id)
            writer.add_encoded(ts, key_of(event), encode(event))
            count.written += 1
        if number % _REPORT_EVERY == 0:
            progress(stage, number, total)
    writer.heartbeat()
    progress(stage, total, total)
    return count, Counters(maker.ts, maker.seen)
