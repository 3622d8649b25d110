"""An id is what an event says; of a print not what a vendor attached to it."""

from __future__ import annotations

from typing import Any

from events.ids import content_digest
from events.raw import EquityPrint, EquityQuote, OptionPrint, OptionQuote

_TS = 1_740_061_800_000_000_000
_CONTRACT = "AAPL250221C00250000"
_ATTACHED: dict[str, Any] = {
    "bid": 1.0, "ask": 1.1, "bid_size": 3, "ask_size": 4, "quote_ts": _TS - 1, "quote_origin": "attached",
    "book": "venue",
}  # fmt: skip


def test_a_quote_attached_to_a_print_is_not_its_content() -> None:
    option: dict[str, Any] = {"ts": _TS, "contract": _CONTRACT, "price": 1.0, "size": 1, "seq": 7}
    equity: dict[str, Any] = {"ts": _TS, "symbol": "AAPL", "price": 1.0, "size": 1.0}
    assert content_digest(OptionPrint(**option, **_ATTACHED)) == content_digest(OptionPrint(**option))
    assert content_digest(EquityPrint(**equity, **_ATTACHED)) == content_digest(EquityPrint(**equity))
    assert content_digest(OptionPrint(**option | {"size": 2})) != content_digest(OptionPrint(**option))


def test_a_quote_is_its_prices_and_sizes() -> None:
    first, second = (OptionQuote(ts=_TS, contract=_CONTRACT, bid=bid, ask=2.0) for bid in (1.0, 1.1))
    assert content_digest(first) != content_digest(second)
    venue = EquityQuote(ts=_TS, symbol="AAPL", bid=1.0, book="venue")
    assert content_digest(venue) != content_digest(EquityQuote(ts=_TS, symbol="AAPL", bid=1.0))
