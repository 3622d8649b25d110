"""What the gateway asks of the cache; an answer of None means: ask the archive or the log instead."""

from __future__ import annotations

import logging

import msgspec
import redis
from redis.exceptions import RedisError

from connectors.cache.keys import CachedBaseline, Keys, translated, untimed
from operators.shard_state import Earlier

#: Names that one scan asks for, and hashes that one exchange brings.
_SCAN, _PIPELINED = 1000, 100
_log = logging.getLogger(__name__)


class CacheReader:
    """Reads the cache of one run; may be used from several threads."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._away = False

    def baselines(self, underlying: str, contract: str | None, limit: int) -> list[CachedBaseline] | None:
        """Returns the newest baseline of each contract, that of the newest packet first; None when there is none."""
        name = self._keys.baselines(underlying)
        try:
            if contract is None:
                every: dict[bytes, bytes] = self._client.hgetall(name)  # type: ignore[assignment]
                found = list(every.values())
            else:
                one: bytes | None = self._client.hget(name, contract)  # type: ignore[assignment]
                found = [] if one is None else [one]
        except RedisError as error:
            self._say(error)
            return None
        self._away = False
        rows = [msgspec.json.decode(each, type=CachedBaseline) for each in found]
        rows.sort(key=lambda row: (-row.ts, row.contract))
        return rows[:limit] or None

    def newest(self, topic: str, limit: int) -> list[bytes] | None:
        """Returns a topic's newest messages by event time, the newest first; None when there is none."""
        try:
            found: list[bytes] = self._client.zrevrange(self._keys.newest(topic), 0, limit - 1)  # type: ignore[assignment]
        except RedisError as error:
            self._say(error)
            return None
        self._away = False
        return [untimed(member) for member in found] or None

    def earlier(self) -> dict[str, list[Earlier]]:
        """Returns the newest packets of every contract, oldest first, for a warm start; raises CacheError."""
        found: dict[str, list[Earlier]] = {}
        try:
            names = sorted(self._client.scan_iter(self._keys.earlier("*"), count=_SCAN))
            for first in range(0, len(names), _PIPELINED):
                pipe = self._client.pipeline(transaction=False)
                for name in names[first : first + _PIPELINED]:
                    pipe.hgetall(name)
                for held in pipe.execute():
                    for contract in sorted(held):
                        found[contract.decode()] = msgspec.msgpack.decode(held[contract], type=list[Earlier])
        except RedisError as error:
            raise translated(error) from error
        return found

    def _say(self, error: RedisError) -> None:
        if not self._away:
            _log.warning("%s; the archive and the log answer instead", translated(error))
        self._away = True

    def close(self) -> None:
        """Hangs up."""
        self._client.close()
