"""The topic table: every topic, what travels in it, and where it ranks in the tape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from events.derived import Anchor, DeadLetter, FlowPacket, MarkedPrint
from events.raw import EquityPrint, EquityQuote, OptionPrint, OptionQuote, Reference
from events.verdicts import Alert, Hit, Outcome, PositionCheck, Structure


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: its event type, its layer and, for raw topics, its rank among equal times (contract 1)."""

    name: str
    type: type[msgspec.Struct]
    layer: Literal["raw", "derived", "operational"]
    rank: int = 0
    #: The field that names the instrument, for ids, filters and order.
    instrument: str = "contract"


TOPICS: dict[str, Topic] = {
    t.name: t
    for t in (
        Topic("reference", Reference, "raw", 0, "instrument"),
        Topic("options.prints", OptionPrint, "raw", 1),
        Topic("equities.prints", EquityPrint, "raw", 2, "symbol"),
        Topic("options.quotes", OptionQuote, "raw", 3),
        Topic("equities.quotes", EquityQuote, "raw", 4, "symbol"),
        Topic("options.marked", MarkedPrint, "derived"),
        Topic("flow.packets", FlowPacket, "derived"),
        Topic("flow.structures", Structure, "derived", instrument="underlying"),
        Topic("flow.hits", Hit, "derived"),
        Topic("flow.alerts", Alert, "derived"),
        Topic("alert.outcomes", Outcome, "derived"),
        Topic("position.check", PositionCheck, "derived"),
        Topic("deadletter", DeadLetter, "operational", instrument="origin"),
        Topic("anchors", Anchor, "operational", instrument="id"),
    )
}
RAW_TOPICS: tuple[str, ...] = tuple(t.name for t in TOPICS.values() if t.layer == "raw")
DERIVED_TOPICS: tuple[str, ...] = tuple(t.name for t in TOPICS.values() if t.layer == "derived")


def topic(name: str) -> Topic:
    """Returns the topic's entry; raises ValueError that lists the topics when there is none of that name."""
    try:
        return TOPICS[name]
    except KeyError:
        raise ValueError(f"unknown topic {name!r}; topics are {', '.join(TOPICS)}") from None


def decoder(name: str) -> msgspec.json.Decoder[Any]:
    """Returns a new typed decoder of one topic's events."""
    return msgspec.json.Decoder(topic(name).type)
