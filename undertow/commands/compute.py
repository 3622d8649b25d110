"""`undertow compute`: a whole, fresh run over a data set."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec
from rich.console import Console

from events.settings import load
from undertow.commands.common import data_option, one_line_errors, open_dataset


@click.command("compute")
@data_option
@click.option("--batch", type=click.IntRange(1, 100_000), help="Records the tape reads at a time [TAPE_READ_BATCH].")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def compute_command(data: Path | None, batch: int | None, as_json: bool) -> None:
    """Compute every derived event of a data set with today's settings, and archive raw and derived rows.

    Always a fresh run over the whole log: it replaces the derived topics and rows of the run `main`. At the log's end
    what is still open closes. Refused while a live flow runs over the data set. Interrupted, run it again.

    \b
    undertow compute --data tapes/ibm
    CLUSTER_WINDOW_MS=1000 undertow compute --data tapes/ibm
    """
    with one_line_errors():
        from flows.compute import compute
        from flows.runtime import install_handlers

        settings = load(undertow_data=data, tape_read_batch=batch)
        dataset = open_dataset(data)
        install_handlers()
        console = Console(stderr=True)
        with console.status("starting") if sys.stderr.isatty() else _Silent() as status:
            report = compute(dataset, settings, lambda stage: status.update(stage) if status else None)
    if as_json:
        click.echo(msgspec.json.encode(report).decode())
        return
    click.echo(f"data set {report.dataset}, run {report.run}, {report.seconds:.1f} s")
    for topic, count in report.events.items():
        click.echo(f"  {topic:<18} {count:>12,}")
    click.echo(f"archived {report.archived_rows:,} rows; next: undertow export flow.alerts, undertow verify")


class _Silent:
    """Stands in for a spinner where nobody looks at a terminal."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None
