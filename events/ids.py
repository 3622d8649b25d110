"""Identity is content: ids of raw events from what they say, ids of derived events from those (contract 17)."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from urllib.parse import quote as url_quote

import orjson

from events.sources import source as source_spec

if TYPE_CHECKING:
    from msgspec import Struct

#: Fields that do not belong to an event's content: the id itself and the moment of arrival.
_NOT_CONTENT = frozenset(("id", "recv_ts"))
#: Nor what a vendor attached to a print: the same trade comes without a quote in another schema of theirs.
_NOT_OF_PRINT = _NOT_CONTENT | {"bid", "ask", "bid_size", "ask_size", "quote_ts", "quote_origin", "book"}


def content_digest(event: Struct) -> str:
    """Returns a 12-digit hex digest of an event's content: no `recv_ts`, no attached quote, no empty fields."""
    names = event.__struct_fields__
    left_out = _NOT_OF_PRINT if "quote_origin" in names else _NOT_CONTENT
    fields: dict[str, Any] = {}
    for name in names:
        value = getattr(event, name)
        if name not in left_out and value is not None and value != ():
            fields[name] = value
    return blake2b(orjson.dumps(fields, option=orjson.OPT_SORT_KEYS), digest_size=6).hexdigest()


class IdMaker:
    """Gives each raw event of one topic its id, in log order; state is the occurrences at the newest time stamp.

    `k` is the vendor's trade id where the source declares it unique, else the sequence (if any) with a digest of the
    content and, from the second on, the occurrence number among identical content at the same time stamp. Where pieces
    (files) are told apart, what has a sequence is numbered within its own: the n-th twin in one is the n-th in another.
    """

    def __init__(self, topic: str, instrument_field: str, ts: int = 0, seen: dict[str, int] | None = None) -> None:
        self.topic = topic
        self.instrument_field = instrument_field
        self.ts = ts
        self.seen: dict[str, int] = dict(seen or {})
        self._in_piece: dict[tuple[int, str], int] = {}

    def id_of(self, event: Any, piece: int | None = None) -> str:
        """Returns the event's id; events of one time stamp must come together."""
        if event.ts != self.ts:
            self.ts = event.ts
            self.seen.clear()
            self._in_piece.clear()
        instrument = getattr(event, self.instrument_field)
        prefix = f"{event.source}:{self.topic}:{url_quote(instrument, safe='.-_')}:{event.ts}:"
        trade_id = getattr(event, "trade_id", None)
        if trade_id is not None and event.kind is None and source_spec(event.source).unique_trade_id:
            return prefix + url_quote(trade_id, safe="")
        digest = content_digest(event)
        if piece is None or event.seq is None:
            occurrence = self.seen.get(digest, 0)
            self.seen[digest] = occurrence + 1
        else:
            occurrence = self._in_piece.get((piece, digest), 0)
            self._in_piece[piece, digest] = occurrence + 1
        k = digest if event.seq is None else f"{event.seq}-{digest}"
        return f"{prefix}{k}.{occurrence}" if occurrence else prefix + k


def packet_id(first_print_id: str) -> str:
    """Returns the id of the packet that the print opened."""
    return f"pk:{first_print_id}"


def parent_id(first_print_id: str) -> str:
    """Returns the id of the parent that the print began."""
    return f"pa:{first_print_id}"


def structure_id(first_parent_id: str) -> str:
    """Returns the id of the structure whose first leg is the parent."""
    return f"st:{first_parent_id}"


def outcome_id(alert: str) -> str:
    """Returns the id of an alert's outcome; each look is one more revision."""
    return f"oc:{alert}"


def check_id(hit: str) -> str:
    """Returns the id of the check of a hit against the next open interest."""
    return f"pc:{hit}"


def hit_id(about: str, rule: str) -> str:
    """Returns the id of a rule's hit on a packet, parent or structure."""
    return f"{about}:{rule}"


def alert_id(about: str) -> str:
    """Returns the id of the alert whose first hit is about `about`."""
    return f"al:{about}"
