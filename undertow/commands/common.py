"""Options and errors that the commands over a data set share."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from connectors.bus.base import BusError
from connectors.dataset import Dataset, DatasetError
from connectors.store.base import StoreError
from events.settings import SettingsError, load

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class EventTime(click.ParamType[int]):
    """An event time: an ISO date or time, UTC unless it says otherwise, or nanoseconds since the Unix epoch."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if value.isdigit():
            return int(value)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no ISO time such as 2026-01-16T14:30 and no nanoseconds", param, ctx)
        since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
        return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


data_option = click.option(
    "--data", type=click.Path(path_type=Path), help="Data directory.  [default: UNDERTOW_DATA, else data]"
)
run_option = click.option("--run", default="main", show_default=True, help="The computation whose events are meant.")
from_option = click.option("--from", "from_ts", type=EventTime(), help="From this event time on (ISO or ns).")
to_option = click.option("--to", "to_ts", type=EventTime(), help="Before this event time (ISO or ns).")


def open_dataset(data: Path | None) -> Dataset:
    """Opens the data set that the option or the settings name."""
    return Dataset.open(load(undertow_data=data).bus.undertow_data)


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Turns what a user can mend into one line on stderr and exit status 1."""
    try:
        yield
    except (SettingsError, DatasetError, BusError, StoreError, ValueError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
