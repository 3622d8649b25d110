"""`undertow up`: everything on one machine, no server installed."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from connectors.dataset import Dataset
from connectors.loads import loads, subsets
from connectors.store.client import archive_ready
from connectors.telemetry import begin, health, serving
from events.partitions import subset_of, subset_text
from events.settings import Settings, load
from events.types import Clock
from flows.splitting import bring_snapshots, store_of
from undertow.commands.common import one_line_errors
from undertow.commands.feed import feed as feeds
from undertow.supervisor import Part, Running, Supervisor, SupervisorError, python

#: Feeds that `up` can start, and the clock of the data set each writes.
FEEDS: dict[str, Clock] = {"synthetic": "synthetic"}
#: Length of an epoch, s: a snapshot stands at the end of each.
SNAPSHOT_S = "5"
_TEND_S = 0.1
_PORTS_TRIED = 100


@click.command("up", context_settings={"ignore_unknown_options": True})
@click.option("--feed", type=click.Choice(tuple(FEEDS)), default="synthetic", show_default=True, help="The market.")
@click.option("--data", type=click.Path(path_type=Path), help="Data directory.  [default: UNDERTOW_DATA, else data]")
@click.option("--port", type=click.IntRange(1, 65535), help="First port tried for the terminal.  [default: API_PORT]")
@click.option("--flows", type=click.IntRange(1), default=1, show_default=True, help="Flow processes to split over.")
@click.option("--partitions", default="", help="Partitions whose flow runs here, such as 0-3.  [default: all]")
@click.argument("feed_options", nargs=-1, type=click.UNPROCESSED)
def up(
    feed: str, data: Path | None, port: int | None, flows: int, partitions: str, feed_options: tuple[str, ...]
) -> None:
    """Run feed, flows, archive, watchdog and gateway over one data set until Ctrl-C.

    With --flows N the flow runs in N processes, each over partitions of its own, split by how busy they have been:
    see `undertow partitions`.

    Options behind `--` go to the feed: `undertow up -- --rate 2000`. Logs stand in DATA/logs; a part that ends is
    started again, and given up with the name of its log when it ends more than 5 times in a minute.
    """
    with one_line_errors():
        settings = load(undertow_data=data)
        _check_options(feed, feed_options)
        _refuse_other_clocks(settings.bus.undertow_data, feed)
        dataset = Dataset.open(settings.bus.undertow_data, create=True, clock=FEEDS[feed])
        with _only_instance(dataset):
            try:
                split = _split(dataset, partitions or settings.compute.flow_partitions, flows)
                for subset in split:
                    bring_snapshots(dataset, subset)
                _run(dataset, settings, feed, port, split, feed_options)
            except SupervisorError as error:
                click.echo(f"error: {error}", err=True)
                sys.exit(1)


def _check_options(feed: str, options: Sequence[str]) -> None:
    """Raises ValueError that says which option the feed does not take, before anything is made or started."""
    command = feeds.commands[feed]
    try:
        command.make_context(f"undertow feed {feed}", list(options)).close()
    except click.exceptions.Exit:
        raise ValueError(f"`undertow feed {feed} --help` says what may stand behind `--`") from None
    except click.ClickException as error:
        raise ValueError(f"of the feed: {error.format_message()}") from None


def _refuse_other_clocks(path: Path, feed: str) -> None:
    """Raises ValueError that says how to see a data set which no feed of `up` writes."""
    if (path / "dataset.json").exists() and (clock := Dataset.open(path).clock) != FEEDS[feed]:
        raise ValueError(
            f"the data set in {path} is {clock}, not {FEEDS[feed]}, and up runs the {feed} market: to see it, run "
            f"`undertow archive --data {path}` and `undertow gateway --data {path}`"
        )


def _split(dataset: Dataset, partitions: str, flows: int) -> list[tuple[int, ...]]:
    """Returns the partitions of each flow process; raises ValueError for what cannot be split so."""
    wanted = subset_of(partitions, dataset.partitions)
    if flows == 1:
        return [wanted]
    bus = dataset.open_bus()
    try:
        return subsets(loads(bus), flows, wanted)
    finally:
        bus.close()


def _run(
    dataset: Dataset, settings: Settings, feed: str, port: int | None, split: Sequence[tuple[int, ...]],
    feed_options: tuple[str, ...],
) -> None:  # fmt: skip
    stopping: list[bool] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.append(True))
    logs = dataset.path / "logs"
    # Chosen once, so that a restarted gateway is where the browser looks for it.
    gateway = (settings.api.api_host, _free_port(settings.api.api_host, port or settings.api.api_port))
    if port is not None and gateway[1] != port:
        click.echo(f"port {port} is taken; the terminal is at {gateway[1]}", err=True)
    parts = _with_metrics(_parts(dataset, gateway, split, feed, feed_options), settings.telemetry.metrics_host)
    supervisor = Supervisor(parts, logs, _environ(dataset))
    _serve_metrics(settings, supervisor)
    click.echo(f"data set {dataset.name}; logs in {logs}", err=True)
    try:
        supervisor.start(lambda: bool(stopping))
        if not stopping:
            click.echo(f"Undertow is up: http://{gateway[0]}:{gateway[1]}  (Ctrl-C ends it)")
        while not stopping:
            supervisor.tend()
            _note(dataset, supervisor)
            time.sleep(_TEND_S)
    finally:
        supervisor.stop()
        (dataset.path / "up.json").unlink(missing_ok=True)
    click.echo("stopped; every part has written its snapshot", err=True)


def _parts(
    dataset: Dataset, gateway: tuple[str, int], split: Sequence[tuple[int, ...]], feed: str,
    feed_options: tuple[str, ...],
) -> list[Part]:  # fmt: skip
    data = ["--data", str(dataset.path)]
    host, port = gateway
    return [
        Part("archive", python("-m", "undertow.cli", "archive", *data), lambda: archive_ready(dataset.path)),
        *(_flow(dataset, subset, len(split)) for subset in split),
        Part("feed", python("-m", "undertow.cli", "feed", feed, *data, *feed_options), ends=_has_end(feed_options)),
        Part("watchdog", python("-m", "undertow.cli", "watchdog", *data)),
        Part(
            "gateway",
            python("-m", "undertow.cli", "gateway", *data, "--host", host, "--port", str(port)),
            lambda: _listens(gateway),
        ),
    ]


def _has_end(feed_options: Sequence[str]) -> bool:
    """Says whether the feed was told where to end: having got there it is not started again."""
    return any(option.partition("=")[0] in ("--until", "--duration") for option in feed_options)


def _with_metrics(parts: Sequence[Part], host: str) -> list[Part]:
    """Gives every part a port of its own for its metrics; a restarted one is found where it was."""
    links = []
    for _ in parts:
        links.append(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET))
        links[-1].bind((host, 0))
    ports = [link.getsockname()[1] for link in links]
    for link in links:
        link.close()
    return [
        replace(part, environ={**part.environ, "METRICS_PORT": str(port)})
        for part, port in zip(parts, ports, strict=True)
    ]


def _serve_metrics(settings: Settings, supervisor: Supervisor) -> None:
    """Serves the supervisor's own metrics where METRICS_PORT asks for them, and where its parts serve theirs."""
    host = settings.telemetry.metrics_host
    for running in supervisor.parts:
        health.check(running.part.name, _is_up(running))
    serving.offer("/targets", lambda: _targets(host, supervisor))
    begin("supervisor", settings)


