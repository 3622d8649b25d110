"""The derived events that judge: structures, hits, alerts, what became of them, and what refuted them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from events.derived import Count, DeltaNotional, FlowPacket, MarkedPrint, OpenInterest, PremiumFloor, Spot
from events.types import ContractId, Direction, Dollars, EventId, Ratio, Severity, Side, Style

StructureKind = Literal[
    "vertical",
    "calendar",
    "diagonal",
    "straddle",
    "strangle",
    "butterfly",
    "condor",
    "ratio",
    "ladder",
    "collar",
    "risk_reversal",
    "box",
    "reversal_conversion",
    "roll_up",
    "roll_down",
    "roll_out",
    "stock_tied",
    "unnamed",
]


class Leg(Struct, gc=False, omit_defaults=True):
    """One leg of a structure: a parent, and what part it plays."""

    parent_id: EventId
    packet_id: EventId
    contract: ContractId
    side: Side
    size: Count
    #: Contracts of this leg to one unit of the structure.
    ratio: Count
    price: float
    premium: Dollars | None
    delta_notional: DeltaNotional = None


class Structure(Struct, gc=False, omit_defaults=True, kw_only=True):
    """Legs of one underlying that are consistent with one order; a leg belongs to one structure."""

    id: EventId
    revision: Count = 0
    ts: int
    underlying: str
    kind: StructureKind
    #: As people say it: "debit call vertical", "short straddle", "roll out".
    name: str
    legs: tuple[Leg, ...]
    start_ts: int
    end_ts: int
    #: Units of the structure.
    size: Count
    net_premium: (
        Annotated[float, Meta(description="paid (positive) or received (negative), dollars; null if unknown")] | None
    ) = None
    gross_premium: Annotated[float, Meta(description="premium of all legs, dollars")] | None = None
    net_delta: Annotated[float, Meta(description="signed delta notional of the whole, dollars")] | None = None
    payer: Literal["debit", "credit", "even", "unknown"] = "unknown"
    direction: Direction = "neutral"
    style: Style = "unclear"
    confidence: Annotated[float, Meta(ge=0, le=1, description="that the legs belong together")] = 0.0
    #: What ties the legs: complex-order conditions, one instant at one venue, or time and size alone.
    evidence: Literal["conditions", "instant", "timing"] = "timing"
    stock_tied: bool = False
    halted: bool = False
    limit_state: bool = False
    suspected_complex: Annotated[
        bool, Meta(description="a leg printed without conditions as legs of a complex order do: no surer than that")
    ] = False
    premium_floor: PremiumFloor = None


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
    #: What the rule judged: a packet, one parent of it, or a structure.
    about: EventId
    packet_id: Annotated[str, Meta(description="the packet, of a structure its first leg's")]
    structure_id: EventId | None = None
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
    about: EventId
    structure_id: EventId | None = None
    structure: Annotated[str | None, Meta(description="the structure's name")] = None
    #: The style that came second, and what speaks for the first.
    runner_up: Style | None = None
    style_reasons: tuple[str, ...] = ()
    #: What the score is made of, points by name; they add up to it before it is held to 0 to 100.
    score_parts: dict[str, float] = {}
    #: Why the severity is lower than the score says; null when it is not.
    capped: str | None = None
    withdrawn: Annotated[bool, Meta(description="its evidence was cancelled: no rule fires any longer")] = False
    hits: tuple[str, ...]
    rules: tuple[str, ...]
    #: Ids of what the alert rests on: packets, whose members are the raw prints.
    evidence: tuple[str, ...]
    sentences: tuple[str, ...]
    against: tuple[str, ...]


class Outcome(Struct, gc=False, omit_defaults=True, kw_only=True):
    """What became of an alert's contract and underlying since: one revision for each time it is looked at."""

    id: EventId
    revision: Count
    ts: int
    alert_id: EventId
    contract: ContractId
    underlying: str
    direction: Direction
    since_ts: int
    #: Seconds since the alert at which this was taken.
    after_s: Count
    mark_then: Annotated[float, Meta(description="mid of the option then, dollars a share")] | None = None
    mark_now: float | None = None
    mark_best: Annotated[float, Meta(description="best for whoever was on the alert's side")] | None = None
    mark_worst: float | None = None
    spot_then: Spot = None
    spot_now: Spot = None
    spot_best: Spot = None
    spot_worst: Spot = None
    final: Annotated[bool, Meta(description="the last look: the session has closed")] = False


class PositionCheck(Struct, gc=False, omit_defaults=True, kw_only=True):
    """Next morning's open interest against a hit that spoke of opening or closing."""

    id: EventId
    revision: Count = 0
    ts: int
    hit_id: EventId
    contract: ContractId
    underlying: str
    claimed: Literal["opening", "closing"]
    open_interest_before: OpenInterest = None
    open_interest_after: OpenInterest = None
    size: Count
    verdict: Literal["confirmed", "refuted", "undecided"]
    sentence: str


DerivedEvent = MarkedPrint | FlowPacket | Structure | Hit | Alert | Outcome | PositionCheck
