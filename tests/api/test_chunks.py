"""Frames of poisonous topics: what cannot be read is left out, its neighbours come, and the cursor moves over it."""

from __future__ import annotations

import orjson
import pytest

from api.chunks import chunks
from connectors.bus.base import StoredBatch

POISON = [b"poison", b"\xff{", b'{"a":\xff}', b"[1]", b'{"a":1', b'{"a":1}}', b"", b"{} {}"]


def batch(lines: list[bytes], first: int = 0) -> StoredBatch:
    keys = b"\n".join([b"SPY"] * len(lines))
    return StoredBatch(0, first, len(lines), False, 1, [(0, 0)], b"\n".join(lines), keys)


@pytest.mark.parametrize("keys", [None, frozenset({"SPY"})])
@pytest.mark.parametrize("poison", POISON)
def test_poison_breaks_no_frame(poison: bytes, keys: frozenset[str] | None) -> None:
    events = [b'{"n":%d,"text":"\xc3\xa9"}' % n for n in range(4)]
    (chunk,) = chunks([batch(events[:2]), batch([events[2], poison, events[3]], 2)], None)
    count, tail = chunk.tail(keys)
    frame = orjson.loads(b"{" + tail)
    assert [event["n"] for event in frame["events"]] == [0, 1, 2, 3]
    assert (count, frame["next"]) == (4, 5)
