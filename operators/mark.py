"""Mark: each option print joined to the last eligible quote before it, placed and signed (contract 2, 24, 25)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from events.conditions import NOT_FIRM_QUOTES, treatment
from events.contracts import Contract, parse_contract
from events.derived import MarkedPrint
from events.raw import OptionPrint, OptionQuote
from events.sources import source as source_spec
from events.types import NS_PER_MS, Book, Placement
from operators.side import ACCURACY, side_from_quote, side_from_tick
from operators.units import dollars, micro


@dataclass(frozen=True, slots=True)
class MarkConfig:
    """What the mark reads of the settings."""

    nbbo_max_age_ms: int


class Instrument(Struct, gc=False, array_like=True):
    """What the mark remembers of one contract: its last quote, its last price, its multiplier."""

    bid: float | None = None
    ask: float | None = None
    bid_size: int | None = None
    ask_size: int | None = None
    #: Time of the last quote, ns; 0 when there was none.
    quote_ts: int = 0
    firm: bool = True
    #: The feed delivers every change, so that the quote stands until it is replaced.
    stands: bool = False
    book: Book = "national"
    last_price: float | None = None
    #: Sign of the last price change.
    tick: int = 0
    #: Shares per contract, from a definition, else the standard root's; None when nobody knows.
    multiplier: float | None = None
    #: Order time of the last print, to find ties.
    print_order_ts: int = 0


def new_instrument(contract: Contract) -> Instrument:
    """Returns the memory of a contract that was not seen before."""
    return Instrument(multiplier=contract.multiplier)


def take_quote(memory: Instrument, quote: OptionQuote, stands: bool) -> None:
    """Remembers a quote; it decides every later print until it is replaced."""
    memory.bid = quote.bid
    memory.ask = quote.ask
    memory.bid_size = quote.bid_size
    memory.ask_size = quote.ask_size
    memory.quote_ts = quote.ts
    condition = quote.condition
    memory.firm = condition is None or condition not in NOT_FIRM_QUOTES
    memory.stands = stands
    memory.book = quote.book or source_spec(quote.source).book


def place(price: float, bid: float, ask: float) -> Placement:
    """Returns where a price lies against a usable quote, by exact comparison."""
    if price >= ask:
        return "ask" if price == ask else "above_ask"
    if price <= bid:
        return "bid" if price == bid else "below_bid"
    return "inside"


def fault(bid: float | None, ask: float | None, firm: bool, too_old: bool) -> Placement | None:
    """Returns why a quote cannot be used, None when it can; a zero bid is a price, a zero ask is none."""
    if bid is None or ask is None:
        return "missing"
    if too_old:
        return "stale"
    if bid == ask:
        return "locked" if ask > 0 else "not_firm"
    if bid > ask:
        return "crossed"
    return None if firm else "not_firm"


def mark(
    memory: Instrument, contract: Contract, event: OptionPrint, order_ts: int, config: MarkConfig, shared: bool
) -> MarkedPrint:
    """Marks one print against its contract's memory and updates the last price.

    The quote is the vendor's attached one, else the last of the topic strictly before the print (at its own instant
    only when the feeds share a sequence). What cannot be known is named in `placement`, never guessed.
    """
    ts, price, size = event.ts, event.price, event.size
    treated = treatment(event.conditions)
    late = order_ts > ts
    quote_ts: int | None
    origin: Literal["topic", "attached"] | None
    book: Book | None
    if event.quote_origin is not None or event.bid is not None or event.ask is not None:
        bid, ask, bid_size, ask_size = event.bid, event.ask, event.bid_size, event.ask_size
        quote_ts, origin, book = event.quote_ts, "attached", event.book or source_spec(event.source).book
        too_old = quote_ts is not None and ts - quote_ts > config.nbbo_max_age_ms * NS_PER_MS
        placement = fault(bid, ask, True, too_old)
    elif memory.quote_ts == 0:
        bid = ask = bid_size = ask_size = quote_ts = origin = book = None
        placement = "missing"
    elif memory.quote_ts < ts or (shared and memory.quote_ts == ts):
        bid, ask, bid_size, ask_size = memory.bid, memory.ask, memory.bid_size, memory.ask_size
        quote_ts, origin, book = memory.quote_ts, "topic", memory.book
        too_old = not memory.stands and ts - quote_ts > config.nbbo_max_age_ms * NS_PER_MS
        placement = fault(bid, ask, memory.firm, too_old)
    else:
        # A late print whose quote has been replaced: the one before it is gone, the one at hand came after it.
        bid = ask = bid_size = ask_size = quote_ts = origin = book = None
        placement = "stale"
    position = None
    verdict = side_from_tick(_tick(memory, price))
    if placement is None:
        assert bid is not None
        assert ask is not None
        placement = place(price, bid, ask)
        position = round((price - bid) / (ask - bid), 6)
        by_quote = side_from_quote(price, size, bid, ask, bid_size, ask_size, treated.intermarket_sweep)
        verdict = by_quote if by_quote[0] != "none" else verdict
    if late or not treated.sided or event.kind is not None:
        verdict = ("none", "none")
    elif treated.flag in ("regular", "auction"):
        memory.tick = _tick(memory, price)
        memory.last_price = price
    multiplier = memory.multiplier
    return MarkedPrint(
        id=event.id,
        ts=ts,
        order_ts=order_ts,
        arrived_late=late,
        contract=event.contract,
        underlying=contract.underlying,
        price=price,
        size=size,
        premium=None if multiplier is None else dollars(premium_micro(price, size, multiplier)),
        exchange=event.exchange,
        conditions=event.conditions,
        flag="cancel" if event.kind == "cancel" else treated.flag,
        reported_late=treated.reported_late,
        intermarket_sweep=treated.intermarket_sweep,
        source=event.source,
        bid=bid,
        ask=ask,
        bid_size=bid_size,
        ask_size=ask_size,
        quote_ts=quote_ts,
        quote_origin=origin,
        book=book,
        tie=False,
        placement=placement,
        position=position,
        side=verdict[0],
        side_rule=verdict[1],
        side_confidence=ACCURACY[verdict[1]],
    )


def premium_micro(price: float, size: int, multiplier: float) -> int:
    """Returns the premium in millionths of a dollar, multiplier included."""
    return round(micro(price) * size * multiplier)


def _tick(memory: Instrument, price: float) -> int:
    last = memory.last_price
    if last is None or price == last:
        return memory.tick
    return 1 if price > last else -1


def contract_of(event: OptionPrint | OptionQuote) -> Contract:
    """Returns the parsed contract of an event; raises ValueError that names it."""
    return parse_contract(event.contract)
