"""History of a topic, a page at a time, out of the archive: ordered by (ts, id, revision), never a row twice or lost.

A page is found in two steps: the event time at which enough rows are together, read in key order without collapsing;
then the collapsed rows up to there. So a page costs its own rows, however long the table is.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import msgspec

from api.errors import bad
from api.params import Param, of_options
from connectors.store.base import Param as SqlParam
from connectors.store.base import Reader
from connectors.store.schema import canonical_lines, exported_columns, has_revisions, table
from events.contracts import ROOT_UNDERLYING
from events.topics import TOPICS
from events.types import FOREVER_NS

RUN = "main"
#: Fields too large for a page, shown empty.
_HEAVY = {"anchors": ("data", "tape")}
PARAMS = (
    Param("from", "time", "from this event time on: ISO (UTC unless it says otherwise) or ns since the Unix epoch"),
    Param("to", "time", "before this event time"),
    Param("underlying", "text", "only this underlying"),
    Param("contract", "text", "only this contract, compact OCC form"),
    Param("symbol", "text", "only this equity symbol"),
    Param("min_premium", "number", "premium of at least so many dollars", low=0),
    Param("revisions", "text", "the last revision of each event, or all of them", "last", choices=("last", "all")),
    Param("order", "text", "by event time", "desc", choices=("desc", "asc")),
    Param("limit", "int", "rows of a page", 200, 1, 5000),
    Param("cursor", "text", "the `next` of the page before, with the same parameters otherwise"),
)


class Cursor(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The last row of a page."""

    topic: str
    order: str
    ts: int
    id: str
    revision: int

    def token(self) -> str:
        """Returns the cursor as clients see it."""
        return urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


def cursor_of(token: str, topic: str, order: str) -> Cursor:
    """Reads a cursor; raises Refused when it is none of this topic and order."""
    try:
        found = msgspec.json.decode(urlsafe_b64decode(token + "=" * (-len(token) % 4)), type=Cursor)
    except (ValueError, msgspec.MsgspecError):
        raise bad("cursor", "is none that a page of ours gave") from None
    if (found.topic, found.order) != (topic, order):
        raise bad("cursor", f"belongs to {found.topic}, order {found.order}")
    return found


class Conditions:
    """Conditions of one topic's SELECT and their parameters, from checked query parameters."""

    def __init__(self, topic: str, asked: Mapping[str, Any]) -> None:
        self.topic = topic
        self.fields = TOPICS[topic].type.__struct_fields__
        self.parts: list[str] = []
        self.params: dict[str, SqlParam] = {}
        if TOPICS[topic].layer == "derived":
            self.add("run = {run:String}", run=RUN)
        for name in ("contract", "symbol"):
            if asked.get(name) is not None:
                self.add(f"{self._instrument(name)} = {{{name}:String}}", **{name: asked[name]})
        if asked.get("underlying") is not None:
            self._underlying(asked["underlying"])
        if asked.get("min_premium") is not None:
            if "premium" not in self.fields:
                raise bad("min_premium", f"{topic} has no premium to select by; options.marked has")
            self.add("premium >= {min_premium:Float64}", min_premium=asked["min_premium"])

    def add(self, condition: str, **params: SqlParam) -> None:
        """Adds a condition with the parameters that it names."""
        self.parts.append(f"({condition})")
        self.params |= params

    def sql(self) -> str:
        """Returns the conditions, for behind WHERE."""
        return " AND ".join(self.parts) or "1"

    def _instrument(self, wanted: str) -> str:
        if wanted in self.fields:
            return wanted
        if "instrument" in self.fields:
            return "instrument"
        raise bad(wanted, f"{self.topic} has no {wanted} to select by")

    def _underlying(self, name: str) -> None:
        if "instrument" in self.fields:
            mine = f"instrument = {{underlying:String}} OR {_of_root('instrument', name, self.params)}"
            self.add(f"ifNull(underlying = {{underlying:String}}, {mine})", underlying=name)
        elif "underlying" in self.fields:
            self.add("underlying = {underlying:String}", underlying=of_options(name))
        elif "contract" in self.fields:
            self.add(_of_root("contract", of_options(name), self.params))
        elif "symbol" in self.fields:
            self.add("symbol = {underlying:String}", underlying=name)
        else:
            raise bad("underlying", f"{self.topic} has no underlying to select by")


def _of_root(column: str, underlying: str, params: dict[str, SqlParam]) -> str:
    """Returns the condition that a contract's root belongs to an underlying (digits end adjusted roots)."""
    roots = [root for root, of in ROOT_UNDERLYING.items() if of == underlying]
    if underlying not in ROOT_UNDERLYING:
        roots.append(underlying)
    names = []
    for place, root in enumerate(roots):
        params[f"root{place}"] = root
        names.append(f"{{root{place}:String}}")
    root = f"substring({column}, 1, greatest(length({column}), 15) - 15)"
    return f"replaceRegexpOne({root}, '[0-9]+$', '') IN ({', '.join(names)})" if names else "0"


