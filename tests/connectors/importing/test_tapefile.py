"""Each line of a tape file is an event, or names what is wrong with it and where."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard

from connectors.importing.records import Bad, Good, ImportRefused
from connectors.importing.tapefile import Fault, TapeFile, TapeParser
from tests.importing import T0, line, print_line, write

_OPTION = {"price": 1.25, "size": 3}


def _parsed(data: bytes) -> dict[str, object]:
    found = TapeParser().parse(data)
    assert isinstance(found, Good), found
    return dict(orjson.loads(found.message))


@pytest.mark.parametrize("contract", ["SPY   260116C00450000", "SPY260116C00450000"])
def test_contracts_are_written_in_compact_form(contract: str) -> None:
    assert _parsed(line("options.prints", 0, contract=contract, **_OPTION))["contract"] == "SPY260116C00450000"
    reference = line("reference", 0, kind="open_interest", instrument=contract, open_interest=5)
    assert _parsed(reference)["instrument"] == "SPY260116C00450000"


def test_an_id_in_the_file_is_not_ours() -> None:
    assert "id" not in _parsed(print_line(0, id="theirs"))


def test_the_source_is_file_unless_the_event_says() -> None:
    parse = TapeParser().parse
    found = [parse(print_line(0)), parse(print_line(0, source="alpaca"))]
    assert [item.source for item in found if isinstance(item, Good)] == ["file", "alpaca"]


_BAD_EVENTS = [
    (b"7", "Expected `object`, got `int`"),
    (b'{"ts":1700000000000000000,"symbol":"A","price":"1","size":1}', r"got `str` - at `\$.event.price`"),
    (b'{"ts":1700000000000000000,"symbol":"A","price":1,"size":0}', r"at `\$.event.size`"),
    (b'{"ts":1700000000000000000,"symbol":"A","price":0,"size":1}', r"at `\$.event.price`"),
    (b'{"ts":1700000000000000000,"symbol":"A","price":1e999,"size":1}', r"at `\$.event.price`"),
    (b'{"ts":1700000000,"symbol":"A","price":1,"size":1}', r"at `\$.event.ts`"),
    (b'{"ts":1700000000000000000,"symbol":"\xff","price":1,"size":1}', "UTF-8"),
    (b'{"ts":1700000000000000000,"symbol":"A\\nB","price":1,"size":1}', r"printable ASCII - at `\$.event.symbol"),
    (b'{"ts":1700000000000000000,"symbol":"A","price":1,"size":1,"source":"my feed/?#:x"}', r"at `\$.event.source"),
    (b'{"ts":1700000000000000000,"symbol":"A","price":1,"size":1,"seq":9223372036854775808}', r"\$.event.seq"),
    (
        b'{"ts":1700000000000000000,"symbol":"A","price":1,"size":1,"recv_ts":1000000000000000000000}',
        r"\$.event.recv_ts",
    ),
]


@pytest.mark.parametrize(("event", "reason"), _BAD_EVENTS)
def test_a_bad_event_names_what_is_wrong_and_where(event: bytes, reason: str) -> None:
    found = TapeParser().parse(b'{"topic":"equities.prints","event":' + event + b"}")
    assert isinstance(found, Fault)
    assert found.topic == "equities.prints"
    assert re.search(reason, found.reason), found.reason


_BAD_FACTS: list[tuple[dict[str, Any], str]] = [
    *(({"for_date": text}, "no date") for text in ("yesterday", "zzz", "", "2023-02-30", "20231114", "2023-11-14\n")),
    ({"for_date": "2023-11-16"}, "a day after the fact's own"),
    ({"multiplier": 1e11}, "<= 100000"),
    ({"expiry_ts": 1_740_061_800_000}, ">= 631152000000000000"),
    ({"instrument": "A\nB"}, "printable ASCII"),
    ({"underlying": "A\nB"}, "printable ASCII"),
]


@pytest.mark.parametrize(("fields", "reason"), _BAD_FACTS)
def test_a_fact_that_cannot_be_names_the_field(fields: dict[str, Any], reason: str) -> None:
    fact = {"kind": "open_interest", "instrument": "SPY260116C00450000", "open_interest": 5, "for_date": "2023-11-15"}
    assert "for_date" in _parsed(line("reference", 0, **fact))
    found = TapeParser().parse(line("reference", 0, **fact | fields))
    assert isinstance(found, Fault)
    assert reason in found.reason
    assert found.reason.endswith(f"at `$.event.{next(iter(fields))}`")


def test_a_byte_order_mark_costs_no_line(tmp_path: Path) -> None:
    marked = b"\xef\xbb\xbf" + print_line(0) + b"\n" + print_line(1) + b"\n"
    (tmp_path / "a.jsonl").write_bytes(marked)
    (tmp_path / "b.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(marked))
    for name in ("a.jsonl", "b.jsonl.zst"):
        assert [type(item) for item in TapeFile(tmp_path / name)] == [Good, Good]


def test_what_stands_before_the_damage_of_a_compressed_file_is_read(tmp_path: Path) -> None:
    packed = zstandard.ZstdCompressor(level=1).compress(
        b"".join(print_line(n, price=1 + n) + b"\n" for n in range(60_000))
    )
    (tmp_path / "a.jsonl.zst").write_bytes(packed[: len(packed) * 3 // 4] + bytes(len(packed) // 4))
    found = list(TapeFile(tmp_path / "a.jsonl.zst"))
    assert len(packed) < 1 << 20
    assert sum(isinstance(item, Good) for item in found) > 40_000


@pytest.mark.parametrize(
    ("contract", "reason"),
    [("SPY260132C00450000", "no calendar date"), ("IBM", "length >= 16"), ("spy260116c00450000", "not a compact OCC")],
)
def test_a_contract_that_is_none_is_refused(contract: str, reason: str) -> None:
    found = TapeParser().parse(line("options.prints", 0, contract=contract, **_OPTION))
    assert isinstance(found, Fault)
    assert reason in found.reason
    assert found.reason.endswith("at `$.event.contract`")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"topic":"equities.prints"', "truncated"),
        (b'{"topic":"equities.prints","event":' + b"[" * 5000, "nests deeper"),
        (b"[1]", "Expected `object`, got `array`"),
        (b'{"event":{}}', "missing required field `topic`"),
        (b'{"topic":"equities.prints"}', "missing required field `event`"),
        (b'{"topic":"options.greeks","event":{}}', "unknown topic 'options.greeks'"),
        (b'{"topic":"options.marked","event":{}}', "is computed, not imported"),
    ],
)
def test_a_line_that_is_no_envelope_says_so(data: bytes, reason: str) -> None:
    found = TapeParser().parse(data)
    assert isinstance(found, Fault)
    assert reason in found.reason


def test_neighbours_of_a_bad_line_arrive_and_blank_lines_do_not_count(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", [print_line(0), b"", b"nonsense", b"  \r", print_line(1)])
    found = list(TapeFile(file))
    assert [type(item) for item in found] == [Good, Bad, Good]
    assert isinstance(found[1], Bad)
    assert (found[1].position, found[1].raw) == ("line 3", b"nonsense")
    assert [item.ts - T0 for item in found if isinstance(item, Good)] == [0, 1_000_000]


def test_a_last_line_without_an_end_counts(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(print_line(0) + b"\n" + print_line(1))
    assert len(list(TapeFile(tmp_path / "a.jsonl"))) == 2


def test_frames_that_follow_each_other_are_one_file(tmp_path: Path) -> None:
    pack = zstandard.ZstdCompressor().compress
    (tmp_path / "a.jsonl.zst").write_bytes(pack(print_line(0) + b"\n") + pack(print_line(1) + b"\n"))
    assert [type(item) for item in TapeFile(tmp_path / "a.jsonl.zst")] == [Good, Good]


@pytest.mark.parametrize("damage", ["cut", "overwritten"])
def test_a_damaged_compressed_file_gives_what_stands_before_and_one_record_for_the_rest(
    tmp_path: Path, damage: str
) -> None:
    frames = [zstandard.ZstdCompressor().compress(print_line(n, price=1 + n * 0.37) + b"\n") for n in range(50)]
    whole = b"".join(frames)
    broken = whole[:-5] if damage == "cut" else whole[: -len(frames[-1])] + b"\x00" * 40
    (tmp_path / "a.jsonl.zst").write_bytes(broken)
    found = list(TapeFile(tmp_path / "a.jsonl.zst"))
    assert all(isinstance(item, Good) for item in found[:-1])
    assert len(found) >= 50
    assert isinstance(found[-1], Bad)
    assert "compressed stream" in found[-1].reason
    assert found[-1].cut


@pytest.mark.parametrize("cut", [1, 7, 40, 60])
def test_a_file_that_ends_inside_its_last_line_is_cut_there(tmp_path: Path, cut: int) -> None:
    whole = print_line(0) + b"\n" + print_line(1, price=1.25)
    (tmp_path / "a.jsonl").write_bytes(whole[:-cut])
    *before, last = TapeFile(tmp_path / "a.jsonl")
    assert [type(item) for item in before] == [Good]
    assert last == Bad("line 2", "the file ends inside the line", print_line(1, price=1.25)[:-cut], "", cut=True)


@pytest.mark.parametrize("last", [b"# the end", b'{"topic":"equities.prints","event":{}}'])
def test_a_bad_last_line_that_is_whole_is_one_bad_line(tmp_path: Path, last: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(print_line(0) + b"\n" + last)
    assert [getattr(item, "cut", None) for item in TapeFile(tmp_path / "a.jsonl")] == [None, False]


@pytest.mark.parametrize("content", [bytes(range(256)), b'{"price": 1}\n' * 3, b"PK\x03\x04\n"])
def test_a_file_without_one_line_that_names_a_topic_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jsonl.zst").write_bytes(content)
    with pytest.raises(ImportRefused, match=r"^a.jsonl.zst: no line of it can be imported: line 1: .+$"):
        list(TapeFile(tmp_path / "a.jsonl.zst"))
