"""Mark: each option print joined to the last eligible quote before it, placed and signed (contract 2, 24, 25)."""

from __future__ import annotations

from typing import Any, Final

from events.conditions import NOT_FIRM_QUOTES, Treatment, treatment
from events.derived import MarkedPrint, SpotSource
from events.raw import OptionQuote
from events.sources import source as source_spec
from events.types import NS_PER_S, Book, Placement
from operators.contract_memory import Known, roll
from operators.memo import keep
from operators.partition_state import Instrument, Interests, PacketPrint, Underlying
from operators.side import NO_SIDE, side_from_quote, side_from_tick
from operators.spot import Chain, chain_key, parity_spot, quoted_spot
from operators.units import MICRO, as_float, micro, nearest, six
from operators.values import NO_VALUES, Values, Valuing

_NS_PER_S: Final = NS_PER_S
#: How prints are used by their conditions, as it was asked for before, and of how many it is kept.
_TREATMENTS: Final[dict[tuple[str, ...], Treatment]] = {}
_MOST: Final = 4096


def take_quote(memory: Instrument, quote: Any, book: Book, stands: bool) -> bool:
    """Remembers an option quote of a `book`; it decides every later print until it is replaced. Tells if it did.

    One venue's book says less than the national best and never replaces it; nor does a late quote a newer one.
    """
    ts: Any = quote.ts
    now: int = ts
    before_ts = memory.quote_ts
    if now < before_ts or (book == "venue" and before_ts and memory.book == "national"):
        return False
    condition: Any = quote.condition
    memory.book = book
    memory.bid = quote.bid
    memory.ask = quote.ask
    memory.bid_size = quote.bid_size
    memory.ask_size = quote.ask_size
    memory.quote_ts = ts
    memory.firm = condition is None or condition not in NOT_FIRM_QUOTES
    memory.stands = stands
    return True


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
    known: Known, under: Underlying, event: Any, order_ts: Any, nbbo_max_age_ns: int, valuing: Valuing,
    shared: bool, chains: dict[str, Chain], interests: Interests,
) -> tuple[MarkedPrint, PacketPrint]:  # fmt: skip
    """Marks one print against its contract's memory and its underlying's, and updates last price and volume.

    Returns the mark, and what a packet keeps of it. What cannot be known is named in `placement`, never guessed.
    """
    # What is only handed on stays untyped, so that it is shared; what is reckoned with has a type, for compiled code.
    memory = known.memory
    seen: Any = memory
    ident: Any = event.id
    ts: Any = event.ts
    contract: Any = known.contract
    price: Any = event.price
    size: Any = event.size
    exchange: Any = event.exchange
    conditions: Any = event.conditions
    kind: Any = event.kind
    now: int = ts
    order: int = order_ts
    treated: Treatment = _TREATMENTS.get(conditions) or keep(_TREATMENTS, conditions, treatment(conditions), _MOST)
    flag, sweep, reported_late, sided, sets_price, priced, counts = treated
    late = order > now
    bid, ask, bid_size, ask_size, quote_ts, origin, book, fault = _quote_of(event, now, seen, nbbo_max_age_ns, shared)
    last: Any = seen.last_price
    tick: Any = seen.tick
    if last is not None and price != last:
        tick = 1 if price > last else -1
    position, verdict = None, NO_SIDE
    if fault is None:
        placement, position = place(price, bid, ask)
        verdict = side_from_quote(price, size, bid, ask, bid_size, ask_size, sweep)
    else:
        placement = fault
    if verdict[1] == "none":
        verdict = side_from_tick(tick)
    sidable = not late and sided and kind is None
    if not sidable:
        verdict = NO_SIDE
    elif sets_price:
        memory.tick = tick
        memory.last_price = price
    multiplier: Any = seen.multiplier
    premium: Any = None if multiplier is None else premium_of(price, size, multiplier)
    if kind is not None:
        # A correction counts nothing: it restates a print whose size is counted.
        counts = -1 if kind == "cancel" else 0
    _count(memory, contract, now, counts, size, interests)
    volume: Any = seen.volume
    interest: Any = seen.open_interest
    settles: int = memory.settles
    expiry_s: Any = (settles - now) // _NS_PER_S
    spot, spot_source, moneyness, iv, delta, gamma, vega, theta, delta_notional = (
        _values(known, under, now, price, size, expiry_s, valuing, chains)
        # An adjusted strike is for another deliverable than shares: nothing follows from it and the shares' price.
        if priced and not late and kind is None and not memory.adjusted
        else NO_VALUES
    )
    side, rule, accuracy, sign = verdict
    halted, limit_state = now < under.quiet_until, now < under.limit_until
    # Positional: keywords would cost more than all of the above. The order is that of the types' fields.
    return MarkedPrint(
        ident, ts, order_ts, contract, known.underlying, price, size, event.source, placement, late, premium, exchange,
        conditions, kind or flag, reported_late, sweep, bid, ask, bid_size, ask_size, quote_ts, origin, book, position,
        side, rule, accuracy, False, volume, interest, spot, spot_source, moneyness, expiry_s, iv, delta, gamma, vega,
        theta, delta_notional, halted, limit_state,
    ), PacketPrint(
        ident, ts, order_ts, price, size, premium, exchange, sweep, placement, position is not None,
        sign if position is not None else 0, bid, ask, bid_size, ask_size, sidable,
        book == "venue", halted, volume, delta_notional, interest, expiry_s, spot, spot_source, moneyness, iv, delta,
        limit_state,
    )  # fmt: skip


