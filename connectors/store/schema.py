"""The archive's tables, one per topic, made from the event types: a field is declared once, in `events`.

Rows of one identity collapse (contract 17): raw and operational rows on (ts, id), derived rows on (run, ts, id,
revision). An id stands for one `ts`, so `ts` adds nothing to the identity; it leads the key so that spans and pages
read only their own rows. Of rows with one identity the one of the highest log offset stands, the last inserted of it.
No table has a PARTITION BY: an insert must be atomic (contract 30).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import msgspec
import numpy as np
import orjson
from msgspec import inspect

from events.codec import canonical_line
from events.topics import TOPICS, Topic, topic

#: What a column holds: a list with None for null, or a numpy array where nothing is null.
Values = Sequence[Any] | np.ndarray[Any, Any]
Columns = Mapping[str, Values]
Kind = Literal["str", "int", "offset", "float", "bool", "strings", "json"]

_CLICKHOUSE: dict[Kind, str] = {
    "str": "String",
    "int": "Int64",
    "offset": "UInt64",
    "float": "Float64",
    "bool": "UInt8",
    "strings": "Array(String)",
    "json": "String",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it holds, and how the store and the export write it."""

    name: str
    kind: Kind
    nullable: bool = False
    #: One of a few fixed words.
    words: bool = False

    @property
    def plain(self) -> str:
        """The column's type in any ClickHouse."""
        inner = _CLICKHOUSE[self.kind]
        return f"Nullable({inner})" if self.nullable else inner

    @property
    def clickhouse(self) -> str:
        """The column's type in ClickHouse."""
        return f"LowCardinality({self.plain})" if self.words else self.plain


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a server's version has; the tables hold the same rows in every one."""

    #: Dictionary-encoded words (a setting's experiment before 19.0, and not trusted there).
    low_cardinality: bool = True
    #: Compression by column.
    codecs: bool = False
    #: The column TIME, derived from `ts` where it is read, for people and dashboards; ours read `ts`.
    times: bool = False

    def type_of(self, column: Column) -> str:
        """Returns the type of a column."""
        return column.clickhouse if self.low_cardinality else column.plain

    def declare(self, column: Column) -> str:
        """Returns a column as the statement that makes it says it."""
        return f"`{column.name}` {self.type_of(column)}{self.codec_of(column)}"

    def codec_of(self, column: Column) -> str:
        """Returns how a column is compressed, led by a space; nothing where the server's default is meant."""
        if not self.codecs or column.words or column.kind == "bool":
            return ""
        rising = column.kind == "offset" or (column.kind == "int" and column.name.endswith("ts"))
        return " CODEC(Delta, ZSTD(1))" if rising and not column.nullable else " CODEC(ZSTD(1))"


EMBEDDED = Dialect()
#: The name of the derived column of a row's event time.
TIME = "time"


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its columns in order, and the key that its rows collapse on."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    #: The column whose highest value stands among rows of one key; None: the last inserted.
    newest: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names in order."""
        return tuple(column.name for column in self.columns)

    def create(self, dialect: Dialect | None = None) -> str:
        """Returns the statement that makes the table, as a server of that dialect takes it."""
        used = dialect or EMBEDDED
        columns = [used.declare(column) for column in self.columns]
        if used.times and "ts" in self.names:
            columns.append(f"`{TIME}` DateTime64(9, 'UTC') ALIAS fromUnixTimestamp64Nano(ts, 'UTC')")
        key = ", ".join(f"`{name}`" for name in self.key)
        return (
            f"CREATE TABLE IF NOT EXISTS {self.name} ({', '.join(columns)}) "
            f"ENGINE = ReplacingMergeTree({self.newest or ''}) ORDER BY ({key})"
        )

    def widen(self, found: Collection[str], dialect: Dialect | None = None) -> list[str]:
        """Returns what adds the columns that a table with these ones lacks: an optional field came after it was made.

        Rows of before have null there, or nothing, false or zero.
        """
        used = dialect or EMBEDDED
        missing = [column for column in self.columns if column.name not in found]
        return [f"ALTER TABLE {self.name} ADD COLUMN {used.declare(column)}" for column in missing]


#: Where a record stood in the log; never exported (contract 34).
_PLACE = (Column("partition", "int"), Column("offset", "offset"), Column("lease_epoch", "int"))
_RUN = Column("run", "str", words=True)
#: What the archive adds to a raw event and exports (contract 3).
_ORDER = (Column("order_ts", "int"), Column("arrived_late", "bool"))

CONTROL = Table(
    "control",
    (
        Column("topic", "str", words=True),
        *_PLACE,
        Column("ts", "int"),
        Column("control", "str"),
        Column("record", "json"),
    ),
    ("topic", "partition", "offset"),
)
PROGRESS = Table(
    "progress",
    (
        _RUN,
        Column("topic", "str", words=True),
        Column("partition", "int"),
        Column("next_offset", "offset"),
        Column("promise", "int"),
        Column("lease_epoch", "int"),
    ),
    ("run", "topic", "partition"),
    "next_offset",
)


@cache
def own_columns(topic_name: str) -> tuple[Column, ...]:
    """Returns the columns of an event's own fields, in the order that its type declares them."""
    info = inspect.type_info(topic(topic_name).type)
    assert isinstance(info, inspect.StructType)
    return tuple(_column(field.name, field.type) for field in info.fields)


