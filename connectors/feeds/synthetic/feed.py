"""The synthetic feed's process: paces the market, appends it with its promises, keeps checkpoint and labels.

Guarantee: the log holds each event of the market's sequence once, without a gap, whatever was killed. After a kill the
market is drawn again from the checkpoint and what the topics already hold is left out, by id. While the feed is away
simulated time stands still: it goes on where it stopped. A clean stop ends a whole second of simulated time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from connectors.bus.base import Bus
from connectors.dataset import Dataset
from connectors.feeds.synthetic import checkpoint as state_file
from connectors.feeds.synthetic import held as log
from connectors.feeds.synthetic.checkpoint import Checkpoint, FeedError
from connectors.feeds.synthetic.emitting import REFERENCE, SOURCE, TOPICS, Item
from connectors.feeds.synthetic.model import Market, ModelConfig
from connectors.feeds.synthetic.pacing import Pace
from connectors.feeds.synthetic.scenarios.labels import Planted
from connectors.feeds.writer import TopicWriter
from events.sources import source as source_spec
from events.types import FOREVER_NS, NS_PER_S

#: How often a paced feed appends, and how long a fast one may keep its readers waiting.
TICK_S, FAST_TICK_S = 0.02, 0.2
#: A checkpoint is written after so long or so many events, whichever comes first.
CHECKPOINT_S, CHECKPOINT_EVENTS = 10.0, 400_000
#: Reference changes once a day, so its promise may stand ahead.
_REFERENCE_AHEAD_NS, _REFERENCE_RENEW_NS = 3600 * NS_PER_S, 1800 * NS_PER_S
#: When nothing was said for so long, heartbeats come once a second.
_SILENT_NS = 5 * NS_PER_S
#: Events between two looks at the wall clock.
_LOOK_EVERY = 128
LABELS = "labels.jsonl"


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """How the feed runs; seed and start of an existing data set are those it was made with."""

    config: ModelConfig
    #: Event seconds per wall second, 0 for as fast as possible.
    speed: float = 1.0
    #: Event time at which to stop, ns, on whole seconds.
    until: int = FOREVER_NS
    #: Or how much event time to run from where it stands, ns.
    duration: int | None = None
    labels: Path | None = None
    batch: int = 2000
    checkpoint_s: float = CHECKPOINT_S
    #: Wall clock and how to wait on it, seconds.
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(slots=True)
class FeedReport:
    """What a run of the feed wrote."""

    dataset: str
    seed: int
    start: int
    position: int
    events: dict[str, int]
    planted: int
    seconds: float


def run_feed(dataset: Dataset, options: FeedOptions, stopping: Callable[[], bool] = lambda: False) -> FeedReport:
    """Runs the feed until told to stop or its time is over.

    Raises FeedError, LeaseHeld while another feed writes one of its topics, LeaseLost when it must stop at once.
    """
    began_s = options.clock()
    with ExitStack() as stack:
        bus = dataset.open_bus()
        stack.callback(bus.close)
        permits = [stack.enter_context(dataset.acquire_feed(bus, topic)) for topic in TOPICS]
        for topic, permit in zip(TOPICS, permits, strict=True):
            bus.fence(topic, range(bus.partitions), permit.epoch)
        labels = options.labels or dataset.path / LABELS
        found = state_file.load(dataset.path) or _first_checkpoint(dataset, bus, options.config, labels)
        writers = [
            TopicWriter(bus, topic, batch=options.batch, permit=permit)
            for topic, permit in zip(TOPICS, permits, strict=True)
        ]
        file = _Labels(labels, found.labels_bytes)
        stack.callback(file.close)
        feed = _Feed(dataset, bus, writers, found, options, file, stopping)
        feed.run()
        return feed.report(round(options.clock() - began_s, 3))


def _first_checkpoint(dataset: Dataset, bus: Bus, config: ModelConfig, labels: Path) -> Checkpoint:
    """Writes down what the market will be before its first event is."""
    if labels.exists() and labels.stat().st_size:
        raise FeedError(f"{labels} holds labels of another data set: name another file")
    for topic in TOPICS:
        if bus.tally(topic, 0)[1]:
            raise FeedError(
                f"{topic} of {dataset.path} holds events that no synthetic feed wrote: use another directory"
            )
    # A flow that started first may have recorded what it begins with.
    offsets = {topic: [head.next for head in bus.heads(topic)] for topic in TOPICS}
    first = Checkpoint(config=config, offsets=offsets, position=config.start)
    state_file.save(dataset.path, first)
    return first


class _Feed:
    def __init__(
        self, dataset: Dataset, bus: Bus, writers: list[TopicWriter], found: Checkpoint, options: FeedOptions,
        labels: _Labels, stopping: Callable[[], bool],
    ) -> None:  # fmt: skip
        self._dataset, self._bus, self._writers, self._stopping = dataset, bus, writers, stopping
        self._wanted = replace(options.config, seed=found.config.seed, start=found.config.start)
        self._market = Market(found.config, found.market)
        self._held = [log.held_since(bus, topic, found.offsets[topic]) for topic in TOPICS]
        self._catching_up = any(held.ids for held in self._held)
        standing = self._market.trades_from
        self._until = options.until if options.duration is None else standing + options.duration
        self._clock, self._sleep, self._checkpoint_s = options.clock, options.sleep, options.checkpoint_s
        self._pace = Pace(options.speed, options.clock)
        self._tick_s = TICK_S if options.speed else FAST_TICK_S
        self._labels = labels
        self._counts = [0] * len(TOPICS)
        self._position = found.position
        self._flushed_s = self._saved_s = self._clock()
        self._since_saved = 0
        #: Time of the newest event, and of the newest promise given.
        self._spoke = self._promised = 0

    def run(self) -> None:
        """Runs block by block."""
        self._declare()
        self._pace.set(self._market.trades_from)
        while not self._stopping() and self._market.now < self._until:
            if self._market.is_reference:
                self._begin_day()
            else:
                self._run_block()
            self._end_block()
        if not self._catching_up:
            self._promise(self._market.now)
            self._checkpoint()

    def _declare(self) -> None:
        """Writes membership and the feed's facts where the log does not hold them yet."""
        spec = source_spec(SOURCE)
        # Reference promises an hour ahead, but alone it leads no tape there: the watchdog lets it go first.
        standing = max(head.promise for topic in TOPICS[:REFERENCE] for head in self._bus.heads(topic))
        said = [log.controls_at_start(self._bus, topic) for topic in TOPICS]
        for writer, controls, held in zip(self._writers, said, self._held, strict=True):
            if "member" not in controls:
                writer.member("required", 0)
            elif held.absent:
                writer.member("required", standing)
        for number, (writer, controls) in enumerate(zip(self._writers, said, strict=True)):
            if "feed" in controls:
                continue
            origin: dict[str, int | float | str | bool] = {"seed": self._wanted.seed, "start": self._wanted.start}
            if number == REFERENCE:
                writer.feed(SOURCE, origin=origin)
                continue
            conditions, quotes, book = spec.carries_conditions, spec.quotes, spec.book
            writer.feed(SOURCE, carries_conditions=conditions, quotes=quotes, book=book, origin=origin)

    def _begin_day(self) -> None:
        """Writes the day's reference; simulated time leaps to its first second."""
        for item in self._market.block():
            self._write(item)
        self._promise(self._market.now)
        self._pace.set(self._market.now)

    def _run_block(self) -> None:
        """Writes one second, each event not before simulated time has reached it."""
        ends, reached = self._market.now + NS_PER_S, self._pace.now()
        for number, item in enumerate(self._market.block()):
            if self._catching_up:
                self._write(item)
                if not self._catching_up:
                    self._pace.set(item[0])
                    reached = item[0]
                continue
            if item[0] >= reached:
                reached = self._wait_for(item[0])
            self._write(item)
            if number % _LOOK_EVERY == 0 and self._clock() - self._flushed_s > self._tick_s:
                self._promise(item[0])
                reached = self._reached(item[0])
        if not self._catching_up:
            self._wait_for(ends)

    def _wait_for(self, ts: int) -> int:
        """Waits until simulated time is past `ts`, promising what is reached meanwhile; returns it."""
        while (reached := self._pace.now()) <= ts and not self._stopping():
            self._promise(min(reached, ts))
            self._sleep(self._tick_s)
        return reached

    def _reached(self, ts: int) -> int:
        """Returns simulated time; where the machine cannot keep up, time slows down with it."""
        reached = self._pace.now()
        if reached != FOREVER_NS and reached - ts > NS_PER_S:
            self._pace.set(ts)
            return ts
        return reached

    def _end_block(self) -> None:
        if not self._catching_up:
            self._position = self._market.now
            now_s = self._clock()
            if self._pace.speed == 0 and now_s - self._flushed_s > self._tick_s:
                self._promise(self._position)
            if now_s - self._saved_s > self._checkpoint_s or self._since_saved > CHECKPOINT_EVENTS:
                self._checkpoint()
            if self._market.config != self._wanted:
                self._market = Market(self._wanted, self._market.state())
        self._labels.add(self._market.finished)
        self._market.finished = []

    def _write(self, item: Item) -> None:
        ts, topic, underlying, ident, message = item
        held = self._held[topic].ids
        if held:
            if ident not in held:
                raise FeedError(
                    f"{TOPICS[topic]} does not hold what this seed makes ({ident} is missing): another version of the "
                    f"feed wrote it; begin a new data set"
                )
            held.remove(ident)
            self._catching_up = any(each.ids for each in self._held)
            return
        self._writers[topic].add_encoded(ts, underlying, message)
        self._counts[topic] += 1
        self._since_saved += 1
        self._spoke = ts

    def _promise(self, ts: int) -> None:
        """Appends what waits and promises that nothing below `ts` will follow."""
        self._flushed_s = self._clock()
        if ts - self._spoke > _SILENT_NS and 0 <= ts - self._promised < NS_PER_S:
            return
        self._promised = ts
        for writer in self._writers[:REFERENCE]:
            writer.heartbeat(ts)
        reference = self._writers[REFERENCE]
        reference.flush()
        if self._market.is_reference:
            # The next day's facts stand at this very time: a promise ahead would make them late.
            reference.heartbeat(ts)
        elif reference.promise < ts + _REFERENCE_RENEW_NS:
            reference.heartbeat(ts + _REFERENCE_AHEAD_NS)

    def _checkpoint(self) -> None:
        for writer in self._writers:
            writer.flush()
        self._labels.add(self._market.finished)
        self._market.finished = []
        state_file.save(
            self._dataset.path,
            Checkpoint(
                config=self._market.config,
                offsets={topic: [head.next for head in self._bus.heads(topic)] for topic in TOPICS},
                position=self._market.now,
                labels_bytes=self._labels.sync(),
                market=self._market.state(),
            ),
        )
        self._saved_s, self._since_saved = self._clock(), 0

    def report(self, seconds: float) -> FeedReport:
        """Returns what this run wrote."""
        config = self._market.config
        return FeedReport(
            self._dataset.name, config.seed, config.start, self._position,
            dict(zip(TOPICS, self._counts, strict=True)), self._labels.count, seconds,
        )  # fmt: skip


class _Labels:
    """The file of labels, one JSON object a line; no process of the pipeline opens it."""

    def __init__(self, path: Path, known_bytes: int) -> None:
        """Cuts off what stands behind the checkpoint: it is drawn again."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")
        self._file.truncate(min(known_bytes, path.stat().st_size))
        self._file.seek(0, 2)
        self.count = 0

    def add(self, labels: Sequence[Planted]) -> None:
        for label in labels:
            self._file.write(msgspec.json.encode(label) + b"\n")
            self.count += label.strength is not None
        if labels:
            self._file.flush()

    def sync(self) -> int:
        """Returns the file's length, all of it written."""
        self._file.flush()
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
