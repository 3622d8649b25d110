"""Control records: promises, membership, gaps and feed facts that travel in the raw topics with a null key."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.json import Decoder, Encoder

from events.types import Book

#: Begins the key of a shipped bucket in `baselines`; other keys are contracts.
SHIPPED = "shipped/"


class Control(Struct, gc=False, omit_defaults=True, kw_only=True):
    """One control record (contract 4); `ts` is the order time it speaks of, ns."""

    control: Literal["heartbeat", "member", "gap", "feed", "parameters", "end"]
    ts: Annotated[int, Meta(ge=0)]
    #: member: is the topic required or absent from `ts` on.
    state: Literal["required", "absent"] | None = None
    #: gap: the span that the feed could not deliver, ns, and why.
    from_ts: int | None = None
    to_ts: int | None = None
    reason: str | None = None
    #: feed: what the source declares about its events in this topic.
    source: str | None = None
    carries_conditions: bool | None = None
    quotes: Literal["every_change", "sampled"] | None = None
    book: Book | None = None
    shared_sequence: bool = False
    disorder_ms: int = 0
    #: parameters: settings by name, and the digest of the code that reads them; feed: what a made one was made from.
    parameters: dict[str, int | float | str | bool] | None = None
    code: str | None = None
    #: parameters, of a cold start: packets to begin with, by contract as the cache held them, or by shipped bucket.
    baselines: dict[str, list[list[int]]] | None = None


_encoder = Encoder()
_decoder = Decoder(Control)


def encode_control(record: Control) -> bytes:
    """Returns the record's bytes as they stand on the bus."""
    return _encoder.encode(record)


def decode_control(data: bytes) -> Control:
    """Reads one control record; raises msgspec.DecodeError or ValidationError on anything else."""
    return _decoder.decode(data)
