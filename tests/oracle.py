"""Join, placement, side and packets by definition: slow, obvious, and sharing no code with the operators.

Prices are decimals here, times integers; what is looked up is looked up by going through the whole tape.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.tapes import Tape

_GRID = 100_000_000
_MS = 1_000_000
_ROOTS = {"SPY": "SPY", "AAPL": "AAPL", "SPXW": "SPX", "MSFT1": "MSFT", "IBM": "IBM", "GME": "GME"}
#: code: (flag, reported late, intermarket sweep, can have a side, its price counts) as in domain 1.2
_USE = {
    "I": ("regular", False, False, True, True), "S": ("regular", False, True, True, True),
    "a": ("auction", False, False, True, True), "b": ("auction", False, True, True, True),
    "c": ("cross", False, False, False, False), "f": ("complex", False, False, True, False),
    "n": ("stock_tied", False, False, True, False), "D": ("late", True, False, False, False),
    "t": ("volume_only", False, False, False, False), "A": ("cancel", False, False, False, False),
    "v": ("extended", False, False, True, False), "Z": ("regular", False, False, True, True),
}  # fmt: skip
_ALONE = ("late", "volume_only", "cancel")
_ACCURACY = {"trade_size": 0.665, "quote": 0.608, "depth": 0.608, "tick": 0.497, "none": 0.0}

Row = dict[str, Any]


def order_times(events: Any) -> list[int]:
    """Returns each event's order time: its own, or the promise that the feed had given by then."""
    times, newest = [], 0
    for event in events:
        promise = newest // _GRID * _GRID
        times.append(max(event.ts, promise))
        newest = max(newest, event.ts)
    return times


def marks_of(tape: Tape, max_age_ms: int = 1000) -> list[Row]:
    """Returns every print joined and placed, in the tape's order."""
    print_times, quote_times = order_times(tape.prints), order_times(tape.quotes)
    gap_times = [1 + max(quote.ts for quote in tape.quotes[:count]) for count in tape.gaps]
    order = sorted(range(len(tape.prints)), key=lambda n: (print_times[n], tape.prints[n].contract, n))
    prices: dict[str, list[Decimal]] = {event.contract: [] for event in tape.prints}
    return [
        _mark(
            tape, n, print_times[n], quote_times, gap_times, prices.setdefault(tape.prints[n].contract, []), max_age_ms
        )
        for n in order
    ]


def _mark(
    tape: Tape,
    n: int,
    order_ts: int,
    quote_times: list[int],
    gap_times: list[int],
    prices: list[Decimal],
    max_age_ms: int,
) -> Row:
    event = tape.prints[n]
    flag, reported_late, sweep, sided, counts = _USE[event.conditions[0]] if event.conditions else _USE["I"]
    quote = _quote_for(tape, event, order_ts, quote_times, gap_times, max_age_ms)
    fault = quote.pop("fault")
    bid, ask = quote["bid"], quote["ask"]
    row: Row = {
        "id": event.id, "ts": event.ts, "order_ts": order_ts, "contract": event.contract, "price": event.price,
        "underlying": _ROOTS[_root(event.contract)], "size": event.size, "source": event.source,
        "arrived_late": order_ts > event.ts, "exchange": event.exchange, "conditions": list(event.conditions),
        "flag": "cancel" if event.kind == "cancel" else flag, "reported_late": reported_late,
        "intermarket_sweep": sweep, "position": None, "placement": fault, **quote,
    }  # fmt: skip
    if fault is None:
        row["placement"] = _placement(event.price, bid, ask)
        row["position"] = float((_d(event.price) - _d(bid)) / (_d(ask) - _d(bid)))
    row["premium"] = _premium(tape, event, order_ts)
    row["side"], row["side_rule"] = "none", "none"
    if sided and order_ts == event.ts and event.kind is None:
        history = [*prices, _d(event.price)]
        by_quote = None if fault else _side_by_quote(event, quote, sweep)
        row["side"], row["side_rule"] = by_quote or _side_by_tick(history)
        if counts:
            prices.append(_d(event.price))
    row["side_confidence"] = _ACCURACY[row["side_rule"]]
    row["tie"] = quote["quote_origin"] != "attached" and any(
        q.contract == event.contract and q.ts == event.ts and quote_times[place] == order_ts
        for place, q in enumerate(tape.quotes)
    )
    return row


