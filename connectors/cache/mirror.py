"""Mirrors a run's newest baselines, packets and alerts from the log into Redis, behind the flow's back.

The flow knows nothing of it: this reads the derived topics as any reader does, in a thread of the archive's process.
Each step is one transaction that moves the position too, so a record counts once, whatever is killed. Redis away: the
log goes on, it is said once, and the mirror catches up from the position that Redis still has; an empty one is filled
from the log's newest COLD_RECORDS. Records of an outdated lease epoch are passed over (contract 13).
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import nlargest

import msgspec
import redis
from redis.exceptions import RedisError, WatchError

from connectors.bus.base import Bus, BusError, StoredBatch
from connectors.cache.keys import (
    EARLIER_PACKETS,
    HOT_MESSAGES,
    HOT_TOPICS,
    CachedBaseline,
    CacheError,
    Keys,
    timed,
    translated,
)
from connectors.telemetry import meters
from events.derived import FlowPacket
from events.topics import decoder
from operators.baseline import earlier_of
from operators.shard_state import Earlier

#: Records a partition is read at a time.
READ_RECORDS = 5000
#: How far back an empty cache is filled, by topic and partition.
COLD_RECORDS = 50_000
_POLL_S = 0.2
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 10.0
_SCAN = 1000
_PACKETS = "flow.packets"
_log = logging.getLogger(__name__)
#: (next offset, lease epoch) by (topic, partition).
Positions = dict[tuple[str, int], tuple[int, int]]


@dataclass(slots=True)
class _Piece:
    """What one read of a partition adds."""

    #: Newest baseline by underlying and contract.
    baselines: dict[str, dict[str, CachedBaseline]] = field(default_factory=dict)
    messages: list[bytes] = field(default_factory=list)
    #: Packets by underlying and contract, for a warm start; as they were first known, so no revisions.
    earlier: dict[str, dict[str, list[Earlier]]] = field(default_factory=dict)


class Mirror:
    """Reads the log and writes the cache, a step at a time; one instance belongs to one thread."""

    def __init__(self, bus: Bus, client: redis.Redis, keys: Keys, ttl_s: int) -> None:
        self._bus = bus
        self._client = client
        self._keys = keys
        self._ttl_s = ttl_s
        self._decode = decoder(_PACKETS)

    def step(self) -> bool:
        """Takes what is new, at most READ_RECORDS a partition; says whether there may be more. Raises CacheError."""
        try:
            # Asked each time: a Redis that was killed may be back, and empty, before anybody misses it.
            positions = self._noted()
            return any([self._topic(topic, positions) for topic in HOT_TOPICS])
        except WatchError:
            return True
        except RedisError as error:
            raise translated(error) from error

    def _noted(self) -> Positions:
        found: Positions = {}
        noted: dict[bytes, bytes] = self._client.hgetall(self._keys.positions)  # type: ignore[assignment]
        for name, value in noted.items():
            topic, _, partition = name.decode().rpartition("/")
            offset, epoch = value.split()
            found[topic, int(partition)] = int(offset), int(epoch)
        return found

    def _topic(self, topic: str, positions: Positions) -> bool:
        more = False
        for partition, head in enumerate(self._bus.heads(topic)):
            offset, epoch = positions.get((topic, partition), (max(head.start, head.next - COLD_RECORDS), 0))
            if offset > head.next:
                self._forget()
                positions.clear()
                return True
            if offset < head.next:
                before = positions.get((topic, partition))
                more = self._partition(topic, partition, offset, epoch, before) or more
        return more

    def _partition(self, topic: str, partition: int, offset: int, epoch: int, before: tuple[int, int] | None) -> bool:
        batches = self._bus.read(topic, partition, offset, READ_RECORDS)
        piece = _Piece()
        for batch in batches:
            offset = batch.next
            if batch.epoch >= epoch and not batch.control:
                self._take(topic, batch, piece)
            epoch = max(epoch, batch.epoch)
        self._write(f"{topic}/{partition}", before, (offset, epoch), piece)
        return bool(batches)

    def _take(self, topic: str, batch: StoredBatch, piece: _Piece) -> None:
        for line in batch.lines():
            piece.messages.append(line)
            if topic != _PACKETS:
                continue
            try:
                packet: FlowPacket = self._decode.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue
            if not packet.revision:
                piece.earlier.setdefault(packet.underlying, {}).setdefault(packet.contract, []).append(
                    earlier_of(packet)
                )
            known, found = piece.baselines.setdefault(packet.underlying, {}), CachedBaseline.of(packet)
            before = known.get(packet.contract)
            if before is None or found.order >= before.order:
                known[packet.contract] = found

    def _write(self, place: str, before: tuple[int, int] | None, after: tuple[int, int], piece: _Piece) -> None:
        """Adds a piece where Redis still stands before it; raises WatchError where it does not, RedisError."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.watch(self._keys.positions)  # type: ignore[no-untyped-call]
            # Having watched, commands go out at once until the transaction begins.
            noted: bytes | None = pipe.hget(self._keys.positions, place)  # type: ignore[assignment]
            if noted != (None if before is None else _position(before)):
                raise WatchError
            newer, longer = self._newer(piece.baselines), self._longer(piece.earlier)
            pipe.multi()
            for underlying, windows in longer.items():
                name = self._keys.earlier(underlying)
                pipe.hset(name, mapping={each: msgspec.msgpack.encode(rows) for each, rows in windows.items()})
                pipe.expire(name, self._ttl_s)
            for underlying, by_contract in newer.items():
                name = self._keys.baselines(underlying)
                pipe.hset(name, mapping={contract: msgspec.json.encode(each) for contract, each in by_contract.items()})
                pipe.expire(name, self._ttl_s)
            if piece.messages:
                name = self._keys.newest(place.rpartition("/")[0])
                # Partitions come one after the other: the newest are those of the latest time, not of the last piece.
                pipe.zadd(name, dict.fromkeys(nlargest(HOT_MESSAGES, map(timed, piece.messages)), 0))
                pipe.zremrangebyrank(name, 0, -HOT_MESSAGES - 1)
                pipe.expire(name, self._ttl_s)
            pipe.hset(self._keys.positions, place, _position(after))
            # Positions outlive what they speak of by nothing: a cache that has forgotten is filled again.
            pipe.expire(self._keys.positions, self._ttl_s)
            pipe.execute()

    def _newer(self, found: dict[str, dict[str, CachedBaseline]]) -> dict[str, dict[str, CachedBaseline]]:
        """Returns those that are newer than what the cache has: a revision of an old packet is not."""
        if not found:
            return {}
        pipe = self._client.pipeline(transaction=False)
        for underlying, by_contract in found.items():
            pipe.hmget(self._keys.baselines(underlying), list(by_contract))
        newer: dict[str, dict[str, CachedBaseline]] = {}
        for (underlying, by_contract), held in zip(found.items(), pipe.execute(), strict=True):
            for each, before in zip(by_contract.values(), held, strict=True):
                if before is None or each.order >= msgspec.json.decode(before, type=CachedBaseline).order:
                    newer.setdefault(underlying, {})[each.contract] = each
        return newer

    def _longer(self, found: dict[str, dict[str, list[Earlier]]]) -> dict[str, dict[str, list[Earlier]]]:
        """Returns the newest packets of each contract, what the cache has before what was found."""
        pipe = self._client.pipeline(transaction=False)
        for underlying, by_contract in found.items():
            pipe.hmget(self._keys.earlier(underlying), list(by_contract))
        longer: dict[str, dict[str, list[Earlier]]] = {}
        for (underlying, by_contract), held in zip(found.items(), pipe.execute() if found else (), strict=True):
            for (contract, rows), before in zip(by_contract.items(), held, strict=True):
                known = [] if before is None else msgspec.msgpack.decode(before, type=list[Earlier])
                longer.setdefault(underlying, {})[contract] = (known + rows)[-EARLIER_PACKETS:]
        return longer

    def _forget(self) -> None:
        """Drops the run: its log began anew."""
        _log.info("the log of the run began anew: the cache of it too")
        for names in _blocks(self._client, f"{self._keys.prefix}*"):
            self._client.delete(*names)


