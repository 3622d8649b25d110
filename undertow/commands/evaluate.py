"""`undertow evaluate`: are the rules right, on tapes whose orders are known."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from events.settings import load
from undertow.commands.common import one_line_errors, open_dataset


@click.command("evaluate")
@click.option("--data", type=click.Path(path_type=Path), help="Judge this data set of the synthetic feed as it is.")
@click.option(
    "--split",
    type=click.Choice(["tune", "test"]),
    default="tune",
    show_default=True,
    help="Seeds that thresholds may be tuned on, or those that judge and are never tuned on.",
)
@click.option("--tapes", "count", type=click.IntRange(1, 8), default=4, show_default=True, help="Seeds of the split.")
@click.option("--seed", "seeds", type=int, multiple=True, help="These seeds instead; repeat for several.")
@click.option("--hours", type=click.FloatRange(min=0.01), default=1.0, show_default=True, help="Length of a tape.")
@click.option(
    "--warm", type=click.FloatRange(min=0, max=390), default=30.0, show_default=True,
    help="Minutes of the evening before that the tape begins with; known, not judged.",
)  # fmt: skip
@click.option(
    "--rate",
    type=click.FloatRange(min=0.1),
    default=100.0,
    show_default=True,
    help="Background option prints a second.",
)
@click.option(
    "--planted",
    type=click.FloatRange(min=0, max=36_000),
    default=900.0,
    show_default=True,
    help="Orders planted an hour, every kind and strength evenly.",
)
@click.option("--only", multiple=True, help="Plant these scenarios alone; repeat for several.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with plots here.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Keep the tapes as data sets in here.")
@click.option(
    "--failures",
    type=click.IntRange(min=0),
    default=12,
    show_default=True,
    help="Failures listed for each rule and kind.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
def evaluate_command(
    data: Path | None, split: str, count: int, seeds: tuple[int, ...], hours: float, warm: float, rate: float,
    planted: float, only: tuple[str, ...], html: Path | None, keep: Path | None, failures: int, as_json: bool,
) -> None:  # fmt: skip
    """Judge the rules on labelled tapes: precision and recall, direction, styles, confidence, alerts a day.

    Makes a tape for each seed, runs the flow over it in this process with today's settings, joins what it says to what
    was planted, and throws the tape away. The same seeds give the same report, but for its durations. What a label says
    and which seeds are for tuning stands in docs/tapes.md. Stopped by Ctrl-C or SIGTERM it reports the seeds that are
    done, names those that are missing, and exits with 130 or 143.

    \b
    undertow evaluate --html report.html
    undertow evaluate --split test --json
    CLASSIFIER_SWEEP_MIN_PREMIUM=60000 undertow evaluate --seed 101 --only call_sweep
    """
    with one_line_errors():
        from backtest.evaluation.evaluate import Stopped, evaluate_seeds, judge, missing, summarise
        from backtest.evaluation.table import lines
        from backtest.evaluation.tapes import TapeConfig, take
        from connectors.feeds.synthetic.planting import library
        from connectors.feeds.synthetic.scenarios.splits import TEST_SEEDS, TUNE_SEEDS
        from flows.runtime import install_handlers, stop_status, stopping

        write_page = _page_writer(html)
        settings = load()
        library(only)
        install_handlers()
        chosen = seeds or {"tune": TUNE_SEEDS, "test": TEST_SEEDS}[split][:count]
        if split == "test" and (wrong := [seed for seed in chosen if seed not in TEST_SEEDS]):
            raise ValueError(f"seed {wrong[0]} is none that judges: those are {', '.join(map(str, TEST_SEEDS))}")
        console = Console(stderr=True)
        try:
            with console.status("starting") as status:
                if data is not None:
                    report = summarise([judge(take(open_dataset(data)), settings, status.update)], failures)
                    if stopping():
                        raise Stopped(())
                else:
                    config = TapeConfig(hours=hours, warm_minutes=warm, rate=rate, planted_per_hour=planted, only=only)
                    report = evaluate_seeds(chosen, config, settings, status.update, stopping, failures, keep)
        except Stopped as stopped:
            click.echo(str(stopped), err=True)
            sys.exit(stop_status())
        if write_page is not None and html is not None:
            write_page(html, report)
    if as_json:
        click.echo(msgspec.json.encode(report).decode())
    else:
        for line in lines(report):
            click.echo(line)
    if report.missing_seeds:
        click.echo(missing(report.missing_seeds), err=True)
        sys.exit(stop_status())
    sys.exit(0)


def _page_writer(html: Path | None) -> Any:
    """Returns what writes the page, None when none is asked for; raises ValueError where the plots cannot be drawn."""
    if html is None:
        return None
    try:
        from backtest.evaluation.page import write
    except ImportError:
        raise ValueError("--html draws with matplotlib: pip install 'undertow[report]'") from None
    return write
