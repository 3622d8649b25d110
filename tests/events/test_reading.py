"""Lines as compiled code reads them: what msgspec's typed decoder makes of them, or nothing, and then it is asked."""

from __future__ import annotations

import gc
import math
import random
import sys
from collections.abc import Callable
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta, Struct

from events.code import compiled_directory, compiled_module
from events.derived import FlowPacket, MarkedPrint
from events.raw import EquityPrint, EquityQuote, OptionPrint, OptionQuote, Reference
from events.reading import _fields_of, lines_reader
from events.types import FOREVER_NS, MAX_PRICE, MAX_TS_NS, MIN_TS_NS
from tests.conftest import require_engine

_TS = 1_767_623_434_782_239_677
Of = TypeVar("Of")
Read = Callable[[bytes], list[Any] | None]


class Mixed(Struct, gc=False, omit_defaults=True):
    """Every kind of field, bounded and not."""

    text: str
    number: float = 1.5
    whole: int = 7
    flag: bool | None = None
    texts: tuple[str, ...] = ()
    choice: Literal["one", "other"] | None = None
    narrow: Annotated[float, Meta(gt=0, lt=10)] | None = None
    counted: Annotated[int, Meta(gt=-3, lt=100)] = 0
    word: Annotated[str, Meta(min_length=2, max_length=4)] | None = None
    last: bool = False


class Renamed(Struct, gc=False, rename="camel"):
    some_text: str = ""


def _compiled() -> Any:
    compiled = compiled_module("undertow_reading")
    if compiled is None:
        require_engine("compiled operators", f"{compiled_directory()} is missing: run `make compiled`")
    return compiled


@pytest.fixture(scope="module")
def reads() -> Callable[[type[Struct]], Read]:
    compiled = _compiled()

    def reader(kind: type[Struct]) -> Read:
        plan = compiled.plan(kind, _fields_of(kind))
        return lambda payload: compiled.read_lines(plan, payload)

    return reader


def _expected(kind: type[Struct], payload: bytes) -> list[Any] | None:
    """Returns what msgspec reads, None where it refuses."""
    try:
        return msgspec.json.Decoder(kind).decode_lines(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _same(one: list[Any] | None, other: list[Any] | None) -> bool:
    """Equal to the type of each value and the sign of a zero, and written again alike: defaults go by identity."""
    if one != other or repr(one) != repr(other):
        return False
    encode = msgspec.json.Encoder().encode_lines
    return one is None or other is None or encode(one) == encode(other)


_PRINT = OptionPrint(
    id="databento:options.prints:SPY260116C00600000:1767623434782239677:1204176926-75eefe899b15", ts=_TS,
    contract="SPY260116C00600000", price=3.17, size=12, exchange="P", conditions=("I", "a"), source="databento",
    recv_ts=_TS + 350_000, seq=1204176926, kind="cancel", bid=3.07, ask=0.0, bid_size=134, ask_size=0, quote_ts=0,
    quote_origin="attached", book="venue",
)  # fmt: skip
_EVENTS: list[Struct] = [
    _PRINT,
    OptionPrint(ts=_TS, contract="SPY260116C00600000", price=0.05, size=1),
    OptionQuote(
        id="q", ts=_TS, contract="SPY260116C00600000", bid=3.0, ask=3.2, bid_size=10, condition="T", source="x"
    ),
    EquityPrint(id="e", ts=_TS, symbol="SPY", price=600.1234, size=0.5, conditions=("@", "7"), tape="B", trade_id="62"),
    EquityQuote(id="f", ts=_TS, symbol="BRK.B", bid=1.0, ask=2.5, limit_state=True),
    Reference(id="r", ts=_TS, kind="open_interest", instrument="SPY260116C00600000", open_interest=0, multiplier=100.0),
    MarkedPrint("m", _TS, _TS, "SPY260116C00600000", "SPY", 1.25, 3, "file", "inside", iv=0.361142, delta=-0.417107),
    Mixed("a", 2.0, -5, True, ("x",), "one", 9.5, -2, "abc"),
    Renamed("camel"),
]


@pytest.mark.parametrize("event", _EVENTS, ids=lambda event: type(event).__name__)
def test_events_as_they_are_written_are_read_here(reads: Callable[[type[Struct]], Read], event: Struct) -> None:
    payload = msgspec.json.Encoder().encode_lines([event, event])
    for each in (payload, payload[:-1]):
        assert _same(reads(type(event))(each), [event, event])
        assert _same(lines_reader(type(event))(each), [event, event])


@pytest.mark.parametrize("event", _EVENTS, ids=lambda event: type(event).__name__)
def test_a_damaged_payload_is_read_as_msgspec_reads_it_or_left_to_it(
    reads: Callable[[type[Struct]], Read], event: Struct
) -> None:
    """Every prefix, and thousands of bytes put in, taken out, exchanged and repeated."""
    kind, of = type(event), random.Random(4)
    read, through, payload = reads(kind), lines_reader(kind), msgspec.json.Encoder().encode_lines([event, event])
    damaged = [payload[:end] for end in range(len(payload))]
    for _ in range(6000):
        made = bytearray(payload)
        for _ in range(of.choice((1, 1, 2, 3))):
            at = of.randrange(len(made))
            byte = of.choice(b'0123456789-+.eE"\\{}[],:nulltruefalse \n\t\x00\x7f\x80\xc3\xa9aZ')
            to = min(at + of.randrange(1, 12), len(made))
            made[at : of.choice((at, at + 1, to))] = of.choice((bytes([byte]), b"", bytes(made[at:to]) * 2))
        damaged.append(bytes(made))
    read_here = 0
    for each in damaged:
        found, expected = read(each), _expected(kind, each)
        read_here += found is not None
        assert found is None or _same(found, expected), each
        if expected is not None:
            assert _same(through(each), expected)
    assert read_here > 100


_NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,22})?([eE][-+]?[0-9]{1,3})?", fullmatch=True)


