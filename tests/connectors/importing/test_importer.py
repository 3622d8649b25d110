"""An import is exact: read = written + duplicate + dead + unsupported, whatever the order, cuts and repetitions."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import orjson
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.bus.base import StoredBatch
from connectors.dataset import Dataset
from connectors.feeds.writer import TopicWriter
from connectors.importing.importer import import_files
from connectors.importing.records import ImportRefused
from connectors.lease import LeaseHeld, flow_leases
from events.control import Control, decode_control
from tests.importing import T0, imported, line, log, print_line, write

_SYMBOLS = st.sampled_from(["IBM", "SPY", "KO"])
#: Few prices and small steps, so that identical twins at one time stamp are common.
_STEPS = st.lists(st.tuples(st.integers(0, 60), _SYMBOLS, st.sampled_from([1.0, 2.0])), min_size=2, max_size=40)


def _lines(steps: list[tuple[int, str, float]]) -> list[bytes]:
    ms, lines = 0, []
    for step, symbol, price in steps:
        ms += max(0, step - 30)
        lines.append(print_line(ms, symbol, price))
    return lines


@given(steps=_STEPS, cuts=st.lists(st.integers(0, 40), max_size=3), partitions=st.sampled_from([1, 3, 8]),
       batch=st.sampled_from([1, 7, 1000]))  # fmt: skip
@settings(max_examples=30)
def test_pieces_partitions_and_batches_give_the_log_of_the_whole(
    steps: list[tuple[int, str, float]], cuts: list[int], partitions: int, batch: int
) -> None:
    lines = _lines(steps)
    with TemporaryDirectory() as name:
        here = Path(name)
        whole = imported(here / "whole", write(here / "whole.jsonl", lines), partitions=8)
        assert whole.written == len(lines)
        edges = [0, *sorted(min(cut, len(lines)) for cut in cuts), len(lines)]
        for number, (start, end) in enumerate(zip(edges, edges[1:], strict=False)):
            piece = write(here / f"{number}.jsonl", [*lines[start:end], b" " * number])
            assert imported(here / "cut", piece, partitions=partitions, batch=batch).written == end - start
        assert log(here / "cut") == log(here / "whole")


@given(steps=_STEPS, order=st.randoms(use_true_random=False))
@settings(max_examples=20)
def test_files_are_sorted_together_by_time(steps: list[tuple[int, str, float]], order: Random) -> None:
    """Lines of distinct times, dealt to two files in any order, give the log of the sorted file."""
    lines = [print_line(number, symbol, price) for number, (_, symbol, price) in enumerate(steps)]
    shuffled = list(lines)
    order.shuffle(shuffled)
    with TemporaryDirectory() as name:
        here = Path(name)
        imported(here / "sorted", write(here / "s.jsonl", lines))
        files = write(here / "a.jsonl", shuffled[::2]), write(here / "b.jsonl", shuffled[1::2])
        imported(here / "dealt", *files)
        assert log(here / "dealt") == log(here / "sorted")


#  ms   0    1    2         first piece: 0, 1, 1'      second piece: 1'', 2
#       A    BB' | B'' C    B, B' and B'' are identical and all three are prints
def test_twins_on_both_sides_of_a_cut_survive(tmp_path: Path) -> None:
    first = write(tmp_path / "1.jsonl", [print_line(0), print_line(1), print_line(1)])
    second = write(tmp_path / "2.jsonl", [print_line(1), print_line(2)])
    imported(tmp_path / "d", first)
    assert imported(tmp_path / "d", second).written == 2
    ids = [orjson.loads(held.message)["id"] for held in log(tmp_path / "d")["equities.prints"]["IBM"]]
    assert len(set(ids)) == 5
    assert [name.rpartition(".")[2] for name in ids[2:4]] == ["1", "2"]


def test_the_same_bytes_again_change_nothing_under_any_name(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", [print_line(0), b"bad", print_line(1)])
    imported(tmp_path / "d", file)
    before = log(tmp_path / "d")
    again = imported(tmp_path / "d", file, write(tmp_path / "b.jsonl", [print_line(0), b"bad", print_line(1)]))
    assert [entry.state for entry in again.files] == ["already imported", "already imported"]
    assert again.read == 0
    assert log(tmp_path / "d") == before


def test_an_overlapping_piece_brings_only_what_is_new(tmp_path: Path) -> None:
    imported(tmp_path / "d", write(tmp_path / "1.jsonl", [print_line(0), print_line(500), print_line(500)]))
    overlap = write(tmp_path / "2.jsonl", [print_line(500), print_line(500), print_line(500), print_line(900)])
    report = imported(tmp_path / "d", overlap)
    # It begins at the topic's last time stamp, so it continues: every line is a print of its own.
    assert (report.written, report.duplicate) == (4, 0)
    older = write(tmp_path / "3.jsonl", [print_line(0), print_line(300), print_line(500), print_line(1000)])
    report = imported(tmp_path / "d", older, allow_late=True)
    # It begins earlier, so it overlaps: what the topic holds is a duplicate.
    assert (report.written, report.duplicate) == (2, 2)


def test_an_overlap_by_exactly_the_last_tick_counts_once_what_has_a_sequence(tmp_path: Path) -> None:
    tick = [print_line(500, seq=7), print_line(500, seq=7), print_line(500, seq=8)]
    imported(tmp_path / "d", write(tmp_path / "1.jsonl", [print_line(0, seq=6), *tick]))
    report = imported(tmp_path / "d", write(tmp_path / "2.jsonl", [*tick, print_line(500, seq=9)]))
    assert (report.written, report.duplicate) == (1, 3)
    both = [write(tmp_path / "3.jsonl", tick), write(tmp_path / "4.jsonl", [*tick, b" "])]
    report = imported(tmp_path / "e", *both)
    assert (report.written, report.duplicate) == (3, 3)


def test_of_two_reports_of_one_print_the_one_with_a_quote_stands(tmp_path: Path) -> None:
    quoted = print_line(0, seq=7, bid=9.9, ask=10.0, quote_origin="attached")
    files = [write(tmp_path / "1.jsonl", [print_line(0, seq=7)]), write(tmp_path / "2.jsonl", [quoted])]
    for name, order in (("a", files), ("b", files[::-1])):
        report = imported(tmp_path / name, *order)
        assert (report.written, report.duplicate) == (1, 1)
        (held,) = log(tmp_path / name)["equities.prints"]["IBM"]
        assert orjson.loads(held.message)["bid"] == 9.9


def test_a_piece_older_than_the_promise_is_refused_whole(tmp_path: Path) -> None:
    imported(tmp_path / "d", write(tmp_path / "1.jsonl", [print_line(1000)]))
    older = write(tmp_path / "2.jsonl", [line("equities.quotes", 0, symbol="IBM", bid=1.0), print_line(10), b"bad"])
    before = log(tmp_path / "d")
    with pytest.raises(ImportRefused, match="equities.prints: the first event .* --allow-late"):
        imported(tmp_path / "d", older)
    assert log(tmp_path / "d") == before
    assert imported(tmp_path / "d", older, allow_late=True).written == 2
    held = log(tmp_path / "d")["equities.prints"]["IBM"]
    assert [orjson.loads(item.message)["ts"] < item.promise for item in held] == [False, True]


def test_a_vendors_unique_trade_id_makes_two_reports_one(tmp_path: Path) -> None:
    twice = [print_line(0, source="synthetic", trade_id="7"), print_line(0, source="synthetic", trade_id="7")]
    report = imported(tmp_path / "d", write(tmp_path / "1.jsonl", twice))
    assert (report.written, report.duplicate) == (1, 1)
    report = imported(tmp_path / "d", write(tmp_path / "2.jsonl", [*twice, print_line(1)]))
    assert (report.written, report.duplicate) == (1, 2)


def _controls(batches: list[StoredBatch]) -> list[Control]:
    return [decode_control(batch.payload) for batch in batches if batch.control]


def test_every_partition_begins_with_membership_and_no_promise_passes_the_last_event(tmp_path: Path) -> None:
    imported(tmp_path / "d", write(tmp_path / "1.jsonl", [print_line(0), print_line(250, source="alpaca")]))
    imported(tmp_path / "d", write(tmp_path / "2.jsonl", [print_line(260, source="alpaca")]))
    bus = Dataset.open(tmp_path / "d").open_bus()
    for part, head in enumerate(bus.heads("equities.prints")):
        controls = _controls(bus.read("equities.prints", part, 0, 1000))
        assert [(r.control, r.state, r.ts) for r in controls[:1]] == [("member", "required", 0)]
        assert [r.source for r in controls if r.control == "feed"] == ["alpaca", "file"]
        assert [r.control for r in controls].count("member") == 1
        assert "end" not in [r.control for r in controls]
        assert head.promise == T0 + 200_000_000
    assert bus.topics() == ["equities.prints"]
    bus.close()


def _quotes(path: Path, *at_ms: int) -> Path:
    return write(path, [line("equities.quotes", ms, symbol="IBM", bid=1.0 + ms) for ms in at_ms])


def _gaps(directory: Path) -> list[tuple[int, int, int]]:
    """Returns when, from when and to when (ms) the partitions say that quotes are missing, each the same."""
    bus = Dataset.open(directory).open_bus()
    found = []
    for part in range(bus.partitions):
        controls = _controls(bus.read("equities.quotes", part, 0, 10_000))
        gaps = [(r.ts, r.from_ts or 0, r.to_ts or 0) for r in controls if r.control == "gap"]
        found.append([(at - T0 - (of - T0), (of - T0) // 1_000_000, (to - T0) // 1_000_000) for at, of, to in gaps])
    bus.close()
    assert all(each == found[0] for each in found)
    return found[0]


#  s   0  0.5 | 0.9 | 60  61 | 3600            no hole, one, one
def test_a_hole_between_pieces_is_a_gap_in_the_topic_of_quotes(tmp_path: Path) -> None:
    pieces = [(0, 555), (900,), (60_000, 61_000), (3_600_000,)]
    files = [_quotes(tmp_path / f"{number}.jsonl", *piece) for number, piece in enumerate(pieces)]
    for file in files:
        imported(tmp_path / "one by one", file)
    imported(tmp_path / "together", *files)
    # It stands right behind the last quote before the hole, ahead of the grid of promises.
    assert _gaps(tmp_path / "one by one") == [(1, 900, 60_000), (1, 61_000, 3_600_000)]
    assert _gaps(tmp_path / "together") == _gaps(tmp_path / "one by one")
    assert log(tmp_path / "together") == log(tmp_path / "one by one")
    late = _quotes(tmp_path / "late.jsonl", 30_000)
    imported(tmp_path / "together", late, allow_late=True)
    assert len(_gaps(tmp_path / "together")) == 2


@pytest.mark.parametrize("dies", ["add_encoded", "heartbeat"])
def test_an_interrupted_import_tells_of_its_gap_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    imported(tmp_path / "d", _quotes(tmp_path / "1.jsonl", 0))
    later = _quotes(tmp_path / "2.jsonl", 60_000)
    with monkeypatch.context() as patch:
        patch.setattr(TopicWriter, dies, lambda *_: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            imported(tmp_path / "d", later)
    assert len(_gaps(tmp_path / "d")) == 1
    imported(tmp_path / "d", later)
    assert _gaps(tmp_path / "d") == [(1, 0, 60_000)]
    assert len(log(tmp_path / "d")["equities.quotes"]["IBM"]) == 2


def test_bad_lines_become_dead_letters_once(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", [print_line(0), b"bad \xff", print_line(1, price=-1.0), print_line(2)])
    report = imported(tmp_path / "d", file)
    assert (report.read, report.written, report.dead) == (4, 2, 2)
    letters = [orjson.loads(held.message) for held in log(tmp_path / "d")["deadletter"]["a.jsonl"]]
    assert [(x["position"], x["topic"], x["ts"]) for x in letters] == [
        ("line 2", "", T0),
        ("line 3", "equities.prints", T0),
    ]
    assert letters[0]["raw"] == "base64:YmFkIP8="
    assert "$.event.price" in letters[1]["reason"]


def _compressed(path: Path, lines: list[bytes], cut: int = 0) -> Path:
    whole = b"".join(zstandard.ZstdCompressor().compress(line + b"\n") for line in lines)
    path.write_bytes(whole[: len(whole) - cut])
    return path


def test_a_file_that_ends_early_promises_nothing_that_locks_the_whole_out(tmp_path: Path) -> None:
    lines = [print_line(ms) for ms in (0, 400, 400, 900)]
    cut, whole = _compressed(tmp_path / "cut.jsonl.zst", lines, 5), _compressed(tmp_path / "whole.jsonl.zst", lines)
    neighbour = write(tmp_path / "ko.jsonl", [print_line(100, "KO")])
    with pytest.raises(
        ImportRefused, match=r"^cut.jsonl.zst: the compressed stream ends early \(line 4\); nothing was"
    ):
        imported(tmp_path / "d", neighbour, cut)
    assert log(tmp_path / "d") == {}
    assert imported(tmp_path / "d", neighbour, whole).written == 5
    imported(tmp_path / "undisturbed", neighbour, whole)
    assert log(tmp_path / "d") == log(tmp_path / "undisturbed")


def test_a_compressed_file_without_a_byte_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl.zst").write_bytes(b"")
    with pytest.raises(
        ImportRefused, match=r"^empty.jsonl.zst: the compressed stream is empty .* nothing stands before"
    ):
        imported(tmp_path / "d", tmp_path / "empty.jsonl.zst")


def test_what_stands_before_damage_is_taken_when_asked_for_and_the_whole_brings_the_rest(tmp_path: Path) -> None:
    lines = [print_line(ms) for ms in (0, 400, 400, 900)]
    cut, whole = _compressed(tmp_path / "cut.jsonl.zst", lines, 5), _compressed(tmp_path / "whole.jsonl.zst", lines)
    report = imported(tmp_path / "d", cut, allow_damaged=True)
    assert (report.read, report.written, report.dead) == (4, 3, 1)
    assert [file.state for file in report.files] == ["imported up to its damage"]
    report = imported(tmp_path / "d", whole, allow_late=True)
    assert (report.written, report.duplicate) == (1, 3)
    imported(tmp_path / "undisturbed", whole)
    messages = [
        [held.message for held in log(tmp_path / name)["equities.prints"]["IBM"]] for name in ("d", "undisturbed")
    ]
    assert messages[0] == messages[1]


def test_a_stamp_of_the_day_after_tomorrow_is_a_dead_letter(tmp_path: Path) -> None:
    """It would promise that nothing older follows, and make all later imports late."""
    ahead_ms = (time.time_ns() - T0) // 1_000_000 + 90_000_000
    file = write(tmp_path / "a.jsonl", [print_line(0), print_line(ahead_ms), print_line(1)])
    report = imported(tmp_path / "d", file)
    assert (report.written, report.dead) == (2, 1)
    (held,) = log(tmp_path / "d")["deadletter"]["a.jsonl"]
    letter = orjson.loads(held.message)
    assert (letter["position"], letter["topic"], letter["ts"]) == ("record 2", "equities.prints", T0)
    assert "a day ahead of the clock" in letter["reason"]
    assert imported(tmp_path / "d", write(tmp_path / "b.jsonl", [print_line(1000)])).written == 1
    synthetic = Dataset.open(tmp_path / "s", create=True, clock="synthetic")
    assert import_files(synthetic, [file]).written == 3


def test_a_new_topic_is_refused_while_the_live_flow_runs(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "d", create=True)
    imported(tmp_path / "d", write(tmp_path / "1.jsonl", [print_line(0)]))
    with dataset.leases.acquire(flow_leases([5])):
        assert imported(tmp_path / "d", write(tmp_path / "2.jsonl", [print_line(1)])).written == 1
        quote = write(tmp_path / "3.jsonl", [line("equities.quotes", 5, symbol="IBM", bid=1.0)])
        with pytest.raises(LeaseHeld, match="equities.quotes is new"):
            imported(tmp_path / "d", quote)
    assert imported(tmp_path / "d", quote).written == 1


def test_a_topic_that_another_feed_writes_is_refused(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "d", create=True)
    with dataset.leases.acquire("feed:equities.prints"), pytest.raises(LeaseHeld, match="feed:equities.prints"):
        imported(tmp_path / "d", write(tmp_path / "1.jsonl", [print_line(0)]))
    assert log(tmp_path / "d") == {}


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl.gz", "missing.jsonl"])
def test_another_suffix_or_a_missing_file_is_refused_by_name(tmp_path: Path, name: str) -> None:
    good = write(tmp_path / "good.jsonl", [print_line(0)])
    if not name.startswith("missing"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ImportRefused, match=name):
        imported(tmp_path / "d", good, tmp_path / name)
    assert log(tmp_path / "d") == {}


_SPANS = Path(__file__).parents[4] / "shared" / "data" / "equities"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "prints", "quotes"),
    [("ibm-2013-10-08.jsonl.zst", 33_381, 125_749), ("aig-2013-10-07.jsonl.zst", 25_351, 1_079_934)],
)
def test_real_spans_come_in_whole(tmp_path: Path, name: str, prints: int, quotes: int) -> None:
    if not (_SPANS / name).exists():
        pytest.skip(f"{name} is not on this machine")
    report = imported(tmp_path / "d", _SPANS / name)
    assert {topic: count.written for topic, count in report.topics.items()} == {
        "equities.prints": prints,
        "equities.quotes": quotes,
    }
    assert (report.read, report.dead, report.duplicate) == (prints + quotes, 0, 0)
