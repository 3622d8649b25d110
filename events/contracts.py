"""Option symbology: compact OCC ids parsed once, roots mapped to their underlying, adjusted roots recognised."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

_OCC = re.compile(r"([A-Z]{1,6}|[A-Z]{1,5}[0-9])([0-9]{6})([CP])([0-9]{8})")
#: Roots whose underlying has another name (index weeklies, share classes written without a dot).
ROOT_UNDERLYING = {
    "SPXW": "SPX", "SPXPM": "SPX", "NDXP": "NDX", "RUTW": "RUT", "VIXW": "VIX", "XSPW": "XSP", "DJXW": "DJX",
    "OEXW": "OEX", "XEOW": "XEO", "MRUTW": "MRUT", "XNDP": "XND", "MXEFW": "MXEF", "MXEAW": "MXEA",
    "BRKA": "BRK.A", "BRKB": "BRK.B", "BFA": "BF.A", "BFB": "BF.B", "HEIA": "HEI.A", "LENB": "LEN.B", "MOGA": "MOG.A",
}  # fmt: skip
STANDARD_MULTIPLIER = 100.0


@dataclass(frozen=True, slots=True)
class Contract:
    """What a contract id says; `multiplier` is shares per contract, None when only a definition can tell."""

    id: str
    root: str
    underlying: str
    expiry: date
    right: Literal["C", "P"]
    strike: float
    adjusted: bool
    multiplier: float | None


@lru_cache(maxsize=400_000)
def parse_contract(contract_id: str) -> Contract:
    """Parses a compact OCC id such as SPY260116C00450000; raises ValueError that names it otherwise."""
    match = _OCC.fullmatch(contract_id)
    if match is None:
        raise ValueError(f"{contract_id!r} is not a compact OCC contract id such as SPY260116C00450000")
    root, day, right, strike = match.groups()
    try:
        expiry = date(2000 + int(day[:2]), int(day[2:4]), int(day[4:]))
    except ValueError:
        raise ValueError(f"{contract_id!r} has no calendar date in {day!r}") from None
    # A digit ends the roots of adjusted and mini series (OCC): their deliverable is not 100 shares.
    adjusted = root[-1].isdigit()
    base = root.rstrip("0123456789")
    return Contract(
        id=contract_id,
        root=root,
        underlying=ROOT_UNDERLYING.get(base, base),
        expiry=expiry,
        right="C" if right == "C" else "P",
        strike=int(strike) / 1000,
        adjusted=adjusted,
        multiplier=None if adjusted else STANDARD_MULTIPLIER,
    )


@lru_cache(maxsize=65_536)
def belongs_to(instrument: str, said: str | None = None) -> str:
    """Returns the underlying of a contract id, whatever else was said; of any other instrument what was said, or it."""
    try:
        return parse_contract(instrument).underlying
    except ValueError:
        return said or instrument


def compact(symbol: str) -> str:
    """Turns the padded 21-character OSI form into the compact one and checks it; raises ValueError."""
    return parse_contract(symbol.replace(" ", "")).id