@settings(max_examples=1500, deadline=None)
@given(_NUMBERS | st.floats(allow_nan=False).map(repr) | st.integers().map(str) | st.from_regex(r"[-0-9.]{1,12}"))
def test_a_number_is_what_msgspec_reads_or_left_to_it(number: str) -> None:
    compiled = _compiled()
    plan = compiled.plan(Mixed, _fields_of(Mixed))
    for field in ("number", "whole", "narrow", "counted"):
        payload = f'{{"text":"","{field}":{number}}}'.encode()
        found = compiled.read_lines(plan, payload)
        assert found is None or _same(found, _expected(Mixed, payload)), payload


def test_prices_of_a_few_decimals_are_read_here(reads: Callable[[type[Struct]], Read]) -> None:
    of, read = random.Random(2), reads(Mixed)
    numbers = [f"{of.randrange(10 ** of.randrange(1, 10))}.{of.randrange(10**6):06d}" for _ in range(50_000)]
    payload = "\n".join([f'{{"text":"a","number":{number}}}' for number in numbers]).encode()
    found = read(payload)
    assert found is not None
    assert [each.number for each in found] == [float(number) for number in numbers]


@pytest.mark.parametrize(
    ("field", "within", "beyond"),
    [
        ("ts", [MIN_TS_NS, MAX_TS_NS], [MIN_TS_NS - 1, MAX_TS_NS + 1, -MIN_TS_NS]),
        ("price", [0, 0.0, MAX_PRICE, 5], [-0.01, math.nextafter(MAX_PRICE, math.inf), 1e300]),
        ("size", [1, 2**31], [0, -1, 2**31 + 1, 1.5]),
        ("seq", [0, FOREVER_NS, None], [-1, FOREVER_NS + 1, 2**64]),
        ("contract", ["x" * 16, "x" * 21], ["x" * 15, "x" * 22, "", 1]),
        ("source", ["x", "x" * 32], ["", "x" * 33, None]),
        ("kind", ["cancel", "correction", None], ["other", "", "cance", 1]),
        ("conditions", [[], ["I"], ["x" * 40], ["I"] * 15], [["I", 1], None, "I", [["I"]]]),
    ],
)
def test_bounds_hold_as_msgspec_holds_them(
    reads: Callable[[type[Struct]], Read], field: str, within: list[Any], beyond: list[Any]
) -> None:
    read = reads(OptionPrint)

    def line(value: Any) -> bytes:
        fields = {"ts": _TS, "contract": "SPY260116C00600000", "price": 1.0, "size": 1} | {field: value}
        order = [name for name in OptionPrint.__struct_fields__ if name in fields]
        return msgspec.json.encode({name: fields[name] for name in order})

    for value in within:
        assert read(line(value)) is not None, value
        assert _same(read(line(value)), _expected(OptionPrint, line(value)))
    for value in beyond:
        assert read(line(value)) is None, value
        with pytest.raises(msgspec.ValidationError):
            lines_reader(OptionPrint)(line(value))


