"""Mark: each option print joined to the last eligible quote before it, placed and signed (contract 2, 24, 25)."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import astuple

from events.conditions import NOT_FIRM_QUOTES, treatment
from events.derived import MarkedPrint, SpotSource
from events.sources import source as source_spec
from events.types import NS_PER_S, Book, Placement
from operators.contract_memory import roll
from operators.partition_state import Instrument, Interests, PacketPrint, Underlying
from operators.side import NO_SIDE, side_from_quote, side_from_tick, sign_of
from operators.spot import Chain, chain_key, parity_spot, quoted_spot
from operators.units import MICRO, micro, nearest, six
from operators.values import NO_VALUES, Values, Valuing

_NS_PER_S: Final = NS_PER_S


def take_quote(
    memory: Instrument, ts: int, bid: float | None, ask: float | None, bid_size: int | None, ask_size: int | None,
    condition: str | None, book: Book, stands: bool,
) -> bool:  # fmt: skip
    """Remembers a quote; it decides every later print until it is replaced. Tells if it did.

    One venue's book says less than the national best and never replaces it; nor does a late quote a newer one.
    """
    before_ts = memory.quote_ts
    if ts < before_ts or (book == "venue" and before_ts and memory.book == "national"):
        return False
    memory.book = book
    memory.bid = bid
    memory.ask = ask
    memory.bid_size = bid_size
    memory.ask_size = ask_size
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
    memory: Instrument,
    under: Underlying,
    fields: tuple[Any, ...],
    order_ts: int,
    nbbo_max_age_ns: int,
    valuing: Valuing,
    shared: bool,
    chains: dict[str, Chain],
    interests: Interests,
) -> tuple[MarkedPrint, PacketPrint]:
    """Marks one print, as its type's fields, against its contract's memory and its underlying's, and updates last price
    and volume.

    Returns the mark, and what a packet keeps of it. The quote is the vendor's attached one, else the last of the topic
    strictly before the print (at its own instant only when the feeds share a sequence). What cannot be known is named
    in `placement`, never guessed.
    """
    # All at once, in the order of the types': one by one they would cost as much as what is done with them.
    (
        ident, ts, contract, price, size, exchange, conditions, source, _recv_ts, _exec_ts, _seq, _trade_id, kind, _ref,
        bid, ask, bid_size, ask_size, quote_ts, origin, book,
    ) = fields  # fmt: skip
    (
        last_bid, last_ask, last_bid_size, last_ask_size, last_quote_ts, firm, stands, last_book, last, tick,
        multiplier, underlying, _tie_ts, strike, call, settles, day_from, day_until, _volume, _interest, adjusted,
    ) = astuple(memory)  # fmt: skip
    # What is only handed on stays untyped, so that it is shared; what is reckoned with has a type, for compiled code.
    now: int = ts
    quoted: int = last_quote_ts
    flag, sweep, reported_late, sided, sets_price, priced, counts = treatment(conditions)
    late = order_ts > now
    fault: Placement | None
    # What was attached with a stamp behind the print came after it, as if nothing had been attached.
    if (origin is not None or bid is not None or ask is not None) and (quote_ts is None or quote_ts <= now):
        origin, book = "attached", book or source_spec(source).book
        too_old = quote_ts is not None and now - quote_ts > nbbo_max_age_ns
        fault = fault_of(bid, ask, True, too_old)
    elif 0 < quoted < now or (shared and quoted == now):
        bid, ask, bid_size, ask_size = last_bid, last_ask, last_bid_size, last_ask_size
        quote_ts, origin, book = last_quote_ts, "topic", last_book
        fault = fault_of(bid, ask, firm, not stands and now - quoted > nbbo_max_age_ns)
    else:
        # No quote yet; or a late print whose quote was replaced: the one at hand came after it.
        bid = ask = bid_size = ask_size = quote_ts = origin = book = None
        fault = "stale" if quoted else "missing"
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
    premium = None if multiplier is None else nearest(micro(price) * size * multiplier) / MICRO
    since: int = day_from
    until: int = day_until
    if not since <= now < until:
        roll(memory, contract, now, interests)
        since = memory.day_from
    # A correction restates a print whose size is counted; what a day before says now is not of this one.
    if now >= since and kind != "correction":
        memory.volume = max(memory.volume + (-size if kind == "cancel" else counts * size), 0)
    last_instant: int = settles
    volume, interest, expiry_s = memory.volume, memory.open_interest, (last_instant - now) // _NS_PER_S
    spot, spot_source, moneyness, iv, delta, gamma, vega, theta, delta_notional = (
        _values(under, contract, ts, price, size, strike, call, settles, expiry_s, multiplier, valuing, chains)
        # An adjusted strike is for another deliverable than shares: nothing follows from it and the shares' price.
        if priced and not late and kind is None and not adjusted
        else NO_VALUES
    )
    side, rule, accuracy = verdict
    halted, limit_state = now < under.quiet_until, now < under.limit_until
    # Positional: keywords would cost more than all of the above. The order is that of the types' fields.
    return MarkedPrint(
        ident, ts, order_ts, contract, underlying, price, size, source, placement, late, premium, exchange, conditions,
        kind or flag, reported_late, sweep, bid, ask, bid_size, ask_size, quote_ts, origin, book, position, side, rule,
        accuracy, False, volume, interest, spot, spot_source, moneyness, expiry_s, iv, delta, gamma, vega, theta,
        delta_notional, halted, limit_state,
    ), PacketPrint(
        ident, ts, order_ts, price, size, premium, exchange, sweep, placement, position is not None,
        sign_of(side, rule) if position is not None else 0, bid, ask, bid_size, ask_size, sidable,
        book == "venue", halted, volume, delta_notional, interest, expiry_s, spot, spot_source, moneyness, iv, delta,
        limit_state,
    )  # fmt: skip


def _values(
    under: Underlying, contract: str, ts: int, price: Any, size: int, strike: float, call: bool, settles: int,
    expiry_s: Any, multiplier: int | float | None, valuing: Valuing, chains: dict[str, Chain],
) -> Values:  # fmt: skip
    """Returns the print's values where its underlying has a price."""
    source: SpotSource = "equity"
    config = valuing.config
    spot = quoted_spot(under, ts, config.spot_max_age_ns)
    if not spot:
        key = chain_key(contract)
        chain = chains.get(key)
        if chain is None or not chain.strikes:
            return NO_VALUES
        spot = parity_spot(under, chain, key, ts, settles, config.rate, config.spot_max_age_ns)
        if not spot:
            return NO_VALUES
        source = "parity"
    return valuing.of(contract, price, size, spot, source, strike, call, expiry_s, multiplier)
