"""The watchdog: speaks for a feed that died (contract 5).

No tape times out by the wall clock. When a topic's feed has lost its lease for longer than the grace, the watchdog
takes the lease and writes the topic's absence, so that the other topics' tape goes on; the feed's return writes it
required again, ahead of the watermark.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from connectors.bus.base import Bus, LeaseLost
from connectors.dataset import Dataset
from connectors.feeds.writer import TopicWriter
from connectors.lease import LeaseHeld
from connectors.telemetry import meters
from connectors.telemetry.health import beating
from events.topics import RAW_TOPICS

_log = logging.getLogger("undertow.watchdog")
_POLL_S = 1.0
#: The most that passes for it between two looks: while it was stopped itself, it saw nobody absent.
_LONGEST_S = 2.5


class Watchdog:
    """Watches the feeds' leases of one data set."""

    def __init__(self, dataset: Dataset, bus: Bus, grace_s: float) -> None:
        self._dataset, self._bus, self._grace_s = dataset, bus, grace_s
        #: Topics that once had a feed while this watchdog looked, with how long they were seen to have none, s.
        self._away: dict[str, float] = {}
        self._looked_s: float | None = None

    def look(self, now_s: float) -> list[str]:
        """Looks at every feed once, at a monotonic time; returns the topics whose absence it wrote."""
        absent, passed_s = [], 0.0 if self._looked_s is None else min(now_s - self._looked_s, _LONGEST_S)
        self._looked_s = now_s
        for topic in RAW_TOPICS:
            held = self._dataset.leases.holder(f"feed:{topic}") is not None
            meters.FEED_HELD.labels(topic).set(held)
            if held:
                self._away[topic] = 0.0
            elif topic in self._away:
                self._away[topic] += passed_s
                if self._away[topic] > self._grace_s and self._write_absence(topic):
                    del self._away[topic]
                    absent.append(topic)
        return absent

    def _write_absence(self, topic: str) -> bool:
        try:
            with self._dataset.acquire_feed(self._bus, topic) as lease:
                writer = TopicWriter(self._bus, topic, permit=lease)
                writer.member("absent", writer.promise)
        except (LeaseHeld, LeaseLost):
            # The feed came back in this very moment: it speaks for itself.
            return False
        meters.ABSENCES.labels(topic).inc()
        _log.warning(
            "no feed holds %s: wrote its absence from %d on", topic, max(h.promise for h in self._bus.heads(topic))
        )
        return True


def watch(dataset: Dataset, grace_s: float, stopping: Callable[[], bool]) -> None:
    """Watches until told to stop."""
    bus = dataset.open_bus()
    watchdog = Watchdog(dataset, bus, grace_s)
    asked = beating("look", stopping)
    while not asked():
        watchdog.look(time.monotonic())
        time.sleep(_POLL_S)
    bus.close()
