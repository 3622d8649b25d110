"""Lines as compiled code writes them: the bytes of msgspec, or msgspec itself wherever an event is unusual."""

from __future__ import annotations

import gc
import importlib.util
import random
import resource
import shutil
import struct
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import NODEFAULT

from events.code import compiled_directory, compiled_module
from events.derived import FlowPacket, MarkedPrint, Parent
from events.raw import OptionPrint, OptionQuote
from events.verdicts import Alert, Hit, Structure
from tests.conftest import require_engine

_TYPES = (Alert, FlowPacket, Hit, MarkedPrint, OptionPrint, OptionQuote, Parent, Structure)
_encoder = msgspec.json.Encoder()
Write = Callable[[Sequence[Any], Callable[[Any], bytes]], bytes]


class Plain(msgspec.Struct):
    value: Any


class Defaults(msgspec.Struct, omit_defaults=True):
    number: float = 0.0
    text: str = "unknown"
    items: tuple[Any, ...] = ()
    nothing: Any = None
    large: int = 1000


class Made(msgspec.Struct, omit_defaults=True):
    items: list[Any] = []


class Tagged(msgspec.Struct, tag=True):
    value: Any


class Array(msgspec.Struct, array_like=True):
    value: Any


class Renamed(msgspec.Struct, rename="camel"):
    some_value: Any


class Accented(msgspec.Struct, rename={"value": "välue"}):
    value: Any


class Empty(msgspec.Struct):
    pass


class Keywords(msgspec.Struct, kw_only=True, omit_defaults=True):
    first: int = 1
    second: Any


class Later(Defaults):
    last: Any = 1


@pytest.fixture(scope="module")
def write() -> Write:
    compiled = compiled_module("undertow_lines")
    if compiled is None:
        require_engine("compiled operators", f"{compiled_directory()} is missing: run `make compiled`")
    assert compiled is not None
    found: Write = compiled.ended_lines
    return found


class Asked:
    """msgspec's encoder, which counts how often it is asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, event: Any) -> bytes:
        self.times += 1
        return _encoder.encode(event)


def _same(write: Write, events: Sequence[Any]) -> int:
    """Holds the lines against msgspec's; returns how many events were left to it."""
    asked = Asked()
    assert write(events, asked) == _encoder.encode_lines(events)
    return asked.times


_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    | st.integers(-(10**15), 10**15).map(lambda millionths: millionths / 1e6)
    | st.integers(-(2**70), 2**70) | st.text(st.characters(max_codepoint=127))
)  # fmt: skip
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=4) | inner.map(Plain) | inner.map(Tagged) | inner.map(Array)
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_any_event_is_written_as_msgspec_writes_it(write: Write, data: st.DataObject) -> None:
    events = []
    for kind in data.draw(st.lists(st.sampled_from(_TYPES), max_size=3)):
        names = kind.__struct_fields__
        needed = names[: len(names) - len(kind.__struct_defaults__)]
        defaults = dict(zip(names[len(needed) :], kind.__struct_defaults__, strict=True))
        drawn = [each for each in names if defaults.get(each, NODEFAULT) is NODEFAULT or data.draw(st.booleans())]
        events.append(kind(**{name: data.draw(_VALUES) for name in drawn}))
    _same(write, events)
    _same(write, tuple(events))


def test_every_number_of_a_few_millionths_is_written_here(write: Write) -> None:
    numbers = [millionths / 1e6 for millionths in range(300_000)]
    assert _same(write, [Plain(number) for number in numbers]) == 0
    assert _same(write, [Plain(-number) for number in numbers[1:]]) == 0


def test_decimals_of_any_length_are_the_shortest_that_read_back(write: Write) -> None:
    of = random.Random(1)
    decimals = [of.randrange(10 ** of.randrange(1, 18)) / 10 ** of.randrange(0, 9) for _ in range(200_000)]
    neighbours = [msgspec.json.decode(repr(number)) * (1 + of.choice((-1, 1)) * 2.0**-52) for number in decimals]
    any_bits: list[float] = [struct.unpack("d", of.randbytes(8))[0] for _ in range(100_000)]
    asked = _same(write, [Plain(number) for number in decimals])
    assert 0 < asked < len(decimals) / 2
    _same(write, [Plain(number) for number in neighbours])
    _same(write, [Plain(number) for number in any_bits])


@pytest.mark.parametrize(
    "value",
    [-0.0, float("nan"), float("inf"), 1e9, 1e-7, 1e22, 2**63, -(2**63) - 1, 'quo"te', "back\\slash", "line\n", "é",
     "\x1f", {1: 2}, {"ké": 1}, {'k"': 1}, {1, 2}, b"bytes", ["é"], Made(), Tagged(1), Array(1)],
)  # fmt: skip
def test_what_is_unusual_is_left_to_msgspec(write: Write, value: Any) -> None:
    """Alone, inside others, and between events that are written here: each line is whole."""
    assert _same(write, [Plain(value)]) == 1
    assert _same(write, [Plain(1), Plain([{"deep": (1, Plain(value))}]), Plain(2)]) == 1