def _is_up(running: Running) -> Callable[[], tuple[bool, str]]:
    return lambda: (running.runs(), f"{running.total_restarts} restarts")


def _targets(host: str, supervisor: Supervisor) -> list[dict[str, Any]]:
    """Returns what Prometheus's HTTP service discovery asks for."""
    name = f"[{host}]" if ":" in host else host
    return [
        {"targets": [f"{name}:{running.part.environ['METRICS_PORT']}"], "labels": {"job": running.part.name}}
        for running in supervisor.parts
    ]


def _flow(dataset: Dataset, subset: tuple[int, ...], flows: int) -> Part:
    """Returns the flow process of a subset; it has a recovery store of its own, by its partitions."""
    text = subset_text(subset)
    name = "options" if flows == 1 else f"options-{text}"
    store = store_of(dataset, subset)
    return Part(
        name,
        python(*flow_command(store)),
        lambda: set(subset) <= set(dataset.flow_holders()),
        environ={"FLOW_PARTITIONS": text},
    )


def flow_command(store: Path) -> list[str]:
    """Returns Python's arguments for the options flow over a recovery store, its snapshots at the default distance."""
    return ["-m", "bytewax.run", "flows.options", "-r", str(store), "-s", SNAPSHOT_S, "-b", "0"]


def _free_port(host: str, first: int) -> int:
    """Returns the first port from `first` on that nobody listens on."""
    for port in range(first, min(first + _PORTS_TRIED, 65_536)):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as link:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                link.bind((host, port))
            except OSError:
                continue
            return port
    raise ValueError(f"no free port at {host} from {first} on: choose another with --port")


def _listens(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=0.5).close()
    except OSError:
        return False
    return True


def _environ(dataset: Dataset) -> dict[str, str]:
    return {**os.environ, "UNDERTOW_DATA": str(dataset.path.resolve())}


def _note(dataset: Dataset, supervisor: Supervisor) -> None:
    """Writes what `undertow status` shows of the processes; a full disk keeps it old, and everything runs on."""
    found = {
        running.part.name: {
            "pid": running.process.pid if running.process else None,
            "restarts": running.total_restarts,
            "up_s": round(time.monotonic() - running.started_at, 1),
            "metrics_port": int(running.part.environ["METRICS_PORT"]),
        }
        for running in supervisor.parts
    }
    path = dataset.path / "up.json"
    draft = path.with_suffix(".draft")
    with suppress(OSError):
        draft.write_text(json.dumps(found))
        draft.replace(path)


@contextmanager
def _only_instance(dataset: Dataset) -> Iterator[None]:
    with (dataset.path / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ValueError(f"undertow is already up over {dataset.path}: one instance per data directory") from None
        yield
