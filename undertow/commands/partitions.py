"""`undertow partitions`: how busy each partition is, who runs it, and how to split them over processes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
import orjson

from connectors.loads import loads, subsets
from events.partitions import subset_text
from undertow.commands.common import data_option, one_line_errors, open_dataset


@click.command("partitions")
@data_option
@click.option("--processes", type=click.IntRange(1), default=2, show_default=True, help="Flow processes to split over.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def partitions_command(data: Path | None, processes: int, as_json: bool) -> None:
    """Show each partition's records, rate and flow process, and suggest a subset of about equal work per process.

    Take a subset with FLOW_PARTITIONS, or all of them on one machine with `undertow up --flows N`. Rates are events per
    second of event time over the newest events; shares are of option prints and quotes in the log.
    """
    with one_line_errors():
        dataset = open_dataset(data)
        bus = dataset.open_bus()
        try:
            found = loads(bus)
        finally:
            bus.close()
        suggested = subsets(found, processes)
        holders = dataset.flow_holders()
    by_subset = {subset_text(subset): round(sum(found[part].share for part in subset), 4) for subset in suggested}
    if as_json:
        rows = [
            asdict(load) | {"flow": None if (held := holders.get(load.partition)) is None else held.pid}
            for load in found
        ]
        click.echo(orjson.dumps({"dataset": dataset.name, "partitions": rows, "suggested": by_subset}).decode())
        return
    click.echo(f"data set {dataset.name}")
    click.echo(f"{'partition':>9} {'records':>14} {'a second':>12} {'share':>7}  flow")
    for load in found:
        holder = holders.get(load.partition)
        by = "nobody" if holder is None else f"process {holder.pid} on {holder.host}"
        click.echo(f"{load.partition:>9} {load.records:>14,} {load.per_s:>12,.1f} {load.share:>7.1%}  {by}")
    click.echo(f"for {len(suggested)} processes, about equal work:")
    for text, share in by_subset.items():
        click.echo(f"  FLOW_PARTITIONS={text:<20} {share:>7.1%}")
