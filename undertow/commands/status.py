"""`undertow status`: live rates, lag, late events and dead letters, and each process, in the terminal."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import msgspec
import orjson

from connectors.bus.base import Bus, Head
from connectors.dataset import Dataset
from connectors.store.base import StoreError, read_progress
from connectors.store.client import archive_ready, open_reader
from events.partitions import subset_text
from events.topics import DERIVED_TOPICS, RAW_TOPICS, TOPICS
from events.types import NS_PER_MS
from undertow.commands.common import data_option, one_line_errors, open_dataset


@click.command("status")
@data_option
@click.option("--seconds", type=click.FloatRange(0.2, 60), default=1.0, show_default=True, help="Span of the rates.")
@click.option("--watch", is_flag=True, help="Go on until interrupted.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(data: Path | None, seconds: float, watch: bool, as_json: bool) -> None:
    """Show what runs over a data set: processes, records per second and topic, how far each stage is behind.

    Log records count promises and other control records too. Lag is in event time, over the span of the look.
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
    writes = archive_ready(dataset.path)
    reached = _archive(dataset)
    grown = {topic: _grown(bus, topic, before[topic], after[topic]) for topic in TOPICS}
    topics = {
        topic: {
            "per_s": round(grown[topic].events / span, 1),
            "log_records": sum(head.next for head in after[topic]),
            "archived_records": reached.get(topic),
        }
        for topic in TOPICS
        if any(head.next for head in after[topic])
    }
    raw = max(grown[topic].newest for topic in RAW_TOPICS)
    marked = grown["options.marked"].newest
    return {
        "dataset": dataset.name,
        "clock": dataset.clock,
        "processes": _processes(dataset),
        "flows": _flows(dataset),
        "feeds": {topic: _holder(dataset, f"feed:{topic}") for topic in RAW_TOPICS if topic in topics},
        "event_time": raw or None,
        "mark_lag_ms": round((grown["options.prints"].newest - marked) / NS_PER_MS, 1) if marked else None,
        "late_per_s": round(sum(each.late for each in grown.values()) / span, 1),
        "dead_letters": sum(head.next for head in after["deadletter"]),
        "archive": _state(writes, reached),
        "topics": topics,
    }


@dataclass(slots=True)
class _Grown:
    """What a topic gained between two looks: events, those that arrived late, the newest order time, ns."""

    events: int = 0
    late: int = 0
    newest: int = 0


class _Stamp(msgspec.Struct):
    ts: int
    order_ts: int = 0


_stamp = msgspec.json.Decoder(_Stamp)


def _grown(bus: Bus, topic: str, before: list[Head], after: list[Head]) -> _Grown:
    grown = _Grown()
    for partition, (old, new) in enumerate(zip(before, after, strict=True)):
        offset = old.next
        while offset < new.next:
            for batch in bus.read(topic, partition, offset, 5000):
                offset = batch.next
                if batch.control:
                    continue
                stamps = _stamp.decode_lines(batch.payload)
                grown.events += len(stamps)
                grown.newest = max(grown.newest, *(stamp.order_ts or stamp.ts for stamp in stamps))
                floor = batch.promises[0][1]
                grown.late += sum(stamp.ts < floor for stamp in stamps) if topic in RAW_TOPICS else 0
    return grown


def _holder(dataset: Dataset, name: str) -> int | None:
    holder = dataset.leases.holder(name)
    return None if holder is None else holder.pid


def _flows(dataset: Dataset) -> dict[str, int | None]:
    """Returns the process of the flow by its partitions; None for those that nobody runs."""
    holders = dataset.flow_holders()
    by_pid: dict[int | None, list[int]] = {}
    for partition in range(dataset.partitions):
        holder = holders.get(partition)
        by_pid.setdefault(None if holder is None else holder.pid, []).append(partition)
    return {subset_text(partitions): pid for pid, partitions in by_pid.items()}


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


def _state(writes: bool, reached: dict[str, int]) -> str:
    """Says whether the archive grows, can only be read, or neither."""
    if not reached:
        return "away" if writes else "away or empty"
    return "up" if writes else "readable, nobody writes it"


def _text(found: dict[str, Any]) -> str:
    lines = [f"data set {found['dataset']}"]
    for name, each in found["processes"].items():
        state = f"pid {each['pid']}" if each["pid"] else "restarting"
        memory = f"{each['rss_mb']:,.0f} MB" if each["rss_mb"] else "-"
        lines.append(f"  {name:<10} {state:<12} {memory:>10}  up {each['up_s']:,.0f} s, restarts {each['restarts']}")
    running = [f"{text}: " + ("nobody" if pid is None else f"pid {pid}") for text, pid in found["flows"].items()]
    lines.append(f"flow of partitions {'; '.join(running)}")
    lag = "-" if found["mark_lag_ms"] is None else f"{found['mark_lag_ms']:,.0f} ms"
    lines.append(
        f"marks behind prints {lag}   late {found['late_per_s']:,} a second   dead letters {found['dead_letters']:,}   "
        f"archive {found['archive']}"
    )
    lines.append(f"{'topic':<18} {'events a second':>16} {'log records':>14} {'archived':>14}")
    for topic, each in found["topics"].items():
        archived = "-" if each["archived_records"] is None else f"{each['archived_records']:,}"
        lines.append(f"{topic:<18} {each['per_s']:>16,} {each['log_records']:>14,} {archived:>14}")
    return "\n".join(lines)
