"""`undertow explain`: every rule on what an id leads to, each check beside its threshold, nearest to firing first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import orjson

from undertow.commands.common import data_option, one_line_errors, open_dataset


@click.command("explain")
@click.argument("ident", metavar="ID")
@data_option
@click.option("--near", type=click.IntRange(1, 100), help="Only rules that did not fire, so many, nearest first.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole answer as one JSON object.")
def explain_command(ident: str, data: Path | None, near: int | None, as_json: bool) -> None:
    """Judge again what an ID leads to: a packet, parent, structure, hit or alert of the archive.

    Shows each rule with each of its checks, what was observed beside the threshold, passed or not; rules that fired
    come first, then those that came nearest. A margin is the room to spare: what was missing is negative. The settings
    are those of the run.

    \b
    undertow explain al:pk:...
    undertow explain pk:... --near 3
    """
    with one_line_errors():
        answer = _answer(open_dataset(data), ident, near)
    if as_json:
        click.echo(orjson.dumps(answer).decode())
        return
    for line in _lines(answer):
        click.echo(line)


def _answer(dataset: Any, ident: str, near: int | None) -> dict[str, Any]:
    from api import describe, explain
    from api.evidence import ArchiveFinder, Gathering, LogFinder
    from api.named import UnknownId, named
    from connectors.store.client import open_reader
    from events.settings import load

    try:
        about = named(ident)
        bus = dataset.open_bus()
        try:
            with open_reader(dataset.path) as reader:
                found = Gathering(ArchiveFinder(reader), LogFinder(bus, about)).gather(ident)
        finally:
            bus.close()
    except UnknownId as error:
        raise ValueError(str(error)) from None
    return explain.explain_all(found, describe.rules_in_force(dataset, load()), near)


def _lines(answer: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for packet in answer["packets"]:
        lines += ["", f"packet {packet['packet']} ({packet['contract']}, revision {packet['revision']})"]
        lines += [f"  in a structure: {parent}" for parent in packet["in_structures"]]
        lines += [line for rule in packet["rules"] for line in _rule(rule)] or [_why_none(answer)]
    for structure in answer["structures"]:
        lines += ["", f"structure {structure['structure']} ({structure['name']}, revision {structure['revision']})"]
        lines += [line for rule in structure["rules"] for line in _rule(rule)] or ["  every rule on it fired"]
    if answer["later"]:
        lines += ["", "looked at later"]
        lines += [line for rule in answer["later"] for line in _rule(rule)]
    if answer["not_judged"]:
        lines += ["", "not judged"]
        lines += [f"  {rule['rule']:<26} {rule['reason']}" for rule in answer["not_judged"]]
    return lines[1:]


def _why_none(answer: dict[str, Any]) -> str:
    """Says why no rule stands below a packet: a structure took its orders, else `--near` leaves those that fired."""
    return (
        "  it is a leg of the structure below, and judged there" if answer["structures"] else "  every rule on it fired"
    )


def _rule(rule: dict[str, Any]) -> list[str]:
    state = "FIRED" if rule["fired"] else f"{rule['passed']} of {rule['required']} checks"
    head = f"  {rule['rule']:<26} {state}"
    if rule["fired"]:
        head += f", {rule['direction']}, {rule['style']}, confidence {rule['confidence']:.2f}"
    elif rule["nearest"]:
        head += f", nearest: {rule['nearest']}"
    lines = [head]
    for check in rule["checks"]:
        mark = "ok " if check["passed"] else "no " if check["required"] else "-  "
        room = _room(check)
        margin = "" if room is None else f"  margin {room:+,.10g}"
        lines.append(
            f"    {mark} {check['name']}: {_value(check['observed'])} {check['comparison']} "
            f"{_value(check['threshold'])}{margin}"
        )
    lines += [f"       {sentence}" for sentence in rule["sentences"]]
    if rule["fired"]:
        lines += [f"       against: {sentence}" for sentence in rule["against"]]
    if rule["note"]:
        lines.append(f"       {rule['note']}")
    return lines


def _room(check: dict[str, Any]) -> float | None:
    """Returns the room to spare, negative where it was missing, whichever way the comparison looks; None for words."""
    observed, threshold, comparison = check["observed"], check["threshold"], check["comparison"]
    if not isinstance(observed, int | float) or not isinstance(threshold, int | float):
        return None
    over = round(observed - threshold, 6) + 0.0
    if comparison in ("==", "!="):
        return abs(over) if comparison == "!=" else 0.0 - abs(over)
    return over if comparison.startswith(">") else 0.0 - over


def _value(value: Any) -> str:
    if value is None:
        return "unknown"
    return f"{value:,.10g}" if isinstance(value, int | float) else str(value)
