"""A labelled tape of the synthetic market as events, for tests of what its labels say."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from connectors.feeds.synthetic.emitting import TOPICS
from connectors.feeds.synthetic.model import Market, ModelConfig
from connectors.feeds.synthetic.scenarios.labels import Planted
from events.raw import EquityPrint, EquityQuote, OptionPrint, OptionQuote, Reference
from events.topics import decoder

_DECODERS = [decoder(topic).decode for topic in TOPICS]


@dataclass
class LabelledTape:
    """A labelled tape as events: prints with the quote in force at each, cancels, quotes and reference facts."""

    labels: list[Planted]
    prints: dict[str, Any] = field(default_factory=dict)
    #: Bid and ask in force at each print.
    quotes: dict[str, tuple[float, float]] = field(default_factory=dict)
    cancels: dict[str, OptionPrint] = field(default_factory=dict)
    spots: dict[str, list[tuple[int, float]]] = field(default_factory=lambda: defaultdict(list))
    interest: dict[tuple[str, str], int] = field(default_factory=dict)
    #: Times and conditions of the quotes of stocks, "limit" where one is a limit state quotation.
    conditions: dict[str, list[tuple[int, str | None]]] = field(default_factory=lambda: defaultdict(list))

    def of(self, *scenarios: str) -> list[tuple[Planted, list[Any]]]:
        """Returns each label of these kinds with its prints."""
        wanted = [label for label in self.labels if label.scenario in scenarios]
        assert wanted, scenarios
        return [(label, [self.prints[ident] for ident in label.prints]) for label in wanted]

    def place(self, event: Any) -> str:
        bid, ask = self.quotes[event.id]
        if bid == ask:
            return "locked"
        return "ask" if event.price >= ask else "bid" if event.price <= bid else "inside"


def labelled_tape(config: ModelConfig, blocks: int) -> LabelledTape:
    """Returns the events of so many blocks, seconds of the market, and the labels of what was planted in them."""
    market = Market(config)
    tape = LabelledTape([])
    in_force: dict[str, tuple[float, float]] = {}
    for _ in range(blocks):
        for item in market.block():
            event = _DECODERS[item[1]](item[4])
            match event:
                case OptionQuote():
                    in_force[event.contract] = (event.bid or 0.0, event.ask or 0.0)
                case EquityQuote():
                    in_force[event.symbol] = (event.bid or 0.0, event.ask or 0.0)
                    tape.conditions[event.symbol].append((event.ts, "limit" if event.limit_state else event.condition))
                    tape.spots[event.symbol].append((event.ts, ((event.bid or 0.0) + (event.ask or 0.0)) / 2))
                case OptionPrint(kind="cancel"):
                    tape.cancels[event.id] = event
                case OptionPrint():
                    tape.prints[event.id] = event
                    tape.quotes[event.id] = in_force[event.contract]
                case EquityPrint():
                    tape.prints[event.id] = event
                case Reference(kind="open_interest"):
                    tape.interest[event.instrument, event.for_date or ""] = event.open_interest or 0
    tape.labels = market.finished
    return tape
