"""The derived events: what the operators conclude, one type per derived topic.

On the bus empty fields are left out, as in raw events; an export line always has every field.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from events.types import (
    Book,
    ContractId,
    Direction,
    Dollars,
    EventId,
    OptionalTs,
    OrderTs,
    Placement,
    QuoteContracts,
    QuotePrice,
    Ratio,
    Severity,
    Side,
    SideRule,
    Style,
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
    baseline: Literal["contract", "bucket", "underlying"] | None = None
    baseline_samples: Count = 0
    premium_mean: float | None = None
    premium_z: Z | None = None
    size_mean: float | None = None
    size_z: Z | None = None
    spread_z: Z | None = None


class Check(Struct, gc=False):
    """One named test of a rule: what was observed beside its threshold."""

    name: str
    observed: float | str | None
    comparison: Literal[">=", "<=", ">", "<", "==", "!="]
    threshold: float | str
    passed: bool
    #: A check that does not decide, only informs the confidence or the sentence.
    required: bool = True


class Hit(Struct, gc=False, kw_only=True):
    """One rule that fired on one packet, with every check it made."""

    id: EventId
    revision: Count
    ts: int
    packet_id: EventId
    contract: ContractId
    underlying: str
    rule: str
    version: Count
    direction: Direction
    style: Style
    confidence: Annotated[float, Meta(ge=0, le=1, description="that the label is right; not an edge")]
    premium: Dollars | None
    checks: tuple[Check, ...]
    sentences: tuple[str, ...]
    against: tuple[str, ...]
    #: The settings that made the decision, by name.
    thresholds: dict[str, float]


class Alert(Struct, gc=False, kw_only=True):
    """Hits of one packet weighed into one message with one direction, merged within the cooldown."""

    id: EventId
    revision: Count
    ts: int
    contract: ContractId
    underlying: str
    direction: Direction
    style: Style
    score: Annotated[float, Meta(ge=0, le=100)]
    severity: Severity
    confidence: Ratio
    premium: Dollars | None
    packets: Annotated[int, Meta(description="packets merged into this alert")]
    hits: tuple[str, ...]
    rules: tuple[str, ...]
    #: Ids of what the alert rests on: packets, whose members are the raw prints.
    evidence: tuple[str, ...]
    sentences: tuple[str, ...]
    against: tuple[str, ...]


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


DerivedEvent = MarkedPrint | FlowPacket | Hit | Alert
