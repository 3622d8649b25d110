"""Candles over an archive: whole ones only, and what a cancel strikes out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import QueryParams

from api import candles
from api.params import read
from connectors.store.archiver import Archiver
from connectors.store.chdb_engine import ChdbStore
from events.raw import EquityPrint
from events.types import NS_PER_S
from tests.connectors.store.samples import batch_of

MINUTE = 60 * NS_PER_S


def at(text: str) -> int:
    """Returns a time of New York's winter, ns."""
    return int(datetime.fromisoformat(f"{text}-05:00").astimezone(UTC).timestamp()) * NS_PER_S


T0 = at("2026-01-05T09:30")
_numbers = count()


def traded(ts: int, price: float, exchange: str | None = "N", **fields: Any) -> EquityPrint:
    ident = f"t:equities.prints:IBM:{ts}:{next(_numbers)}"
    return EquityPrint(id=ident, ts=ts, symbol="IBM", price=price, size=100, exchange=exchange, tape="A", **fields)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ChdbStore]:
    opened = ChdbStore(tmp_path)
    opened.ensure_tables()
    yield opened
    opened.close()


def asked(store: ChdbStore, prints: list[EquityPrint], **given: str) -> list[dict[str, Any]]:
    archiver = Archiver(store, "main")
    archiver.take("equities.prints", batch_of(prints))
    archiver.flush()
    wanted = read(QueryParams({"symbol": "IBM", **given}), candles.CANDLE_PARAMS)
    return list(candles.candles(store, wanted)["candles"])


@pytest.mark.parametrize(
    "given",
    [
        {"to": str(T0 + MINUTE + 10 * NS_PER_S), "limit": "1"},
        {"to": str(T0 + MINUTE + 10 * NS_PER_S), "limit": "2"},
        {"from": str(T0 + 40 * NS_PER_S)},
    ],
)
def test_the_first_candle_is_whole(store: ChdbStore, given: dict[str, str]) -> None:
    prints = [traded(T0 + 5 * NS_PER_S, 10.0), traded(T0 + 55 * NS_PER_S, 20.0), traded(T0 + MINUTE, 30.0)]
    found = {candle["ts"]: candle for candle in asked(store, prints, **given)}
    if given.get("limit") == "1":
        assert [*found] == [T0 + MINUTE]
    else:
        assert (found[T0]["open"], found[T0]["prints"]) == (10.0, 2)


@pytest.mark.parametrize("ts", ["2026-01-05T00:00", "2026-01-05T12:00", "2026-01-05T23:59:59"])
def test_a_day_begins_at_new_yorks_midnight(store: ChdbStore, ts: str) -> None:
    prints = [traded(T0, 10.0), traded(at("2026-01-05T15:59"), 20.0), traded(at("2026-01-06T09:30"), 30.0)]
    found = asked(store, prints, interval="1d", **{"from": str(at(ts))})
    assert [(candle["ts"], candle["prints"]) for candle in found] == [
        (at("2026-01-05T00:00"), 2), (at("2026-01-06T00:00"), 1)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("venue", "ref", "left"),
    [("N", "7", [2, 3, 4]), (None, "7", [2, 4]), ("N", "own", [1, 2, 3]), ("Q", "7", [1, 2, 3, 4])],
)
def test_a_cancel_means_our_own_id_or_a_trade_id_of_its_day_and_venue(
    store: ChdbStore, venue: str | None, ref: str, left: list[float]
) -> None:
    today, before = T0 + 24 * 60 * MINUTE, T0
    own = traded(before + MINUTE, 4.0, trade_id="8")
    prints = [
        traded(today, 1.0, trade_id="7"), traded(before, 2.0, trade_id="7"),
        traded(today + MINUTE, 3.0, "P", trade_id="7"), own,
    ]  # fmt: skip
    meant = own.id if ref == "own" else ref
    cancel = traded(today + 5 * MINUTE, 1.0, venue, kind="cancel", ref=meant, trade_id="7")
    found = asked(store, [*prints, cancel], **{"from": str(T0)})
    assert sorted(candle["close"] for candle in found) == left
