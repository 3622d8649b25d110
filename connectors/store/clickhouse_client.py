"""clickhouse-driver as the store uses it: one connection, columns sent through `native`, errors told apart.

The driver's own inserts loop over every value in Python; ours replace the one step that turns columns into bytes. Of
the driver's internals they use the connection's block stream, and the pinned version is the one tested.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any

from clickhouse_driver import Client, errors
from clickhouse_driver.block import BlockInfo, ColumnOrientedBlock
from clickhouse_driver.defines import DBMS_MIN_REVISION_WITH_CUSTOM_SERIALIZATION
from clickhouse_driver.protocol import ClientPacketTypes
from clickhouse_driver.varint import write_varint
from clickhouse_driver.writer import write_binary_str, write_binary_uint8

from connectors.store.address import Address
from connectors.store.base import StoreAway, StoreError
from connectors.store.native import write_column
from connectors.store.schema import Dialect, Values

CONNECT_TIMEOUT_S = 5.0
#: A server that says nothing for so long is away; an insert of a million rows takes seconds.
ANSWER_TIMEOUT_S = 60.0
UNKNOWN_DATABASE, UNKNOWN_TABLE = 81, 60
#: A server that cannot now and will be able to: too many queries or parts, memory, disk, read-only, stopping.
_AWAY_CODES = frozenset((75, 159, 202, 203, 209, 210, 236, 241, 242, 243, 252, 394, 425, 473, 999))
_AWAY = (errors.NetworkError, errors.SocketTimeoutError, EOFError, OSError)
#: The driver logs a stack for every address that does not answer; what matters of it is in the error.
logging.getLogger("clickhouse_driver").setLevel(logging.CRITICAL)
_STACK = re.compile(r"\s*Stack trace:.*", re.DOTALL)


class NativeClient(Client):  # type: ignore[misc]  # the driver carries no types
    """The driver's client; INSERT data is a list of columns."""

    def send_data(
        self, sample_block: Any, data: Sequence[Values], types_check: bool = False, columnar: bool = False
    ) -> int:
        """Sends the columns as one block, so that the server keeps them as one part, whole or not at all."""
        out, revision = self.connection.fout, self.connection.server_info.used_revision
        rows = len(data[0])
        write_varint(ClientPacketTypes.DATA, out)
        write_binary_str("", out)
        stream = self.connection.block_out
        body = stream.fout
        BlockInfo().write(body)
        write_varint(len(data), body)
        write_varint(rows, body)
        for (name, spec), values in zip(sample_block.columns_with_types, data, strict=True):
            write_binary_str(name, body)
            write_binary_str(spec, body)
            if revision >= DBMS_MIN_REVISION_WITH_CUSTOM_SERIALIZATION:
                write_binary_uint8(0, body)
            write_column(spec, values, body)
        stream.finalize()
        self.receive_profile_events()
        self.connection.send_data(ColumnOrientedBlock())
        self.receive_profile_events()
        return rows


def connect(address: Address, database: str, answer_s: float = ANSWER_TIMEOUT_S) -> NativeClient:
    """Returns a client that connects when first used."""
    return NativeClient(
        address.host,
        port=address.port,
        database=database,
        user=address.user,
        password=address.password,
        secure=address.secure,
        verify=address.verify,
        client_name="undertow",
        connect_timeout=min(CONNECT_TIMEOUT_S, answer_s),
        send_receive_timeout=answer_s,
        tcp_keepalive=True,
    )


def translated(error: Exception, address: Address) -> StoreError:
    """Returns what the store says instead of the driver's error, by its class and the server's code."""
    text = one_line(error)
    if isinstance(error, StoreError):
        return error
    if isinstance(error, _AWAY):
        return StoreAway(f"no ClickHouse answers at {address}: {text or type(error).__name__}")
    code = getattr(error, "code", None)
    if code in (UNKNOWN_DATABASE, UNKNOWN_TABLE):
        return StoreAway(f"no archive in {address}: `undertow compute` or `undertow archive` makes one ({text})")
    if code in _AWAY_CODES:
        return StoreAway(f"ClickHouse at {address} cannot now: {text}")
    return StoreError(f"ClickHouse at {address}: {text}")


def one_line(error: BaseException) -> str:
    """Returns a message without the server's stack trace and without newlines."""
    return " ".join(_STACK.sub("", str(error)).split())[:500]


def version_of(client: NativeClient) -> tuple[int, int]:
    """Returns the server's version; connects if need be."""
    client.execute("SELECT 1")
    info = client.connection.server_info
    return info.version_major, info.version_minor


def dialect_of(version: tuple[int, int]) -> Dialect:
    """Returns what a server of a version has. Tried: 18.16 over the wire; the full dialect in chDB (26.x) only."""
    return Dialect(low_cardinality=version >= (19, 1), codecs=version >= (20, 3), times=version >= (20, 12))
