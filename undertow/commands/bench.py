"""`undertow bench`: what this machine does, as ratios within one run; `--check` holds it to the stated bars."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click
import orjson

from undertow.commands.common import one_line_errors

Bars = Sequence[tuple[str, str, float]]
_json = click.option("--json", "as_json", is_flag=True, help="The result as one JSON object on the last line.")
_check = click.option("--check", is_flag=True, help="Exit status 1 when a stated bar is missed.")


@click.group("bench")
def bench() -> None:
    """Measure this machine. Machines differ and are shared: the ratios count, not the absolutes."""


@bench.command("pipeline")
@click.option("--prints", type=click.IntRange(1000), default=600_000, show_default=True, help="Prints on the tape.")
@click.option("--contracts", type=click.IntRange(1), default=2000, show_default=True, help="Contracts that trade.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the tape.")
@click.option("--rules", type=click.Choice(("first", "all")), default="first", show_default=True,
              help="The first two rules, or every rule.")  # fmt: skip
@_json
@_check
def pipeline(prints: int, contracts: int, seed: int, rules: str, as_json: bool, check: bool) -> None:
    """Options prints from the log through every step to the log again: one worker, one core.

    One quote to two prints. `ratio_to_decode` is events per second over the rate at which orjson loads and drops the
    same messages in the same process; `rss_mb` is the peak resident memory of the flow's process; `us_...` is what each
    stage costs, processor microseconds per print, `us_rest` being Bytewax and what goes between the stages.
    """
    from undertow.bench.pipeline import BARS, BARS_ALL_RULES, Job, run

    with one_line_errors():
        result = run(Job(prints, contracts, seed, rules))
    _report(result, BARS_ALL_RULES if rules == "all" else BARS, as_json, check)


@bench.command("gateway")
@_json
@_check
def gateway(as_json: bool, check: bool) -> None:
    """The gateway under 100 clients: sends a second beside the bare WebSocket library's, a stopped client, memory."""
    from undertow.bench.gateway import BARS, Job, run

    with one_line_errors():
        result = run(Job())
    _report(result, BARS, as_json, check)


@bench.command("latency")
@_json
@_check
def latency(as_json: bool, check: bool) -> None:
    """From a print's append, and from a window's end, to a WebSocket client, with every process running."""
    from undertow.bench.latency import BARS, Job, run

    with one_line_errors():
        result = run(Job())
    _report(result, BARS, as_json, check)


@bench.command("store")
@click.option("--rows", type=click.IntRange(10_000), default=400_000, show_default=True, help="Rows of a round.")
@click.option("--engine", type=click.Choice(("all", "chdb", "clickhouse")), default="all", show_default=True,
              help="The store to measure; ClickHouse where CLICKHOUSE_URL names a server.")  # fmt: skip
@_json
@_check
def store(rows: int, engine: str, as_json: bool, check: bool) -> None:
    """Rows from the log's batches into the archive, beside the bare client library with columns that are ready.

    `cpu_s_per_million` is CPU of our process per million rows (chDB runs inside it), the best of three rounds;
    `cpu_ratio_to_bare` sets ours beside the client's. ClickHouse is written in a database of its own, dropped after.
    """
    from undertow.bench.store import bars, run

    with one_line_errors():
        result = run(rows, engine)
    _report(result, bars(result), as_json, check)


@bench.command("bus")
@click.option("--messages", type=click.IntRange(10_000), default=400_000, show_default=True, help="Of a round.")
@click.option("--engine", type=click.Choice(("all", "embedded", "kafka")), default="all", show_default=True,
              help="The bus to measure; Kafka where KAFKA_BROKERS names brokers.")  # fmt: skip
@_json
@_check
def bus(messages: int, engine: str, as_json: bool, check: bool) -> None:
    """Messages into and out of the bus, beside the bare client library with the same messages.

    `cpu_s_per_million` is CPU of our process, its client's threads included, per million messages, the best of three
    rounds; `cpu_ratio_to_bare` sets ours beside the client's. On Kafka the topics are the bench's own, dropped after.
    """
    from undertow.bench.bus import bars, run

    with one_line_errors():
        result = run(messages, engine)
    _report(result, bars(result), as_json, check)


@bench.command("scale")
@click.option("--prints", type=click.IntRange(1000), default=300_000, show_default=True, help="Prints on the tape.")
@click.option("--processes", type=click.IntRange(2, 8), default=2, show_default=True, help="Processes beside one.")
@click.option(
    "--rounds", type=click.IntRange(1, 20), default=3, show_default=True, help="Runs of each; the best counts."
)
@_json
@_check
def scale(prints: int, processes: int, rounds: int, as_json: bool, check: bool) -> None:
    """One flow process beside several over partition subsets, on one preloaded log: throughput and equal bytes.

    `ratio` is how many times faster the several are; it needs as many free cores. `equal` is 1 when every run left the
    same derived topics, by digest.
    """
    from undertow.bench.scale import BARS, Job, run

    with one_line_errors():
        result = run(Job(prints=prints, processes=processes, rounds=rounds))
    _report(result, BARS, as_json, check)


@bench.command("epoch")
@click.option("--contracts", type=click.IntRange(100), default=200_000, show_default=True, help="Live contracts.")
@click.option("--samples", type=click.IntRange(1, 1000), default=12, show_default=True,
              help="Packets that each contract's baseline has seen.")  # fmt: skip
@_json
@_check
def epoch(contracts: int, samples: int, as_json: bool, check: bool) -> None:
    """The longest pause between released batches around a snapshot, and the way back after kill -9.

    `epoch_gap_ms` is the longest at any epoch, `other_gap_ms` the longest away from them: what the machine itself does.
    `epoch_gap_own_ms` leaves out what the flow waited for a processor that others had; `epoch_gap_cpu_ms` is the
    processor time of the flow in the longest.
    """
    from undertow.bench.epoch import BARS, Job, run

    with one_line_errors():
        result = run(Job(contracts=contracts, samples=samples))
    _report(result, BARS, as_json, check)


@bench.command("types")
@_json
def types(as_json: bool) -> None:
    """What carries an event in memory: msgspec struct, dict or pydantic model; microseconds per event."""
    from undertow.bench.types import run

    _report(run(), (), as_json, False)


def _report(result: dict[str, Any], bars: Bars, as_json: bool, check: bool) -> None:
    missed = [
        (name, comparison, value) for name, comparison, value in bars if not _holds(result, name, comparison, value)
    ]
    if as_json:
        click.echo(orjson.dumps(result).decode())
    else:
        for name, value in result.items():
            click.echo(f"{name:<24} {value:>14,}" if isinstance(value, int | float) else f"{name:<24} {value}")
    if check:
        for name, comparison, value in missed:
            click.echo(f"missed: {name} {result.get(name)} is not {comparison} {value:g}", err=True)
        sys.exit(1 if missed else 0)


def _holds(result: dict[str, Any], name: str, comparison: str, value: float) -> bool:
    measured = result.get(name)
    if measured is None:
        return False
    return bool(measured >= value if comparison == ">=" else measured <= value)
