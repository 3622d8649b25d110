"""Field types shared by every event: each name states unit, clock and emptiness once."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

#: The smallest and largest plausible event time; outside them a stamp is in another unit (1990 to 2100).
MIN_TS_NS = 631_152_000_000_000_000
MAX_TS_NS = 4_102_444_800_000_000_000
#: A promise that nothing at all will follow (signed 64-bit, as the store's column).
FOREVER_NS: Final = 2**63 - 1
NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000
#: No market quotes above it, dollars; sums of money stay within 64 bits below it.
MAX_PRICE = 1e7

EventId = Annotated[str, Meta(description="content id, URL-safe; never an offset")]
Ts = Annotated[int, Meta(ge=MIN_TS_NS, le=MAX_TS_NS, description="event time, ns since the Unix epoch, UTC")]
OptionalTs = (
    Annotated[int, Meta(ge=0, le=FOREVER_NS, description="ns since the Unix epoch, UTC; null if the feed has none")]
    | None
)
#: As `OptionalTs`, of what is reckoned with: in another unit it would be a time of 1970.
BoundedTs = (
    Annotated[
        int, Meta(ge=MIN_TS_NS, le=MAX_TS_NS, description="ns since the Unix epoch, UTC; null if the feed has none")
    ]
    | None
)
OrderTs = Annotated[int, Meta(ge=0, description="order time in the tape: max(ts, promise in force), ns")]
ContractId = Annotated[str, Meta(min_length=16, max_length=21, description="option contract, compact OCC form")]
Symbol = Annotated[str, Meta(min_length=1, max_length=16, description="equity symbol, consolidated-tape form")]
OptionPrice = Annotated[
    float, Meta(ge=0, le=MAX_PRICE, description="dollars per share of the contract, before the multiplier")
]
EquityPrice = Annotated[float, Meta(gt=0, le=MAX_PRICE, description="dollars per share")]
QuotePrice = (
    Annotated[float, Meta(ge=0, le=MAX_PRICE, description="dollars per share; null when that side has no price")] | None
)
Contracts = Annotated[int, Meta(gt=0, le=2**31, description="contracts")]
QuoteContracts = Annotated[int, Meta(ge=0, le=2**31, description="contracts shown; null when unknown")] | None
Shares = Annotated[float, Meta(gt=0, description="shares, decimal: fractions trade")]
QuoteShares = Annotated[float, Meta(ge=0, description="size shown, in the feed's own unit; null when unknown")] | None
Dollars = Annotated[float, Meta(description="dollars, multiplier included; null when the multiplier is unknown")]
Ratio = Annotated[float, Meta(ge=0, le=1, description="share, 0 to 1")]

Kind = Literal["cancel", "correction"]
Book = Literal["national", "venue"]
Placement = Literal[
    "above_ask", "ask", "inside", "bid", "below_bid", "missing", "stale", "locked", "crossed", "not_firm"
]
Side = Literal["buy", "sell", "none"]
SideRule = Literal["trade_size", "quote", "depth", "tick", "none"]
Direction = Literal["bullish", "bearish", "neutral", "mixed"]
Severity = Literal["low", "medium", "high"]
Style = Literal["directional", "hedging", "volatility", "arbitrage", "income", "closing", "unclear"]
Clock = Literal["live", "delayed", "historical", "synthetic"]
