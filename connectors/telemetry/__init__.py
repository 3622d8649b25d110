"""What a process says of itself while it runs: log lines, metrics and health, the same way in every part.

A process calls `begin` once, at its start. The meters cost the hot path an addition per batch; whatever can be read
from state that is there anyway is read when somebody asks, in the thread that answers.
"""

from __future__ import annotations

from connectors.telemetry.logs import begin_logs
from connectors.telemetry.meters import INFO, keep
from connectors.telemetry.serving import serve
from events.settings import Settings


def begin(part: str, settings: Settings) -> None:
    """Sets up this process's log lines and, where METRICS_PORT says so, serves its metrics and health."""
    begin_logs(part, settings)
    keep(part)
    INFO.labels(part).set(1)
    if settings.telemetry.metrics_port:
        serve(part, settings.telemetry.metrics_host, settings.telemetry.metrics_port)
