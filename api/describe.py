"""What the gateway says of itself: configuration, health, metrics."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from api.monitor import Seen
from api.socket import Clients, hello
from connectors.dataset import Dataset
from connectors.lease import Holder
from events.settings import Rules, Settings, described, plain_rules, rules_from
from events.settings import shown as shown_safely
from events.sources import SOURCES
from events.topics import RAW_TOPICS
from operators.rules import ALL

_FLOW_LEASE = "flow:main:options"
_LIVE_CLOCKS = ("live", "delayed", "synthetic")


def rules_in_force(dataset: Dataset, settings: Settings) -> Rules:
    """Returns the parameters that the run goes by now; the settings of this process where no run was noted."""
    noted = dataset.run("main/now") or dataset.run("main")
    return settings.rules if noted is None else rules_from(noted.parameters)


def config(dataset: Dataset, settings: Settings) -> dict[str, Any]:
    """Returns settings under their documented names, the data set, what each source can, and the rules."""
    rules = plain_rules(rules_in_force(dataset, settings))
    shown = {
        name: {"value": _plain(getattr(getattr(settings, group), name.lower())), "default": _plain(default),
               "meaning": meaning, "group": group}
        for group, name, default, meaning in described()
    }  # fmt: skip
    return {
        **hello(dataset),
        "settings": shown,
        "sources": {name: asdict(source) for name, source in SOURCES.items()},
        "rules": [
            {
                "rule": rule.id,
                "version": rule.version,
                "style": rule.style,
                "thresholds": {name.upper(): rules[name.upper()] for name in rule.settings},
            }
            for rule in ALL
        ],
        "parameters": rules,
    }


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else shown_safely(value)


def health(dataset: Dataset, seen: Seen) -> tuple[bool, dict[str, Any]]:
    """Returns whether every part that the data set needs is there, and each part's state."""
    lives = dataset.clock in _LIVE_CLOCKS
    flow = dataset.leases.holder(_FLOW_LEASE)
    feeds = {topic: dataset.leases.holder(f"feed:{topic}") for topic in RAW_TOPICS}
    holders = {topic: _holder(holder) for topic, holder in feeds.items() if holder is not None}
    parts: dict[str, dict[str, Any]] = {
        "bus": {"ok": seen.bus, "needed": True},
        "archive": {"ok": seen.archive, "needed": True},
        "flow": {"ok": flow is not None, "needed": lives, "holder": _holder(flow)},
        "feed": {"ok": bool(holders) and seen.feed, "needed": lives, "promise_moves": seen.feed, "holders": holders},
    }
    ok = all(part["ok"] or not part["needed"] for part in parts.values())
    return ok, {"ok": ok, "dataset": dataset.name, "parts": parts, "lag_ms": seen.lag_ms}


def _holder(holder: Holder | None) -> dict[str, Any] | None:
    return None if holder is None else {"pid": holder.pid, "host": holder.host, "epoch": holder.epoch}


def metrics(clients: Clients, seen: Seen, worst_turn_s: float, started_s: float) -> str:
    """Returns the metrics as Prometheus text."""
    traffic = clients.traffic
    lines: list[str] = []

    def add(name: str, kind: str, meaning: str, values: dict[str, float]) -> None:
        lines.extend((f"# HELP undertow_{name} {meaning}", f"# TYPE undertow_{name} {kind}"))
        lines.extend(f"undertow_{name}{labels} {value:.17g}" for labels, value in values.items())

    add("gateway_clients", "gauge", "WebSocket clients connected", {"": len(clients)})
    add("gateway_frames_total", "counter", "frames sent", {"": traffic.frames})
    add("gateway_sent_bytes_total", "counter", "bytes of frames sent", {"": traffic.sent_bytes})
    add("gateway_sent_events_total", "counter", "events sent, each to each client", {"": traffic.events})
    add("gateway_skipped_events_total", "counter", "events that slow clients were told they missed",
        {"": traffic.skipped})  # fmt: skip
    add("gateway_tail_turn_seconds", "gauge", "longest time between two polls of the log since last asked",
        {"": worst_turn_s})  # fmt: skip
    add("gateway_resident_bytes", "gauge", "resident memory of the gateway", {"": resident_bytes()})
    add("gateway_uptime_seconds", "gauge", "since the gateway began", {"": time.monotonic() - started_s})
    by_topic = {topic: f'{{topic="{topic}"}}' for topic in seen.rates}
    add("topic_events_per_second", "gauge", "events appended to the log in the last second",
        {label: seen.rates[topic] for topic, label in by_topic.items()})  # fmt: skip
    add("topic_events_total", "counter", "events appended to the log since the gateway began",
        {label: seen.events.get(topic, 0) for topic, label in by_topic.items()})  # fmt: skip
    if seen.lag_ms is not None:
        add("derived_lag_seconds", "gauge", "marks behind prints, in event time", {"": seen.lag_ms / 1000})
    for name, up in (("bus", seen.bus), ("archive", seen.archive), ("feed", seen.feed)):
        add(f"{name}_up", "gauge", f"whether the {name} is there", {"": float(up)})
    return "\n".join(lines) + "\n"


def resident_bytes() -> int:
    """Returns this process's resident memory; its peak where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