@pytest.mark.parametrize(
    "value",
    [0, -1, 9, 10, 99, 100, 2**63 - 1, -(2**63), 10**8 - 1, 10**8, 10**16, 0.0, 999_999_999.999999, "", "x" * 1000,
     " ~\x7f", "1234567", "12345678", True, False, None, [], (), {}, [[]], {"a": {}}, Empty(), Renamed(1), Accented(1),
     Defaults()],
)  # fmt: skip
def test_what_is_usual_is_written_here(write: Write, value: Any) -> None:
    assert _same(write, [Plain(value), Plain([value, value]), Plain({"a": value, "b": (value,)})]) == 0


def test_only_a_default_itself_is_left_out(write: Write) -> None:
    """As msgspec does: what equals a default is written unless it is the very object."""
    zero, text = float("0"), "".join(["un", "known"])
    events = [Defaults(), Defaults(zero, text, (), None, int("1000")), Defaults(1.0), Later(), Later(last=1)]
    assert _same(write, events) == 0
    assert _same(write, [Keywords(second=1), Keywords(first=2, second=1), Made(), Made([1])]) == 2


def test_what_msgspec_refuses_is_refused_alike(write: Write) -> None:
    class Other:
        pass

    endless: list[Any] = []
    endless.append(endless)
    for value, error in ((Other(), TypeError), (endless, RecursionError), ("\ud800", UnicodeEncodeError)):
        with pytest.raises(error):
            _encoder.encode_lines([Plain(value)])
        with pytest.raises(error):
            write([Plain(1), Plain(value)], _encoder.encode)
    with pytest.raises(TypeError):
        write(7, _encoder.encode)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        write([Plain("é")], lambda event: "text")  # type: ignore[arg-type,return-value]


def test_a_list_may_shrink_while_an_unusual_event_is_encoded(write: Write) -> None:
    events = [Plain("é"), Plain(2), Plain(3)]

    def encode(event: Any) -> bytes:
        events.clear()
        gc.collect()
        return _encoder.encode(event)

    assert write(events, encode) == '{"value":"é"}\n'.encode()


def test_types_that_answer_in_python_are_left_to_msgspec(write: Write) -> None:
    """Asked how it is written, such a type might empty the list that its events stand in."""
    events: list[Any] = []

    class Emptying(type(msgspec.Struct)):  # type: ignore[misc]
        def __getattribute__(cls, name: str) -> Any:
            if name == "__struct_config__":
                events.clear()
                write([Plain(1)], _encoder.encode)
            return super().__getattribute__(name)

    class Sly(msgspec.Struct, metaclass=Emptying):
        value: Any

    class Colour(Enum):
        RED = "red"

    events += [Sly(1), Plain([Sly(2), Colour.RED]), Plain({"a": Sly(3)})]
    assert _same(write, events) == 3
    assert len(events) == 3


def test_a_field_that_another_type_keeps_is_left_to_msgspec(write: Write) -> None:
    class Wide(msgspec.Struct):
        one: Any
        two: Any
        value: Any

    class Narrow(msgspec.Struct):
        value: Any

    narrow = Narrow(1)
    Narrow.value = Wide.__dict__["value"]
    asked = Asked()
    with suppress(TypeError):
        write([narrow], asked)
    assert asked.times == 1


def test_a_long_event_does_not_make_room_for_many_as_long(write: Write) -> None:
    for _ in range(3):
        write([Plain("x" * (1 << 22))], _encoder.encode)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert len(write([Plain(1)] * 4096, _encoder.encode)) == 4096 * len(b'{"value":1}\n')
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20


def test_nothing_is_kept_of_what_was_written(write: Write) -> None:
    value, key = ["a value of its own"], "a key of its own"
    events = [Plain(value), Plain({key: value}), Plain("é"), Plain({1: value})]
    before = sys.getrefcount(value), sys.getrefcount(key), sys.getrefcount(events[0]), sys.getrefcount(Plain)
    for _ in range(10):
        write(events, _encoder.encode)
    assert before == (sys.getrefcount(value), sys.getrefcount(key), sys.getrefcount(events[0]), sys.getrefcount(Plain))


def test_more_types_than_are_remembered_are_left_to_msgspec(write: Write, tmp_path: Path) -> None:
    """In a copy of the library, which remembers types of its own."""
    name = f"undertow_lines{EXTENSION_SUFFIXES[0]}"
    copy = Path(shutil.copy(compiled_directory() / name, tmp_path))
    spec = importlib.util.spec_from_file_location("undertow_lines", copy)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    kinds = [msgspec.defstruct(f"Kind{number}", ["value"]) for number in range(100)]
    events = [kind(number) for number, kind in enumerate(kinds)]
    assert _same(module.ended_lines, events) == _same(module.ended_lines, events[::-1]) == 36
    assert write is not module.ended_lines