def _position(of: tuple[int, int]) -> bytes:
    """Returns a position as Redis has it."""
    return b"%d %d" % of


def _blocks(client: redis.Redis, pattern: str) -> Iterator[list[bytes]]:
    block: list[bytes] = []
    for name in client.scan_iter(pattern, count=_SCAN):
        block.append(name)
        if len(block) == _SCAN:
            yield block
            block = []
    if block:
        yield block


class MirrorThread:
    """Keeps a mirror going until closed; whatever happens to Redis, only the mirror waits."""

    def __init__(self, open_bus: Callable[[], Bus], client: redis.Redis, keys: Keys, ttl_s: int) -> None:
        self._open_bus = open_bus
        self._client = client
        self._keys = keys
        self._ttl_s = ttl_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cache", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread and hangs up."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        bus = self._open_bus()
        mirror = Mirror(bus, self._client, self._keys, self._ttl_s)
        pause_s, away = _FIRST_PAUSE_S, False
        while not self._stop.is_set():
            try:
                more = mirror.step()
            except (CacheError, BusError, sqlite3.Error) as error:
                # Redis or the log itself is away: either comes back, and nothing was noted that was not written.
                if not away:
                    _log.warning("%s; the cache will catch up", error)
                away = True
                meters.CACHE_UP.labels("redis").set(0)
                self._stop.wait(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
                continue
            except Exception:
                _log.exception("the cache is no longer filled")
                break
            meters.CACHE_UP.labels("redis").set(1)
            if away:
                _log.warning("the cache is filled again")
                pause_s, away = _FIRST_PAUSE_S, False
            if not more:
                self._stop.wait(_POLL_S)
        bus.close()
        self._client.close()
