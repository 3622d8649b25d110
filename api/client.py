"""One client: its subscriptions and the frames that wait for it, bounded; what it cannot take is skipped and told.

At `limit` bytes the subscription with the most waiting bytes gives up its oldest frames; a notice with the exact
offsets and count takes their place, before the next frame of that partition. Nobody else waits for a slow client.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from api import protocol
from api.chunks import Chunk, Keys

#: Takes messages to send, each a text frame of its own.
Send = Callable[[list[bytes]], Awaitable[None]]
#: Frames handed over together hold about this many bytes.
_WRITE_BYTES = 65_536
#: Share of the limit below which a subscription that catches up reads on.
_ROOM = 0.25
#: Answers that may wait for a client before nothing more is read from it.
_MAX_ANSWERS = 64


@dataclass(slots=True)
class Traffic:
    """What went out since the gateway began, over all clients."""

    frames: int = 0
    sent_bytes: int = 0
    events: int = 0
    skipped: int = 0
    skipped_frames: int = 0


@dataclass(slots=True)
class _Frame:
    partition: int
    first: int
    next: int
    count: int
    text: bytes


class Subscription:
    """One topic as one client wants it: where it stands in each partition, and its frames that wait."""

    def __init__(self, client: Client, sub: str, topic: str, keys: Keys, cursors: list[int]) -> None:
        self.client, self.sub, self.topic, self.keys = client, sub, topic, keys
        #: Offset behind what was taken, by partition.
        self.cursors = cursors
        #: Lease epochs seen while catching up, by partition.
        self.epochs = [0] * len(cursors)
        self.frames: deque[_Frame] = deque()
        self.queued = 0
        self.task: asyncio.Task[None] | None = None
        self._told = list(cursors)
        self._begin = protocol.prefix(sub, topic)
        #: first, next, count of what was skipped, by partition.
        self._skips: dict[int, tuple[int, int, int]] = {}
        self._notices: deque[bytes] = deque()

    def begin_at(self, cursors: list[int]) -> None:
        """Begins at other cursors, before anything was taken."""
        self.cursors = cursors
        self._told = list(cursors)

    def tell_start(self) -> None:
        """Tells where it stands in every partition, so that one that stays silent can be resumed too."""
        for partition, cursor in enumerate(self._told):
            self._push(partition, cursor, 0, protocol.tail(cursor, b""))

    def take(self, chunk: Chunk) -> None:
        """Takes a chunk, or the part of it behind the cursor; one that begins beyond the cursor leaves a told hole."""
        partition = chunk.partition
        cursor = self.cursors[partition]
        if chunk.next <= cursor:
            return
        if chunk.first > cursor:
            self.expire(partition, chunk.first)
        elif chunk.first < cursor:
            chunk = chunk.from_offset(cursor)
        self.cursors[partition] = chunk.next
        if chunk.count:
            count, tail = chunk.tail(self.keys)
            if count:
                self._push(partition, chunk.next, count, tail)

    def expire(self, partition: int, next_offset: int) -> None:
        """Goes on at another offset, for the log no longer holds, or no longer has, what stands at the cursor."""
        self.flush_cursor(partition)
        self.cursors[partition] = self._told[partition] = next_offset
        self._notice(protocol.expired(self._begin, partition, next_offset))

    def expire_all(self, cursors: list[int]) -> None:
        """Goes on at other offsets in every partition, for the run that the cursors belong to was cleared."""
        for partition, next_offset in enumerate(cursors):
            self.expire(partition, next_offset)

    def flush_cursor(self, partition: int) -> None:
        """Tells the cursor in a frame without events, where only filtered and control records have passed."""
        if self._told[partition] < self.cursors[partition]:
            next_offset = self.cursors[partition]
            self._push(partition, next_offset, 0, protocol.tail(next_offset, b""))

    def flush_cursors(self) -> None:
        """Tells every cursor that moved without events."""
        for partition in range(len(self.cursors)):
            self.flush_cursor(partition)

    def _push(self, partition: int, next_offset: int, count: int, tail: bytes) -> None:
        first = self._told[partition]
        self._told[partition] = next_offset
        text = protocol.data(self._begin, partition, first, tail)
        self.frames.append(_Frame(partition, first, next_offset, count, text))
        self.queued += len(text)
        self.client.grown(self, len(text))

    def _notice(self, text: bytes) -> None:
        """Puts a notice in its place: behind every frame that waits."""
        frame = _Frame(-1, 0, 0, 0, text)
        self.frames.append(frame)
        self.queued += len(text)
        self.client.grown(self, len(text))

    def skip_oldest(self) -> int:
        """Gives up the oldest frame that waits; returns its size."""
        frame = self.frames.popleft()
        self.queued -= len(frame.text)
        if frame.partition < 0:
            self._told_first(frame.text)
            return len(frame.text)
        first, _, count = self._skips.get(frame.partition, (frame.first, 0, 0))
        self._skips[frame.partition] = (first, frame.next, count + frame.count)
        self.client.traffic.skipped += frame.count
        self.client.traffic.skipped_frames += 1
        return len(frame.text)

    def _told_first(self, notice: bytes) -> None:
        """Keeps a notice that must not be lost, behind the skips that came before it."""
        self._settle()
        self._notices.append(notice)

    def _settle(self) -> None:
        for partition, (first, next_offset, count) in self._skips.items():
            self._notices.append(protocol.skipped(self._begin, partition, first, next_offset, count))
        self._skips.clear()

    def waiting(self) -> bool:
        """Says whether anything is to be sent."""
        return bool(self.frames or self._skips or self._notices)

    def pop(self) -> tuple[bytes, int, int]:
        """Returns the next text to send, its events, and how many bytes leave the queue."""
        self._settle()
        if self._notices:
            return self._notices.popleft(), 0, 0
        frame = self.frames.popleft()
        self.queued -= len(frame.text)
        return frame.text, frame.count, len(frame.text)


@dataclass(slots=True, eq=False)
class Client:
    """See the module's first lines."""

    limit: int
    traffic: Traffic
    subs: dict[str, Subscription] = field(default_factory=dict)
    #: Bytes of frames that wait.
    queued: int = 0
    #: When the frame now under way was handed over, on the loop's clock; None while none is.
    sending_since: float | None = None
    _control: deque[bytes] = field(default_factory=deque)
    _status: bytes | None = None
    _ready: deque[Subscription] = field(default_factory=deque)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, text: bytes) -> None:
        """Sends a control frame before the data frames that wait."""
        self._control.append(text)
        self._wake.set()

    def tell_status(self, text: bytes) -> None:
        """Sends the newest status; one that still waits is replaced."""
        self._status = text
        self._wake.set()

    def grown(self, sub: Subscription, size: int) -> None:
        """Takes note of a frame that a subscription has queued; makes room for it where there is none."""
        self.queued += size
        if sub not in self._ready:
            self._ready.append(sub)
        while self.queued > self.limit:
            self.queued -= max(self._ready, key=lambda each: each.queued).skip_oldest()
        self._wake.set()

    def forget(self, sub: Subscription) -> None:
        """Drops a subscription and whatever waits for it."""
        del self.subs[sub.sub]
        self.queued -= sub.queued
        sub.queued = 0
        sub.frames.clear()
        if sub in self._ready:
            self._ready.remove(sub)

    async def room(self) -> None:
        """Waits until most of the queue is sent; so a subscription that catches up never skips."""
        while self.queued > self.limit * _ROOM:
            self._room.clear()
            await self._room.wait()

    async def answered(self) -> None:
        """Waits until the client has taken most of what it was answered; so asking without reading costs no memory."""
        while len(self._control) > _MAX_ANSWERS:
            self._room.clear()
            await self._room.wait()

    async def write(self, send: Send) -> None:
        """Sends frames until cancelled: control first, then the subscriptions by turns."""
        clock = asyncio.get_running_loop().time
        while True:
            messages = self._batch()
            if not messages:
                self._room.set()
                self._wake.clear()
                await self._wake.wait()
                continue
            self.sending_since = clock()
            await send(messages)
            self.sending_since = None
            self.traffic.frames += len(messages)
            self.traffic.sent_bytes += sum(map(len, messages))

    def _batch(self) -> list[bytes]:
        """Returns what may be handed over together."""
        messages: list[bytes] = []
        size = 0
        while size < _WRITE_BYTES and (message := self._next()) is not None:
            messages.append(message)
            size += len(message)
        return messages

    def _next(self) -> bytes | None:
        if self._control:
            if len(self._control) <= _MAX_ANSWERS:
                self._room.set()
            return self._control.popleft()
        if self._status is not None:
            text, self._status = self._status, None
            return text
        if not self._ready:
            return None
        sub = self._ready.popleft()
        text, events, size = sub.pop()
        self.queued -= size
        self.traffic.events += events
        if self.queued <= self.limit * _ROOM:
            self._room.set()
        if sub.waiting():
            self._ready.append(sub)
        return text
