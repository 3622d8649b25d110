"""`undertow status`: live rates, lag, late events and dead letters, and each process, in the terminal."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click
import orjson

from connectors.bus.base import Bus, Head
from connectors.dataset import Dataset
from connectors.store.base import StoreError, read_progress
from connectors.store.client import open_reader
from events.topics import DERIVED_TOPICS, RAW_TOPICS, TOPICS
from events.types import FOREVER_NS, NS_PER_MS
from undertow.commands.common import data_option, one_line_errors, open_dataset


@click.command("status")
@data_option
@click.option("--seconds", type=click.FloatRange(0.2, 60), default=1.0, show_default=True, help="Span of the rates.")
@click.option("--watch", is_flag=True, help="Go on until interrupted.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(data: Path | None, seconds: float, watch: bool, as_json: bool) -> None:
    """Show what runs over a data set: processes, records per second and topic, how far each stage is behind.

    Lag is in event time: how far the derived topics' promises, and the archive, stand behind the raw topics'.
    """
    with one_line_errors():
        dataset = open_dataset(data)
        bus = dataset.open_bus()
        try:
            while True:
                found = _look(dataset, bus, seconds)
                click.echo(orjson.dumps(found).decode() if as_json else _text(found))
                if not watch:
                    break
        except KeyboardInterrupt:
            pass
        finally:
            bus.close()


def _look(dataset: Dataset, bus: Bus, seconds: float) -> dict[str, Any]:
    before = {topic: bus.heads(topic) for topic in TOPICS}
    began = time.monotonic()
    time.sleep(seconds)
    after = {topic: bus.heads(topic) for topic in TOPICS}
    span = time.monotonic() - began
    reached = _archive(dataset)
    raw = _promise(after, RAW_TOPICS)
    topics = {
        topic: {
            "records": _next(after[topic]),
            "per_s": round((_next(after[topic]) - _next(before[topic])) / span, 1),
            "archived": reached.get(topic),
        }
        for topic in TOPICS
        if _next(after[topic])
    }
    derived = _promise(after, DERIVED_TOPICS)
    return {
        "dataset": dataset.name,
        "clock": dataset.clock,
        "processes": _processes(dataset),
        "feeds": {t: _holder(dataset, f"feed:{t}") for t in RAW_TOPICS if topics.get(t)},
        "event_time": raw,
        "derived_lag_ms": None if not raw or not derived or derived == FOREVER_NS else (raw - derived) // NS_PER_MS,
        "dead_letters": _next(after["deadletter"]),
        "archive": "up" if reached else "away or empty",
        "topics": topics,
    }


def _next(heads: list[Head]) -> int:
    return sum(head.next for head in heads)


def _promise(heads: dict[str, list[Head]], topics: tuple[str, ...]) -> int:
    """Returns the smallest promise over the partitions of the topics that have records."""
    return min((head.promise for topic in topics if _next(heads[topic]) for head in heads[topic]), default=0)


def _holder(dataset: Dataset, name: str) -> int | None:
    holder = dataset.leases.holder(name)
    return None if holder is None else holder.pid


def _processes(dataset: Dataset) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((dataset.path / "up.json").read_text())
    except (OSError, ValueError):
        return {}
    for each in found.values():
        each["rss_mb"] = _rss_mb(each["pid"])
    return found


def _rss_mb(pid: int | None) -> float | None:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return round(int(line.split()[1]) / 1024, 1)
    except OSError:
        pass
    return None


def _archive(dataset: Dataset) -> dict[str, int]:
    try:
        with open_reader(dataset.path, 1.0) as reader:
            raw, run = read_progress(reader), read_progress(reader, "main")
            return {
                topic: sum((run if topic in DERIVED_TOPICS else raw).offsets(topic, dataset.partitions))
                for topic in TOPICS
            }
    except StoreError:
        return {}


def _text(found: dict[str, Any]) -> str:
    lines = [f"data set {found['dataset']}"]
    for name, each in found["processes"].items():
        state = f"pid {each['pid']}" if each["pid"] else "restarting"
        memory = f"{each['rss_mb']:,.0f} MB" if each["rss_mb"] else "-"
        lines.append(f"  {name:<10} {state:<12} {memory:>10}  up {each['up_s']:,.0f} s, restarts {each['restarts']}")
    lag = "-" if found["derived_lag_ms"] is None else f"{found['derived_lag_ms']:,} ms"
    lines.append(f"derived lag {lag}   dead letters {found['dead_letters']:,}   archive {found['archive']}")
    lines.append(f"{'topic':<18} {'records':>14} {'per s':>10} {'archived':>14}")
    for topic, each in found["topics"].items():
        lines.append(f"{topic:<18} {each['records']:>14,} {each['per_s']:>10,} {each['archived'] or 0:>14,}")
    return "\n".join(lines)
