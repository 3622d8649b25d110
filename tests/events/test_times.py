"""Times as people read and write them."""

from __future__ import annotations

from events.times import read_time, utc


def test_a_time_that_is_shown_reads_back_to_the_second() -> None:
    ts = 1_768_401_000_250_000_000
    assert utc(ts) == "2026-01-14T14:30:00Z"
    assert read_time(utc(ts)) == ts - 250_000_000
    assert utc(0) == "1970-01-01T00:00:00Z"
