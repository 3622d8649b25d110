"""Mark: each option print joined to the last eligible quote before it, placed and signed (contract 2, 24, 25)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from events.conditions import NOT_FIRM_QUOTES, treatment
from events.derived import MarkedPrint, SpotSource
from events.raw import OptionPrint, OptionQuote
from events.sources import source as source_spec
from events.types import NS_PER_S, Book, Placement
from operators.contract_memory import roll
from operators.partition_state import Instrument, Interests, Underlying
from operators.side import NO_SIDE, side_from_quote, side_from_tick
from operators.spot import Chain, chain_key, parity_spot, quoted_spot
from operators.units import MICRO, six
from operators.values import NO_VALUES, Values, ValuesConfig, values_of


@dataclass(frozen=True, slots=True)
class MarkConfig:
    """What the mark reads of the settings."""

    nbbo_max_age_ns: int
    values: ValuesConfig


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


def mark(
    memory: Instrument,
    under: Underlying,
    event: OptionPrint,
    order_ts: int,
    config: MarkConfig,
    shared: bool,
    chains: dict[str, Chain],
    interests: Interests,
) -> MarkedPrint:
    """Marks one print against its contract's memory and its underlying's, and updates last price and volume.

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
    position, verdict = None, NO_SIDE
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
    notional = round(price * MICRO) * size
    multiplier = memory.multiplier
    if not memory.day_from <= ts < memory.day_until:
        roll(memory, event.contract, ts, interests)
    # A correction restates a print whose size is counted; what a day before says now is not of this one.
    if ts >= memory.day_from and event.kind != "correction":
        signed = -size if event.kind == "cancel" else treated.volume * size
        memory.volume = max(memory.volume + signed, 0)
    values = NO_VALUES
    if treated.priced and not late and event.kind is None:
        values = _values(memory, under, event, config.values, chains)
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
        None if multiplier is None else round(notional * multiplier) / MICRO,
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
        False,
        memory.volume,
        memory.open_interest,
        values[0],
        values[1],
        values[2],
        (memory.settles - ts) // NS_PER_S,
        values[3],
        values[4],
        values[5],
        values[6],
        values[7],
        values[8],
        ts < under.quiet_until,
        ts < under.limit_until,
    )


def _values(
    memory: Instrument, under: Underlying, event: OptionPrint, config: ValuesConfig, chains: dict[str, Chain]
) -> Values:
    """Returns the print's values where its underlying has a price."""
    ts = event.ts
    source: SpotSource = "equity"
    spot = quoted_spot(under, ts, config.spot_max_age_ns)
    if not spot:
        key = chain_key(event.contract)
        chain = chains.get(key)
        if chain is None or not chain.strikes:
            return NO_VALUES
        spot = parity_spot(under, chain, key, ts, memory.settles, config.rate, config.spot_max_age_ns)
        if not spot:
            return NO_VALUES
        source = "parity"
    return values_of(
        event.price,
        event.size,
        spot,
        source,
        memory.strike,
        memory.call,
        (memory.settles - ts) // NS_PER_S,
        memory.multiplier,
        config,
    )
