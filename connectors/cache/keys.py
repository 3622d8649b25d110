"""What the cache holds, under which names, and how it is reached: the one place that knows.

Everything of one run of a data set stands under one prefix: data sets share a server, and a run can be forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Unreachable
from redis.exceptions import RedisError, TimeoutError
from redis.retry import Retry

from events.derived import FlowPacket
from events.settings import Cache, shown

#: Topics whose newest messages are kept, and how many of each.
HOT_TOPICS = ("flow.alerts", "flow.packets")
HOT_MESSAGES = 1000
#: Packets of a contract that are kept for a warm start.
EARLIER_PACKETS = 50
#: Redis answers in well under a millisecond; one that needs longer is as good as away.
ANSWER_TIMEOUT_S = 2.0
_TIME_DIGITS = 20


class CacheError(Exception):
    """A cache that cannot be used now; its text is one line."""


class CachedBaseline(msgspec.Struct, gc=False):
    """What was usual for a contract before its newest packet: the row that `/api/baselines` gives."""

    contract: str
    ts: int
    id: str
    baseline: str | None
    baseline_samples: int
    premium_mean: float | None
    premium_z: float | None
    size_mean: float | None
    size_z: float | None
    spread_z: float | None
    premium: float | None
    size: int
    spread: float | None
    revision: int = 0

    @classmethod
    def of(cls, packet: FlowPacket) -> CachedBaseline:
        """Takes a packet's own fields."""
        return cls(**{name: getattr(packet, name) for name in cls.__struct_fields__})

    @property
    def order(self) -> tuple[int, str, int]:
        """What makes one newer than another."""
        return self.ts, self.id, self.revision


class _Stamp(msgspec.Struct):
    ts: int = 0


_stamp = msgspec.json.Decoder(_Stamp)


@dataclass(frozen=True, slots=True)
class Keys:
    """The names of one run of a data set."""

    owner: str
    run: str = "main"

    @property
    def prefix(self) -> str:
        """What every name begins with."""
        return f"undertow:{self.owner}:{self.run}:"

    @property
    def positions(self) -> str:
        """A hash: `topic/partition` to the offset behind the last record that the cache has seen, and its epoch."""
        return f"{self.prefix}positions"

    def earlier(self, underlying: str) -> str:
        """A hash: contract to its newest packets as a warm start takes them, oldest first, msgpack."""
        return f"{self.prefix}earlier:{underlying}"

    def baselines(self, underlying: str) -> str:
        """A hash: contract to its CachedBaseline, JSON."""
        return f"{self.prefix}baselines:{underlying}"

    def newest(self, topic: str) -> str:
        """A sorted set of a topic's newest messages, all of one score: they stand by what `timed` puts before them."""
        return f"{self.prefix}newest:{topic}"


def timed(message: bytes) -> bytes:
    """Returns a message behind its event time, so that messages sort by time and then by their bytes."""
    try:
        ts = max(_stamp.decode(message).ts, 0)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        ts = 0
    return b"%020d" % ts + message


def untimed(member: bytes) -> bytes:
    """Returns the message of what `timed` gave."""
    return member[_TIME_DIGITS:]


def connect(settings: Cache) -> redis.Redis:
    """Returns a client that connects when first used; raises CacheError for an address that is none of Redis."""
    try:
        return redis.Redis.from_url(
            settings.redis_url,
            socket_timeout=ANSWER_TIMEOUT_S,
            socket_connect_timeout=ANSWER_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as error:
        url = shown(settings.redis_url)
        raise CacheError(f"REDIS_URL={url} cannot work: {error}; its form is redis://host:6379/0") from None


def translated(error: RedisError) -> CacheError:
    """Returns what the cache says instead of the client's error."""
    away = isinstance(error, Unreachable | TimeoutError)
    return CacheError(f"{'Redis is away' if away else 'Redis refuses'}: {' '.join(str(error).split())[:300]}")


def server_version(settings: Cache) -> str:
    """Returns the version of the server; raises CacheError when none answers."""
    client = connect(settings)
    try:
        found: dict[str, str] = client.info("server")
    except RedisError as error:
        raise translated(error) from error
    finally:
        client.close()
    return str(found["redis_version"])
