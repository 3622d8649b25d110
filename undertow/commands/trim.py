"""`undertow trim`: retention, by hand or by a timer."""

from __future__ import annotations

from pathlib import Path

import click
import orjson

from connectors.retention import trim
from connectors.store.base import read_progress
from connectors.store.client import open_reader
from events.code import code_digest
from events.topics import RAW_TOPICS
from events.types import NS_PER_S
from flows.beginning import RUN
from undertow.commands.common import data_option, one_line_errors, open_dataset

_DAY_NS = 86_400 * NS_PER_S


@click.command("trim")
@data_option
@click.option("--keep-days", type=click.FloatRange(0), required=True, help="Days of event time to keep in the log.")
@click.option("--json", "as_json", is_flag=True, help="Print records dropped by topic as one JSON object.")
def trim_command(data: Path | None, keep_days: float, as_json: bool) -> None:
    """Drop old records from a data set's log; the archive keeps its rows.

    Each partition is cut at its newest anchor (a session boundary, 03:00 New York) that is at least --keep-days older
    than the newest promise, and never before what is archived. Safe while flows run.
    """
    with one_line_errors():
        dataset = open_dataset(data)
        bus = dataset.open_bus()
        try:
            newest = max(head.promise for topic in RAW_TOPICS for head in bus.heads(topic))
            with open_reader(dataset.path) as reader:
                raw, run = read_progress(reader), read_progress(reader, RUN)
            dropped = trim(bus, raw, run, code_digest(), newest - int(keep_days * _DAY_NS))
        finally:
            bus.close()
    if as_json:
        click.echo(orjson.dumps(dropped).decode())
    else:
        for topic, count in dropped.items():
            click.echo(f"{topic:<18} {count:>14,} records dropped")
        click.echo("done" if dropped else "nothing to drop: no anchor is old enough, or nothing before it is archived")