def _quote_of(
    event: Any, now: int, seen: Any, max_age_ns: int, shared: bool
) -> tuple[Any, Any, Any, Any, Any, Any, Any, Placement | None]:
    """Returns bid, ask, their sizes, time, origin and book of the quote that a print is held against, and its fault.

    The quote is the vendor's attached one, else the last of the topic strictly before the print (at its own instant
    only when the feeds share a sequence).
    """
    bid: Any = event.bid
    ask: Any = event.ask
    attached_ts: Any = event.quote_ts
    # What was attached with a stamp behind the print came after it, as if nothing had been attached.
    if (event.quote_origin is not None or bid is not None or ask is not None) and (
        attached_ts is None or attached_ts <= now
    ):
        too_old = attached_ts is not None and now - attached_ts > max_age_ns
        book = event.book or source_spec(event.source).book
        fault = fault_of(bid, ask, True, too_old)
        return bid, ask, event.bid_size, event.ask_size, attached_ts, "attached", book, fault
    quote_ts: Any = seen.quote_ts
    quoted: int = quote_ts
    if 0 < quoted < now or (shared and quoted == now):
        bid, ask = seen.bid, seen.ask
        fault = fault_of(bid, ask, seen.firm, not seen.stands and now - quoted > max_age_ns)
        return bid, ask, seen.bid_size, seen.ask_size, quote_ts, "topic", seen.book, fault
    # No quote yet; or a late print whose quote was replaced: the one at hand came after it.
    return None, None, None, None, None, None, None, "stale" if quoted else "missing"


def _count(memory: Instrument, contract: str, now: int, counts: int, size: int, interests: Interests) -> None:
    """Counts a print's contracts on its trade date; what a day before says now is not of this one."""
    if not memory.day_from <= now < memory.day_until:
        roll(memory, contract, now, interests)
    if counts and now >= memory.day_from:
        memory.volume = max(memory.volume + counts * size, 0)


def premium_of(price: float, size: int, multiplier: Any) -> float:
    """Returns price x size x shares per contract, dollars to the millionth."""
    # What no market trades was refused: floats hold price x size, and integers of that size are slow where compiled.
    return nearest(float(micro(price)) * float(size) * as_float(multiplier)) / MICRO


def _values(
    known: Known, under: Underlying, ts: int, price: Any, size: int, expiry_s: Any,
    valuing: Valuing, chains: dict[str, Chain],
) -> Values:  # fmt: skip
    """Returns the print's values where its underlying has a price."""
    source: SpotSource = "equity"
    memory, config = known.memory, valuing.config
    spot = quoted_spot(under, ts, config.spot_max_age_ns)
    if not spot:
        key = chain_key(known.contract)
        chain = chains.get(key)
        if chain is None or not chain.strikes:
            return NO_VALUES
        spot = parity_spot(under, chain, key, ts, memory.settles, config.rate, config.spot_max_age_ns)
        if not spot:
            return NO_VALUES
        source = "parity"
    return valuing.of(known, price, size, spot, source, memory.strike, memory.call, expiry_s, memory.multiplier)


def note_tie(marks: list[MarkedPrint], quote: OptionQuote, order_ts: int) -> None:
    """Notes on prints of a quote's own instant that it may have stood before them."""
    for marked in reversed(marks):
        if marked.order_ts != order_ts:
            break
        same_instant = marked.ts == quote.ts and marked.contract == quote.contract
        if same_instant and marked.quote_ts != quote.ts and marked.quote_origin != "attached":
            marked.tie = True
