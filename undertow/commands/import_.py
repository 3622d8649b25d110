"""`undertow import`: files of prints and quotes into a data set."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from connectors.bus.base import BusError
from connectors.dataset import Dataset, DatasetError
from connectors.importing.importer import import_files, refuse_unsupported
from connectors.importing.records import ImportRefused
from connectors.importing.report import ImportReport
from connectors.importing.writing import Progress as OnProgress
from events.settings import SettingsError, load
from events.types import Clock


@click.command("import", short_help="Import files of prints and quotes.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--data", type=click.Path(path_type=Path), help="Directory of the data set [UNDERTOW_DATA, else ./data].")
@click.option("--clock", type=click.Choice(get_args(Clock)), default="historical", show_default=True,
              help="The clock the events are on; a data set has one.")  # fmt: skip
@click.option("--allow-late", is_flag=True, help="Also take events older than what a topic has promised, marked late.")
@click.option("--allow-damaged", is_flag=True, help="Also take what stands before the damage of a damaged file.")
@click.option(
    "--batch", type=click.IntRange(1, 100_000), help="Events appended at a time [BUS_APPEND_BATCH, else 2000]."
)
@click.option(
    "--partitions", type=click.IntRange(1, 256), help="Partitions of a new data set [BUS_PARTITIONS, else 8]."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def import_command(
    files: tuple[Path, ...],
    data: Path | None,
    clock: Clock,
    allow_late: bool,
    allow_damaged: bool,
    batch: int | None,
    partitions: int | None,
    as_json: bool,
) -> None:
    """Import FILEs into a data set, sorted together by time.

    Accepts tape files (.jsonl, .jsonl.zst: one {"topic": ..., "event": {...}} a line) and Databento files (.dbn,
    .dbn.zst). The same bytes again change nothing, a later piece continues, and an interrupted import is finished by
    the same command. A record that cannot be used goes to the topic `deadletter` with file, position and reason.
    A file that ends early or is damaged is refused whole, so that it can be imported once it is sound.

    \b
    undertow import day1.jsonl.zst --data tapes/ibm
    undertow import day1.trades.dbn.zst day1.cbbo-1s.dbn.zst --data tapes/opra
    """
    try:
        bus = load(undertow_data=data, bus_partitions=partitions, bus_append_batch=batch).bus
        asked = bus.bus_partitions if "bus_partitions" in bus.model_fields_set else None
        refuse_unsupported(files)
        dataset = Dataset.open(bus.undertow_data, create=True, clock=clock, partitions=asked)
        with _progress() as on_progress:
            report = import_files(
                dataset,
                files,
                allow_late=allow_late,
                allow_damaged=allow_damaged,
                batch=bus.bus_append_batch,
                progress=on_progress,
            )
    except (ImportRefused, DatasetError, SettingsError, BusError, OSError, sqlite3.DatabaseError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    click.echo(msgspec.json.encode(report).decode() if as_json else _summary(report))


def _summary(report: ImportReport) -> str:
    lines = [f"data set {report.dataset}"]
    lines += [f"  {file.file}: {file.state}{f', {_records(file.read)}' if file.read else ''}" for file in report.files]
    for topic, count in report.topics.items():
        lines.append(f"  {topic}: {count.written:,} written, {count.duplicate:,} duplicate")
    lines += [f"  unsupported, {count:,}: {reason}" for reason, count in report.reasons.items()]
    lines.append(
        f"read {report.read:,} = written {report.written:,} + duplicate {report.duplicate:,} "
        f"+ dead {report.dead:,} + unsupported {report.unsupported:,}"
    )
    lines += [f"warning: {text}; one schema of a day is enough, in a new data set" for text in report.repeated]
    if report.dead:
        lines.append("see: undertow tail deadletter")
    if not report.read and all(file.state == "already imported" for file in report.files):
        lines.append("nothing to do: these bytes were imported before")
    return "\n".join(lines)


def _records(count: int) -> str:
    return f"{count:,} record{'' if count == 1 else 's'}"


@contextmanager
def _progress() -> Iterator[OnProgress | None]:
    """Shows stages on stderr, only where somebody looks at a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        stages = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in stages:
                stages[stage] = bars.add_task(stage, total=None)
            bars.update(stages[stage], completed=done, total=total or None)

        yield show


command = import_command
