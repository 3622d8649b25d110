"""The derived events about prints: marks, packets and their parents, and what is kept of a run; verdicts stand apart.

On the bus empty fields are left out, as in raw events; an export line always has every field.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from events.types import (
    Book,
    ContractId,
    Dollars,
    EventId,
    OptionalTs,
    OrderTs,
    Placement,
    QuoteContracts,
    QuotePrice,
    Ratio,
    Side,
    SideRule,
)

Flag = Literal[
    "regular",
    "auction",
    "cross",
    "floor",
    "complex",
    "stock_tied",
    "extended",
    "late",
    "volume_only",
    "cancel",
    "correction",
]
Z = Annotated[float, Meta(description="deviations from the baseline's mean; null when there is no usable baseline")]
Count = Annotated[int, Meta(ge=0)]
PremiumFloor = (
    Annotated[float, Meta(description="the underlying's own quantile of packet premium, dollars; null before")] | None
)
OpenInterest = Annotated[int, Meta(ge=0, description="contracts, of the trading date before; null when unknown")] | None
Spot = Annotated[float, Meta(description="price of the underlying, dollars; null when there is none")] | None
#: equity: mid of its usable quote; parity: the forward that near strikes imply by put-call parity.
SpotSource = Literal["equity", "parity"]
Moneyness = Annotated[float, Meta(description="strike / spot - 1; null without a spot")] | None
ExpirySeconds = Annotated[int, Meta(description="seconds to the settlement instant; negative behind it")] | None
#: Of one share: delta and gamma per dollar of the underlying, vega per 1.0 of volatility, theta per year (Black 1976).
Greek = Annotated[float, Meta(description="null when it cannot be known")] | None
DeltaNotional = (
    Annotated[float, Meta(description="delta x spot x multiplier x size, dollars; of the contract, not of the side")]
    | None
)


class MarkedPrint(Struct, gc=False, omit_defaults=True):
    """An option print joined to the last eligible quote before it (contract 2, 24, 25)."""

    id: EventId
    ts: int
    order_ts: OrderTs
    contract: ContractId
    underlying: str
    price: float
    size: int
    source: str
    placement: Placement
    arrived_late: bool = False
    premium: Dollars | None = None
    exchange: str | None = None
    conditions: tuple[str, ...] = ()
    #: How the sale conditions let the print be used; only `regular` prints are single-leg evidence.
    flag: Flag = "regular"
    reported_late: bool = False
    intermarket_sweep: bool = False
    bid: QuotePrice = None
    ask: QuotePrice = None
    bid_size: QuoteContracts = None
    ask_size: QuoteContracts = None
    quote_ts: OptionalTs = None
    quote_origin: Literal["topic", "attached"] | None = None
    book: Book | None = None
    position: (
        Annotated[float, Meta(description="0 at the bid, 1 at the ask; null when placement is a fault")] | None
    ) = None
    side: Side = "none"
    side_rule: SideRule = "none"
    side_confidence: Ratio = 0.0
    #: A quote of the print's own instant exists and was not used (contract 2).
    tie: bool = False
    #: Contracts of this contract traded on the trade date so far, this print included; volume-only prints count.
    volume: Count = 0
    open_interest: OpenInterest = None
    spot: Spot = None
    spot_source: SpotSource | None = None
    moneyness: Moneyness = None
    #: Seconds from the print to the settlement instant; null when the expiry is not known.
    expiry_s: ExpirySeconds = None
    iv: Greek = None
    delta: Greek = None
    gamma: Greek = None
    vega: Greek = None
    theta: Greek = None
    delta_notional: DeltaNotional = None
    #: The underlying was halted at the print or within the minutes after which rules stay silent.
    halted: bool = False
    #: Likewise of a limit state, in which a stock trades at its price band's edge or not at all; false where no feed
    #: tells of one.
    limit_state: bool = False


class Parent(Struct, gc=False, omit_defaults=True):
    """One order, as far as a packet's prints let it be told from its neighbours: one side, no long gap, one path."""

    id: EventId
    start_ts: int
    end_ts: int
    count: Count
    size: Count
    premium: Dollars | None
    side: Side
    buy_size: Count
    sell_size: Count
    covered_size: Annotated[int, Meta(description="contracts whose print has a placement")]
    price_first: float
    price_last: float
    price_low: float
    price_high: float
    vwap: float
    members: tuple[str, ...]
    above_ask_size: Count = 0
    ask_size: Count = 0
    inside_size: Count = 0
    bid_size: Count = 0
    below_bid_size: Count = 0
    venues: tuple[str, ...] = ()
    intermarket_sweeps: Annotated[int, Meta(description="prints flagged as intermarket sweep")] = 0
    delta_notional: DeltaNotional = None


