"""The newest messages of a topic, out of a log in which only an underlying's own events stand in order of time."""

from __future__ import annotations

from pathlib import Path

from api.cached import newest_of_log
from connectors.bus.base import Batch
from connectors.bus.embedded import EmbeddedBus
from events.codec import encode
from tests.connectors.store.samples import T0, plain_events
from tests.lines import encode_lines


def test_the_newest_are_found_behind_thousands_of_older_ones_of_other_underlyings(tmp_path: Path) -> None:
    #  log of one batch, as a computed run leaves it:  A A A … B B B … C C C …   each from early to late
    bus = EmbeddedBus(tmp_path, 2)
    events = plain_events("flow.packets", 9000)
    for n, event in enumerate(events):
        event.ts, event.underlying = T0 + n, f"U{n % 3}"
    for part in range(2):
        mine = [event for name in ("U0", "U1", "U2") for event in events[part::2] if event.underlying == name]
        bus.append("flow.packets", {part: Batch(len(mine), encode_lines(mine), [e.underlying for e in mine])}, 1)
    assert newest_of_log(bus, "flow.packets", 500) == [encode(event) for event in events[:-501:-1]]
    bus.close()
