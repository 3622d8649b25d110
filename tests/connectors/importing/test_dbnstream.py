"""Databento files that are damaged, or stand behind one another in one stream."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import orjson
import pytest
import zstandard

from connectors.importing.dbn import DbnFile
from connectors.importing.records import Bad, Good, ImportRefused
from tests.dbnfiles import (
    DAY,
    DAYS,
    FIRST,
    SECOND,
    T0,
    counted,
    dbn_file,
    dbn_trade,
)
from tests.importing import imported, log

# ---- damage ------------------------------------------------------------------------------------


def _four_trades(tmp_path: Path) -> bytes:
    return dbn_file(
        tmp_path / "whole.dbn", "OPRA.PILLAR", [dbn_trade(1, T0 + n, 23) for n in range(4)], DAYS
    ).read_bytes()


def test_a_truncated_file_is_refused_or_gives_its_whole_records_and_one_dead_one(tmp_path: Path) -> None:
    path = tmp_path / "cut.dbn"
    path.write_bytes(_four_trades(tmp_path)[:-20])
    with pytest.raises(ImportRefused, match=r"^cut.dbn: the file ends inside the record \(record 4\); nothing was"):
        imported(tmp_path / "d", path)
    assert log(tmp_path / "d") == {}
    report = imported(tmp_path / "d", path, allow_damaged=True)
    assert (report.read, report.written, report.dead) == (4, 3, 1)
    (held,) = log(tmp_path / "d")["deadletter"]["cut.dbn"]
    letter = orjson.loads(held.message)
    assert (letter["position"], letter["reason"]) == ("record 4", "the file ends inside the record")


def test_a_record_that_cannot_be_decoded_costs_no_other(tmp_path: Path) -> None:
    whole = bytearray(_four_trades(tmp_path))
    size = len(bytes(dbn_trade(1, T0, 23)))
    whole[-2 * size + 1] = 0xEE  # the third record's type
    path = tmp_path / "odd.dbn"
    path.write_bytes(bytes(whole))
    assert counted(DbnFile(path)) == Counter({"options.prints": 3, "bad": 1})


def test_a_length_that_cannot_be_ends_the_file(tmp_path: Path) -> None:
    path = tmp_path / "zero.dbn"
    path.write_bytes(_four_trades(tmp_path) + bytes(64))
    items = list(DbnFile(path))
    assert counted(items) == Counter({"options.prints": 4, "bad": 1})


@pytest.mark.parametrize("data", [b"", b"DBN", b"{}\n" * 9, b"DBN\x03\xff\xff\x00\x00"])
def test_a_file_that_is_none_is_refused_by_name(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "no.dbn").write_bytes(data)
    with pytest.raises(ImportRefused, match="no.dbn: not a DBN file"):
        DbnFile(tmp_path / "no.dbn")


# ---- files behind one another ------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_behind_another_in_one_stream_brings_its_records_and_its_symbols(tmp_path: Path, packed: bool) -> None:
    first = dbn_file(tmp_path / "a.dbn", "OPRA.PILLAR", [dbn_trade(1, T0, 23)], {FIRST: [(date(2025, 2, 20), "1")]})
    second = dbn_file(
        tmp_path / "b.dbn", "OPRA.PILLAR", [dbn_trade(1, T0 + DAY, 23), dbn_trade(7, T0 + DAY, 23)],
        {SECOND: [(date(2025, 2, 21), "1")]},
    )  # fmt: skip
    pack = zstandard.ZstdCompressor().compress if packed else bytes
    both = tmp_path / "both.dbn"
    both.write_bytes(pack(first.read_bytes()) + pack(second.read_bytes()))
    items = list(DbnFile(both))
    contracts = [orjson.loads(item.message)["contract"] for item in items if isinstance(item, Good)]
    assert contracts == ["SPY260116C00450000", "SPXW260116P05000000"]
    assert isinstance(items[2], Bad)
    assert items[2].position == "record 3"


@pytest.mark.parametrize("schema", ["trades", "tbbo"])
def test_a_trade_in_two_files_of_one_stream_is_one_print(tmp_path: Path, schema: str) -> None:
    folder = Path(__file__).parents[2] / "data" / "dbn" / "OPRA.PILLAR"
    both = [(folder / f"test_data.{name}.dbn.zst").read_bytes() for name in ("trades", schema)]
    (tmp_path / "both.dbn.zst").write_bytes(b"".join(both))
    report = imported(tmp_path / "d", tmp_path / "both.dbn.zst")
    assert (report.written, report.duplicate, report.repeated) == (4, 4, [])


def test_a_file_of_another_data_set_in_one_stream_is_refused_in_one_line(tmp_path: Path) -> None:
    files = [dbn_file(tmp_path / f"{n}.dbn", name, [], DAYS) for n, name in enumerate(("OPRA.PILLAR", "XNAS.ITCH"))]
    (tmp_path / "both.dbn").write_bytes(b"".join(file.read_bytes() for file in files))
    with pytest.raises(ImportRefused, match="both.dbn: files of OPRA.PILLAR and XNAS.ITCH in one stream"):
        list(DbnFile(tmp_path / "both.dbn"))


@pytest.mark.parametrize("cut", [5, 30])
def test_a_head_that_is_cut_is_one_record_of_damage(tmp_path: Path, cut: int) -> None:
    whole = _four_trades(tmp_path)
    (tmp_path / "both.dbn").write_bytes(whole + whole[:cut])
    items = list(DbnFile(tmp_path / "both.dbn"))
    assert counted(items) == Counter({"options.prints": 4, "bad": 1})
    assert isinstance(items[4], Bad)
    assert "another DBN file follows" in items[4].reason
