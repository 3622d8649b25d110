"""`bench store`: rows a second and CPU-seconds per million rows into each store, beside the bare client's in one run.

Ours: record batches of the log through the archiver, decoded, turned into columns, inserted, progress noted. Bare: the
client library alone, given columns of Python values that are ready (clickhouse-driver, `columnar`; chDB by way of
Arrow), so that the ratio holds all that ours does before. Each is a process of its own; of several rounds the one of
least CPU counts. chDB runs inside the process: its CPU is the engine's too, some of its merging included.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from connectors.bus.base import StoredBatch
from connectors.store.archiver import Archiver, TopicRows
from connectors.store.base import Store, StoreError
from connectors.store.schema import Columns, Table, table
from undertow.bench import market
from undertow.bench.rounds import least

_BATCH_RECORDS = 2000
#: Rows of one insert, as the archive's setting has it.
_INSERT_ROWS = 50_000
_TOPICS = ("options.prints", "options.quotes")
#: What `--check` holds the measurement to, for each store that was measured.
LEAST_ROWS_PER_S, MOST_RATIO = 100_000.0, 2.0


def bars(result: dict[str, Any]) -> tuple[tuple[str, str, float], ...]:
    """Returns the bars of the engines in a result."""
    return tuple(
        bar
        for engine in ("chdb", "clickhouse")
        if f"{engine}_rows_per_s" in result
        for bar in (
            (f"{engine}_rows_per_s", ">=", LEAST_ROWS_PER_S),
            (f"{engine}_cpu_ratio_to_bare", "<=", MOST_RATIO),
        )
    )


def run(rows: int, engine: str) -> dict[str, Any]:
    """Measures the engines asked for: `chdb`, `clickhouse`, or `all` of them that can be reached."""
    result: dict[str, Any] = {"rows": rows}
    for name in ("chdb", "clickhouse") if engine == "all" else (engine,):
        if name == "clickhouse" and not _url():
            if engine == "all":
                result["clickhouse"] = "not measured: CLICKHOUSE_URL is not set"
                continue
            raise StoreError("CLICKHOUSE_URL names no server to measure")
        ours, bare = _child(name, "ours", rows), _child(name, "bare", rows)
        result |= {f"{name}_{key}": value for key, value in ours.items()}
        result |= {f"{name}_bare_{key}": value for key, value in bare.items()}
        ratio = ours["cpu_s_per_million"] / bare["cpu_s_per_million"]
        result[f"{name}_cpu_ratio_to_bare"] = round(ratio, 3)
    return result


def _url() -> str:
    from events.settings import load

    return load().store.clickhouse_url


def _child(engine: str, what: str, rows: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "undertow.bench.store", engine, what, str(rows)]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE)
    if done.returncode:
        raise StoreError(f"the measurement of {engine} failed; its reason stands above")
    result: dict[str, Any] = orjson.loads(done.stdout.splitlines()[-1])
    return result


def _batches(rows: int) -> list[tuple[str, StoredBatch]]:
    """Returns the bench's market as record batches of prints and quotes by turns, `rows` of them in all."""
    waiting: dict[str, list[bytes]] = {topic: [] for topic in _TOPICS}
    offsets = dict.fromkeys(_TOPICS, 0)
    found: list[tuple[str, StoredBatch]] = []
    made = 0
    for topic, _, ts, message in market.events(rows, 2000, 1):
        lines = waiting[topic]
        lines.append(message)
        if len(lines) == _BATCH_RECORDS:
            promises = [(0, ts - 10**9)]
            batch = StoredBatch(0, offsets[topic], len(lines), False, 1, promises, b"\n".join(lines), b"")
            found.append((topic, batch))
            offsets[topic] += len(lines)
            waiting[topic] = []
            made += _BATCH_RECORDS
            if made >= rows:
                break
    return found


def _ours(store: Store, batches: list[tuple[str, StoredBatch]]) -> Callable[[], int]:
    def work() -> int:
        archiver = Archiver(store, "main")
        for topic, batch in batches:
            archiver.take(topic, batch)
            if archiver.waiting >= _INSERT_ROWS:
                archiver.flush()
        archiver.flush()
        return archiver.counters.rows

    return work


