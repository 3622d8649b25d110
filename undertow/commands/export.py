"""`undertow export`: a topic out of the archive as JSON lines, in canonical order."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click

from connectors.store.client import open_reader
from connectors.store.export import Selection, lines
from events.topics import TOPICS
from events.topics import topic as topic_entry
from undertow.commands.common import (
    check_contract,
    check_range,
    check_underlying,
    data_option,
    from_option,
    one_line_errors,
    open_dataset,
    run_option,
    run_record,
    to_option,
)

_WRITE_LINES = 2000
_TOPICS = f"Topics: {', '.join(TOPICS)}."


@click.command("export")
@click.argument("topic")
@data_option
@from_option
@to_option
@run_option
@click.option("--underlying", help="Only of this underlying, such as SPX (SPXW included).")
@click.option("--contract", help="Only of this option contract, such as SPY260116C00450000.")
@click.option("--symbol", help="Only of this equity symbol.")
@click.option("--all-revisions", is_flag=True, help="Every revision of an event, not only its last.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines; there is no other form.")
def export(
    topic: str,
    data: Path | None,
    from_ts: int | None,
    to_ts: int | None,
    run: str,
    underlying: str | None,
    contract: str | None,
    symbol: str | None,
    all_revisions: bool,
    as_json: bool,
) -> None:
    """Write a TOPIC's events as JSON lines, one object a line, ordered by (ts, id).

    Lines go to stdout, all else to stderr. The lines hold an event's own fields, keys sorted; the same data set and
    settings give the same bytes.

    TOPICS

    \b
    undertow export flow.alerts --from 2026-01-16T14:30 --to 2026-01-16T15:00
    undertow export options.marked --underlying SPY | head
    """
    with one_line_errors():
        entry = topic_entry(topic)
        check_range(from_ts, to_ts)
        check_underlying(underlying)
        selection = Selection(run, from_ts, to_ts, underlying, check_contract(contract), symbol, all_revisions)
        dataset = open_dataset(data)
        with open_reader(dataset.path) as reader:
            if entry.layer == "derived" or run != "main":  # what was not computed is of no run
                run_record(dataset, run)
            _write(lines(reader, topic, selection))


export.help = (export.help or "").replace("TOPICS", _TOPICS)


def _write(found: Iterator[bytes]) -> None:
    """Writes lines until they end or nobody reads them any more."""
    out = sys.stdout.buffer
    try:
        while block := list(islice(found, _WRITE_LINES)):
            out.write(b"\n".join(block) + b"\n")
        out.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