class FlowPacket(Struct, gc=False, omit_defaults=True):
    """The burst of one contract within a time window of its first print, closed by the watermark."""

    id: EventId
    ts: int
    contract: ContractId
    underlying: str
    flag: Flag
    start_ts: int
    end_ts: int
    window_ms: int
    count: Count
    size: Count
    premium: Dollars | None
    price_first: float
    price_last: float
    price_low: float
    price_high: float
    vwap: float
    buy_size: Count
    sell_size: Count
    covered_size: Annotated[int, Meta(description="contracts whose print has a placement")]
    coverage: Ratio
    members: tuple[str, ...]
    #: Size by placement, contracts.
    above_ask_size: Count = 0
    ask_size: Count = 0
    inside_size: Count = 0
    bid_size: Count = 0
    below_bid_size: Count = 0
    venues: tuple[str, ...] = ()
    intermarket_sweeps: Annotated[int, Meta(description="prints flagged as intermarket sweep")] = 0
    spread: Annotated[float, Meta(description="size-weighted mean spread of usable quotes, dollars")] | None = None
    venue_book: Annotated[bool, Meta(description="some member was marked against one venue's book")] = False
    revision: Count = 0
    #: Baseline before this packet: whose it is, how many samples it has, and the z-scores from it.
    baseline: Literal["contract", "bucket", "underlying", "shipped"] | None = None
    baseline_samples: Count = 0
    premium_mean: float | None = None
    premium_z: Z | None = None
    size_mean: float | None = None
    size_z: Z | None = None
    spread_z: Z | None = None
    #: The parents that could be told apart, in order of time; empty when the packet is one parent as a whole.
    parents: tuple[Parent, ...] = ()
    #: Neither one side nor separable parents: strangers shared the window, and no direction may be claimed.
    mixed: bool = False
    #: A feed without conditions printed legs of equal or ratio sizes at one venue in one instant.
    suspected_complex: bool = False
    #: The feed carries sale conditions; where it does not, what needs them is unknown.
    conditions_known: bool = True
    halted: bool = False
    limit_state: bool = False
    #: Prints struck out by cancels or corrections; each is one more revision (contract 19).
    struck: Count = 0
    #: As known at the last print: see MarkedPrint.
    volume: Count = 0
    open_interest: OpenInterest = None
    spot: Spot = None
    spot_source: SpotSource | None = None
    moneyness: Moneyness = None
    expiry_s: ExpirySeconds = None
    iv: Greek = None
    iv_first: Greek = None
    delta: Greek = None
    delta_notional: DeltaNotional = None
    premium_median: Annotated[float, Meta(description="of the baseline's window, dollars")] | None = None
    premium_mad: Annotated[float, Meta(description="median absolute deviation, dollars")] | None = None
    size_median: float | None = None
    size_mad: float | None = None
    time_of_day_sessions: Annotated[
        int,
        Meta(ge=0, description="sessions behind the time of day that means and z go by; 0: they do not"),
    ] = 0
    premium_floor: PremiumFloor = None


class DeadLetter(Struct, gc=False, kw_only=True):
    """Input that could not be used: where it stood, why, and its bytes."""

    id: EventId
    ts: int
    topic: str
    origin: Annotated[str, Meta(description="file name or feed")]
    position: Annotated[str, Meta(description="line, record or partition:offset")]
    reason: str
    raw: Annotated[str, Meta(description="the bytes as text, else base64 behind 'base64:'; cut at 64 KiB")]


class Anchor(Struct, gc=False, kw_only=True):
    """One part of a partition's complete state at a session boundary; all `parts` together are the anchor."""

    id: EventId
    ts: int
    partition: Count
    part: Annotated[str, Meta(description="'partition', or the label of a shard")]
    parts: Count
    digest: Annotated[str, Meta(description="sha256 of the state's bytes, hex")]
    data: Annotated[str, Meta(description="the state's bytes, base64")]
    tape: Annotated[str | None, Meta(description="the tape's snapshot at the boundary, JSON; with part 'partition'")]
    code: str
