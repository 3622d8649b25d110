"""Candles and baselines: computed when asked, by SQL over the archive.

A candle's prices come from prints whose conditions may set one (`events/equity_conditions.py`), its volume from every
print that reports a trade; prints cancelled or replaced later are left out (by our own id, else by the vendor's trade
id on the same day and venue), late ones are in. Off-exchange is volume reported by a facility (venue D): which kind of
venue lies behind it, the tape does not say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from api.history import RUN, last_revision
from api.params import Param
from connectors.store.base import Reader
from connectors.store.schema import table
from events.equity_conditions import TAPES, codes
from events.types import FOREVER_NS, NS_PER_S

#: Intervals by name, seconds; a day is New York's.
INTERVALS = {
    "1s": 1, "5s": 5, "10s": 10, "15s": 15, "30s": 30, "1m": 60, "5m": 300, "15m": 900, "30m": 1800,
    "1h": 3600, "1d": 86_400,
}  # fmt: skip
_OFF_EXCHANGE = "D"
_NEW_YORK = ZoneInfo("America/New_York")
_SUMS = ("volume", "off_exchange_volume", "vwap")
CANDLE_PARAMS = (
    Param("symbol", "text", "the equity symbol", required=True),
    Param("interval", "text", "the length of a candle", "1m", choices=tuple(INTERVALS)),
    Param(
        "from",
        "time",
        "from the candle on that this event time lies in; without it, the newest `limit` intervals before `to`",
    ),
    Param("to", "time", "before this event time; without it, up to the newest print"),
    Param("limit", "int", "candles at most, the newest of the span", 500, 1, 5000),
)
BASELINE_PARAMS = (
    Param("underlying", "underlying", "the underlying", required=True),
    Param("contract", "text", "only this contract"),
    Param("limit", "int", "contracts, those with the newest packet first", 200, 1, 5000),
)


def _listed(wanted: tuple[str, ...]) -> str:
    """Returns codes of our own table as an SQL array; none of them comes from a request."""
    return "[" + ", ".join(f"'{code}'" for code in wanted) + "]"


def _unless(forbidding: Callable[[str | None], tuple[str, ...]]) -> str:
    """Returns the condition that none of a print's codes forbids something, by its tape."""
    cases = [f"tape = '{tape}', hasAny(conditions, {_listed(forbidding(tape))})" for tape in TAPES]
    return f"NOT multiIf({', '.join(cases)}, hasAny(conditions, {_listed(forbidding(None))}))"


_PRICED = _unless(lambda tape: codes(tape, price=False))
_COUNTED = _unless(lambda tape: codes(tape, volume=False))


