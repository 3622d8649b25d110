"""What travels on the WebSocket: the client's operations, decoded and checked, and the server's frames (contract 35).

Client: subscribe, unsubscribe, ping. Server: hello, data, skipped, expired, error, pong, status.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

#: A longer message from a client closes its connection.
MAX_MESSAGE_BYTES = 65_536
MAX_SUBSCRIPTIONS = 64
MAX_KEYS = 2000
MAX_SNAPSHOT = 5000

SubId = Annotated[str, Meta(min_length=1, max_length=64)]
Key = Annotated[str, Meta(min_length=1, max_length=16)]


class Subscribe(Struct, tag_field="op", tag="subscribe", forbid_unknown_fields=True):
    """Asks for a topic; `from` resumes at cursors, else the newest `snapshot` events come first.

    `generation` is the one that the hello named when the cursors were told: of another one they have expired.
    """

    sub: SubId
    topic: str
    keys: Annotated[list[Key], Meta(min_length=1, max_length=MAX_KEYS)] | None = None
    from_: dict[str, Annotated[int, Meta(ge=0)]] | None = msgspec.field(default=None, name="from")
    snapshot: Annotated[int, Meta(ge=0, le=MAX_SNAPSHOT)] = 0
    generation: str | None = None


class Unsubscribe(Struct, tag_field="op", tag="unsubscribe", forbid_unknown_fields=True):
    """Ends a subscription; nothing of it is sent after the answer to a later ping."""

    sub: SubId


class Ping(Struct, tag_field="op", tag="ping", forbid_unknown_fields=True):
    """Asks for a pong with the same `t`."""

    t: int | float | str | None = None


class Fault(ValueError):
    """An operation that cannot be done; told to the client, the connection stays."""

    def __init__(self, message: str, op: str | None = None, sub: str | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.op, self.sub, self.field = op, sub, field

    def frame(self) -> bytes:
        """Returns the error frame."""
        return text({"error": {"op": self.op, "sub": self.sub, "message": str(self), "field": self.field}})


class _Head(Struct):
    op: Any = None
    sub: Any = None


_decoder: msgspec.json.Decoder[Subscribe | Unsubscribe | Ping] = msgspec.json.Decoder(Subscribe | Unsubscribe | Ping)
_head_decoder = msgspec.json.Decoder(_Head)
_encoder = msgspec.json.Encoder()


def decode(message: str) -> Subscribe | Unsubscribe | Ping:
    """Reads one operation; raises Fault, which names the field where one is to blame."""
    try:
        return _decoder.decode(message)
    except msgspec.MsgspecError as error:
        raise _fault(message, error) from None


def _fault(message: str, error: msgspec.MsgspecError) -> Fault:
    try:
        head = _head_decoder.decode(message)
    except msgspec.MsgspecError:
        return Fault(f"not an operation: {error}")
    op = head.op if isinstance(head.op, str) else None
    reason, _, place = str(error).partition(" - at `")
    field = place.removeprefix("$.").rstrip("`").split("[")[0].split(".")[0] or None
    if field is None and "`" in reason:
        field = reason.split("`")[-2] if reason.count("`") >= 2 else None
    if op not in ("subscribe", "unsubscribe", "ping"):
        reason, field = f"unknown op {head.op!r}; ops are subscribe, unsubscribe, ping", "op"
    return Fault(reason, op, head.sub if isinstance(head.sub, str) else None, field)


def text(fields: dict[str, Any]) -> bytes:
    """Returns one control frame."""
    return _encoder.encode(fields)


def prefix(sub: str, topic: str) -> bytes:
    """Returns how every frame of a subscription begins, up to the partition's number."""
    return text({"sub": sub, "topic": topic})[:-1] + b',"partition":'


def data(begin: bytes, partition: int, first: int, tail: bytes) -> bytes:
    """Returns a data frame; its tail, from `next` on, is made once for all who want the same events."""
    return b'%b%d,"first":%d,%b' % (begin, partition, first, tail)


def tail(next_offset: int, events: bytes) -> bytes:
    """Returns the end of a data frame: the next cursor and the events' bytes, joined by commas."""
    return b'"next":%d,"events":[%b]}' % (next_offset, events)


def skipped(begin: bytes, partition: int, first: int, next_offset: int, count: int) -> bytes:
    """Returns the notice to a slow client: `count` events of [first, next) were not sent."""
    return b'%b%d,"skipped":{"first":%d,"next":%d,"count":%d}}' % (begin, partition, first, next_offset, count)


def expired(begin: bytes, partition: int, next_offset: int) -> bytes:
    """Returns the notice that the log no longer holds what the cursor asked for; it goes on at `next`."""
    return b'%b%d,"expired":{"next":%d}}' % (begin, partition, next_offset)
