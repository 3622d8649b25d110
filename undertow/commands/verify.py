"""`undertow verify`: is the archive what the log says, to the byte."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import orjson

from connectors.anchors import first_anchors
from connectors.bus.base import Bus
from connectors.dataset import Dataset, DatasetError, RunRecord
from connectors.store.client import open_reader
from connectors.store.compare import Span, TopicResult
from connectors.store.verifying import Recompute, verify
from events.code import code_digest
from events.types import FOREVER_NS
from undertow.commands.common import (
    check_range,
    data_option,
    from_option,
    one_line_errors,
    open_dataset,
    run_option,
    run_record,
    to_option,
)


@click.command("verify")
@data_option
@from_option
@to_option
@run_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object: {topic: {rows, equal}}.")
def verify_command(data: Path | None, from_ts: int | None, to_ts: int | None, run: str, as_json: bool) -> None:
    """Compare the archive with its log: raw rows read again, derived rows recomputed, every exported column.

    The computation always begins where the run began; --from and --to narrow what is compared. Takes no lock: a live
    flow goes on, and what it has not archived yet is left out. Exit status 0 when all topics are equal, else 1.
    """
    with one_line_errors():
        check_range(from_ts, to_ts)
        dataset = open_dataset(data)
        record = run_record(dataset, run)
        bus = dataset.open_bus()
        try:
            span = Span(_earliest(bus, from_ts), FOREVER_NS if to_ts is None else to_ts)
            if span.from_ts >= span.to_ts:
                raise ValueError(
                    f"the log was trimmed: it can be verified from {span.from_ts} on, which --to is before"
                )
            with open_reader(dataset.path) as reader:
                results = verify(reader, bus, run, _recompute(dataset, record), span)
        finally:
            bus.close()
    _show(results, as_json)
    if record.code != code_digest():
        click.echo(
            f"run {run!r} was computed by another version of the code: not comparable where it differs", err=True
        )
    sys.exit(0 if all(result.equal for result in results.values()) else 1)


def _earliest(bus: Bus, from_ts: int | None) -> int:
    """Returns where the comparison begins: as asked, but in a trimmed log not before its first anchors."""
    from flows.pipeline import is_trimmed

    if not is_trimmed(bus):
        return from_ts or 0
    anchors = first_anchors(bus, code_digest()).tapes
    if not anchors:
        raise DatasetError("the log was trimmed and holds no anchor of this version of the code to compute from")
    return max(from_ts or 0, *(boundary for boundary, _ in anchors.values()))


def _recompute(dataset: Dataset, record: RunRecord) -> Recompute:
    from flows.pipeline import recompute  # the dataflow is loaded only once it is needed

    def of_run(until: Any, end: bool) -> Any:
        return recompute(dataset, record.parameters, until, end)

    return of_run


def _show(results: dict[str, TopicResult], as_json: bool) -> None:
    if as_json:
        plain = {topic: {"rows": result.rows, "equal": result.equal} for topic, result in results.items()}
        click.echo(orjson.dumps(plain).decode())
    else:
        click.echo(f"{'topic':<20} {'rows':>12}  equal")
        for topic, result in results.items():
            click.echo(f"{topic:<20} {result.rows:>12}  {'yes' if result.equal else 'NO'}")
    for topic, result in results.items():
        if not result.equal:
            why = result.fault or f"{result.rows} rows in the archive, {result.expected} expected"
            ids = f"; differing: {', '.join(result.differing)}" if result.differing else ""
            click.echo(f"{topic}: {why}{ids}", err=True)