def _ready(batches: list[tuple[str, StoredBatch]]) -> list[tuple[Table, Columns]]:
    """Returns the same inserts as ready columns."""
    inserts: list[tuple[Table, Columns]] = []
    gathered = {topic: TopicRows(topic, "main") for topic in _TOPICS}
    waiting = 0
    for place, (topic, batch) in enumerate(batches):
        gathered[topic].add(batch)
        waiting += batch.count
        if waiting >= _INSERT_ROWS or place == len(batches) - 1:
            for rows in gathered.values():
                if rows.events:
                    inserts.append((rows.table, rows.columns()))
                    rows.clear()
            waiting = 0
    return inserts


def _bare_clickhouse(batches: list[tuple[str, StoredBatch]], address: Any) -> Callable[[], int]:
    from clickhouse_driver import Client

    client = Client(
        address.host, address.port, address.database, address.user, address.password,
        secure=address.secure, verify=address.verify,
    )  # fmt: skip
    inserts = [
        (made, [np.asarray(columns[name]).tolist() if isinstance(columns[name], np.ndarray) else columns[name]
                for name in made.names])
        for made, columns in _ready(batches)
    ]  # fmt: skip

    def work() -> int:
        for made, columns in inserts:
            names = ", ".join(f"`{name}`" for name in made.names)
            # The driver writes into the lists it is given; a copy a round costs it next to nothing.
            client.execute(f"INSERT INTO {made.name} ({names}) VALUES", list(map(list, columns)), columnar=True)
        return sum(len(columns[0]) for _, columns in inserts)

    return work


def _bare_chdb(batches: list[tuple[str, StoredBatch]], connection: Any) -> Callable[[], int]:
    from connectors.store.chdb_engine import arrow_table

    inserts = _ready(batches)

    def work() -> int:
        done = 0
        for made, columns in inserts:
            rows = arrow_table(made, columns)
            names = ", ".join(f"`{name}`" for name in made.names)
            assert rows is not None  # chDB finds the local variable by its name
            connection.query(f"INSERT INTO {made.name} ({names}) SELECT {names} FROM Python(rows)")
            done += rows.num_rows
        return done

    return work


def _child_main(engine: str, what: str, rows: int) -> dict[str, Any]:
    batches = _batches(rows)
    if engine == "clickhouse":
        return _in_clickhouse(what, batches)
    from connectors.store.chdb_engine import ChdbStore

    with tempfile.TemporaryDirectory(prefix="undertow-bench-") as directory:
        store = ChdbStore(Path(directory))
        store.ensure_tables()
        work = _ours(store, batches) if what == "ours" else _bare_chdb(batches, store.connection)
        try:
            return least(lambda: _empty(store), lambda _: work(), "rows_per_s")
        finally:
            store.close()


def _in_clickhouse(what: str, batches: list[tuple[str, StoredBatch]]) -> dict[str, Any]:
    from dataclasses import replace
    from uuid import uuid4

    from connectors.store.address import address_of
    from connectors.store.clickhouse_engine import ClickHouseStore
    from events.settings import load

    address = replace(address_of(load().store), database=f"undertow_bench_{uuid4().hex[:8]}")
    store = ClickHouseStore(address, "bench")
    store.ensure_tables()
    work = _ours(store, batches) if what == "ours" else _bare_clickhouse(batches, address)
    try:
        return least(lambda: _empty(store), lambda _: work(), "rows_per_s")
    finally:
        store.execute(f"DROP DATABASE {address.database}")
        store.close()


def _empty(store: Store) -> None:
    """Begins a round with empty tables, so that each has the same merging behind it."""
    for topic in _TOPICS:
        store.delete(table(topic), "1 = 1")


if __name__ == "__main__":
    _, _engine, _what, _rows = sys.argv
    try:
        print(orjson.dumps(_child_main(_engine, _what, int(_rows))).decode())
    except StoreError as error:
        sys.exit(f"error: {error}")