def _quote_for(
    tape: Tape, event: Any, order_ts: int, quote_times: list[int], gap_times: list[int], max_age_ms: int
) -> Row:
    """Returns what is shown of the quote that decides, and why it cannot be used."""
    if event.quote_origin == "attached":
        too_old = event.quote_ts is not None and event.ts - event.quote_ts > max_age_ms * _MS
        return _shown(event, event.quote_ts, "attached", _fault(event.bid, event.ask, None, too_old))
    known = [
        (quote.ts, place) for place, quote in enumerate(tape.quotes)
        if quote.contract == event.contract and quote_times[place] < order_ts
    ]  # fmt: skip
    nothing: Row = dict.fromkeys(("bid", "ask", "bid_size", "ask_size", "quote_ts", "quote_origin", "book"))
    if not known:
        return nothing | {"fault": "missing"}
    ts, place = max(known)
    if ts >= event.ts:
        # A late print: the quote that stood then was replaced before it arrived.
        return nothing | {"fault": "stale"}
    quote = tape.quotes[place]
    # alpaca has said that it delivers every change; after a gap nobody can know.
    gapped = any(quote_times[place] < gap <= order_ts for gap in gap_times)
    stands = quote.source == "alpaca" and not gapped
    too_old = not stands and event.ts - ts > max_age_ms * _MS
    return _shown(quote, ts, "topic", _fault(quote.bid, quote.ask, quote.condition, too_old))


def _shown(quote: Any, ts: int | None, origin: str, fault: str | None) -> Row:
    return {
        "bid": quote.bid, "ask": quote.ask, "bid_size": quote.bid_size, "ask_size": quote.ask_size,
        "quote_ts": ts, "quote_origin": origin, "book": "national", "fault": fault,
    }  # fmt: skip


def _fault(bid: float | None, ask: float | None, condition: str | None, too_old: bool) -> str | None:
    if bid is None or ask is None or (ask == 0 and bid > 0 and not too_old):
        return "missing"
    if too_old:
        return "stale"
    if bid > ask:
        return "crossed"
    if bid == ask:
        return "locked" if ask > 0 else "not_firm"
    return "not_firm" if condition in ("F", "I", "R", "T", "X", "Y") else None


def _placement(price: float, bid: float, ask: float) -> str:
    if price > ask:
        return "above_ask"
    if price < bid:
        return "below_bid"
    return "ask" if price == ask else "bid" if price == bid else "inside"


def _side_by_quote(event: Any, quote: Row, sweep: bool) -> tuple[str, str] | None:
    bid_size, ask_size = quote["bid_size"], quote["ask_size"]
    if not sweep and bid_size != ask_size and event.size in (bid_size, ask_size):
        return ("buy" if event.size == bid_size else "sell"), "trade_size"
    twice_off_mid = 2 * _d(event.price) - _d(quote["bid"]) - _d(quote["ask"])
    if twice_off_mid:
        return ("buy" if twice_off_mid > 0 else "sell"), "quote"
    if None not in (bid_size, ask_size) and bid_size != ask_size:
        return ("buy" if ask_size > bid_size else "sell"), "depth"
    return None


def _side_by_tick(history: list[Decimal]) -> tuple[str, str]:
    for earlier, later in reversed(list(zip(history, history[1:], strict=False))):
        if earlier != later:
            return ("buy" if later > earlier else "sell"), "tick"
    return "none", "none"


def _premium(tape: Tape, event: Any, order_ts: int) -> float | None:
    multiplier = _multiplier(tape, event.contract, order_ts)
    return None if multiplier is None else float(_d(event.price) * event.size * multiplier)


def _multiplier(tape: Tape, contract: str, order_ts: int) -> Decimal | None:
    """The newest definition at or before this order time (reference ranks first), else the standard root's 100."""
    times = order_times(tape.facts)
    found = [
        (times[place], place) for place, fact in enumerate(tape.facts)
        if fact.instrument == contract and fact.multiplier is not None and times[place] <= order_ts
    ]  # fmt: skip
    if found:
        return Decimal(str(tape.facts[max(found)[1]].multiplier))
    return None if _root(contract)[-1].isdigit() else Decimal(100)


