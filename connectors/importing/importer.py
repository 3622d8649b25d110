"""The import: reads every file, refuses or plans, then writes each topic in order of time (contract 17, 18).

Guarantee: exactly once for each record's id. Everything is read and checked before anything is written. Killed at any
moment, the same command again gives the log that an undisturbed run gives: appends are atomic, the ledger restores the
occurrence counters, and ids that the topic already holds count as duplicates.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from connectors.bus.base import Bus
from connectors.dataset import Dataset
from connectors.feeds.writer import TopicWriter
from connectors.importing.dbn import DbnFile
from connectors.importing.deadletters import dead_letter, write_dead_letters
from connectors.importing.files import sha256
from connectors.importing.held import held_gaps, held_ids
from connectors.importing.ledger import Counters, FileEntry, Ledger, TopicState
from connectors.importing.records import Bad, FeedFacts, Good, ImportRefused, Item, Printed, Reader, Unsupported
from connectors.importing.report import FileCount, FileState, ImportReport
from connectors.importing.spool import TopicSpool
from connectors.importing.tapefile import TapeFile
from connectors.importing.writing import Progress, write_events
from connectors.lease import Lease, flow_leases
from events.derived import DeadLetter
from events.topics import TOPICS
from events.types import MAX_TS_NS, NS_PER_S

_READERS: dict[str, type[TapeFile] | type[DbnFile]] = {
    ".jsonl": TapeFile, ".jsonl.zst": TapeFile, ".dbn": DbnFile, ".dbn.zst": DbnFile,
}  # fmt: skip
_REPORT_EVERY = 20_000
#: As far ahead of the wall clock may a stamp be, for a machine's clock that is wrong.
_AHEAD_NS = 86_400 * NS_PER_S


def import_files(
    dataset: Dataset,
    paths: Sequence[Path],
    *,
    allow_late: bool = False,
    allow_damaged: bool = False,
    batch: int = 2000,
    progress: Progress | None = None,
) -> ImportReport:
    """Imports files, sorted together by (time, order of the arguments and their lines).

    A file that is damaged, or ends inside a record, is refused unless `allow_damaged`: its first part would promise
    that nothing older follows, and lock the whole file out. Raises ImportRefused, or LeaseHeld when another process
    writes one of the topics, before anything is written.
    """
    started_s = time.perf_counter()
    readers = [(path, _reader(path)) for path in paths]
    with dataset.leases.acquire("import"), ExitStack() as stack:
        bus = dataset.open_bus()
        stack.callback(bus.close)
        work = _Import(dataset, bus, batch, progress or (lambda stage, done, total: None))
        for path, reader in readers:
            work.read(path, reader, allow_damaged)
        if work.fresh:
            permits = {topic: stack.enter_context(dataset.acquire_feed(bus, topic)) for topic in sorted(work.spools)}
            work.write(permits, allow_late)
    work.report.seconds = round(time.perf_counter() - started_s, 3)
    assert work.report.balanced()
    return work.report


def refuse_unsupported(paths: Sequence[Path]) -> None:
    """Raises ImportRefused that names the first file that is missing, of another suffix, or no DBN file."""
    for path in paths:
        _reader(path)


def _reader(path: Path) -> Reader:
    suffix = next((suffix for suffix in _READERS if path.name.endswith(suffix)), None)
    if suffix is None:
        raise ImportRefused(f"{path.name}: cannot be imported; accepted are {', '.join(_READERS)}")
    if not path.is_file():
        raise ImportRefused(f"{path}: no such file")
    return _READERS[suffix](path)


def _damaged(name: str, at: Bad, before: int) -> str:
    partly = (
        f"--allow-damaged imports what stands before it ({before:,} record{'' if before == 1 else 's'})"
        if before
        else "nothing stands before it"
    )
    return f"{name}: {at.reason} ({at.position}); nothing was imported: give the whole file again; {partly}"


class _Import:
    """One import from reading to its ledger entry."""

    def __init__(self, dataset: Dataset, bus: Bus, batch: int, progress: Progress) -> None:
        self.report = ImportReport(dataset=dataset.name, clock=dataset.clock)
        self.fresh: dict[str, FileEntry] = {}
        self.spools: dict[str, TopicSpool] = {}
        self._dataset = dataset
        self._bus = bus
        self._batch = batch
        #: A synthetic market keeps a time of its own.
        self._latest_ts = MAX_TS_NS if dataset.clock == "synthetic" else time.time_ns() + _AHEAD_NS
        self._progress = progress
        self._ledger = Ledger(dataset.path)
        self._facts: dict[tuple[str, str], FeedFacts] = {}
        self._dead: list[DeadLetter] = []
        self._printed: set[Printed] = set()
        self._reasons: Counter[str] = Counter()

    def read(self, path: Path, reader: Reader, allow_damaged: bool) -> None:
        """Takes every record of a file, unless its bytes were imported before or given already.

        Raises ImportRefused where the file is damaged, or where that is allowed and nothing stands before the damage.
        """
        digest = sha256(path)
        done = self._ledger.done(digest) or self.fresh.get(digest)
        if done is not None:
            self.report.files.append(FileCount(file=path.name, state="already imported", read=0))
            return
        records, whole = self._take_all(path, reader, digest, allow_damaged)
        self.fresh[digest] = FileEntry(digest, path.name, records)
        state: FileState = "imported" if whole else "imported up to its damage"
        self.report.files.append(FileCount(file=path.name, state=state, read=records))
        self.report.read += records

    def _take_all(self, path: Path, reader: Reader, digest: str, allow_damaged: bool) -> tuple[int, bool]:
        """Returns how many records there are, and whether the file could be read to its end."""
        stage, records, ts, whole = f"reading {path.name}", 0, 0, True
        sources: set[tuple[str, str]] = set()
        for each in reader:
            records += 1
            item = self._not_ahead(each, records)
            if isinstance(item, Good):
                ts = item.ts
                spool = self.spools.get(item.topic)
                if spool is None:
                    spool = self.spools[item.topic] = TopicSpool()
                spool.add(item, len(self.fresh) << 32 | item.part)
                sources.add((item.topic, item.source))
            elif isinstance(item, Bad):
                if item.cut and not allow_damaged:
                    raise ImportRefused(_damaged(path.name, item, records - 1))
                whole = whole and not item.cut
                self._dead.append(dead_letter(item, ts, path.name, digest))
            else:
                self._skip(item)
            if records % _REPORT_EVERY == 0:
                self._progress(stage, records, 0)
        self._progress(stage, records, records)
        for topic, source in sorted(sources):
            facts = reader.facts(topic, source)
            known = self._facts.get((topic, source))
            self._facts[topic, source] = facts if known is None else known.combined(facts)
        self._printed.update(reader.printed())
        return records, whole

    def _not_ahead(self, item: Item, number: int) -> Item:
        """Returns an item, or that its stamp has not come yet: all that follows would be late behind it."""
        if isinstance(item, Good) and item.ts > self._latest_ts:
            return Bad(f"record {number}", f"{item.ts} is more than a day ahead of the clock", item.message, item.topic)
        return item

    def _skip(self, item: Unsupported) -> None:
        self._reasons[item.reason] += 1

    def write(self, permits: dict[str, Lease], allow_late: bool) -> None:
        """Plans, then writes dead letters, control records and events, then the ledger's entry."""
        plan = self._ledger.interrupted(self.fresh)
        continuing = set()
        if plan is None:
            continuing = {topic for topic in self.spools if self._continues(topic)}
            plan = self._plan(continuing, allow_late)
        self._ledger.begin({entry.digest: entry.name for entry in self.fresh.values()}, plan)
        write_dead_letters(self._bus, self._dead)
        writers = {topic: self._open_topic(topic, permits[topic]) for topic in self.spools}
        states = {}
        for topic in sorted(self.spools, key=lambda name: TOPICS[name].rank):
            spool = self.spools[topic]
            # A topic that goes on at its last time stamp can hold an id of that stamp: by trade id or sequence.
            held = held_ids(self._bus, topic, spool.first_ts, plan[topic].ts if topic in continuing else spool.last_ts)
            holes = self._holes(topic, plan[topic].ts, writers[topic].promise)
            count, counters = write_events(topic, spool, plan[topic], held, holes, writers[topic], self._progress)
            self.report.topics[topic] = count
            states[topic] = TopicState(self._newest(topic, counters), self._length(topic))
        self.report.repeated = self._ledger.repeated(self._printed)
        counts = self._sum_up()
        self._ledger.finish(self.fresh.values(), states, counts)

    def _sum_up(self) -> dict[str, int]:
        report = self.report
        report.written = sum(count.written for count in report.topics.values())
        report.duplicate = sum(count.duplicate for count in report.topics.values())
        report.dead = len(self._dead)
        report.unsupported = self._reasons.total()
        report.reasons = dict(sorted(self._reasons.items()))
        return {name: getattr(report, name) for name in ("read", "written", "duplicate", "dead", "unsupported")}

    def _newest(self, topic: str, after: Counters) -> Counters:
        """Returns the counters at the topic's last time stamp, whether this import or an earlier one reached it."""
        state = self._ledger.topic(topic)
        if state is None or state.counters.ts < after.ts:
            return after
        if state.counters.ts > after.ts:
            return state.counters
        seen = dict(state.counters.seen)
        for digest, count in after.seen.items():
            seen[digest] = max(count, seen.get(digest, 0))
        return Counters(after.ts, seen)

    def _plan(self, continuing: set[str], allow_late: bool) -> dict[str, Counters]:
        """Returns the counters each topic begins with; raises when a topic cannot be written as asked."""
        plan = {}
        for topic, spool in self.spools.items():
            heads = self._bus.heads(topic)
            if not self._bus.tally(topic, 0)[1]:
                why = f"{topic} is new, and a running flow has passed its beginning"
                self._dataset.leases.refuse_while_held(flow_leases(range(self._bus.partitions)), why)
            promise = max(head.promise for head in heads)
            if spool.first_ts < promise and not allow_late:
                raise ImportRefused(self._late(topic, spool.first_ts, promise))
            state = self._ledger.topic(topic)
            plan[topic] = state.counters if state is not None and topic in continuing else Counters()
        return plan

    def _late(self, topic: str, first_ts: int, promise: int) -> str:
        interrupted = self._ledger.unfinished()
        hint = (
            f"; the import of {interrupted[0]} was interrupted: the same command again finishes it"
            if interrupted
            else ""
        )
        return (
            f"{topic}: the first event ({first_ts}) is older than what the topic has promised ({promise}); "
            f"--allow-late imports it as late{hint}"
        )

    def _continues(self, topic: str) -> bool:
        """Says whether the files begin at or behind the end of a topic that the last import left so."""
        state = self._ledger.topic(topic)
        if state is None or self.spools[topic].first_ts < state.counters.ts:
            return False
        return state.length == self._length(topic)

    def _holes(self, topic: str, after_ts: int, promise: int) -> list[tuple[int, int]]:
        """Returns the holes that a topic of quotes does not tell of yet; of what comes late it need not."""
        if not topic.endswith(".quotes"):
            return []
        holes = [hole for hole in self.spools[topic].holes(after_ts) if hole[1] > promise]
        told = held_gaps(self._bus, topic, holes[0][0]) if holes else set()
        return [hole for hole in holes if hole not in told]

    def _length(self, topic: str) -> int:
        return sum(head.next for head in self._bus.heads(topic))

    def _open_topic(self, topic: str, permit: Lease) -> TopicWriter:
        """Writes membership where the topic has no records yet, then what its sources declare."""
        writer = TopicWriter(self._bus, topic, batch=self._batch, permit=permit)
        if not self._length(topic):
            writer.member("required", 0)
        for (of, source), facts in sorted(self._facts.items()):
            if of == topic and not self._ledger.declared(topic, facts):
                writer.feed(source, carries_conditions=facts.carries_conditions, quotes=facts.quotes, book=facts.book)
                self._ledger.declare(topic, facts)
        return writer
