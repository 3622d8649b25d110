"""Where a ClickHouse server answers: reads CLICKHOUSE_URL and says what it means."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from connectors.store.base import StoreError
from events.settings import Store, shown

NATIVE_PORT, NATIVE_TLS_PORT = 9000, 9440
#: ClickHouse's HTTP ports, and the native port that stands beside each.
_HTTP_PORTS = {8123: NATIVE_PORT, 8443: NATIVE_TLS_PORT}
_SCHEMES = {"clickhouse": False, "clickhouses": True, "tcp": False, "http": False, "https": True}
_FORM = "clickhouse://user:password@host:9000"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Address:
    """A server and a database on it."""

    host: str
    port: int
    database: str
    user: str = "default"
    password: str = field(default="", repr=False)
    secure: bool = False
    verify: bool = True
    #: What the setting said when it named the HTTP interface; empty otherwise.
    http: str = ""

    def __str__(self) -> str:
        server = f"clickhouse{'s' if self.secure else ''}://{self.host}:{self.port}/{self.database}"
        if not self.http:
            return server
        return f"{server} (CLICKHOUSE_URL={self.http} is the HTTP interface; Undertow speaks the native protocol)"


def address_of(settings: Store) -> Address:
    """Reads the settings; raises StoreError in one line for an address that cannot be understood."""
    url = settings.clickhouse_url
    try:
        parts = urlsplit(url if "://" in url else f"clickhouse://{url}")
        port = parts.port
    except ValueError as error:
        raise StoreError(f"CLICKHOUSE_URL={shown(url)} cannot work: {error}; its form is {_FORM}") from None
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise StoreError(f"CLICKHOUSE_URL={shown(url)} is no address of ClickHouse; its form is {_FORM}")
    options = dict(parse_qsl(parts.query))
    secure = _SCHEMES[parts.scheme] or options.get("secure", "").lower() in ("1", "true", "yes") or port == 8443
    http = parts.scheme in ("http", "https") or port in _HTTP_PORTS
    native = NATIVE_TLS_PORT if secure else NATIVE_PORT
    if http or port is None:
        port = native if port is None else _HTTP_PORTS.get(port, native)
    return Address(
        host=parts.hostname,
        port=port,
        database=_database(settings, parts.path.strip("/")),
        user=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        secure=secure,
        verify=options.get("verify", "1").lower() not in ("0", "false", "no"),
        http=shown(url) if http else "",
    )


def _database(settings: Store, path: str) -> str:
    """Returns the database: as the setting names it, else as the address does."""
    if not path or "clickhouse_database" in settings.model_fields_set:
        return settings.clickhouse_database
    if not path.isidentifier() or not path.isascii():
        raise StoreError(f"CLICKHOUSE_URL names the database {path!r}: letters, digits and _ only")
    return path
