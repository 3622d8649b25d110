"""What the gateway knows of the stack, looked at once a second: rates, event time, promises, lag, who is alive."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from api.archive import Archive
from api.newest import stamp
from api.socket import Clients
from api.tailer import OpenBus
from connectors.bus.base import Bus, BusError, StoredBatch
from events.topics import DERIVED_TOPICS, RAW_TOPICS, TOPICS
from events.types import FOREVER_NS, NS_PER_MS, NS_PER_S

_PERIOD_S = 1.0
#: A feed whose promise stands still for this long is not alive.
_ALIVE_S = 3.0
#: A topic whose promise is this far behind the others' has no feed any more, event time.
_FED_NS = 86_400 * NS_PER_S
#: `reference` promises an hour ahead, so it says nothing about the market's time.
_TIMED = tuple(name for name in RAW_TOPICS if name != "reference")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at the stack."""

    #: Events per second by topic, since the look before.
    rates: dict[str, float] = field(default_factory=dict)
    #: Newest event time by topic, ns.
    newest: dict[str, int] = field(default_factory=dict)
    #: Events appended since the gateway began, by topic.
    events: dict[str, int] = field(default_factory=dict)
    promise: int = 0
    #: Records in the topic of dead letters.
    dead_letters: int = 0
    derived_promise: int = 0
    feed: bool = False
    bus: bool = False
    archive: bool = False

    @property
    def event_time(self) -> int:
        """The newest event time of the market, ns; 0 when nothing was seen."""
        return max((self.newest.get(topic, 0) for topic in _TIMED), default=0)

    @property
    def lag_ms(self) -> float | None:
        """How far the marks are behind the prints, in event time; None while there are none, or none can be seen."""
        raw, derived = self.newest.get("options.prints"), self.newest.get("options.marked")
        if raw is None or derived is None or not self.bus:
            return None
        return max(raw - derived, 0) / NS_PER_MS

    def frame(self, clients: int, now_ns: int) -> dict[str, Any]:
        """Returns the status frame's content; nanoseconds as text, for a browser's numbers do not hold them."""
        return {
            "now": str(now_ns),
            "event_time": str(self.event_time) if self.event_time else None,
            "promise": str(self.promise) if self.promise else None,
            "derived_promise": str(self.derived_promise) if self.derived_promise else None,
            "lag_ms": self.lag_ms,
            "rates": {topic: round(rate, 1) for topic, rate in self.rates.items()},
            "clients": clients,
            "archive": self.archive,
            "bus": self.bus,
            "feed": self.feed,
        }


class Watch:
    """Looks at the log; one instance belongs to one thread at a time."""

    def __init__(self, open_bus: OpenBus) -> None:
        self._open_bus = open_bus
        self._bus: Bus | None = None
        self._positions: dict[str, int] = {}
        #: Next offsets by topic and partition, as of the last look.
        self._ends: dict[str, list[int]] = {}
        #: Promises by topic as of the last look, and when each moved last.
        self._promises: dict[str, int] = {}
        self._moved_s: dict[str, float] = {}
        self._looked_s = 0.0
        self.seen = Seen()

    def look(self) -> Seen:
        """Looks once; a log that cannot be read now is said to be away, and nothing of it to move."""
        try:
            self.seen = self._look()
        except (BusError, sqlite3.Error, OSError) as error:
            _log.warning("the log cannot be read now: %s", error)
            self.seen = replace(self.seen, bus=False, feed=False, rates=dict.fromkeys(self.seen.rates, 0.0))
        return self.seen

    def _look(self) -> Seen:
        """Looks once; what is kept for the next look is kept only when all could be read."""
        bus = self._bus = self._bus or self._open_bus()
        now_s = time.monotonic()
        span_s = now_s - self._looked_s
        ends, positions = bus.ends(tuple(TOPICS)), dict(self._positions)
        rates, newest, events = {}, dict(self.seen.newest), dict(self.seen.events)
        for topic in TOPICS:
            first = topic not in positions
            if first:
                positions[topic] = bus.end_position(topic)
            positions[topic], count, batch = bus.tally(topic, positions[topic])
            rates[topic] = count / span_s
            events[topic] = events.get(topic, 0) + count
            if first or self._cleared(topic, ends[topic], batch):
                newest.pop(topic, None)
                newest |= _newest(bus, topic)
            elif batch is not None:
                newest[topic] = max(newest.get(topic, 0), stamp(batch.lines()[-1]))
        promises = {topic: _promise(bus, topic) for topic in _TIMED}
        seen = Seen(
            rates=rates, newest=newest, events=events, promise=max(promises.values()),
            derived_promise=_promise(bus, DERIVED_TOPICS[-1]),
            dead_letters=sum(head.next for head in bus.heads("deadletter")),
            feed=self._moves(promises, now_s), bus=True,
        )  # fmt: skip
        self._positions, self._ends, self._promises, self._looked_s = positions, ends, promises, now_s
        return seen

    def _cleared(self, topic: str, ends: list[int], batch: StoredBatch | None) -> bool:
        """Says whether a topic begins anew, by an end that fell or a batch that stands where another one stood."""
        before = self._ends.get(topic, ends)
        fell = any(now < then for now, then in zip(ends, before, strict=True))
        return fell or (batch is not None and batch.first < before[batch.partition])

    def _moves(self, promises: dict[str, int], now_s: float) -> bool:
        """Says whether every topic that is fed moves: a feed that died must show though others go on."""
        for topic, promise in promises.items():
            if promise != self._promises.get(topic, promise):
                self._moved_s[topic] = now_s
        newest = max(promises.values())
        fed = [topic for topic, promise in promises.items() if promise > max(newest - _FED_NS, 0)]
        return bool(fed) and all(now_s - self._moved_s.get(topic, -_ALIVE_S) < _ALIVE_S for topic in fed)

    def close(self) -> None:
        """Closes the log."""
        if self._bus is not None:
            self._bus.close()


def _newest(bus: Bus, topic: str) -> dict[str, int]:
    """Returns the newest event time of a topic as the log stands; nothing for an empty one."""
    last = [batch for part in range(bus.partitions) for batch in bus.read_back(topic, part, FOREVER_NS, 1)]
    return {topic: max(stamp(batch.lines()[-1]) for batch in last)} if last else {}


def _promise(bus: Bus, topic: str) -> int:
    """Returns a topic's promise: the smallest of its partitions."""
    return min(head.promise for head in bus.heads(topic))


class Monitor:
    """Looks once a second and tells every client; the archive is asked in a thread of its own."""

    def __init__(self, open_bus: OpenBus, archive: Archive, clients: Clients) -> None:
        self._watch = Watch(open_bus)
        self._archive = archive
        self._clients = clients
        self._tasks: list[asyncio.Task[None]] = []
        self.seen = Seen()
        #: Told of every look.
        self.tell: Callable[[Seen], None] = lambda _: None

    def start(self) -> None:
        """Begins to look."""
        self._tasks = [asyncio.create_task(self._tell()), asyncio.create_task(self._probe())]

    async def stop(self) -> None:
        """Stops looking."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._watch.close()

    async def _tell(self) -> None:
        while True:
            self.seen = replace(await asyncio.to_thread(self._watch.look), archive=self._archive.up)
            self.tell(self.seen)
            self._clients.tell_status(self.seen.frame(len(self._clients), time.time_ns()))
            await asyncio.sleep(_PERIOD_S)

    async def _probe(self) -> None:
        while True:
            await asyncio.to_thread(self._archive.probe)
            await asyncio.sleep(_PERIOD_S)
