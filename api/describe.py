"""What the gateway says of itself: configuration and health."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from api.monitor import Seen
from api.socket import hello
from connectors.bus.base import BusError
from connectors.dataset import Dataset
from connectors.lease import Holder
from events.partitions import subset_text
from events.settings import Rules, Settings, described, plain_rules, rules_from
from events.settings import shown as shown_safely
from events.sources import SOURCES
from events.topics import RAW_TOPICS
from operators.rules import ALL

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
        **hello(dataset, dataset.generation),
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
    flow, holders = _holders(dataset) if seen.bus else ({}, {})
    parts: dict[str, dict[str, Any]] = {
        "bus": {"ok": seen.bus, "needed": True},
        "archive": {"ok": seen.archive, "needed": True},
        "flow": {
            "ok": sum(map(len, flow.values())) == dataset.partitions,
            "needed": lives,
            "holders": {subset_text(partitions): _holder(holder) for holder, partitions in flow.items()},
        },
        "feed": {"ok": bool(holders) and seen.feed, "needed": lives, "promise_moves": seen.feed, "holders": holders},
    }
    ok = all(part["ok"] or not part["needed"] for part in parts.values())
    return ok, {"ok": ok, "dataset": dataset.name, "parts": parts, "lag_ms": seen.lag_ms}


def _holders(dataset: Dataset) -> tuple[dict[Holder, list[int]], dict[str, Any]]:
    """Returns the partitions of each process that runs the flow, and each topic's feed; none while brokers are away."""
    flow: dict[Holder, list[int]] = {}
    try:
        for partition, holder in dataset.flow_holders().items():
            flow.setdefault(holder, []).append(partition)
        feeds = dataset.leases.holders([f"feed:{topic}" for topic in RAW_TOPICS])
    except BusError:
        return {}, {}
    return flow, {name.removeprefix("feed:"): _holder(holder) for name, holder in feeds.items()}


def _holder(holder: Holder | None) -> dict[str, Any] | None:
    return None if holder is None else {"pid": holder.pid, "host": holder.host, "epoch": holder.epoch}
