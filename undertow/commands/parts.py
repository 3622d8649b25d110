"""`undertow archive` and `undertow watchdog`: the parts of `up` that a cluster runs by themselves."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from events.settings import load
from undertow.commands.common import data_option, one_line_errors, open_dataset


@click.command("archive")
@data_option
def archive_command(data: Path | None) -> None:
    """Archive every topic of a data set as it grows, and answer reads on a socket in its directory.

    The same as `python -m bytewax.run flows.archive -r DATA/recovery/archive -s 1 -b 0`.
    """
    with one_line_errors():
        dataset = open_dataset(data)
        command = [sys.executable, "-m", "bytewax.run", "flows.archive"]
        command += ["-r", str(dataset.recovery_dir("archive")), "-s", "1", "-b", "0"]
        os.environ["UNDERTOW_DATA"] = str(dataset.path)
        os.execv(sys.executable, command)


@click.command("watchdog")
@data_option
def watchdog_command(data: Path | None) -> None:
    """Watch the feeds of a data set and write the absence of one that died."""
    from connectors.telemetry import begin
    from flows.runtime import install_handlers, stopping
    from undertow.watchdog import watch

    with one_line_errors():
        settings = load(undertow_data=data)
        begin("watchdog", settings)
        install_handlers()
        watch(open_dataset(data), settings.bus.watchdog_grace_ms / 1000, stopping)
