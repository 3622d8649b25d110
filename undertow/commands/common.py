"""Options and errors that the commands over a data set share."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from connectors.bus.base import BusError
from connectors.dataset import Dataset, DatasetError, RunRecord
from connectors.store.base import StoreError
from events.contracts import ROOT_UNDERLYING, compact
from events.settings import SettingsError, load
from events.times import time_of

#: An underlying as it stands in contracts and equity symbols: upper case, share classes behind a dot.
_UNDERLYING = re.compile(r"[A-Z][A-Z0-9]{0,9}(\.[A-Z]{1,2})?")


class EventTime(click.ParamType[int]):
    """An event time: an ISO date or time, UTC unless it says otherwise, or nanoseconds since the Unix epoch."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return time_of(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


data_option = click.option(
    "--data", type=click.Path(path_type=Path), help="Data directory.  [default: UNDERTOW_DATA, else data]"
)
run_option = click.option("--run", default="main", show_default=True, help="The computation whose events are meant.")
from_option = click.option("--from", "from_ts", type=EventTime(), help="From this event time on (ISO or ns).")
to_option = click.option("--to", "to_ts", type=EventTime(), help="Before this event time (ISO or ns).")


def open_dataset(data: Path | None) -> Dataset:
    """Opens the data set that the option or the settings name."""
    return Dataset.open(load(undertow_data=data).bus.undertow_data)


def check_range(from_ts: int | None, to_ts: int | None, names: tuple[str, str] = ("--from", "--to")) -> None:
    """Refuses a range that holds no moment, as the gateway does; raises ValueError that names its options."""
    if from_ts is not None and to_ts is not None and from_ts >= to_ts:
        raise ValueError(f"{names[0]} is not before {names[1]}: the range holds nothing")


def check_contract(contract: str | None) -> str | None:
    """Returns a contract in the form that events hold; raises ValueError that names what is none."""
    try:
        return None if contract is None else compact(contract)
    except ValueError as error:
        raise ValueError(f"--contract: {error}") from None


def check_underlying(underlying: str | None) -> None:
    """Refuses what no event can have as its underlying; raises ValueError that says what is meant."""
    if underlying is None:
        return
    if underlying in ROOT_UNDERLYING:
        raise ValueError(f"--underlying: {underlying} is a root of {ROOT_UNDERLYING[underlying]}: write that")
    if _UNDERLYING.fullmatch(underlying) is None:
        raise ValueError(f"--underlying: {underlying!r} is no underlying such as SPX or BRK.B, in upper case")


def run_record(dataset: Dataset, run: str) -> RunRecord:
    """Returns what a run was made with; raises DatasetError that says how one is made where there is none."""
    record = dataset.run(run)
    if record is None:
        raise DatasetError(f"no run {run!r} in {dataset.path}: `undertow compute --data {dataset.path}` makes `main`")
    return record


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Turns what a user can mend into one line on stderr and exit status 1."""
    try:
        yield
    except (SettingsError, DatasetError, BusError, StoreError, ValueError, sqlite3.DatabaseError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
