"""The day's reference: each contract's definition, and what stood open in it the evening before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from msgspec.json import Encoder

from connectors.feeds.synthetic.calendar import session_before
from connectors.feeds.synthetic.emitting import REFERENCE, SOURCE, TOPICS, Item
from connectors.feeds.synthetic.universe import Chains, Underlyings
from events.contracts import STANDARD_MULTIPLIER
from events.ids import IdMaker
from events.raw import Reference

_encode = Encoder().encode


def facts(chains: Chains, names: Underlyings, day: date, ts: int) -> Iterator[Item]:
    """Yields definition and open interest of every contract listed on a day, all of one time."""
    ids = IdMaker(TOPICS[REFERENCE], "instrument")
    evening = session_before(day).day.isoformat()
    rows = zip(chains.ids, chains.under.tolist(), chains.expiry_ns.tolist(), chains.open_interest.tolist(), strict=True)
    for contract, under, expiry_ns, held in rows:
        symbol = names.symbols[under]
        definition = Reference(
            ts=ts, kind="definition", instrument=contract, underlying=symbol, multiplier=STANDARD_MULTIPLIER,
            expiry_ts=expiry_ns, source=SOURCE,
        )  # fmt: skip
        interest = Reference(
            ts=ts, kind="open_interest", instrument=contract, underlying=symbol, open_interest=held, for_date=evening,
            source=SOURCE,
        )  # fmt: skip
        for event in (definition, interest):
            event.id = ids.id_of(event)
            yield ts, REFERENCE, symbol, event.id, _encode(event)