def candles(reader: Reader, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the candles asked for, oldest first."""
    seconds = INTERVALS[asked["interval"]]
    to = asked["to"]
    if to is None:
        newest = reader.query(
            f"SELECT max(ts) AS ts FROM {_PRINTS} WHERE symbol = {{symbol:String}}", {"symbol": asked["symbol"]}
        )
        to = newest["ts"][0] + 1
    start = asked["from"]
    if start is None:
        start = max(to - asked["limit"] * seconds * NS_PER_S, 0)
    start = _begin_of(start, seconds)
    found = reader.query(_candle_sql(seconds), {"symbol": asked["symbol"], "low": start, "high": min(to, FOREVER_NS)})
    for name in _SUMS:
        # A server adds in an order of its own: what hangs on it is no digit of ours.
        found[name] = [round(value, 6) for value in found[name]]
    rows = [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]
    return {"symbol": asked["symbol"], "interval": asked["interval"], "candles": rows[-asked["limit"] :]}


def _begin_of(ts: int, seconds: int) -> int:
    """Returns where the candle begins that a time lies in: none is made of a part of its prints."""
    if seconds != INTERVALS["1d"]:
        return ts - ts % (seconds * NS_PER_S)
    midnight = datetime.fromtimestamp(ts // NS_PER_S, _NEW_YORK).replace(hour=0, minute=0, second=0)
    return max(int(midnight.timestamp()) * NS_PER_S, 0)


_PRINTS = table("equities.prints").name
_MINE = "symbol = {symbol:String} AND ts >= {low:Int64} AND ts < {high:Int64}"
#: A day of New York's, as the ns of its midnight; equities trade within one.
_DAY = f"toInt64(toUnixTimestamp(toStartOfDay(toDateTime(intDiv(ts, {NS_PER_S}), 'America/New_York')))) * {NS_PER_S}"
_STRIKES = (
    f"FROM {_PRINTS} WHERE symbol = {{symbol:String}} AND ts >= {{low:Int64}} AND kind IS NOT NULL "
    "AND ifNull(ref, '') != ''"
)
#: A vendor counts trades anew each day, and each venue's by themselves: only our own ids stand for one print alone.
_STANDS = (
    f"id NOT IN (SELECT assumeNotNull(ref) {_STRIKES}) "
    f"AND ({_DAY}, ifNull(exchange, ''), ifNull(trade_id, '')) NOT IN "
    f"(SELECT {_DAY}, assumeNotNull(exchange), assumeNotNull(ref) {_STRIKES} AND exchange IS NOT NULL) "
    f"AND ({_DAY}, ifNull(trade_id, '')) NOT IN "
    f"(SELECT {_DAY}, assumeNotNull(ref) {_STRIKES} AND exchange IS NULL)"
)


def _candle_sql(seconds: int) -> str:
    span = seconds * NS_PER_S
    bucket = _DAY if seconds == INTERVALS["1d"] else f"intDiv(ts, {span}) * {span}"
    # Inner names are of their own: old servers take an outer name for the inner column of that name.
    return (
        f"SELECT bucket AS ts, "
        f"argMinIf(p_price, (p_ts, p_id), priced) AS open, maxIf(p_price, priced) AS high, "
        f"minIf(p_price, priced) AS low, argMaxIf(p_price, (p_ts, p_id), priced) AS close, "
        f"sumIf(p_size, counted) AS volume, "
        f"sumIf(p_size, counted AND ifNull(p_exchange, '') = '{_OFF_EXCHANGE}') AS off_exchange_volume, "
        f"sumIf(p_price * p_size, priced) / sumIf(p_size, priced) AS vwap, countIf(counted) AS prints "
        f"FROM (SELECT {bucket} AS bucket, ts AS p_ts, id AS p_id, price AS p_price, size AS p_size, "
        f"exchange AS p_exchange, {_PRICED} AS priced, {_COUNTED} AS counted "
        f"FROM {_PRINTS} FINAL WHERE {_MINE} AND ifNull(kind, '') != 'cancel' "
        f"AND {_STANDS}) "
        "GROUP BY bucket HAVING countIf(priced) > 0 ORDER BY bucket"
    )


_BASELINE_FIELDS = (
    "baseline", "baseline_samples", "premium_mean", "premium_z", "size_mean", "size_z", "spread_z", "premium", "size",
    "spread",
)  # fmt: skip


def baselines(reader: Reader, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what was usual for each contract before its newest packet, as that packet carries it."""
    contract = "AND contract = {contract:String}" if asked["contract"] is not None else ""
    params = {"underlying": asked["underlying"], "run": RUN, "limit": asked["limit"]}
    if asked["contract"] is not None:
        params["contract"] = asked["contract"]
    # Inner names are of their own: old servers take an outer name for the inner column of that name.
    fields = ("id", *_BASELINE_FIELDS)
    inner = ", ".join(f"{name} AS p_{name}" for name in ("contract", "ts", *fields))
    newest = ", ".join(f"argMax(tuple(p_{name}), (p_ts, p_id)).1 AS {name}" for name in fields)
    found = reader.query(
        f"SELECT p_contract AS contract, max(p_ts) AS ts, {newest} FROM "
        f"(SELECT {inner} FROM {table('flow.packets').name} FINAL WHERE run = {{run:String}} AND "
        f"underlying = {{underlying:String}} {contract} AND {last_revision('flow.packets')}) "
        "GROUP BY p_contract ORDER BY ts DESC, contract LIMIT {limit:UInt32}",
        params,
    )
    rows = [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]
    return {
        "underlying": asked["underlying"],
        "source": "the archive: the baseline that each contract's newest packet was compared with, before that packet",
        "baselines": rows,
    }
