"""The raw events: what a feed saw, one type per raw topic, validated once by its decoder.

Every type leaves empty fields out of its bytes; readers skip fields they do not know.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from events.types import (
    FOREVER_NS,
    Book,
    BoundedTs,
    ContractId,
    Contracts,
    EquityPrice,
    EventId,
    Kind,
    OptionalTs,
    OptionPrice,
    QuoteContracts,
    QuotePrice,
    QuoteShares,
    Shares,
    Symbol,
    Ts,
)

Conditions = Annotated[tuple[str, ...], Meta(description="sale conditions, the tape's own letters; empty when none")]
Source = Annotated[str, Meta(min_length=1, max_length=32, description="the feed's name")]
#: Bounded, so that sums of money stay within 64 bits.
Multiplier = Annotated[float, Meta(gt=0, le=100_000, description="shares (or dollars a point) per contract")] | None
Sequence = Annotated[int, Meta(ge=0, le=FOREVER_NS, description="the vendor's sequence number")] | None


class OptionPrint(Struct, gc=False, omit_defaults=True, kw_only=True):
    """One option trade report as its feed gave it."""

    id: EventId = ""
    ts: Ts
    contract: ContractId
    price: OptionPrice
    size: Contracts
    exchange: str | None = None
    conditions: Conditions = ()
    source: Source = "file"
    recv_ts: OptionalTs = None
    exec_ts: OptionalTs = None
    seq: Sequence = None
    trade_id: str | None = None
    kind: Kind | None = None
    ref: str | None = None
    bid: QuotePrice = None
    ask: QuotePrice = None
    bid_size: QuoteContracts = None
    ask_size: QuoteContracts = None
    quote_ts: OptionalTs = None
    quote_origin: Literal["attached"] | None = None
    book: Book | None = None


class OptionQuote(Struct, gc=False, omit_defaults=True, kw_only=True):
    """One change or sample of an option's best bid and offer."""

    id: EventId = ""
    ts: Ts
    contract: ContractId
    bid: QuotePrice = None
    ask: QuotePrice = None
    bid_size: QuoteContracts = None
    ask_size: QuoteContracts = None
    source: Source = "file"
    condition: str | None = None
    bid_exchange: str | None = None
    ask_exchange: str | None = None
    recv_ts: OptionalTs = None
    seq: Sequence = None
    book: Book | None = None


class EquityPrint(Struct, gc=False, omit_defaults=True, kw_only=True):
    """One equity trade report as its feed gave it; a facility's print carries the time of report."""

    id: EventId = ""
    ts: Ts
    symbol: Symbol
    price: EquityPrice
    size: Shares
    exchange: str | None = None
    conditions: Conditions = ()
    tape: str | None = None
    source: Source = "file"
    recv_ts: OptionalTs = None
    exec_ts: OptionalTs = None
    seq: Sequence = None
    trade_id: str | None = None
    kind: Kind | None = None
    ref: str | None = None
    bid: QuotePrice = None
    ask: QuotePrice = None
    bid_size: QuoteShares = None
    ask_size: QuoteShares = None
    quote_ts: OptionalTs = None
    quote_origin: Literal["attached"] | None = None
    book: Book | None = None


class EquityQuote(Struct, gc=False, omit_defaults=True, kw_only=True):
    """One change or sample of a stock's best bid and offer."""

    id: EventId = ""
    ts: Ts
    symbol: Symbol
    bid: QuotePrice = None
    ask: QuotePrice = None
    bid_size: QuoteShares = None
    ask_size: QuoteShares = None
    source: Source = "file"
    condition: str | None = None
    bid_exchange: str | None = None
    ask_exchange: str | None = None
    tape: str | None = None
    recv_ts: OptionalTs = None
    seq: Sequence = None
    book: Book | None = None
    limit_state: (
        Annotated[bool, Meta(description="a limit state quotation of its price band; null: not said")] | None
    ) = None


class Reference(Struct, gc=False, omit_defaults=True, kw_only=True):
    """A fact about an instrument: its definition, open interest of a date, a halt, a limit state, the end of one."""

    id: EventId = ""
    ts: Ts
    kind: Literal["definition", "open_interest", "halt", "resume", "limit_state", "limit_state_end"]
    instrument: Annotated[str, Meta(min_length=1, max_length=21, description="contract id or equity symbol")]
    underlying: str | None = None
    multiplier: Multiplier = None
    expiry_ts: BoundedTs = None
    open_interest: Annotated[int, Meta(ge=0, description="contracts")] | None = None
    for_date: Annotated[str, Meta(description="trading date the fact belongs to, YYYY-MM-DD")] | None = None
    source: Source = "file"
    recv_ts: OptionalTs = None
    seq: Sequence = None


RawEvent = OptionPrint | OptionQuote | EquityPrint | EquityQuote | Reference
