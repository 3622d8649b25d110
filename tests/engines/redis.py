"""Debian's redis-server in a directory of a test's own, without a file of its own: killed, it comes back empty."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.engines.process import Server, free_port, program


class Redis(Server):
    """A Redis server; `keeps` writes every change to its file, so that a kill takes nothing."""

    def __init__(self, directory: Path, keeps: bool = False) -> None:
        self.port = free_port()
        command = [program("redis-server", "redis-server"), "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", str(directory), "--save", ""]
        command += ["--appendonly", "yes", "--appendfsync", "always"] if keeps else []
        super().__init__(command, directory / "out.log", self._ping)

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}/0"

    def _ping(self) -> bool:
        client = redis.Redis(port=self.port, socket_timeout=1, retry=Retry(NoBackoff(), 0))
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


@contextmanager
def redis_server(directory: Path, keeps: bool = False) -> Iterator[Redis]:
    """Gives a running server; ends the test when its package is not installed."""
    server = Redis(directory, keeps)
    try:
        server.start()
        yield server
    finally:
        server.stop()
