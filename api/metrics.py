"""What the gateway exports to Prometheus: read from its clients, its tail and its last look when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import nan

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from api.monitor import Seen
from api.socket import Clients
from api.tailer import Tailer
from connectors.telemetry import meters
from events.types import NS_PER_S


class GatewayCollector(Collector):
    """Reads one gateway; a scrape may come from another thread than the gateway's."""

    def __init__(self, clients: Clients, tailer: Tailer, seen: Callable[[], Seen]) -> None:
        self._clients, self._tailer, self._seen = clients, tailer, seen
        meters.CLIENTS.set_function(lambda: len(clients))
        meters.QUEUED_BYTES.set_function(lambda: sum(clients.queued()))
        meters.FULLEST_BYTES.set_function(lambda: max(clients.queued(), default=0))
        meters.TAIL_TURN.set_function(self._worst_turn_s)
        meters.REGISTRY.register(self)

    def close(self) -> None:
        """Is read no more."""
        meters.REGISTRY.unregister(self)

    def text(self) -> bytes:
        """Returns every metric of this process as Prometheus text."""
        self.note(self._seen())
        return generate_latest(meters.REGISTRY)

    def note(self, seen: Seen) -> None:
        """Sets the gauges from a look at the stack."""
        for topic, rate in seen.rates.items():
            meters.TOPIC_RATE.labels(topic).set(rate)
        for topic, ts in seen.newest.items():
            meters.TOPIC_EVENT_TIME.labels(topic).set(meters.seconds(ts))
        if seen.lag_ms is not None or not seen.bus:
            meters.LAG_SECONDS.labels("flow").set(nan if seen.lag_ms is None else seen.lag_ms / 1000)
        if seen.promise and seen.derived_promise:
            meters.LAG_SECONDS.labels("derived_promise").set(max(seen.promise - seen.derived_promise, 0) / NS_PER_S)
        meters.DEAD_LETTERS.set(seen.dead_letters)
        for gauge, up in ((meters.BUS_UP, seen.bus), (meters.ARCHIVE_UP, seen.archive), (meters.FEED_UP, seen.feed)):
            gauge.set(up)

    def _worst_turn_s(self) -> float:
        worst_s, self._tailer.worst_turn_s = self._tailer.worst_turn_s, 0.0
        return worst_s

    def collect(self) -> Iterator[Metric]:
        """Yields what is counted as plain numbers elsewhere."""
        traffic = self._clients.traffic
        for name, meaning, value in (
            ("frames", "frames sent", traffic.frames),
            ("sent_bytes", "bytes of frames sent", traffic.sent_bytes),
            ("sent_events", "events sent, each to each client", traffic.events),
            ("skipped_events", "events that slow clients were told they missed", traffic.skipped),
            ("skipped_frames", "frames that slow clients were told they missed", traffic.skipped_frames),
        ):
            yield CounterMetricFamily(f"undertow_gateway_{name}", meaning, value=value)
        seen = self._seen()
        events = CounterMetricFamily(
            "undertow_topic_events", "events appended to the log since the gateway began", labels=["topic"]
        )
        for topic in seen.rates:
            events.add_metric([topic], seen.events.get(topic, 0))
        yield events
