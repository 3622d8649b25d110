"""A journal gives back what stood at its mark, whatever was written behind it, and says when it cannot."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from connectors.journal import Journals, Mark, damage, read


def _pieces(journals: Journals, mark: Mark) -> list[bytes]:
    journal, pieces = journals.resume(mark)
    journal.close()
    return pieces


@pytest.mark.parametrize("seed", range(40))
def test_whatever_was_written_behind_a_mark_a_resumed_key_has_what_stood_at_it(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    journals = Journals(tmp_path)
    journal = journals.begin("3-1", b"begin")
    expected, committed = [b"begin"], (journal.mark(), [b"begin"])
    for number in range(200):
        what = chance.random()
        if what < 0.5:
            expected.append(bytes([number]) * chance.randrange(9000))
            journal.append(expected[-1])
        elif what < 0.8:
            # Bytewax commits a snapshot at some later one; until then a kill goes back to the one before.
            committed = (journal.mark(), list(expected))
        elif what < 0.9 and journal.overdue(0.01) >= 1:
            expected = [b"whole %d" % number]
            journal.rewrite(expected[0])
        else:
            journal.close()
            mark, expected = committed[0], list(committed[1])
            assert damage(tmp_path, mark) == ""
            journal, found = journals.resume(mark)
            assert found == expected
    journal.close()


def test_the_generation_before_stays_until_the_one_after(tmp_path: Path) -> None:
    journals = Journals(tmp_path)
    journal = journals.begin("0", b"first")
    mark = journal.mark()
    journal.rewrite(b"second")
    assert read(tmp_path, mark) == [b"first"]
    journal.rewrite(b"third")
    assert damage(tmp_path, mark).endswith("is missing")
    assert _pieces(journals, journal.mark()) == [b"third"]
    assert len(list(tmp_path.iterdir())) == 2
    journal.close()


def test_a_key_that_begins_anew_forgets_what_stood_there(tmp_path: Path) -> None:
    journals = Journals(tmp_path)
    journal = journals.begin("0-1", b"old")
    other = journals.begin("0-12", b"other")
    old, kept = journal.mark(), other.mark()
    journals.begin("0-1", b"new").close()
    assert damage(tmp_path, old).endswith("is missing")
    assert damage(tmp_path, kept) == ""
    journal.close()
    other.close()


@pytest.mark.parametrize(("cut", "flipped", "said"), [(3, None, "ends at"), (0, 12, "damaged"), (0, 2, "damaged")])
def test_what_a_power_cut_took_is_found(tmp_path: Path, cut: int, flipped: int | None, said: str) -> None:
    journal = Journals(tmp_path).begin("5", b"the whole state")
    journal.append(b"")
    mark = journal.mark()
    journal.close()
    (file,) = tmp_path.iterdir()
    data = bytearray(file.read_bytes())
    if flipped is not None:
        data[flipped] ^= 1
    file.write_bytes(data[: len(data) - cut])
    assert said in damage(tmp_path, mark)


def test_a_whole_state_is_due_when_its_changes_outgrow_it_and_marks_were_given(tmp_path: Path) -> None:
    journal = Journals(tmp_path).begin("5", bytes(1_000_000))
    journal.append(bytes(200_000))
    assert journal.overdue(0.125) == 0
    for _ in range(4):
        journal.mark()
    assert 1 <= journal.overdue(0.125) < 2
    assert journal.overdue(1.0) < 1
    journal.close()
