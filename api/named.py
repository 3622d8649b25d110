"""What an id names: ids are content, so that kind, instrument and event time are read off them (contract 17)."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple
from urllib.parse import unquote

from events.types import FOREVER_NS

Kind = Literal["alert", "structure", "packet", "parent", "hit"]
_PRINT = r"[^:\s]+:[^:\s]+:(?P<instrument>[^:\s]+):(?P<ts>[0-9]{1,19}):[^:\s]+"
_ID = re.compile(rf"(?P<alert>al:)?(?P<about>(?P<what>pk|pa|st:pa):(?P<print>{_PRINT}))(?P<rule>:[a-z0-9_]+)?")


class UnknownId(LookupError):
    """No event of that id is known."""


class Named(NamedTuple):
    """An id taken apart; `about` is the packet, parent or structure, `print` the raw print that began it."""

    id: str
    kind: Kind
    about: str
    print: str
    instrument: str
    #: Event time of that print, ns.
    ts: int


def named(ident: str) -> Named:
    """Takes an id of an alert, hit, structure, packet or parent apart; raises UnknownId when it is none of ours."""
    match = _ID.fullmatch(ident)
    if match is None or (match["alert"] and match["rule"]) or int(match["ts"]) >= FOREVER_NS:
        raise UnknownId(
            f"{ident[:200]!r} is no id of an alert (al:…), structure (st:…), hit, packet (pk:…) or parent (pa:…)"
        )
    kind: Kind = "parent" if match["what"] == "pa" else "structure" if match["what"] == "st:pa" else "packet"
    if match["rule"]:
        kind = "hit"
    if match["alert"]:
        kind = "alert"
    return Named(ident, kind, match["about"], match["print"], unquote(match["instrument"]), int(match["ts"]))