def _column(name: str, kind: inspect.Type) -> Column:
    bare = _bare(kind)
    options = [_bare(option) for option in (bare.types if isinstance(bare, inspect.UnionType) else (bare,))]
    some = [option for option in options if not isinstance(option, inspect.NoneType)]
    nullable = len(some) < len(options)
    if len(some) == 1:
        match some[0]:
            case inspect.StrType():
                return Column(name, "str", nullable)
            case inspect.LiteralType():
                return Column(name, "str", nullable, words=True)
            case inspect.BoolType():
                return Column(name, "bool", nullable)
            case inspect.IntType():
                return Column(name, "int", nullable)
            case inspect.FloatType():
                return Column(name, "float", nullable)
            case inspect.VarTupleType(item_type=inspect.StrType()) if not nullable:
                return Column(name, "strings")
    return Column(name, "json", nullable)


def _bare(kind: inspect.Type) -> inspect.Type:
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    return kind


@cache
def table(topic_name: str) -> Table:
    """Returns a topic's table; raises ValueError that lists the topics when there is none of that name."""
    entry = topic(topic_name)
    own = own_columns(topic_name)
    names = {column.name for column in own}
    place = tuple(column for column in _PLACE if column.name not in names)
    name = topic_name.replace(".", "_")
    if entry.layer == "derived":
        return Table(name, (_RUN, *own, *place), ("run", "ts", "id", *_revision(entry)), "offset")
    order = _ORDER if entry.layer == "raw" else ()
    return Table(name, (*own, *order, *place), ("ts", "id"), "offset")


def has_revisions(topic_name: str) -> bool:
    """Says whether a topic's events carry a revision beside their id."""
    return bool(_revision(topic(topic_name)))


def _revision(entry: Topic) -> tuple[str, ...]:
    return ("revision",) if "revision" in entry.type.__struct_fields__ else ()


#: The columns that the tables of a database have.
FOUND_COLUMNS = "SELECT table AS of, groupArray(name) AS names FROM system.columns WHERE database = {} GROUP BY table"


def tables() -> list[Table]:
    """Returns every table of the archive."""
    return [*(table(name) for name in TOPICS), CONTROL, PROGRESS]


@cache
def exported_columns(topic_name: str) -> tuple[Column, ...]:
    """Returns the columns of an export line, by name: the event's own, a raw event's order time and late flag too."""
    order = _ORDER if topic(topic_name).layer == "raw" else ()
    return tuple(sorted((*own_columns(topic_name), *order), key=lambda column: column.name))


def canonical_fields(topic_name: str) -> tuple[str, ...]:
    """Returns the names of an export line's fields, sorted; never a run, an offset or a lease epoch (contract 34)."""
    return tuple(column.name for column in exported_columns(topic_name))


def stored(column: Column, values: Sequence[Any]) -> Values:
    """Returns an event field's values as the store keeps them."""
    if column.kind == "json":
        encode = msgspec.json.encode
        return [None if value is None else encode(value).decode() for value in values]
    return values


def canonical_lines(topic_name: str, columns: Columns) -> list[bytes]:
    """Rebuilds export lines from stored columns: the same bytes as `events.codec.canonical_line` of the event."""
    exported = exported_columns(topic_name)
    names = [column.name for column in exported]
    shown = [_shown(column, columns[column.name]) for column in exported]
    return [canonical_line(dict(zip(names, row, strict=True))) for row in zip(*shown, strict=True)]


def _shown(column: Column, values: Values) -> Values:
    if column.kind == "bool":
        return [None if value is None else bool(value) for value in values]
    if column.kind == "json":
        return [None if value is None else orjson.loads(value) for value in values]
    return values
