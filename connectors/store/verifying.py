"""Holds an archive against its log: raw rows read again, derived rows recomputed, topic by topic (contract 33).

What is compared ends where the archive's progress does: a raw topic at the offset noted for each partition, a derived
topic below the smallest promise noted for its partitions; a finished run has no such end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from connectors.bus.base import Bus
from connectors.store.base import Progress, Reader, read_progress
from connectors.store.compare import (
    MAX_DIFFERING,
    LineSet,
    Span,
    TopicResult,
    archived_lines,
    compare,
    differing_ids,
    gathered,
    logged_lines,
    raw_offsets,
    raw_topics,
)
from events.topics import DERIVED_TOPICS
from events.types import FOREVER_NS

#: Recomputed events as (topic, canonical line, time known), for raw topics read up to (next offset by partition), and
#: with an end supplied behind them or not.
Recompute = Callable[[Mapping[str, Sequence[int]], bool], Iterable[tuple[str, bytes, int]]]


@dataclass(frozen=True, slots=True)
class _Verified:
    """What every step of one verification needs."""

    reader: Reader
    bus: Bus
    run: str
    span: Span
    held: Progress
    reached: Progress


def verify(
    reader: Reader, bus: Bus, run: str, recompute: Recompute, span: Span | None = None
) -> dict[str, TopicResult]:
    """Compares every raw topic of the log and every derived topic of the run; takes no lock."""
    job = _Verified(reader, bus, run, span or Span(), read_progress(reader), read_progress(reader, run))
    results = {topic: _raw(job, topic) for topic in raw_topics(bus)}
    return results | _derived(job, recompute)


def _raw(job: _Verified, topic: str) -> TopicResult:
    heads = job.bus.heads(topic)
    offsets = raw_offsets(heads, job.held, topic)
    archived = gathered(archived_lines(job.reader, topic, job.run, job.span, offsets))
    expected = gathered(logged_lines(job.bus, topic, job.span, offsets))
    result = compare(archived, expected)
    if not job.held.holds(topic) and any(head.next > head.start for head in heads):
        result.fault = "the log has records of it, the archive none"
    if not result.equal:
        again = archived_lines(job.reader, topic, job.run, job.span, offsets)
        missing = logged_lines(job.bus, topic, job.span, offsets)
        _name_differing(result, chain(differing_ids(again, expected), differing_ids(missing, archived)))
    return result


def _derived(job: _Verified, recompute: Recompute) -> dict[str, TopicResult]:
    spans = {topic: _span_of(job, topic) for topic in DERIVED_TOPICS}
    finished = _finished(job)
    until = _read_by(job, finished)
    expected = {topic: LineSet() for topic in DERIVED_TOPICS}
    known: dict[str, int] = dict.fromkeys(DERIVED_TOPICS, 0)
    for topic, line, ts in recompute(until, finished):
        if topic in expected:
            known[topic] += 1
            if spans[topic].holds(ts):
                expected[topic].add(line)
    results: dict[str, TopicResult] = {}
    archived: dict[str, LineSet] = {}
    for topic, span in spans.items():
        archived[topic] = gathered(archived_lines(job.reader, topic, job.run, span, []))
        results[topic] = compare(archived[topic], expected[topic])
        if known[topic] and span.to_ts == 0:
            results[topic].fault = "the flow concludes events of it, the archive notes none as complete"
    for topic, result in results.items():
        if not result.equal:
            again = archived_lines(job.reader, topic, job.run, spans[topic], [])
            lines = (line for name, line, ts in recompute(until, finished) if name == topic and spans[name].holds(ts))
            _name_differing(result, chain(differing_ids(again, expected[topic]), differing_ids(lines, archived[topic])))
    return results


def _finished(job: _Verified) -> bool:
    """Says whether the run is a finished computation; one that the archive has nothing of is held to be one."""
    return all(job.reached.promise(topic, job.bus.partitions) == FOREVER_NS for topic in DERIVED_TOPICS) or not any(
        job.reached.holds(topic) for topic in DERIVED_TOPICS
    )


def _span_of(job: _Verified, topic: str) -> Span:
    """Returns what of a derived topic is compared; all of it where the archive notes nothing of the topic."""
    if not job.reached.holds(topic):
        return job.span
    return Span(job.span.from_ts, min(job.span.to_ts, job.reached.promise(topic, job.bus.partitions)))


def _read_by(job: _Verified, finished: bool) -> dict[str, list[int]]:
    """Returns how far the run read the raw topics: as noted when it finished, else as far as they go."""
    topics = raw_topics(job.bus)
    if finished and any(job.reached.holds(topic) for topic in topics):
        return {topic: job.reached.offsets(topic, job.bus.partitions) for topic in topics}
    return {topic: [head.next for head in job.bus.heads(topic)] for topic in topics}


def _name_differing(result: TopicResult, ids: Iterator[str]) -> None:
    result.differing = list(dict.fromkeys(islice(ids, 2 * MAX_DIFFERING)))[:MAX_DIFFERING]
