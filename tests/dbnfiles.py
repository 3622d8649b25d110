"""Files in Databento's encoding, made with Databento's own classes, and what the import reads of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from connectors.importing.dbn import DbnFile
from connectors.importing.records import Good, Item

dbn = pytest.importorskip("databento_dbn")

UNDEF_PRICE = 2**63 - 1
UNDEF_TS = 2**64 - 1
T0 = 1_740_061_800_000_000_000
DAY = 86_400_000_000_000


def counted(items: Iterable[Item]) -> Counter[str]:
    """Returns how many items of each topic, or else of each kind, there are."""
    return Counter(item.topic if isinstance(item, Good) else type(item).__name__.lower() for item in items)


def events_of(path: Path) -> list[dict[str, Any]]:
    """Returns the events of a file."""
    return [orjson.loads(item.message) for item in DbnFile(path) if isinstance(item, Good)]


def dbn_file(
    path: Path, dataset: str, records: Iterable[Any], mappings: dict[str, list[tuple[date, str]]], schema: Any = None
) -> Path:
    """Writes a version 3 file; a mapping holds for one day."""
    intervals = [
        SimpleNamespace(
            raw_symbol=symbol,
            intervals=[SimpleNamespace(start_date=day, end_date=day.replace(day=day.day + 1), symbol=number)
             for day, number in days],
        )
        for symbol, days in mappings.items()
    ]  # fmt: skip
    metadata = dbn.Metadata(
        dataset=dataset, start=T0, stype_in=dbn.SType.RAW_SYMBOL, stype_out=dbn.SType.INSTRUMENT_ID,
        schema=schema, symbols=list(mappings), partial=[], not_found=[], mappings=intervals, version=3,
    )  # fmt: skip
    path.write_bytes(bytes(metadata) + b"".join(map(bytes, records)))
    return path


def dbn_trade(instrument_id: int, ts: int, publisher_id: int, price: int = 1_230_000_000) -> Any:
    """Returns a trade of 7 at 1.23."""
    recv_ts = min(ts, T0 + 7 * DAY) + 1000
    return dbn.TradeMsg(
        publisher_id=publisher_id, instrument_id=instrument_id, ts_event=ts, price=price, size=7,
        action=dbn.Action.TRADE, side=dbn.Side.NONE, depth=0, ts_recv=recv_ts, sequence=5,
    )  # fmt: skip


def consolidated(action: Any, bid: int = 1_200_000_000) -> Any:
    """Returns a record of the consolidated book, 1.20 to 1.25; by its action a quote, or a trade at the ask."""
    level = dbn.ConsolidatedBidAskPair(bid_px=bid, ask_px=1_250_000_000, bid_sz=3, ask_sz=4, bid_pb=23, ask_pb=999)
    return dbn.CMBP1Msg(
        rtype=0xB1, publisher_id=26, instrument_id=1, ts_event=T0, price=1_250_000_000, size=2,
        action=action, side=dbn.Side.NONE, ts_recv=T0 + 1000, levels=level,
    )  # fmt: skip


FIRST, SECOND = "SPY   260116C00450000", "SPXW  260116P05000000"
DAYS = {
    FIRST: [(date(2025, 2, 20), "1"), (date(2025, 2, 21), "2")],
    SECOND: [(date(2025, 2, 20), "2"), (date(2025, 2, 21), "1")],
}
