"""Streams a topic's canonical lines out of the archive, ordered by (ts, id), collapsed (contract 34).

Memory is bounded by a page: the rows of a span of event time, chosen to hold about PAGE_ROWS of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.store.base import Param, Reader
from connectors.store.schema import canonical_fields, canonical_lines, has_revisions, table
from events.contracts import parse_contract
from events.topics import TOPICS, topic
from events.types import FOREVER_NS

PAGE_ROWS = 20_000
_FIRST_NS = -(2**63)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of a topic: a span of event time (from inclusive, to exclusive), a run, an instrument."""

    run: str = "main"
    from_ts: int | None = None
    to_ts: int | None = None
    underlying: str | None = None
    contract: str | None = None
    symbol: str | None = None
    all_revisions: bool = False
    #: A further condition on columns of the table, with its parameters.
    where: str = ""
    params: Mapping[str, Param] = field(default_factory=dict)


class SelectionError(ValueError):
    """A selection that the topic cannot answer; the text is one line."""


def lines(reader: Reader, topic_name: str, selection: Selection | None = None) -> Iterator[bytes]:
    """Yields the selected export lines of a topic, without newlines; raises SelectionError, StoreError."""
    for columns in pages(reader, topic_name, selection or Selection()):
        yield from canonical_lines(topic_name, columns)


def pages(reader: Reader, topic_name: str, selection: Selection) -> Iterator[dict[str, list[Any]]]:
    """Yields the selected rows of a topic a page at a time, as the columns of an export line."""
    conditions, params = _conditions(topic_name, selection)
    keep = _underlying_filter(topic_name, selection)
    start = _FIRST_NS if selection.from_ts is None else selection.from_ts
    last = FOREVER_NS if selection.to_ts is None else selection.to_ts - 1
    while start <= last:
        end = _page_end(reader, topic_name, selection, start, last)
        if end is None:
            return
        page = reader.query(_page_sql(topic_name, conditions), {**params, "page_start": start, "page_end": end})
        if keep is not None:
            page = _kept(page, [keep(instrument) for instrument in page["contract"]])
        if page["id"]:
            yield page
        start = end + 1


def _page_end(reader: Reader, topic_name: str, selection: Selection, start: int, last: int) -> int | None:
    """Returns the event time of about the PAGE_ROWS-th row from `start` on; None when there is no further row."""
    run = _run_condition(topic_name)
    found = reader.query(
        f"SELECT count() AS rows, max(ts) AS last FROM (SELECT ts FROM {table(topic_name).name} "
        f"WHERE {run} ts >= {{page_start:Int64}} AND ts <= {{page_end:Int64}} ORDER BY ts LIMIT {PAGE_ROWS})",
        {"page_start": start, "page_end": last, **({"run": selection.run} if run else {})},
    )
    return found["last"][0] if found["rows"][0] else None


def _page_sql(topic_name: str, conditions: str) -> str:
    made = table(topic_name)
    names = ", ".join(f"`{name}`" for name in canonical_fields(topic_name))
    revision = ", revision" if has_revisions(topic_name) else ""
    return (
        f"SELECT {names} FROM {made.name} FINAL WHERE {_run_condition(topic_name)} "
        f"ts >= {{page_start:Int64}} AND ts <= {{page_end:Int64}} {conditions} ORDER BY ts, id{revision}"
    )


def _run_condition(topic_name: str) -> str:
    return "run = {run:String} AND" if TOPICS[topic_name].layer == "derived" else ""


def _conditions(topic_name: str, selection: Selection) -> tuple[str, dict[str, Param]]:
    """Returns the conditions beside time, each led by AND, and their parameters."""
    entry = topic(topic_name)
    fields = entry.type.__struct_fields__
    parts: list[str] = []
    params: dict[str, Param] = dict(selection.params)
    if entry.layer == "derived":
        params["run"] = selection.run
    for name, value in (("contract", selection.contract), ("symbol", selection.symbol)):
        if value is not None:
            parts.append(f"AND {_instrument(topic_name, name)} = {{{name}:String}}")
            params[name] = value
    if selection.underlying is not None and _underlying_filter(topic_name, selection) is None:
        name = "underlying" if "underlying" in fields else _instrument(topic_name, "symbol")
        parts.append(f"AND {name} = {{underlying:String}}")
        params["underlying"] = selection.underlying
    if has_revisions(topic_name) and not selection.all_revisions:
        parts.append(_last_revision(table(topic_name).name))
    if selection.where:
        parts.append(f"AND ({selection.where})")
    return " ".join(parts), params


def _instrument(topic_name: str, wanted: str) -> str:
    fields = topic(topic_name).type.__struct_fields__
    if wanted in fields:
        return wanted
    if "instrument" in fields:
        return "instrument"
    raise SelectionError(f"{topic_name} has no {wanted} to select by")


def _last_revision(name: str) -> str:
    """Only ids that were revised at all are looked up, and those are few."""
    revised = f"SELECT id FROM {name} WHERE run = {{run:String}} AND revision > 0"
    newest = f"SELECT id, max(revision) FROM {name} WHERE run = {{run:String}} AND revision > 0 GROUP BY id"
    return f"AND (id NOT IN ({revised}) OR (id, revision) IN ({newest}))"


def _underlying_filter(topic_name: str, selection: Selection) -> Any:
    """Returns the test of a raw option event's contract, whose underlying no column holds; None when not needed."""
    fields = topic(topic_name).type.__struct_fields__
    if selection.underlying is None or "underlying" in fields or "contract" not in fields:
        return None
    return lambda contract: _underlying_of(contract) == selection.underlying


def _underlying_of(contract: str) -> str | None:
    try:
        return parse_contract(contract).underlying
    except ValueError:
        return None


def _kept(page: dict[str, list[Any]], keep: list[bool]) -> dict[str, list[Any]]:
    return {name: [value for value, kept in zip(values, keep, strict=True) if kept] for name, values in page.items()}
