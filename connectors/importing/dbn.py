"""Databento records as raw events (domain 1.3).

* Time is `ts_event`, except for books sampled on an interval (bbo, cbbo): there the vendor gives the last trade's time
  or none, and the book is that of the interval's end, `ts_recv`. Using the trade's time would look ahead.
* Symbols come from the mapping of the record's own date: an id means another contract the next day.
* The book in a trade's record is the one just before it, so it is attached to the print. On tbbo and mbp-1 it is one
  venue's, not the national best, and says so; the rows of OPRA itself and the consolidated schemas of OPRA and of the
  tapes are national, while those of XNAS.BASIC, EQUS.MINI or DBEQ.BASIC hold a few venues. A book that the vendor flags
  as maybe wrong is not firm, and not attached.
* No record carries sale conditions. Open interest comes once per venue with the same number: separate facts, no sum.
* A status record of a stock is a halt or the end of one, or is not imported.
* A definition's expiry is midnight UTC of the date as the vendor gives it, in New York the evening before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec

from connectors.importing.dbnstatus import Statuses
from connectors.importing.dbnstream import Damage, DbnStream
from connectors.importing.dbnsymbols import Symbols
from connectors.importing.publishers import publisher
from connectors.importing.records import Bad, FeedFacts, Good, ImportRefused, Item, Printed, Unsupported
from events.codec import encode
from events.contracts import compact, parse_contract
from events.plausible import refuse_implausible
from events.raw import EquityPrint, EquityQuote, OptionPrint, OptionQuote, RawEvent, Reference
from events.topics import RAW_TOPICS, decoder
from events.types import NS_PER_S, Book

SOURCE = "databento"
_EQUITIES = (
    "ARCX.", "BATS.", "BATY.", "DBEQ.", "EDGA.", "EDGX.", "EPRL.", "EQUS.", "IEXG.",
    "MEMX.", "XASE.", "XBOS.", "XCHI.", "XCIS.", "XNAS.", "XNYS.", "XPSX.",
)  # fmt: skip
#: Data sets whose consolidated book is that of all venues; those of others consolidate the few that they hold.
_NATIONAL = ("OPRA.", "EQUS.SIP")
#: The flag of a record whose book may be wrong, and a quote condition that says so: not firm.
_MAYBE_BAD_BOOK = 4
_NOT_FIRM_OPTION, _NOT_FIRM_EQUITY = "F", "N"
_UNDEF_PRICE = 2**63 - 1
_UNDEF_TS = 2**64 - 1
_UNDEF_QUANTITY = (2**31 - 1, 2**63 - 1)
_UNDEF_MULTIPLIER = 2**31 - 1
_OPEN_INTEREST = 9
#: Schemas in which a trade has the same sequence, by which it is one print.
_WITH_SEQUENCE = ("trades", "tbbo", "mbp-1")
_NS_PER_DAY = 86_400 * NS_PER_S
_NO_FIELDS: dict[str, Any] = {}


class _Unsupported(Exception):
    """A sound record that is not imported."""


class DbnFile:
    """One DBN file of version 1 to 3, plain or Zstandard, historical or captured from the live gateway."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._stream = DbnStream(path)
        self._stream.on_metadata = self._go_on
        self._symbols = Symbols(self._stream.metadata)
        self._statuses = Statuses()
        dataset = str(self._stream.metadata.dataset)
        self._national = dataset.startswith(_NATIONAL)
        self._options = dataset.startswith("OPRA.")
        supported = self._options or dataset.startswith(_EQUITIES)
        self._refusal = "" if supported else f"dataset {dataset} holds neither US options nor US equities"
        self._decoders = {topic: decoder(topic) for topic in RAW_TOPICS}
        self._sampled = False
        self._books: dict[str, Book] = {}
        self._days: set[tuple[str, int]] = set()
        self._schema, self._part = self._stream.metadata.schema, 0
        self._kinds: dict[str, Callable[[Any], RawEvent]] = {
            "TradeMsg": self._print, "MBP1Msg": self._print_or_quote, "CMBP1Msg": self._print_or_quote,
            "BBOMsg": self._sample, "CBBOMsg": self._sample,
            "InstrumentDefMsg": self._definition, "StatMsg": self._statistic,
            "StatusMsg": self._status,
        }  # fmt: skip

    def __iter__(self) -> Iterator[Item]:
        """Yields every record once; what the decoder cannot read counts as one record where it stands."""
        for number, record in enumerate(self._stream, 1):
            if isinstance(record, Damage):
                yield Bad(f"record {number}", record.reason, record.raw, cut=record.cut)
                continue
            try:
                yield self._item(record)
            except _Unsupported as reason:
                yield Unsupported(str(reason))
            except (ValueError, msgspec.ValidationError) as error:
                yield Bad(f"record {number}", str(error), bytes(record))

    def _go_on(self, metadata: Any) -> None:
        """Takes the head of a further file in the same stream; raises ImportRefused where it is of another data set."""
        first = self._stream.metadata.dataset
        if first != metadata.dataset:
            both = f"{first} and {metadata.dataset}"
            raise ImportRefused(f"{self._name}: files of {both} in one stream: import them one by one")
        self._symbols.add(metadata)
        self._schema, self._part = metadata.schema, self._part + 1

    def facts(self, topic: str, source: str) -> FeedFacts:
        """Returns what the records of the file have shown; Databento carries no sale conditions."""
        return FeedFacts(
            source,
            carries_conditions=False if topic.endswith(".prints") else None,
            quotes=("sampled" if self._sampled else "every_change") if topic.endswith(".quotes") else None,
            book=self._books.get(topic),
        )

    def printed(self) -> list[Printed]:
        """Returns the days, UTC, of which the file held prints; none of a live capture, which has no one schema."""
        dataset = str(self._stream.metadata.dataset)
        one = " or ".join(_WITH_SEQUENCE)
        return [
            Printed(dataset, _date(day * _NS_PER_DAY).isoformat(), one if schema in _WITH_SEQUENCE else schema)
            for schema, day in sorted(self._days)
        ]

    def _item(self, record: Any) -> Good:
        kind = type(record).__name__
        if kind == "SymbolMappingMsg":
            self._symbols.learn(record)
            raise _Unsupported("symbol mapping: used, holds no event")
        if self._refusal:
            raise _Unsupported(self._refusal)
        make = self._kinds.get(kind)
        if make is None:
            raise _Unsupported(f"{kind} records")
        event = make(record)
        topic = self._topic(event)
        refuse_implausible(event)
        message = encode(event)
        self._decoders[topic].decode(message)
        self._note_book(topic, event)
        if self._schema is not None and not isinstance(event, OptionQuote | EquityQuote | Reference):
            self._days.add((str(self._schema), event.ts // _NS_PER_DAY))
        return Good(topic, event.ts, SOURCE, message, self._part)

    def _topic(self, event: RawEvent) -> str:
        if isinstance(event, Reference):
            return "reference"
        kind = "prints" if isinstance(event, OptionPrint | EquityPrint) else "quotes"
        return f"{'options' if self._options else 'equities'}.{kind}"

    def _note_book(self, topic: str, event: RawEvent) -> None:
        book = None if isinstance(event, Reference) else event.book
        if book is not None and self._books.get(topic) != "venue":
            self._books[topic] = book

    def _print_or_quote(self, record: Any) -> RawEvent:
        if str(record.action) == "T":
            return self._print(record, self._attached(record))
        return self._quote(record, _time(record.ts_event, "ts_event"))

    def _sample(self, record: Any) -> RawEvent:
        self._sampled = True
        return self._quote(record, _time(record.ts_recv, "ts_recv"))

    def _print(self, record: Any, attached: dict[str, Any] = _NO_FIELDS) -> RawEvent:
        fields: dict[str, Any] = {
            "ts": _time(record.ts_event, "ts_event"),
            "price": _price(record.price),
            "exchange": publisher(record.publisher_id).exchange,
            "recv_ts": _optional_time(record.ts_recv),
            "seq": getattr(record, "sequence", None),
            "source": SOURCE,
            **attached,
        }
        if self._options:
            return OptionPrint(contract=self._instrument(record), size=record.size, **fields)
        return EquityPrint(symbol=self._instrument(record), size=float(record.size), **fields)

    def _attached(self, record: Any) -> dict[str, Any]:
        """Returns the fields of the book just before the trade; none when that book was empty, or may be wrong."""
        book = self._book(record)
        if (book["bid"] is None and book["ask"] is None) or _may_be_bad(record):
            return _NO_FIELDS
        names = ("bid", "ask", "bid_size", "ask_size", "book")
        return {name: book[name] for name in names} | {"quote_origin": "attached"}

    def _quote(self, record: Any, ts: int) -> RawEvent:
        fields = self._book(record) | {
            "ts": ts,
            "recv_ts": _optional_time(record.ts_recv),
            "seq": getattr(record, "sequence", None),
            "source": SOURCE,
        }
        if _may_be_bad(record):
            fields["condition"] = _NOT_FIRM_OPTION if self._options else _NOT_FIRM_EQUITY
        if self._options:
            return OptionQuote(contract=self._instrument(record), **fields)
        return EquityQuote(symbol=self._instrument(record), **fields)

    def _book(self, record: Any) -> dict[str, Any]:
        """Returns the best bid and offer of a record's one level, with whose they are."""
        level = record.levels[0]
        number = int if self._options else float
        consolidated = type(record).__name__ in ("CMBP1Msg", "CBBOMsg")
        of = publisher(record.publisher_id)
        bid_of, ask_of = (level.bid_pb, level.ask_pb) if consolidated else (record.publisher_id, record.publisher_id)
        bid, ask = _price(level.bid_px), _price(level.ask_px)
        return {
            "bid": bid,
            "ask": ask,
            "bid_size": number(level.bid_sz),
            "ask_size": number(level.ask_sz),
            "bid_exchange": None if bid is None or not bid_of else publisher(int(bid_of)).exchange,
            "ask_exchange": None if ask is None or not ask_of else publisher(int(ask_of)).exchange,
            "book": "national" if of.national or (consolidated and self._national) else "venue",
        }

    def _definition(self, record: Any) -> Reference:
        if str(record.security_update_action) == "D":
            raise _Unsupported("definitions that delete")
        symbol = str(record.raw_symbol)
        instrument = compact(symbol) if self._options else symbol
        multiplier = record.contract_multiplier
        return Reference(
            ts=_time(record.ts_event, "ts_event"),
            kind="definition",
            instrument=instrument,
            underlying=parse_contract(instrument).underlying if self._options else None,
            multiplier=float(multiplier) if 0 < multiplier < _UNDEF_MULTIPLIER else None,
            expiry_ts=_optional_time(record.expiration) or None,
            source=SOURCE,
            recv_ts=_optional_time(record.ts_recv),
        )

    def _statistic(self, record: Any) -> Reference:
        if not self._options or int(record.stat_type) != _OPEN_INTEREST:
            raise _Unsupported("statistics other than open interest of options")
        if int(record.update_action) == 2:
            raise _Unsupported("statistics that delete")
        if record.quantity in _UNDEF_QUANTITY:
            raise ValueError("open interest without a quantity")
        contract = self._instrument(record)
        of_date = _optional_time(record.ts_ref)
        return Reference(
            ts=_time(record.ts_event, "ts_event"),
            kind="open_interest",
            instrument=contract,
            underlying=parse_contract(contract).underlying,
            open_interest=record.quantity,
            for_date=None if of_date is None else _date(of_date).isoformat(),
            source=SOURCE,
            recv_ts=_optional_time(record.ts_recv),
            seq=record.sequence,
        )

    def _status(self, record: Any) -> Reference:
        if self._options:
            raise _Unsupported("status records of options")
        symbol = self._instrument(record)
        kind = self._statuses.see(symbol, record.publisher_id, int(record.action), int(record.reason))
        if kind is None:
            raise _Unsupported("status records that neither begin nor end a halt")
        return Reference(
            ts=_time(record.ts_event, "ts_event"),
            kind=kind,
            instrument=symbol,
            source=SOURCE,
            recv_ts=_optional_time(record.ts_recv),
        )

    def _instrument(self, record: Any) -> str:
        ts = record.ts_recv if record.ts_recv != _UNDEF_TS else record.ts_event
        symbol = self._symbols.symbol(record.instrument_id, _time(ts, "ts_recv"))
        return compact(symbol) if self._options else symbol


def _may_be_bad(record: Any) -> bool:
    return bool(int(record.flags) & _MAYBE_BAD_BOOK)


def _price(raw: int) -> float | None:
    return None if raw == _UNDEF_PRICE else round(raw / 1e9, 9)


def _time(raw: int, name: str) -> int:
    if raw == _UNDEF_TS:
        raise ValueError(f"{name} is undefined")
    return int(raw)


def _optional_time(raw: int) -> int | None:
    return None if raw == _UNDEF_TS else int(raw)


def _date(ts: int) -> date:
    return datetime.fromtimestamp(ts // NS_PER_S, UTC).date()
