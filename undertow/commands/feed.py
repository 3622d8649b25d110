"""`undertow feed NAME`: one feed as a process of its own, until it is stopped."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any

import click
import msgspec

from connectors.bus.base import LeaseLost
from connectors.dataset import Dataset
from events.settings import Feed, load
from events.times import time_of, utc
from events.types import FOREVER_NS, NS_PER_S
from undertow.commands.common import EventTime, check_range, data_option, one_line_errors

#: Exit status of a feed that lost its lease: another process writes its topics now.
LEASE_LOST = 3
_SECONDS = {"ms": 1_000_000, "s": NS_PER_S, "m": 60 * NS_PER_S, "h": 3600 * NS_PER_S, "": NS_PER_S}


class Span(click.ParamType[int]):
    """A span of time such as 90s, 10m or 6.5h, as nanoseconds."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|)", value)
        if match is None:
            self.fail(f"{value!r} is no span such as 90s, 10m or 6.5h", param, ctx)
        return round(float(match[1]) * _SECONDS[match[2]])


@click.group("feed")
def feed() -> None:
    """Run one feed into a data set until it is stopped (SIGTERM, Ctrl-C: exit 0)."""


@feed.command("synthetic")
@data_option
@click.option("--rate", type=float, help="Background option prints a second [SYNTHETIC_RATE, else 50].")
@click.option("--speed", type=float, help="Event seconds per second, 0 as fast as possible [SYNTHETIC_SPEED, else 1].")
@click.option("--fast", is_flag=True, help="The same as --speed 0.")
@click.option("--seed", type=int, help="Which market [SYNTHETIC_SEED, else 1].")
@click.option("--start", type=EventTime(), help="Where a new market begins [SYNTHETIC_START, else the next open].")
@click.option("--until", type=EventTime(), help="Stop at this event time.")
@click.option("--duration", type=Span(), help="Stop after so much event time: 90s, 10m, 6.5h.")
@click.option("--labels", type=click.Path(path_type=Path), help="Labels of what was planted [DATA/labels.jsonl].")
@click.option("--partitions", type=click.IntRange(1, 256), help="Partitions of a new data set [BUS_PARTITIONS].")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def synthetic(
    data: Path | None, rate: float | None, speed: float | None, fast: bool, seed: int | None, start: int | None,
    until: int | None, duration: int | None, labels: Path | None, partitions: int | None, as_json: bool,
) -> None:  # fmt: skip
    """A market that does not exist: the S&P 500, SPY, QQQ, IWM and SPX with their chains.

    The same seed and start give the same events to the byte. Sessions run 09:30 to 16:00 New York of a simulated
    trading day, options on the index and its funds to 16:15, one after the other, on any day at any hour. Stopped or
    killed and started again it goes on where it stopped; meanwhile simulated time stands still. Orders planted in it
    are labelled in a file of their own.

    \b
    undertow feed synthetic --data data/demo
    undertow feed synthetic --data tapes/ten --fast --rate 2000 --duration 10m --start 2026-01-14T14:30
    """
    from connectors.feeds.synthetic.feed import FeedOptions, run_feed
    from connectors.telemetry import begin
    from connectors.telemetry.health import beating
    from flows.runtime import install_handlers, stopping

    with one_line_errors():
        settings = load(
            undertow_data=data, bus_partitions=partitions, synthetic_rate=rate, synthetic_seed=seed,
            synthetic_speed=0.0 if fast else speed,
        )  # fmt: skip
        begin("feed", settings)
        asked = settings.bus.bus_partitions if "bus_partitions" in settings.bus.model_fields_set else None
        dataset = Dataset.open(settings.bus.undertow_data, create=True, clock="synthetic", partitions=asked)
        config = _config(dataset, settings.feed, start)
        check_range(config.start, until, ("the market's start", "--until"))
        named = labels or (Path(settings.feed.synthetic_labels) if settings.feed.synthetic_labels else None)
        options = FeedOptions(
            config, settings.feed.synthetic_speed, FOREVER_NS if until is None else until, duration, named,
            settings.bus.bus_append_batch,
        )  # fmt: skip
        install_handlers()
        try:
            report = run_feed(dataset, options, beating("feed", stopping))
        except LeaseLost as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(LEASE_LOST)
    if as_json:
        click.echo(msgspec.json.encode(report).decode())
        return
    click.echo(f"data set {report.dataset}, seed {report.seed}, start {utc(report.start)}, {report.seconds:.1f} s")
    for topic, count in report.events.items():
        click.echo(f"  {topic:<18} {count:>12,}")
    click.echo(f"simulated time stands at {utc(report.position)}; {report.planted} planted orders labelled")


def _config(dataset: Dataset, feed_settings: Feed, start: int | None) -> Any:
    """Returns what the market is a function of; an existing data set has its seed and start already."""
    from connectors.feeds.synthetic import checkpoint
    from connectors.feeds.synthetic.calendar import next_open
    from connectors.feeds.synthetic.checkpoint import FeedError
    from connectors.feeds.synthetic.model import ModelConfig

    given = feed_settings.model_fields_set
    if start is None and feed_settings.synthetic_start:
        start = time_of(feed_settings.synthetic_start)
    found = checkpoint.load(dataset.path)
    seed = feed_settings.synthetic_seed
    if found is not None:
        for name, wanted, has in (
            ("seed", seed if "synthetic_seed" in given else None, found.config.seed),
            ("start", start, found.config.start),
        ):
            if wanted not in (None, has):
                raise FeedError(f"the data set in {dataset.path} has {name} {has}, not {wanted}: use another directory")
        seed, start = found.config.seed, found.config.start
    elif start is None:
        start = next_open(time.time_ns())
    return ModelConfig(
        seed=seed, start=start, rate=feed_settings.synthetic_rate, emit_interval_ms=feed_settings.emit_interval_ms,
        planted_per_hour=feed_settings.synthetic_planted_per_hour,
        throttle_ms=feed_settings.testing_throttle_ms if feed_settings.testing_mode else 0,
    )  # fmt: skip
