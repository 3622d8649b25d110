"""A real Kafka broker, ClickHouse server and Redis server behind proxies, in one directory, gone at the end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import support
from connectors.bus.base import Bus
from connectors.dataset import Dataset
from support.proxy import Proxy
from tests.engines.clickhouse import ClickHouse
from tests.engines.kafka import Broker
from tests.engines.redis import Redis


class Server(Protocol):
    """What a fault does to a server."""

    def start(self) -> None:
        """Starts it and returns when it answers."""
        ...

    def kill(self) -> None:
        """kill -9."""
        ...

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal."""
        ...


@dataclass(frozen=True, slots=True)
class Behind:
    """A server and the proxy that we reach it through."""

    server: Server
    proxy: Proxy


@dataclass(frozen=True, slots=True)
class Servers:
    """The three servers, by name, and the settings that name them."""

    by_name: dict[str, Behind]
    environ: dict[str, str]
    #: Kafka's address past its proxy, for those who write behind our back.
    brokers: str


@contextmanager
def servers(directory: Path, database: str = "trial") -> Iterator[Servers]:
    """Starts the three; raises in one line when one of them cannot run on this machine."""
    with ExitStack() as stack:
        proxies = {name: Proxy() for name in ("broker", "clickhouse", "redis")}
        for proxy in proxies.values():
            stack.callback(proxy.close)
        made: dict[str, Server] = {}
        for name in proxies:
            (directory / name).mkdir(parents=True)
        # What clients are sent on to must be the proxy too: the broker says where it is.
        shown = f"advertised.listeners=PLAINTEXT://127.0.0.1:{proxies['broker'].port}\n"
        broker, clickhouse = Broker(directory / "broker", extra=shown), ClickHouse(directory / "clickhouse")
        redis = Redis(directory / "redis")
        for name, server in (("broker", broker), ("clickhouse", clickhouse), ("redis", redis)):
            proxies[name].target = server.port
            stack.callback(server.stop)
            server.start()
            made[name] = server
        environ = {
            "KAFKA_BROKERS": f"127.0.0.1:{proxies['broker'].port}",
            "CLICKHOUSE_URL": f"clickhouse://127.0.0.1:{proxies['clickhouse'].port}",
            "CLICKHOUSE_DATABASE": database,
            "REDIS_URL": f"redis://127.0.0.1:{proxies['redis'].port}/0",
        }
        behind = {name: Behind(made[name], proxies[name]) for name in proxies}
        yield Servers(behind, environ, broker.address)


def opened(data: Path, env: dict[str, str]) -> Bus:
    """Opens a data set's bus in this process as a process with that environment would; the caller closes it."""
    kept = dict(os.environ)
    os.environ.update(env)
    try:
        return Dataset.open(data).open_bus()
    finally:
        os.environ.clear()
        os.environ.update(kept)


#: The settings that choose engines, all of them the embedded ones.
EMBEDDED = {"KAFKA_BROKERS": "", "CLICKHOUSE_URL": "", "REDIS_URL": ""}


def environment(engines: dict[str, str], **settings: str) -> dict[str, str]:
    """Returns a process's environment: this one's, the engines' settings, and further ones."""
    return {**os.environ, "PYTHONPATH": str(support.ROOT), **EMBEDDED, **engines, **settings}
