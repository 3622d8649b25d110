"""Databento's publisher ids as the tape's own venue letters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

#: OPRA participants (domain 1.1): D is MIAX Emerald there, not FINRA.
_OPTION_LETTERS = {
    "AMXO": "A", "XBOX": "B", "XCBO": "C", "EMLD": "D", "EDGO": "E", "MXTO": "G", "GMNI": "H", "XISX": "I", "MCRY": "J",
    "XMIO": "M", "ARCO": "N", "OPRA": "O", "MPRL": "P", "XNDQ": "Q", "SPHR": "S", "XBXO": "T", "MXOP": "U", "IEXO": "V",
    "C2OX": "W", "XPHL": "X", "BATO": "Z",
}  # fmt: skip
#: Consolidated-tape participants; D is every FINRA facility (two of Nasdaq, one of NYSE, the ADF).
_EQUITY_LETTERS = {
    "XASE": "A", "XBOS": "B", "XCIS": "C", "FINN": "D", "FINC": "D", "FINY": "D", "XADF": "D", "EPRL": "H", "XISX": "I",
    "EDGA": "J", "EDGX": "K", "LTSE": "L", "XCHI": "M", "XNYS": "N", "ARCX": "P", "XNAS": "Q", "MEMX": "U", "IEXG": "V",
    "XPSX": "X", "BATY": "Y", "BATS": "Z",
}  # fmt: skip
#: Publishers whose book is the national best bid and offer, not one venue's.
_CONSOLIDATED = {"OPRA", "CTA", "UTP"}


class _Row(msgspec.Struct):
    """One row of the publisher table."""

    publisher_id: int
    dataset: str
    venue: str


@dataclass(frozen=True, slots=True)
class Publisher:
    """One publisher: its venue as our events name it, and whether its book is the national one."""

    exchange: str
    national: bool


@cache
def publisher(publisher_id: int) -> Publisher:
    """Returns a publisher; an id that the table does not know keeps its number."""
    row = _table().get(publisher_id)
    if row is None:
        return Publisher(f"publisher-{publisher_id}", national=False)
    letters = _OPTION_LETTERS if row.dataset.startswith("OPRA.") else _EQUITY_LETTERS
    return Publisher(letters.get(row.venue, row.venue), national=row.venue in _CONSOLIDATED)


@cache
def _table() -> dict[int, _Row]:
    data = Path(__file__).with_name("publishers.json").read_bytes()
    return {row.publisher_id: row for row in msgspec.json.decode(data, type=list[_Row])}
