"""`undertow doctor`: is this machine ready, what are the settings, what is in the data set."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import metadata, util
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import orjson

from connectors.bus.base import BusError
from connectors.cache.keys import CacheError
from connectors.dataset import Dataset, DatasetError
from connectors.store.base import StoreError
from events.code import is_compiled
from events.partitions import subset_of
from events.settings import Settings, SettingsError, described, load
from events.settings import shown as safe
from events.topics import TOPICS

_CORE = (
    "bytewax",
    "chdb",
    "confluent-kafka",
    "clickhouse-driver",
    "redis",
    "pydantic",
    "msgspec",
    "orjson",
    "starlette",
)
#: How much of a setting's name a name has to share to be taken for it, misspelt.
_NEAR = 0.9
_EXTRAS = {"databento": "databento", "alpaca-py": "alpaca", "ib_insync": "ib_insync"}


@click.command("doctor")
@click.option("--data", type=click.Path(path_type=Path), help="Data directory.  [default: UNDERTOW_DATA, else data]")
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
def doctor(data: Path | None, as_json: bool) -> None:
    """Check Python, packages, settings and the data set; exit status 1 when something cannot work.

    Every setting is an environment variable; it is shown with its value, and with the default where that differs.
    """
    faults: list[str] = []
    settings, wrong = _load(data, faults)
    if sys.version_info[:2] not in ((3, 11), (3, 12)):
        faults.append(f"Python {sys.version_info[0]}.{sys.version_info[1]} has no Bytewax wheel: use 3.11 or 3.12")
    packages = {name: _version(name) for name in (*_CORE, *_EXTRAS)}
    faults += _misspelt(os.environ)
    faults += [f"package {name} is missing: run `make setup`" for name in _CORE if packages[name] is None]
    found = {
        "python": sys.version.split()[0],
        "packages": packages,
        "operators": _operators(),
        "settings": _settings(settings) | {name: _refused(name, value) for name, value in wrong.items()},
        "dataset": None if wrong else _dataset(settings, faults),
        "servers": {} if wrong else _servers(settings, faults),
        "faults": faults,
    }
    if as_json:
        click.echo(orjson.dumps(found, default=str).decode())
    else:
        _print(found, settings.bus.undertow_data, bool(wrong))
    sys.exit(1 if faults else 0)


def _load(data: Path | None, faults: list[str]) -> tuple[Settings, dict[str, str]]:
    """Returns the settings that work, defaults in place of the others, and those others as the environment has them."""
    environ, wrong = dict(os.environ), dict[str, str]()
    while True:
        try:
            return load(environ, undertow_data=data), wrong
        except SettingsError as error:
            faults.append(str(error))
            for name in _at_fault(error.name, environ):
                wrong[name] = environ.pop(name)


def _misspelt(environ: Mapping[str, str]) -> Iterator[str]:
    """Yields what is all but a setting's name: nobody would read it, and nobody would say so."""
    known = [name for _, name, _, _ in described()]
    for name in environ:
        if name not in known and (near := get_close_matches(name, known, 1, _NEAR)):
            yield f"{name} is no setting: write {near[0]}"


def _at_fault(name: str, environ: Mapping[str, str]) -> list[str]:
    """Returns the settings given that a fault may come from: its own, or where that is a default those beside it."""
    if name in environ:
        return [name]
    group = next(group for group, each, _, _ in described() if each == name)
    return [each for of, each, _, _ in described() if of == group and each in environ]


def _refused(name: str, value: str) -> dict[str, Any]:
    default, meaning = next((default, meaning) for _, each, default, meaning in described() if each == name)
    return {"value": safe(value), "default": default, "meaning": meaning}


def _unfit(settings: Settings, path: Path, partitions: int) -> Iterator[str]:
    """Yields what the settings ask of a data set that was made with other partitions."""
    asked = settings.bus.bus_partitions
    if "bus_partitions" in settings.bus.model_fields_set and asked != partitions:
        yield (
            f"BUS_PARTITIONS={asked}: the data set in {path} was made with {partitions} partitions, for good; "
            "unset it, or use another directory"
        )
    try:
        subset_of(settings.compute.flow_partitions, partitions)
    except ValueError as error:
        yield f"FLOW_PARTITIONS: {error} of the data set in {path}"


