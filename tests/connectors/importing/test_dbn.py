"""Databento files of every version become our events; what they cannot say is not invented."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.importing.dbn import DbnFile
from connectors.importing.publishers import publisher
from connectors.importing.records import Bad, Good, Unsupported
from events.conditions import NOT_FIRM_QUOTES
from operators.spot import NOT_FIRM_EQUITY_QUOTES
from tests.dbnfiles import (
    DAY,
    DAYS,
    FIRST,
    T0,
    UNDEF_PRICE,
    UNDEF_TS,
    consolidated,
    counted,
    dbn_file,
    dbn_trade,
    events_of,
)
from tests.importing import imported, log

dbn = pytest.importorskip("databento_dbn")

_DATA = Path(__file__).parents[2] / "data" / "dbn"
_TOPIC = {
    "trades": "prints", "tbbo": "prints", "mbp-1": "quotes", "cbbo-1s": "quotes", "cbbo-1m": "quotes",
    "bbo-1s": "quotes", "bbo-1m": "quotes",
}  # fmt: skip


def _expected(path: Path) -> Counter[str]:
    """Returns what a fixture holds: four records of every schema, one definition, one daily bar of QQQ."""
    folder, schema = path.parent.name, path.name.split(".")[1]
    if folder == "LIVE":
        return Counter({"unsupported": 46})
    if folder == "misc":
        count = 4 if schema == "status" else 2
        return Counter({"reference" if schema == "definition" else "unsupported": count})
    count = 1 if schema == "definition" or (folder, schema) == ("EQUS.MINI", "ohlcv-1d") else 4
    if schema in ("definition", "statistics"):
        return Counter({"reference": count})
    if schema.startswith("ohlcv"):
        return Counter({"unsupported": count})
    return Counter({f"{'equities' if folder == 'EQUS.MINI' else 'options'}.{_TOPIC[schema]}": count})


_FILES = sorted(path for path in _DATA.rglob("*.dbn*"))


@pytest.mark.parametrize("path", _FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_record_of_every_fixture_is_accounted_for(path: Path) -> None:
    assert counted(DbnFile(path)) == _expected(path)


def test_all_fixtures_are_there() -> None:
    assert len(_FILES) == 50


def test_a_print_has_its_venue_its_times_and_the_venues_book_before_it() -> None:
    first, *_ = events_of(_DATA / "OPRA.PILLAR/test_data.tbbo.dbn.zst")
    assert first == {
        "ts": 1740061800817657088, "contract": "AAPL250221C00250000", "price": 0.24, "size": 1, "exchange": "D",
        "source": "databento", "recv_ts": 1740061800817866523, "seq": 713382, "bid": 0.24, "ask": 0.25,
        "bid_size": 1, "ask_size": 4, "quote_origin": "attached", "book": "venue",
    }  # fmt: skip


def test_an_empty_book_is_not_attached() -> None:
    first, second, *_ = events_of(_DATA / "v1/test_data.tbbo.dbn.zst")
    assert "quote_origin" not in first
    assert "book" not in first
    assert second["quote_origin"] == "attached"


def test_a_sampled_book_stands_at_the_end_of_its_interval() -> None:
    empty, quote, *_ = events_of(_DATA / "v2/test_data.cbbo-1s.dbn.zst")
    assert "bid" not in empty
    assert quote["ts"] == quote["recv_ts"] == 1740061801000000000
    assert (quote["bid"], quote["ask"], quote["bid_exchange"], quote["book"]) == (0.1, 0.25, "D", "national")


def test_the_row_of_opra_itself_is_the_national_book() -> None:
    books = [event["book"] for event in events_of(_DATA / "OPRA.PILLAR/test_data.mbp-1.dbn.zst")]
    assert books == ["venue", "national", "venue", "venue"]


def test_a_definition_says_no_multiplier_that_the_vendor_does_not_give() -> None:
    (event,) = events_of(_DATA / "v1/test_data.definition.dbn.zst")
    assert "multiplier" not in event
    assert (event["underlying"], event["expiry_ts"]) == ("AAPL", 1680220800000000000)


def test_a_feed_says_what_its_records_showed() -> None:
    sampled = DbnFile(_DATA / "OPRA.PILLAR/test_data.cbbo-1s.dbn.zst")
    assert len(list(sampled)) == 4
    facts = sampled.facts("options.quotes", "databento")
    assert (facts.quotes, facts.book, facts.carries_conditions) == ("sampled", "national", None)
    prints = DbnFile(_DATA / "OPRA.PILLAR/test_data.tbbo.dbn.zst")
    assert len(list(prints)) == 4
    facts = prints.facts("options.prints", "databento")
    assert (facts.quotes, facts.book, facts.carries_conditions) == (None, "venue", False)


def test_open_interest_of_several_venues_keeps_its_rows(tmp_path: Path) -> None:
    imported(tmp_path / "d", _DATA / "OPRA.PILLAR/test_data.statistics.dbn.zst")
    rows = [orjson.loads(held.message) for held in log(tmp_path / "d")["reference"]["AAPL250221C00250000"]]
    assert [row["open_interest"] for row in rows] == [57924] * 4
    assert len({row["id"] for row in rows}) == 4


@pytest.mark.parametrize("together", [True, False])
def test_one_trade_is_one_print_whichever_schema_brings_it(tmp_path: Path, together: bool) -> None:
    trades, tbbo = (_DATA / f"OPRA.PILLAR/test_data.{schema}.dbn.zst" for schema in ("trades", "tbbo"))
    if together:
        report = imported(tmp_path / "d", trades, tbbo)
        assert (report.read, report.written, report.duplicate) == (8, 4, 4)
    else:
        assert imported(tmp_path / "d", trades).written == 4
        report = imported(tmp_path / "d", tbbo, allow_late=True)
        assert (report.written, report.duplicate) == (0, 4)
    assert len(log(tmp_path / "d")["options.prints"]["AAPL250221C00250000"]) == 4


# ---- records made with Databento's own classes --------------------------------------------------


def test_an_id_means_the_contract_of_its_own_date(tmp_path: Path) -> None:
    records = [dbn_trade(1, T0, 23), dbn_trade(2, T0, 23), dbn_trade(1, T0 + DAY, 23), dbn_trade(1, T0 + 2 * DAY, 23)]
    items = list(DbnFile(dbn_file(tmp_path / "a.dbn", "OPRA.PILLAR", records, DAYS)))
    contracts = [orjson.loads(item.message)["contract"] for item in items if isinstance(item, Good)]
    assert contracts == ["SPY260116C00450000", "SPXW260116P05000000", "SPXW260116P05000000"]
    assert isinstance(items[3], Bad)
    assert (items[3].position, items[3].reason) == ("record 4", "instrument id 1 has no symbol on 2025-02-22")


def test_a_consolidated_trade_carries_the_national_book_and_other_actions_are_quotes(tmp_path: Path) -> None:
    records = [
        consolidated(dbn.Action.TRADE),
        consolidated(dbn.Action.ADD),
        consolidated(dbn.Action.ADD, UNDEF_PRICE),
    ]
    items = list(DbnFile(dbn_file(tmp_path / "a.dbn", "OPRA.PILLAR", records, DAYS)))
    events = [orjson.loads(item.message) for item in items if isinstance(item, Good)]
    assert [item.topic for item in items if isinstance(item, Good)] == [
        "options.prints",
        "options.quotes",
        "options.quotes",
    ]
    assert (events[0]["exchange"], events[0]["bid"], events[0]["book"], events[0]["quote_origin"]) == (
        "I", 1.2, "national", "attached",
    )  # fmt: skip
    assert (events[1]["bid_exchange"], events[1]["ask_exchange"]) == ("D", "publisher-999")
    assert "bid" not in events[2]
    assert "bid_exchange" not in events[2]


@pytest.mark.parametrize(
    ("publisher_id", "exchange"), [(82, "D"), (83, "D"), (131, "D"), (133, "D"), (81, "Q"), (999, "publisher-999")]
)
def test_every_facility_of_finra_is_d_on_equities(tmp_path: Path, publisher_id: int, exchange: str) -> None:
    mapping = {"IBM": [(date(2025, 2, 20), "1")]}
    path = dbn_file(tmp_path / "a.dbn", "XNAS.BASIC", [dbn_trade(1, T0, publisher_id)], mapping)
    (event,) = events_of(path)
    assert (event["symbol"], event["exchange"], event["size"]) == ("IBM", exchange, 7.0)


def test_letters_of_options_are_not_those_of_equities() -> None:
    assert publisher(23).exchange == "D"  # MIAX Emerald, an options exchange
    assert publisher(30).national
    assert not publisher(2).national


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (dbn_trade(1, UNDEF_TS, 23), "ts_event is undefined"),
        (dbn_trade(1, T0, 23, UNDEF_PRICE), "Expected `float`, got `null`"),
        (dbn_trade(1, T0, 23, -1), "Expected `float` >= 0"),
        (dbn_trade(1, 1_700_000, 23), "instrument id 1 has no symbol on 1970-01-01"),
    ],
)
def test_a_record_without_a_time_or_price_is_dead_and_its_neighbours_arrive(
    tmp_path: Path, record: Any, reason: str
) -> None:
    records = [dbn_trade(1, T0, 23), record, dbn_trade(1, T0, 23)]
    items = list(DbnFile(dbn_file(tmp_path / "a.dbn", "OPRA.PILLAR", records, DAYS)))
    assert [type(item) for item in items] == [Good, Bad, Good]
    assert isinstance(items[1], Bad)
    assert reason in items[1].reason
    assert items[1].raw == bytes(record)


def test_a_mapping_inside_a_capture_holds_behind_it(tmp_path: Path) -> None:
    mapping = dbn.SymbolMappingMsg(
        publisher_id=0, instrument_id=9, ts_event=T0, stype_in=dbn.SType.RAW_SYMBOL, stype_in_symbol="X",
        stype_out=dbn.SType.INSTRUMENT_ID, stype_out_symbol=FIRST, start_ts=T0, end_ts=T0 + DAY,
    )  # fmt: skip
    items = list(
        DbnFile(dbn_file(tmp_path / "a.dbn", "OPRA.PILLAR", [dbn_trade(9, T0, 23), mapping, dbn_trade(9, T0, 23)], {}))
    )
    assert [type(item) for item in items] == [Bad, Unsupported, Good]


@pytest.mark.parametrize(
    ("dataset", "publisher_id", "book"),
    [
        ("XNAS.BASIC", 81, "venue"),
        ("EQUS.MINI", 95, "venue"),
        ("DBEQ.BASIC", 39, "venue"),
        ("EQUS.SIP", 130, "national"),
    ],
)
def test_a_consolidated_book_is_national_only_where_all_venues_are_in_it(
    tmp_path: Path, dataset: str, publisher_id: int, book: str
) -> None:
    record = consolidated(dbn.Action.ADD)
    record.publisher_id = publisher_id
    path = dbn_file(tmp_path / "a.dbn", dataset, [record], {"IBM": [(date(2025, 2, 20), "1")]})
    assert [event["book"] for event in events_of(path)] == [book]


@pytest.mark.parametrize(("dataset", "condition"), [("OPRA.PILLAR", "F"), ("XNAS.BASIC", "N")])
def test_a_book_that_may_be_wrong_is_not_firm_and_not_attached(tmp_path: Path, dataset: str, condition: str) -> None:
    records = [consolidated(action) for action in (dbn.Action.ADD, dbn.Action.TRADE) for _ in range(2)]
    for record in records[::2]:
        record.flags = 4 | 128
    days = {FIRST if condition == "F" else "IBM": [(date(2025, 2, 20), "1")]}
    events = events_of(dbn_file(tmp_path / "a.dbn", dataset, records, days))
    assert [event.get("condition") for event in events[:2]] == [condition, None]
    assert [event.get("bid") for event in events[2:]] == [None, 1.2]
    assert condition in (NOT_FIRM_QUOTES if condition == "F" else NOT_FIRM_EQUITY_QUOTES)


# ---- halts -------------------------------------------------------------------------------------


def _status(ms: int, action: str, reason: str = "NONE", publisher_id: int = 2) -> Any:
    return dbn.StatusMsg(
        publisher_id=publisher_id, instrument_id=1, ts_event=T0 + ms * 1_000_000, ts_recv=T0 + ms * 1_000_000 + 5,
        action=getattr(dbn.StatusAction, action), reason=getattr(dbn.StatusReason, reason),
    )  # fmt: skip


def _halts(tmp_path: Path, *records: Any, dataset: str = "XNAS.ITCH") -> list[tuple[int, str]]:
    path = dbn_file(tmp_path / "a.dbn", dataset, records, {"IBM": [(date(2025, 2, 20), "1")]})
    return [((event["ts"] - T0) // 1_000_000, event["kind"]) for event in events_of(path)]


@pytest.mark.parametrize("action", ["HALT", "PAUSE", "SUSPEND"])
def test_a_status_of_a_stock_is_a_halt_until_trading_goes_on(tmp_path: Path, action: str) -> None:
    records = [
        _status(0, "PRE_OPEN", "SCHEDULED"), _status(1, "TRADING", "SCHEDULED"), _status(2, action, "LULD_PAUSE"),
        _status(3, "QUOTING"), _status(4, "NOT_AVAILABLE_FOR_TRADING"), _status(5, "TRADING"), _status(6, "TRADING"),
    ]  # fmt: skip
    assert _halts(tmp_path, *records) == [(2, "halt"), (5, "resume")]
    assert events_of(tmp_path / "a.dbn")[0] == {
        "ts": T0 + 2_000_000, "kind": "halt", "instrument": "IBM", "source": "databento", "recv_ts": T0 + 2_000_005,
    }  # fmt: skip


def test_trading_that_goes_on_at_a_files_beginning_may_end_a_halt_of_an_earlier_piece(tmp_path: Path) -> None:
    assert _halts(tmp_path, _status(0, "QUOTING"), _status(1, "TRADING", "NEWS_RELEASED")) == [(1, "resume")]
    assert _halts(tmp_path, _status(0, "TRADING", "SCHEDULED")) == []


def test_a_halt_ends_when_the_last_venue_takes_it_back(tmp_path: Path) -> None:
    records = [
        _status(0, "HALT"), _status(1, "HALT", publisher_id=43), _status(2, "TRADING"),
        _status(3, "TRADING", publisher_id=43),
    ]  # fmt: skip
    assert _halts(tmp_path, *records) == [(0, "halt"), (1, "halt"), (3, "resume")]


def test_a_status_of_an_option_is_not_imported(tmp_path: Path) -> None:
    path = dbn_file(tmp_path / "a.dbn", "OPRA.PILLAR", [_status(0, "HALT")], DAYS)
    assert counted(DbnFile(path)) == Counter({"unsupported": 1})


def test_a_day_whose_prints_come_in_two_schemas_is_told_where_no_sequence_makes_them_one(tmp_path: Path) -> None:
    trades, tbbo, quotes = (_DATA / f"OPRA.PILLAR/test_data.{name}.dbn.zst" for name in ("trades", "tbbo", "cbbo-1s"))
    assert imported(tmp_path / "d", trades, quotes, tbbo).repeated == []
    days = {FIRST: [(date(2025, 2, 20), "1")]}
    records = [consolidated(dbn.Action.TRADE)]
    cmbp = dbn_file(tmp_path / "cmbp.dbn", "OPRA.PILLAR", records, days, dbn.Schema.CMBP_1)
    told = ["OPRA.PILLAR 2025-02-20: prints came as cmbp-1 and as trades or tbbo or mbp-1: each stands here twice"]
    assert imported(tmp_path / "d", cmbp, allow_late=True).repeated == told
    assert imported(tmp_path / "both", trades, cmbp).repeated == told
