"""Mark: each option print joined to the last eligible quote before it, placed and signed (contract 2, 24, 25)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from events.conditions import NOT_FIRM_QUOTES, treatment
from events.contracts import Contract
from events.derived import MarkedPrint
from events.raw import OptionPrint, OptionQuote
from events.sources import source as source_spec
from events.types import Book, Placement
from operators.side import NO_SIDE, side_from_quote, side_from_tick
from operators.units import dollars, micro, six


@dataclass(frozen=True, slots=True)
class MarkConfig:
    """What the mark reads of the settings."""

    nbbo_max_age_ns: int


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
    multiplier: int | float | None = None
    underlying: str = ""
    #: Price in millionths of a dollar times size of the last print, for its packet.
    notional: int = 0
    #: Order time of the last print, to find ties.
    print_order_ts: int = 0


def new_instrument(contract: Contract) -> Instrument:
    """Returns the memory of a contract that was not seen before."""
    memory = Instrument(underlying=contract.underlying)
    set_multiplier(memory, contract.multiplier)
    return memory


def set_multiplier(memory: Instrument, multiplier: float | None) -> None:
    """Remembers a multiplier; a whole one as an integer, so that money stays exact and cheap."""
    memory.multiplier = int(multiplier) if multiplier is not None and multiplier == int(multiplier) else multiplier


def take_quote(memory: Instrument, quote: OptionQuote, stands: bool, default_book: Book) -> None:
    """Remembers a quote; it decides every later print until it is replaced.

    One venue's book says less than the national best and never replaces it; nor does a late quote a newer one.
    """
    if quote.ts < memory.quote_ts:
        return
    book = quote.book or default_book
    if book == "venue" and memory.quote_ts and memory.book == "national":
        return
    memory.book = book
    memory.bid = quote.bid
    memory.ask = quote.ask
    memory.bid_size = quote.bid_size
    memory.ask_size = quote.ask_size
    memory.quote_ts = quote.ts
    condition = quote.condition
    memory.firm = condition is None or condition not in NOT_FIRM_QUOTES
    memory.stands = stands


def place(price: float, bid: float, ask: float) -> tuple[Placement, float]:
    """Returns where a price lies against a usable quote, by exact comparison, and its position in the spread."""
    if price == ask:
        return "ask", 1.0
    if price == bid:
        return "bid", 0.0
    placement: Placement = "above_ask" if price > ask else "below_bid" if price < bid else "inside"
    return placement, six((price - bid) / (ask - bid))


def fault_of(bid: float | None, ask: float | None, firm: bool, too_old: bool) -> Placement | None:
    """Returns why a quote cannot be used, None when it can; a zero bid is a price, a zero ask is none."""
    if bid is None or ask is None:
        return "missing"
    if too_old:
        return "stale"
    if bid < ask:
        return None if firm else "not_firm"
    if bid > ask:
        return "crossed" if ask > 0 else "missing"
    return "locked" if ask > 0 else "not_firm"


def mark(memory: Instrument, event: OptionPrint, order_ts: int, config: MarkConfig, shared: bool) -> MarkedPrint:
    """Marks one print against its contract's memory and updates the last price.

    The quote is the vendor's attached one, else the last of the topic strictly before the print (at its own instant
    only when the feeds share a sequence). What cannot be known is named in `placement`, never guessed.
    """
    ts, price, size = event.ts, event.price, event.size
    treated = treatment(event.conditions)
    late = order_ts > ts
    bid: float | None
    ask: float | None
    quote_ts: int | None
    origin: Literal["topic", "attached"] | None
    book: Book | None
    fault: Placement | None
    if event.quote_origin is not None or event.bid is not None or event.ask is not None:
        bid, ask, bid_size, ask_size = event.bid, event.ask, event.bid_size, event.ask_size
        quote_ts, origin, book = event.quote_ts, "attached", event.book or source_spec(event.source).book
        too_old = quote_ts is not None and ts - quote_ts > config.nbbo_max_age_ns
        fault = fault_of(bid, ask, True, too_old)
    elif 0 < memory.quote_ts < ts or (shared and memory.quote_ts == ts):
        bid, ask, bid_size, ask_size = memory.bid, memory.ask, memory.bid_size, memory.ask_size
        quote_ts, origin, book = memory.quote_ts, "topic", memory.book
        too_old = not memory.stands and ts - quote_ts > config.nbbo_max_age_ns
        fault = fault_of(bid, ask, memory.firm, too_old)
    else:
        # No quote yet; or a late print whose quote was replaced: the one at hand came after it.
        bid = ask = bid_size = ask_size = quote_ts = origin = book = None
        fault = "stale" if memory.quote_ts else "missing"
    last = memory.last_price
    tick = memory.tick if last is None or price == last else 1 if price > last else -1
    position: float | None = None
    verdict = NO_SIDE
    if fault is None:
        placement, position = place(price, bid, ask)  # type: ignore[arg-type]
        sweep = treated.intermarket_sweep
        verdict = side_from_quote(price, size, bid, ask, bid_size, ask_size, sweep)  # type: ignore[arg-type]
    else:
        placement = fault
    if verdict is NO_SIDE:
        verdict = side_from_tick(tick)
    if late or not treated.sided or event.kind is not None:
        verdict = NO_SIDE
    elif treated.sets_price:
        memory.tick = tick
        memory.last_price = price
    memory.notional = notional = micro(price) * size
    multiplier = memory.multiplier
    # Positional: keywords would cost more than all of the above. The order is that of the type's fields.
    return MarkedPrint(
        event.id,
        ts,
        order_ts,
        event.contract,
        memory.underlying,
        price,
        size,
        event.source,
        placement,
        late,
        None if multiplier is None else dollars(round(notional * multiplier)),
        event.exchange,
        event.conditions,
        event.kind or treated.flag,
        treated.reported_late,
        treated.intermarket_sweep,
        bid,
        ask,
        bid_size,
        ask_size,
        quote_ts,
        origin,
        book,
        position,
        verdict[0],
        verdict[1],
        verdict[2],
    )