def _operators() -> str:
    """Says in which form the steps run: the same code either way, and the same bytes."""
    import operators  # noqa: F401

    return "compiled" if is_compiled("operators") else "as they are: `make compiled` makes them faster"


def _version(name: str) -> str | None:
    module = _EXTRAS.get(name)
    if module is not None and util.find_spec(module) is None:
        return None
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _settings(settings: Settings) -> dict[str, dict[str, Any]]:
    shown = {}
    for group, name, default, meaning in described():
        value = getattr(getattr(settings, group), name.lower())
        shown[name] = {"value": safe(value), "default": default, "meaning": meaning}
    return shown


def _dataset(settings: Settings, faults: list[str]) -> dict[str, Any] | None:
    path = settings.bus.undertow_data
    if not (path / "dataset.json").exists():
        faults.extend(_unmakeable(path))
        return None
    try:
        dataset = Dataset.open(path)
    except (DatasetError, BusError) as error:
        faults.append(str(error))
        return None
    faults.extend(_unfit(settings, path, dataset.partitions))
    topics = {}
    try:
        bus = dataset.open_bus()
    except BusError as error:
        faults.append(str(error))
        return None
    for topic in TOPICS:
        try:
            heads = bus.heads(topic)
        except (BusError, sqlite3.DatabaseError) as error:
            faults.append(f"{topic}: {error}")
            continue
        if any(head.next for head in heads):
            topics[topic] = {"records": sum(head.next - head.start for head in heads), "bytes": bus.size_bytes(topic)}
    bus.close()
    return {"name": dataset.name, "clock": dataset.clock, "partitions": dataset.partitions, "topics": topics}


def _unmakeable(path: Path) -> Iterator[str]:
    """Yields why no data set can be made in a directory that holds none."""
    there = next(each for each in (path, *path.absolute().parents) if each.exists())
    try:
        with TemporaryDirectory(dir=there):
            pass
    except OSError as error:
        yield f"UNDERTOW_DATA={path}: no data set can be made there, {error.strerror}: use another directory"


def _servers(settings: Settings, faults: list[str]) -> dict[str, str]:
    """Asks each server that the settings name for its version."""
    found = {}
    for name, url, ask in (
        ("ClickHouse", settings.store.clickhouse_url, _clickhouse_version),
        ("Redis", settings.cache.redis_url, _redis_version),
    ):
        if url:
            try:
                found[name] = ask(settings)
            except (StoreError, CacheError) as error:
                faults.append(str(error))
    return found


def _clickhouse_version(settings: Settings) -> str:
    from connectors.store.address import address_of
    from connectors.store.clickhouse_engine import server_version

    return server_version(address_of(settings.store))


def _redis_version(settings: Settings) -> str:
    from connectors.cache.keys import server_version

    return server_version(settings.cache)


def _print(found: dict[str, Any], path: Path, unread: bool) -> None:
    click.echo(f"Python {found['python']}")
    for name, version in found["packages"].items():
        click.echo(f"  {name:<18} {version or ('not installed (extra)' if name in _EXTRAS else 'MISSING')}")
    click.echo(f"operators run {found['operators']}")
    click.echo("settings")
    for name, each in found["settings"].items():
        changed = "" if each["value"] == each["default"] else f"  (default {each['default']})"
        click.echo(f"  {name:<34} {each['value']!s:<10}{changed}")
    for name, version in found["servers"].items():
        click.echo(f"{name} {version} answers")
    dataset = found["dataset"]
    if unread:
        click.echo(f"the data set in {path} was not looked at: mend the settings first")
    elif dataset is None:
        if not (path / "dataset.json").exists():
            click.echo(f"no data set in {path} yet: `undertow import FILE --data {path}` makes one")
    else:
        click.echo(f"data set {dataset['name']}, {dataset['partitions']} partitions")
        for topic, each in dataset["topics"].items():
            size = "" if each["bytes"] is None else f" {each['bytes'] / 1e6:>10.1f} MB"
            click.echo(f"  {topic:<18} {each['records']:>12,} records{size}")
    for fault in found["faults"]:
        click.echo(f"fault: {fault}")
    if not found["faults"]:
        click.echo("nothing wrong")