def page(reader: Reader, topic: str, asked: Mapping[str, Any]) -> tuple[list[bytes], str | None]:
    """Returns the rows of a page as export lines, and the cursor of the next page; None behind the last."""
    descending, limit = asked["order"] == "desc", asked["limit"]
    conditions = Conditions(topic, asked)
    low, high = asked["from"] or 0, (FOREVER_NS if asked["to"] is None else asked["to"]) - 1
    if asked["cursor"] is not None:
        at = cursor_of(asked["cursor"], topic, asked["order"])
        _behind(conditions, at, descending)
        low, high = (low, min(high, at.ts)) if descending else (max(low, at.ts), high)
    lines: list[bytes] = []
    last: Cursor | None = None
    while low <= high and len(lines) <= limit:
        want = 2 * (limit + 1 - len(lines))
        rows, edge = _edge(reader, conditions, low, high, want, descending)
        if rows == 0:
            break
        span = (edge, high) if descending else (low, edge)
        columns = _rows(reader, conditions, span, limit + 1 - len(lines), descending, asked["revisions"] == "all")
        kept = min(len(columns["id"]), limit - len(lines))
        if kept > 0:
            revision = columns["revision"][kept - 1] if has_revisions(topic) else 0
            last = Cursor(topic, asked["order"], columns["ts"][kept - 1], columns["id"][kept - 1], revision)
        lines += canonical_lines(topic, columns)
        if rows < want:
            break
        low, high = (low, edge - 1) if descending else (edge + 1, high)
    more = len(lines) > limit
    return lines[:limit], last.token() if more and last is not None else None


def _behind(conditions: Conditions, at: Cursor, descending: bool) -> None:
    """Adds the condition of standing behind a cursor."""
    way = "<" if descending else ">"
    if has_revisions(conditions.topic):
        key = f"(ts, id, revision) {way} ({{c_ts:Int64}}, {{c_id:String}}, {{c_revision:Int64}})"
        conditions.add(key, c_ts=at.ts, c_id=at.id, c_revision=at.revision)
    else:
        conditions.add(f"(ts, id) {way} ({{c_ts:Int64}}, {{c_id:String}})", c_ts=at.ts, c_id=at.id)


def _edge(reader: Reader, conditions: Conditions, low: int, high: int, want: int, descending: bool) -> tuple[int, int]:
    """Returns how many rows were found, `want` at most, and the event time of the last of them."""
    found = reader.query(
        f"SELECT count() AS rows, {'min' if descending else 'max'}(ts) AS edge FROM ("
        f"SELECT ts FROM {table(conditions.topic).name} WHERE {conditions.sql()} AND ts >= {{low:Int64}} "
        f"AND ts <= {{high:Int64}} ORDER BY ts {'DESC' if descending else 'ASC'} LIMIT {int(want)})",
        {**conditions.params, "low": low, "high": high},
    )
    return found["rows"][0], found["edge"][0]


def _rows(
    reader: Reader, conditions: Conditions, span: tuple[int, int], limit: int, descending: bool, every: bool
) -> dict[str, list[Any]]:
    topic = conditions.topic
    way = "DESC" if descending else "ASC"
    order = ", ".join(f"{name} {way}" for name in ("ts", "id", *(("revision",) if has_revisions(topic) else ())))
    newest = "" if every or not has_revisions(topic) else f"AND {last_revision(topic)}"
    return reader.query(
        f"SELECT {columns_sql(topic)} FROM {table(topic).name} FINAL WHERE {conditions.sql()} {newest} "
        f"AND ts >= {{low:Int64}} AND ts <= {{high:Int64}} ORDER BY {order} LIMIT {int(limit)}",
        {**conditions.params, "low": span[0], "high": span[1]},
    )


def columns_sql(topic: str) -> str:
    """Returns the columns of a topic's export line, for behind SELECT."""
    heavy = _HEAVY.get(topic, ())
    return ", ".join(f"'' AS `{c.name}`" if c.name in heavy else f"`{c.name}`" for c in exported_columns(topic))


def last_revision(topic: str) -> str:
    """Returns the condition of being an event's last revision; only ids revised at all are looked up, which are few."""
    name = table(topic).name
    revised = f"SELECT id FROM {name} WHERE run = {{run:String}} AND revision > 0"
    newest = f"SELECT id, max(revision) FROM {name} WHERE run = {{run:String}} AND revision > 0 GROUP BY id"
    return f"(id NOT IN ({revised}) OR (id, revision) IN ({newest}))"
