"""The tape over a real log: restarts at any poll, poison, topics that come and go between two looks, a clean stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest
from bytewax.testing import run_main

from connectors.bus.base import Batch, Head
from connectors.bus.embedded import EmbeddedBus
from connectors.feeds.writer import TopicWriter
from connectors.sinks import DerivedSink
from connectors.tape import Released, Span, TapeSource, beyond_log, heads_as_ends
from events.codec import encode
from events.control import Control, encode_control
from events.derived import DeadLetter
from events.raw import OptionPrint, OptionQuote
from events.settings import Rules, plain_rules
from events.topics import RAW_TOPICS, decoder
from events.types import FOREVER_NS, NS_PER_MS, NS_PER_S
from flows import options
from flows.steps import Config
from tests.collecting import emitted
from tests.tapes import CONTRACTS, FACTS, PRINTS, QUOTES, T0, append, random_tape

#: 03:00 New York on 16 January 2026.
_BOUNDARY = 1_768_550_400 * NS_PER_S
Key = tuple[int, int, int, str, int]


def _source(bus: EmbeddedBus, batch: int = 1000, span: Span | None = None) -> TapeSource:
    return TapeSource(bus, span or Span(), batch=batch, poll_ms=1)


def _polled(source: TapeSource, resume: str | None, polls: int) -> tuple[list[Released], str]:
    part = source.build_part("tape", "0", resume)
    found = [released for _ in range(polls) for _, released in part.next_batch()]
    return found, part.snapshot()


def _keys(released: Sequence[Released]) -> list[Key]:
    return [item[:5] for each in released for item in each.items]


@pytest.mark.parametrize("seed", range(4))
def test_a_tape_that_dies_at_every_poll_releases_the_same_items_and_anchors(tmp_path: Path, seed: int) -> None:
    bus, chance = EmbeddedBus(tmp_path, 1), Random(seed)
    # Two of the tapes are silent while the boundary passes.
    silence_s = 60 * (seed % 2)
    append(bus, random_tape(seed, 150, start_ts=_BOUNDARY - (14 + silence_s) * NS_PER_S), "by turns", batch=7)
    for before_s in range(silence_s // 2, 0, -1):
        for topic in (FACTS, PRINTS, QUOTES):
            TopicWriter(bus, topic).heartbeat(_BOUNDARY - before_s * NS_PER_S)
    later = random_tape(seed, 150, start_ts=_BOUNDARY + (3 + silence_s) * NS_PER_S)
    append(bus, later, "by turns", batch=7, joined=True)
    for topic in (FACTS, PRINTS, QUOTES):
        TopicWriter(bus, topic).heartbeat(_BOUNDARY + 3600 * NS_PER_S)
    calm, _ = _polled(_source(bus), None, 60)
    died: list[Released] = []
    resume = None
    for _ in range(2000):
        found, resume = _polled(_source(bus, chance.choice((1, 7, 50))), resume, chance.randint(1, 3))
        died += found
        if died and died[-1].watermark == calm[-1].watermark:
            break
    assert _keys(died) == _keys(calm)
    anchors = [[each.anchor[0] for each in released if each.anchor] for released in (calm, died)]
    assert anchors == [[_BOUNDARY]] * 2
    # What stands in front of the anchor lies before its boundary, what stands behind it does not.
    for released in (calm, died):
        at = next(place for place, each in enumerate(released) if each.anchor)
        assert all(key[0] < _BOUNDARY for key in _keys(released[:at]))
        assert all(key[0] >= _BOUNDARY for key in _keys(released[at:]))
    bus.close()


_GOOD = encode(OptionPrint(id="good", ts=T0, contract=CONTRACTS[0], price=1.0, size=1))
_POISON: dict[str, bytes] = {
    "broken": _GOOD[:-1],
    "no object": b"[1]",
    "empty": b"",
    "no text": _GOOD.replace(b'"good"', b'"go\xffd"'),
    "another unit of time": _GOOD.replace(str(T0).encode(), str(T0 // 1000).encode()),
    "nested without end": _GOOD[:-1] + b',"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "a price of no market": _GOOD.replace(b'"price":1.0', b'"price":1e300'),
    "more than any market trades": encode(OptionPrint(id="m", ts=T0, contract=CONTRACTS[0], price=2.0, size=10**9)),
    "a negative size": _GOOD.replace(b'"size":1', b'"size":-1'),
    "no contract": encode(OptionPrint(id="odd", ts=T0, contract="NOT-A-CONTRACT-ID", price=1.0, size=1)),
}


def _poisoned(bus: EmbeddedBus) -> None:
    """Lays poison of every kind between two good prints, in two batches, and broken control records."""
    for topic in (PRINTS, QUOTES):
        TopicWriter(bus, topic).member("required", 0)
    bus.append(QUOTES, {0: Batch(2, b'{"control":"gone","ts":1}\nnothing', control=True)})
    lines = [_GOOD.replace(b'"good"', b'"first"'), *_POISON.values(), _GOOD.replace(b'"good"', b'"last"')]
    for batch in (lines[:5], lines[5:]):
        bus.append(PRINTS, {0: Batch(len(batch), b"\n".join(batch), ["SPY"] * len(batch), [(0, T0 - NS_PER_S)])})


@pytest.mark.parametrize("read_batch", [1, 1000])
def test_poison_becomes_dead_letters_and_its_neighbours_live(tmp_path: Path, read_batch: int) -> None:
    bus = EmbeddedBus(tmp_path, 1)
    _poisoned(bus)
    found = emitted(bus, Rules(), read_batch=read_batch)
    assert [marked.id for marked in found["options.marked"]] == ["first", "last"]
    letters: list[DeadLetter] = found["deadletter"]
    assert len({letter.id for letter in letters}) == len(letters) == len(_POISON) + 2
    assert {letter.topic for letter in letters} == {PRINTS, QUOTES}
    by_raw = {letter.raw: letter for letter in letters}
    assert by_raw["{"[:0]].reason
    assert by_raw[_POISON["broken"].decode()].position == "0:2"
    unusable = sorted(letter.reason for letter in letters if letter.origin == "file")
    assert unusable == [
        "'NOT-A-CONTRACT-ID' is not a compact OCC contract id",
        "1000000000 at 2.0 is more than any market trades",
    ]
    bus.close()


def test_a_dead_letter_is_written_once_however_often_its_record_is_read(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, 1)
    _poisoned(bus)
    for epoch in (1, 2):
        for topic in ("options.marked", "flow.packets"):
            bus.clear(topic)
        span = Span(ends=heads_as_ends(bus), supply_end=True)
        sinks = options.Sinks(*(DerivedSink(bus, topics, epoch) for topics in
                                (options.MARKED_TOPICS, options.FLOW_TOPICS, options.ANCHOR_TOPICS)))  # fmt: skip
        run_main(options.build(_source(bus, span=span), sinks, Config(Rules(), 1, "code")))  # type: ignore[no-untyped-call]
        read = decoder("deadletter")
        letters = [read.decode(line) for each in bus.read("deadletter", 0, 0, 10**6) for line in each.lines()]
        assert len({letter.id for letter in letters}) == len(letters) == len(_POISON) + 2
    bus.close()


class _Looked(EmbeddedBus):
    """A bus on which something happens at given looks at the heads, as other processes do it."""

    def __init__(self, directory: Path, then: dict[int, Callable[[EmbeddedBus], None]]) -> None:
        super().__init__(directory, 1)
        self.then, self.looks = then, 0

    def heads(self, topic: str) -> list[Head]:
        found = super().heads(topic)
        if topic == RAW_TOPICS[-1]:
            self.looks += 1
        elif topic == PRINTS and self.looks in self.then:
            # Between the look at the prints and the look at the quotes.
            self.then.pop(self.looks)(EmbeddedBus(self.directory, 1))
        return found


#  prints  required ........ absent |            | required from T0 + 1 s
#  quotes  required ............... |            |               promise T0 + 5 s
#          first look at the prints ^            ^ first look at the quotes
def test_a_topic_that_leaves_and_returns_between_two_looks_is_waited_for(tmp_path: Path) -> None:
    def returns(bus: EmbeddedBus) -> None:
        prints = TopicWriter(bus, PRINTS)
        prints.member("required", T0 + NS_PER_S)
        quotes = TopicWriter(bus, QUOTES)
        quotes.heartbeat(T0 + 5 * NS_PER_S)
        prints.add(OptionPrint(id="p", ts=T0 + 2 * NS_PER_S, contract=CONTRACTS[0], price=1.0, size=1))
        prints.heartbeat(T0 + 5 * NS_PER_S)
        bus.close()

    for look in range(1, 8):
        plain = EmbeddedBus(tmp_path / str(look), 1)
        for topic in (PRINTS, QUOTES):
            writer = TopicWriter(plain, topic)
            writer.member("required", 0)
            writer.heartbeat(T0)
        TopicWriter(plain, PRINTS).member("absent", T0)
        plain.close()
        bus = _Looked(tmp_path / str(look), {look: returns})
        found, _ = _polled(TapeSource(bus, Span(), batch=1, poll_ms=0), None, 40)
        assert not bus.then
        assert [item[5].id for each in found for item in each.items] == ["p"]
        bus.close()


def test_the_tape_stops_at_its_ends_and_when_it_is_asked_to(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, 1)
    append(bus, random_tape(1, 200))
    ends = heads_as_ends(bus)
    whole = _keys(_all(_source(bus, span=Span(ends=ends, supply_end=True))))
    append(bus, random_tape(2, 50, start_ts=T0 + 3600 * NS_PER_S), joined=True)
    assert _keys(_all(_source(bus, span=Span(ends=ends, supply_end=True)))) == whole
    promised = _all(_source(bus, span=Span(ends=ends)))
    assert _keys(promised) == whole[: len(_keys(promised))]
    assert promised[-1].watermark == min(_promise_at(bus, topic, ends[topic][0]) for topic in (FACTS, PRINTS, QUOTES))
    asked = TapeSource(bus, Span(), batch=10, poll_ms=1, stopping=lambda: True).build_part("tape", "0", None)
    with pytest.raises(StopIteration):
        asked.next_batch()
    bus.close()


def _promise_at(bus: EmbeddedBus, topic: str, end: int) -> int:
    return [each.promises[-1][1] for each in bus.read(topic, 0, 0, 10**6) if each.next <= end][-1]


def _all(source: TapeSource) -> list[Released]:
    part, found = source.build_part("tape", "0", None), []
    while True:
        try:
            found += [released for _, released in part.next_batch()]
        except StopIteration:
            return found


def test_a_bounded_tape_that_supplies_the_end_stands_at_for_ever(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, 1)
    append(bus, random_tape(1, 50))
    assert _all(_source(bus, span=Span(ends=heads_as_ends(bus), supply_end=True)))[-1].watermark == FOREVER_NS
    bus.close()


def test_a_snapshot_beyond_the_end_of_the_log_is_seen(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, 1)
    append(bus, random_tape(1, 100))
    _, snapshot = _polled(_source(bus), None, 30)
    assert beyond_log(bus, 0, snapshot) is None
    bus.clear(QUOTES)
    assert beyond_log(bus, 0, snapshot) == QUOTES
    bus.close()


def test_parameters_in_the_log_hold_from_their_order_time_on_for_who_follows_them(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, 1)
    writer = TopicWriter(bus, PRINTS)
    writer.member("required", 0)
    shorter = plain_rules(Rules(cluster_window_ms=250))
    change = encode_control(Control(control="parameters", ts=T0 + NS_PER_S, parameters=shorter))
    bus.append(PRINTS, {0: Batch(1, change, control=True)})
    for number, ms in enumerate((0, 300, 900, 1000, 1300)):
        ts = T0 + ms * NS_PER_MS
        writer.add(OptionPrint(id=f"p{number}", ts=ts, contract=CONTRACTS[0], price=1.0, size=1))
    writer.flush()
    followed = emitted(bus, Rules(), follow_log=True)["flow.packets"]
    # The packet that was open when the change came keeps the window it began with.
    assert [(packet.members, packet.window_ms) for packet in followed] == [
        (("p0", "p1"), 500), (("p2", "p3", "p4"), 500),
    ]  # fmt: skip
    own = emitted(bus, Rules(cluster_window_ms=350))["flow.packets"]
    assert [packet.members for packet in own] == [("p0", "p1"), ("p2", "p3"), ("p4",)]
    bus.close()


def test_a_quote_of_no_contract_disturbs_nobody(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, 1)
    for topic in (PRINTS, QUOTES):
        TopicWriter(bus, topic).member("required", 0)
    odd = encode(OptionQuote(id="q", ts=T0, contract="NOT-A-CONTRACT-ID", bid=1.0, ask=2.0))
    bus.append(QUOTES, {0: Batch(1, odd, ["?"])})
    bus.append(PRINTS, {0: Batch(1, _GOOD, ["SPY"])})
    found = emitted(bus, Rules())
    assert [marked.id for marked in found["options.marked"]] == ["good"]
    bus.close()
