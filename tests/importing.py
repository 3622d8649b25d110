"""Small tape files, and what a data set's log holds of them, for the tests of the import."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from connectors.dataset import Dataset
from connectors.importing.importer import import_files
from connectors.importing.report import ImportReport
from events.topics import TOPICS
from events.types import NS_PER_MS

T0 = 1_700_000_000_000_000_000


class Held(NamedTuple):
    """One event as a log holds it: its promise in force and its bytes."""

    promise: int
    message: bytes


def line(topic: str, ms: int, **fields: Any) -> bytes:
    """Returns one line of a tape file, `ms` after the beginning of the tests' time."""
    return orjson.dumps({"topic": topic, "event": {"ts": T0 + ms * NS_PER_MS, **fields}})


def print_line(ms: int, symbol: str = "IBM", price: float = 10.0, size: int = 100, **fields: Any) -> bytes:
    """Returns the line of an equity print."""
    return line("equities.prints", ms, symbol=symbol, price=price, size=size, **fields)


def write(path: Path, lines: Iterable[bytes]) -> Path:
    """Writes a tape file."""
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def imported(directory: Path, *files: Path, partitions: int | None = None, **options: Any) -> ImportReport:
    """Imports files into the data set of a directory."""
    dataset = Dataset.open(directory, create=True, partitions=partitions)
    report = import_files(dataset, files, **options)
    assert report.balanced()
    return report


def log(directory: Path, topics: Sequence[str] = tuple(TOPICS)) -> dict[str, dict[str, list[Held]]]:
    """Returns what every topic holds, in log order: the same for any partitions and batches."""
    bus = Dataset.open(directory).open_bus()
    found: dict[str, dict[str, list[Held]]] = {}
    for topic in topics:
        for part in range(bus.partitions):
            for batch in bus.read(topic, part, 0, 10**9):
                if batch.control:
                    continue
                for index, message in enumerate(batch.lines()):
                    promise = max(promise for at, promise in batch.promises if at <= index)
                    instrument = orjson.loads(message)[TOPICS[topic].instrument]
                    found.setdefault(topic, {}).setdefault(instrument, []).append(Held(promise, message))
    bus.close()
    return found
