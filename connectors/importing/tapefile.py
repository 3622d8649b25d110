"""Tape files: JSON lines of `{"topic", "event"}`, each checked once and given back as bytes or with what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from connectors.importing.files import Damaged, pieces
from connectors.importing.records import Bad, FeedFacts, Good, ImportRefused, Item, Printed
from events.codec import encode
from events.contracts import compact, parse_contract
from events.plausible import refuse_implausible
from events.raw import Reference
from events.sources import source as source_spec
from events.topics import RAW_TOPICS, TOPICS, decoder

#: The longest line read; a longer one is no event.
MAX_LINE = 1 << 20
#: Fields that hold any whole number; the store has 64 bits for it.
_UNBOUNDED = (
    "size", "bid_size", "ask_size", "seq", "recv_ts", "exec_ts", "quote_ts", "open_interest", "expiry_ts",
)  # fmt: skip
_INT64 = 2**63 - 1


class _Line(msgspec.Struct):
    """One line before its event is read."""

    topic: str
    event: msgspec.Raw


class Fault(NamedTuple):
    """What is wrong with a line, in one sentence, and the topic it names."""

    topic: str
    reason: str


class TapeParser:
    """Reads single lines; pure."""

    def __init__(self) -> None:
        self._line = msgspec.json.Decoder(_Line)
        self._topics: dict[str, tuple[msgspec.json.Decoder[Any], Callable[[Any], None], tuple[str, ...]]] = {
            name: (decoder(name), _NORMALISE[TOPICS[name].instrument], _unbounded(TOPICS[name].type))
            for name in RAW_TOPICS
        }

    def parse(self, line: bytes) -> Good | Fault:
        """Returns the line's event, or what is wrong with the line and where in it."""
        try:
            envelope = self._line.decode(line)
            found = self._topics.get(envelope.topic)
            if found is None:
                return Fault("", _unknown(envelope.topic))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return Fault("", _sentence(error))
        read, normalise, numbers = found
        try:
            event = read.decode(envelope.event)
            normalise(event)
            refuse_implausible(event)
            for name in numbers:
                _refuse_huge(name, getattr(event, name))
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            return Fault(envelope.topic, _sentence(error).replace("`$", "`$.event"))
        event.id = ""
        return Good(envelope.topic, event.ts, event.source, encode(event))


class _Unended(bytes):
    """The last line of a file that does not end it."""


#: What the decoder says of a line that stops before its last brace.
_TRUNCATED = "Input data was truncated"
_TOO_LONG = Fault("", f"the line is longer than {MAX_LINE} bytes")


class TapeFile:
    """One tape file, plain or Zstandard."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Item]:
        """Yields every line that is not blank; where the file is damaged or ends inside a line, its rest as one record.

        Raises ImportRefused, in one line, behind the last line of a file of which none names a topic: it is another
        kind of file.
        """
        parse, known, first = TapeParser().parse, False, ""
        for number, line in enumerate(_lines(self._path), 1):
            if isinstance(line, Damaged):
                first = first or str(line)
                yield Bad(f"line {number}", str(line), b"", cut=True)
            elif line and not line.isspace():
                found = parse(line) if len(line) <= MAX_LINE else _TOO_LONG
                if isinstance(found, Fault):
                    first, known = first or f"line {number}: {found.reason}", known or bool(found.topic)
                    cut = isinstance(line, _Unended) and line.lstrip().startswith(b"{") and _stops_early(line, found)
                    reason = "the file ends inside the line" if cut else found.reason
                    yield Bad(f"line {number}", reason, line, found.topic, cut)
                else:
                    known = True
                    yield found
        if first and not known:
            raise ImportRefused(f"{self._path.name}: no line of it can be imported: {first}")

    def facts(self, topic: str, source: str) -> FeedFacts:
        """Returns what is known of the feed of that name."""
        spec = source_spec(source)
        prints, quotes = topic.endswith(".prints"), topic.endswith(".quotes")
        return FeedFacts(
            source,
            carries_conditions=spec.carries_conditions if prints else None,
            quotes=spec.quotes if quotes else None,
            book=spec.book if prints or quotes else None,
        )

    def printed(self) -> list[Printed]:
        """Returns nothing: a tape file's prints have one form."""
        return []


def _lines(path: Path) -> Iterator[bytes | Damaged]:
    """Yields lines; a line that never ends is given up in pieces, so that memory stays bounded."""
    rest = b""
    try:
        for piece in pieces(path, text=True):
            lines = (rest + piece).split(b"\n")
            rest = lines.pop()
            yield from lines
            if len(rest) > 64 * MAX_LINE:
                yield rest
                rest = b""
    except Damaged as error:
        yield error
        return
    if rest:
        yield _Unended(rest)


def _stops_early(line: bytes, found: Fault) -> bool:
    return found.reason == _TRUNCATED or not line.rstrip().endswith(b"}")


def _unknown(topic: str) -> str:
    if topic in TOPICS:
        return f"topic {topic!r} is computed, not imported - at `$.topic`"
    return f"unknown topic {topic!r}; a tape file has {', '.join(RAW_TOPICS)} - at `$.topic`"


def _contract(event: Any) -> None:
    try:
        contract = event.contract
        event.contract = compact(contract) if " " in contract else parse_contract(contract).id
    except ValueError as error:
        raise ValueError(f"{error} - at `$.contract`") from None


def _instrument(event: Reference) -> None:
    """Writes the contract of a reference event in compact form; anything else is an equity symbol, as it stands."""
    if " " in event.instrument:
        event.instrument = _compact_or_symbol(event.instrument)


def _compact_or_symbol(instrument: str) -> str:
    try:
        return compact(instrument)
    except ValueError:
        return instrument


def _symbol(event: Any) -> None:
    """Takes an equity symbol as it stands."""


_NORMALISE: dict[str, Callable[[Any], None]] = {"contract": _contract, "instrument": _instrument, "symbol": _symbol}


def _unbounded(event_type: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(name for name in _UNBOUNDED if name in event_type.__struct_fields__)


def _refuse_huge(name: str, value: float | None) -> None:
    if value is not None and value > _INT64 and isinstance(value, int):
        raise ValueError(f"{value} does not fit 64 bits - at `$.{name}`")


def _sentence(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "the line nests deeper than any event"
    return "the line is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