def test_one_line_that_is_not_as_events_are_written_is_read_all_the_same(reads: Callable[[type[Struct]], Read]) -> None:
    good = b'{"text":"a","number":2.5}'
    for odd in (
        b'{"number":2.5,"text":"a"}', b'{"text":"a", "number":2.5}', b'{"text":"a","new":1}', b'{"text":"\\u0061"}',
        '{"text":"é"}'.encode(), b'{"text":"a","number":25e-1}', b' {"text":"a"}', b'{"text":"a"} ',
        b'{"text":"a","text":"b"}', b'{"text":"a","texts":["1"' + b',"1"' * 16 + b"]}",
    ):  # fmt: skip
        payload = b"\n".join([good, odd, good])
        assert reads(Mixed)(payload) is None
        found = lines_reader(Mixed)(payload)
        assert found == _expected(Mixed, payload)
        assert len(found) == 3


def test_nothing_is_read_of_nothing(reads: Callable[[type[Struct]], Read]) -> None:
    for payload in (b"", b"\n", b"\n\n", b"null", b"[]", b"{}"):
        found = reads(Mixed)(payload)
        assert found is None or found == _expected(Mixed, payload)
    assert lines_reader(Mixed)(b"") == []
    assert lines_reader(Mixed)(bytearray(b'{"text":"a"}')) == [Mixed("a")]  # type: ignore[arg-type]


def test_texts_that_return_are_the_same_objects(reads: Callable[[type[Struct]], Read]) -> None:
    line = msgspec.json.encode(_PRINT)
    one, other = reads(OptionPrint)(line + b"\n" + line) or (None, None)
    assert one is not None
    assert other is not None
    assert one.contract is other.contract
    assert one.source is other.source
    assert one.conditions is other.conditions
    assert one.id is not other.id


def test_a_bracket_within_a_condition_ends_nothing(reads: Callable[[type[Struct]], Read]) -> None:
    for texts in (["]"], ["a]b", "c"], ["[", "]"], ["]", "]"]):
        payload = msgspec.json.encode({"text": "", "texts": texts})
        for _ in range(3):
            assert reads(Mixed)(payload) == [Mixed("", texts=tuple(texts))]


def test_events_are_let_go_of_whole(reads: Callable[[type[Struct]], Read]) -> None:
    """Neither a type nor a default gains or loses references, whether lines are read, refused or broken off."""
    read, line = reads(Mixed), msgspec.json.encode(Mixed("a" * 40, 2.0, 5, True, ("x",), "one", 9.5, 2, "abc"))
    default = Mixed.__struct_defaults__[0]
    tried = [line, line[:-1], line[:30], b'{"text":"a"}', b'{"text":"a"}\n{"text":1}', b"{"]
    for each in tried:
        read(each)
    gc.collect()
    before = sys.getrefcount(Mixed), sys.getrefcount(default), sys.getrefcount(None)
    for _ in range(200):
        for each in tried:
            read(each)
    after = sys.getrefcount(Mixed), sys.getrefcount(default), sys.getrefcount(None)
    assert after[:2] == before[:2]
    assert abs(after[2] - before[2]) < 100


def test_what_was_read_is_an_event_like_any_other(reads: Callable[[type[Struct]], Read]) -> None:
    found = (reads(Mixed)(b'{"text":"a"}') or [None])[0]
    assert found is not None
    found.number = 3.5
    assert msgspec.structs.replace(found, whole=8) == Mixed("a", 3.5, 8)
    assert msgspec.json.encode(found) == b'{"text":"a","number":3.5}'
    assert not gc.is_tracked(found)


def test_types_that_are_more_than_it_reads_are_left_to_msgspec() -> None:
    class Tracked(Struct):
        text: str

    class Tagged(Struct, gc=False, tag=True):
        text: str

    class Pattern(Struct, gc=False):
        text: Annotated[str, Meta(pattern="a+")]

    class Either(Struct, gc=False):
        value: int | str

    class Made(Struct, gc=False):
        values: list[str] = []

    class Checked(Struct, gc=False):
        text: str

        def __post_init__(self) -> None:
            raise ValueError("no")

    class Finalized(Struct, gc=False):
        text: str

        def __del__(self) -> None:
            pass

    class Base(Struct, gc=False):
        text: str

    class Shadowed(Base, gc=False):
        text = property(lambda self: "its own")

    class Generics(Struct, Generic[Of], gc=False):
        value: Of

    for kind in (Tracked, Tagged, Pattern, Either, Made, Checked, Finalized, Shadowed, FlowPacket):
        assert _fields_of(kind) is None
    whole: Any = Generics[int]
    assert lines_reader(whole)(b'{"value":1}') == [Generics(1)]
    with pytest.raises(msgspec.ValidationError):
        lines_reader(whole)(b'{"value":"a"}')
    compiled = _compiled()
    with pytest.raises(TypeError):
        compiled.plan(Tracked, ())
    with pytest.raises(TypeError):
        compiled.plan(Mixed, (("nothing", b'"nothing":', 0, False, (), (), 0, 1, 0.0, 1.0),))
