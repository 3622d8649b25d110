"""Debian's clickhouse-server (18.16) in a directory of a test's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from clickhouse_driver import Client

from connectors.store.address import Address, address_of
from events.settings import Store
from tests.engines.process import Server, free_port, program

_CONFIG = """<yandex>
<logger><level>warning</level><log>{here}/server.log</log><errorlog>{here}/error.log</errorlog></logger>
<tcp_port>{port}</tcp_port><http_port>{http}</http_port><listen_host>127.0.0.1</listen_host>
<path>{here}/data/</path><tmp_path>{here}/tmp/</tmp_path><format_schema_path>{here}/schemas/</format_schema_path>
<mark_cache_size>67108864</mark_cache_size><timezone>UTC</timezone>
<users_config>users.xml</users_config><default_profile>default</default_profile>
<default_database>default</default_database>
</yandex>
"""
_USERS = """<yandex>
<profiles><default><max_memory_usage>4000000000</max_memory_usage></default></profiles>
<users>
<default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
</default>
<flow><password>{password}</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile>
<quota>default</quota></flow>
</users>
<quotas><default></default></quotas>
</yandex>
"""
#: The password of the user `flow`.
PASSWORD = "p@ss:w/rd"


def settings_of(environ: Mapping[str, str]) -> Store:
    """Returns the store's settings that variables of the environment are."""
    return Store(**{name.lower(): value for name, value in environ.items()})


class ClickHouse(Server):
    """A ClickHouse server."""

    def __init__(self, directory: Path) -> None:
        self.port, self.http_port = free_port(), free_port()
        for name in ("data", "tmp", "schemas"):
            (directory / name).mkdir()
        config = directory / "config.xml"
        config.write_text(_CONFIG.format(here=directory, port=self.port, http=self.http_port))
        (directory / "users.xml").write_text(_USERS.format(password=PASSWORD))
        command = [program("clickhouse-server", "clickhouse-server"), f"--config-file={config}"]
        super().__init__(command, directory / "out.log", self._select)

    @property
    def url(self) -> str:
        """The native address."""
        return f"clickhouse://127.0.0.1:{self.port}"

    def address(self, database: str) -> Address:
        """Returns the address of a database."""
        return address_of(Store(clickhouse_url=self.url, clickhouse_database=database))

    def environ(self, database: str) -> dict[str, str]:
        """Returns the settings that name a database here."""
        return {"CLICKHOUSE_URL": self.url, "CLICKHOUSE_DATABASE": database}

    def _select(self) -> bool:
        client = Client("127.0.0.1", self.port, connect_timeout=1, send_receive_timeout=2)
        try:
            return bool(client.execute("SELECT 1") == [(1,)])
        except (EOFError, OSError):
            return False
        except Exception as error:
            if type(error).__module__.startswith("clickhouse_driver"):
                return False
            raise
        finally:
            client.disconnect()


@contextmanager
def clickhouse(directory: Path) -> Iterator[ClickHouse]:
    """Gives a running server; ends the test when its package is not installed."""
    server = ClickHouse(directory)
    try:
        server.start()
        yield server
    finally:
        server.stop()
