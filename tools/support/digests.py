"""Digests of everything that a data set holds, on whatever engines the environment names.

    python tools/support/digests.py DATA
    python tools/support/digests.py DATA "table reference"

Prints one JSON object: by what was digested, {"rows", "sha256"}; or the lines of one of them. Two runs over the same
events agree in every line: offsets, lease epochs and heartbeats, which depend on the wall clock, are left out, and
nothing else is.

`table …` are canonical export lines, every revision, as a reader sees them: rows collapsed, merged or not. `log …` are
the bytes on the bus: of a raw topic in the order of each partition, of a derived one in the order of each underlying
(contract 9). A record that nobody can decode is poison: it has no row, and no place in a digest of the log.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

import msgspec
import orjson

import support  # noqa: F401
from connectors.bus.base import Bus
from connectors.dataset import Dataset
from connectors.store.base import Reader
from connectors.store.client import open_reader
from connectors.store.export import Selection, lines
from connectors.store.schema import CONTROL, PROGRESS, table
from events.topics import TOPICS, decoder

Digests = dict[str, dict[str, Any]]
_READ = 20_000
#: What the poison of a disturbed run differs in, and what stands in an anchor beside its state: positions in the log.
_APART = ("deadletter", "anchors")


def digest_of(found: Iterable[bytes]) -> dict[str, Any]:
    """Returns the count and the digest of lines, in their order."""
    digest, rows = sha256(), 0
    for line in found:
        digest.update(line + b"\n")
        rows += 1
    return {"rows": rows, "sha256": digest.hexdigest()}


def log_lines(bus: Bus, topic: str) -> Iterator[bytes]:
    """Yields a topic's events as bytes: by partition, or by underlying where only its order is promised."""
    by_key: dict[str, list[bytes]] = {}
    decode, derived = decoder(topic).decode, TOPICS[topic].layer == "derived"
    for partition, head in enumerate(bus.heads(topic)):
        offset = head.start
        while offset < head.next:
            for batch in bus.read(topic, partition, offset, _READ):
                offset = batch.next
                if batch.control:
                    continue
                for line in batch.lines():
                    try:
                        event = decode(line)
                    except (msgspec.MsgspecError, UnicodeDecodeError):
                        continue
                    if derived:
                        by_key.setdefault(event.underlying, []).append(line)
                    else:
                        yield line
    for key in sorted(by_key):
        yield from by_key[key]


def apart(reader: Reader, topic: str) -> Iterator[bytes]:
    """Yields what of an operational topic's rows does not speak of positions in the log."""
    names = "ts, topic, origin, reason, raw" if topic == "deadletter" else "ts, id, partition, part, parts, digest"
    yield from _rows(reader, f"SELECT {names} FROM {table(topic).name} FINAL ORDER BY {names}")


def _rows(reader: Reader, statement: str, run: str = "") -> Iterator[bytes]:
    columns = reader.query(statement, {"run": run} if run else {})
    for row in zip(*columns.values(), strict=True):
        yield orjson.dumps(row)


def controls(reader: Reader) -> Iterator[bytes]:
    """Yields the control records, but for heartbeats."""
    names = "topic, partition, ts, control, record"
    yield from _rows(
        reader, f"SELECT {names} FROM {CONTROL.name} FINAL WHERE control != 'heartbeat' ORDER BY topic, partition, "
        "offset",
    )  # fmt: skip


def promises(reader: Reader, run: str) -> Iterator[bytes]:
    """Yields how far the archive holds each partition, as the promise that it has reached."""
    yield from _rows(
        reader, f"SELECT run, topic, partition, promise FROM {PROGRESS.name} FINAL WHERE run IN ('', {{run:String}}) "
        "AND topic NOT IN ('deadletter', 'anchors') ORDER BY run, topic, partition", run,
    )  # fmt: skip


def contents(dataset: Dataset, run: str = "main", only: str = "") -> Iterator[tuple[str, Iterable[bytes]]]:
    """Yields what is digested, topics of the log first: its name and its lines. `only` one of them, where it is given.

    Lines are to be taken before the next name is.
    """
    bus = dataset.open_bus()
    try:
        for topic in TOPICS:
            if topic not in _APART and only in ("", name := f"log {topic}"):
                yield name, log_lines(bus, topic)
    finally:
        bus.close()
    with open_reader(dataset.path, 60) as reader:
        tables: dict[str, Callable[[], Iterable[bytes]]] = {
            f"table {topic}": partial(_table, reader, topic, run) for topic in TOPICS
        }
        tables |= {"table control": partial(controls, reader), "table progress": partial(promises, reader, run)}
        for name, lines_of in tables.items():
            if only in ("", name):
                yield name, lines_of()


def _table(reader: Reader, topic: str, run: str) -> Iterable[bytes]:
    return apart(reader, topic) if topic in _APART else lines(reader, topic, Selection(run=run, all_revisions=True))


def digests(dataset: Dataset, run: str = "main") -> Digests:
    """Digests every topic and table of a data set."""
    return {name: digest_of(found) for name, found in contents(dataset, run)}


def physical(dataset: Dataset) -> dict[str, int]:
    """Returns, by topic, how many rows stand in the archive beyond those that a reader sees."""
    found = {}
    with open_reader(dataset.path, 60) as reader:
        for topic in TOPICS:
            name = table(topic).name
            rows = reader.query(f"SELECT count() AS n FROM {name}")["n"][0]
            seen = reader.query(f"SELECT count() AS n FROM {name} FINAL")["n"][0]
            if rows > seen:
                found[topic] = rows - seen
    return found


def main() -> None:
    """Digests the data set that the argument names, or prints what a further one names of it."""
    dataset = Dataset.open(Path(sys.argv[1]))
    if len(sys.argv) > 2:
        for _, found_lines in contents(dataset, only=sys.argv[2]):
            sys.stdout.buffer.writelines(line + b"\n" for line in found_lines)
        return
    found = {"digests": digests(dataset), "rows_not_yet_merged": physical(dataset)}
    print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())


if __name__ == "__main__":
    main()