def packets_of(marks: list[Row], window_ms: int = 500, horizon_ms: int = 300_000) -> list[Row]:
    """Returns the packets, and each revision of them once a print was struck out.

    A print joins while it is at most the window after the first of its contract and flag; a cancel means the last of
    the prints with its fields within the horizon that no cancel meant before.
    """
    bursts: list[Row] = []
    found: list[Row] = []
    struck: set[str] = set()
    for place, row in enumerate(marks):
        found += _closings(bursts, row["order_ts"])
        if row["flag"] == "cancel":
            meant = _meant(marks[:place], row, struck, row["order_ts"] - horizon_ms * _MS)
            if meant is not None:
                struck.add(meant["id"])
                found += _without(bursts, meant, row["order_ts"])
        elif not (row["arrived_late"] or row["reported_late"] or row["flag"] in _ALONE):
            key = row["contract"], row["flag"]
            burst = next((b for b in bursts if b["key"] == key and not b["closed"]), None)
            if burst is None:
                due = row["ts"] + window_ms * _MS
                burst = {"key": key, "first": row, "due": due, "closed": False, "rows": [], "revision": 0}
                bursts.append(burst)
            burst["rows"].append(row)
    return found + _closings(bursts, 2**63)


def _closings(bursts: list[Row], before_ts: int) -> list[Row]:
    due = [burst for burst in bursts if not burst["closed"] and burst["due"] < before_ts]
    for burst in due:
        burst["closed"] = True
    return [_packet(burst) for burst in due]


def _meant(earlier: list[Row], cancel: Row, struck: set[str], after_ts: int) -> Row | None:
    names = ("contract", "price", "size", "exchange")
    same = [
        row for row in earlier
        if row["flag"] != "cancel" and row["id"] not in struck and row["order_ts"] >= after_ts
        and all(row[name] == cancel[name] for name in names)
    ]  # fmt: skip
    return same[-1] if same else None


def _without(bursts: list[Row], print_row: Row, ts: int) -> list[Row]:
    """Takes a print out of its burst; returns the packet's revision if it had closed."""
    for burst in bursts:
        if print_row in burst["rows"]:
            burst["rows"].remove(print_row)
            if not burst["closed"]:
                if not burst["rows"]:
                    bursts.remove(burst)
                return []
            burst["revision"] += 1
            return [_packet(burst) | {"ts": ts}]
    return []


def _packet(whole: Row) -> Row:
    opener, due, burst = whole["first"], whole["due"], whole["rows"]
    window = {"id": f"pk:{opener['id']}", "window_ms": (due - opener["ts"]) // _MS, "revision": whole["revision"]}
    if not burst:
        return window | {"count": 0, "size": 0, "members": [], "premium": 0.0}
    return _of_prints(burst) | {"ts": due} | window


def _of_prints(burst: list[Row]) -> Row:
    first = burst[0]
    prices, sizes = [row["price"] for row in burst], [row["size"] for row in burst]
    notional = sum(_d(row["price"]) * row["size"] for row in burst)
    covered = [row for row in burst if row["position"] is not None]
    covered_size = sum(row["size"] for row in covered)
    premiums = [row["premium"] for row in burst]
    sided = [row for row in covered if row["side_rule"] in ("trade_size", "quote", "depth")]
    packet: Row = {
        "contract": first["contract"], "underlying": first["underlying"], "flag": first["flag"],
        "start_ts": first["ts"], "end_ts": burst[-1]["ts"], "count": len(burst), "size": sum(sizes),
        "premium": None if None in premiums else float(sum(_d(premium) for premium in premiums)),
        "price_first": prices[0], "price_last": prices[-1], "price_low": min(prices), "price_high": max(prices),
        "vwap": float(notional / sum(sizes)),
        "buy_size": sum(row["size"] for row in sided if row["side"] == "buy"),
        "sell_size": sum(row["size"] for row in sided if row["side"] == "sell"),
        "covered_size": covered_size, "coverage": covered_size / sum(sizes),
        "members": [row["id"] for row in burst],
        "venues": list(dict.fromkeys(row["exchange"] for row in burst if row["exchange"] is not None)),
        "intermarket_sweeps": sum(row["intermarket_sweep"] for row in burst),
        "spread": None, "venue_book": False,
    }  # fmt: skip
    for placement in ("above_ask", "ask", "inside", "bid", "below_bid"):
        packet[f"{placement}_size"] = sum(row["size"] for row in covered if row["placement"] == placement)
    if covered:
        packet["spread"] = float(sum((_d(r["ask"]) - _d(r["bid"])) * r["size"] for r in covered) / covered_size)
    return packet


def _root(contract: str) -> str:
    return contract[:-15]


def _d(value: float) -> Decimal:
    return Decimal(str(value))
