"""Parameters as literals, for a server that knows no parameters of its own (ClickHouse before 22.8).

A text is written with letters, digits and a few signs as they are and every other byte as \\xHH, so that no value can
end its literal; a float by the bytes it consists of, for old servers read decimal floats inexactly.
"""

from __future__ import annotations

import re
import struct

from connectors.store.base import Param, Params, StoreError, check_params

_PARAMETER = re.compile(r"\{(\w+):(\w+)\}")
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _.:-/")


def bound(template: str, params: Params) -> str:
    """Returns the statement with its parameters; raises StoreError for others than it names, or of another type."""
    check_params(template, params)
    return _PARAMETER.sub(lambda match: _literal(match[1], match[2], params[match[1]]), template)


def _literal(name: str, kind: str, value: Param) -> str:
    match kind:
        case "String" if isinstance(value, str):
            text = "".join(chr(byte) if byte in _PLAIN else f"\\x{byte:02X}" for byte in value.encode())
            return f"'{text}'"
        case "Float64" if isinstance(value, float | int):
            return f"reinterpretAsFloat64(unhex('{struct.pack('<d', value).hex()}'))"
        case "Int64" | "UInt64" | "UInt32" if isinstance(value, int):
            return str(int(value))
    raise StoreError(f"parameter {name} is no {kind}: {value!r}")
