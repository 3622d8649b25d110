"""What a rule is: named checks, a direction, a style, a confidence, the sentences people read, and what it sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from events.contracts import Contract
from events.settings import Rules
from events.types import Direction, Style
from events.verdicts import Check

#: What a rule reads: an order in one contract, a packet as a whole, a structure, a look at an alert some time later.
Reads = Literal["order", "packet", "structure", "look"]
Comparison = Literal[">=", "<=", ">", "<", "==", "!="]

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">=": lambda observed, threshold: observed >= threshold,
    "<=": lambda observed, threshold: observed <= threshold,
    ">": lambda observed, threshold: observed > threshold,
    "<": lambda observed, threshold: observed < threshold,
}


@dataclass(slots=True)
class Verdict:
    """What a rule found, fired or not."""

    fired: bool
    direction: Direction
    confidence: float
    checks: tuple[Check, ...]
    sentences: tuple[str, ...]
    against: tuple[str, ...]
    #: Where it depends on what was seen; else the rule's own.
    style: Style | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `least_premium` (dollars) and `sieve` are necessary for it to fire: most packets cost little."""

    id: str
    version: int
    style: Style
    settings: tuple[str, ...]
    least_premium: Callable[[Rules], float]
    sieve: Callable[[Any], bool]
    judge: Callable[[Any], Verdict]
    reads: Reads = "order"
    #: For the page about rules: what it sees, why that is worth knowing, what else it could be.
    sees: str = ""
    why: str = ""
    otherwise: tuple[str, ...] = ()


class Measured(NamedTuple):
    """One rule on labelled tapes: orders of medium strength and above, those found; hits, their share right, the mean
    confidence that they claim.
    """

    expected: int
    found: int
    hits: int
    right: float
    claimed: float


def check(name: str, observed: float | None, comparison: Comparison, threshold: float, required: bool = True) -> Check:
    """Makes a numeric check; what was not observed does not pass."""
    if observed is None:
        return Check(name, None, comparison, float(threshold), False, required)
    return Check(
        name, float(observed), comparison, float(threshold), _COMPARE[comparison](observed, threshold), required
    )


def check_is(name: str, observed: str | None, wanted: str, required: bool = True) -> Check:
    """Makes a check of equality."""
    return Check(name, observed, "==", wanted, observed == wanted, required)


def check_among(name: str, observed: str, wanted: tuple[str, ...], required: bool = True) -> Check:
    """Makes a check that one of several words was observed."""
    return Check(name, observed, "==", " or ".join(wanted), observed in wanted, required)


def passes(checks: tuple[Check, ...]) -> bool:
    """Tells whether every required check passed."""
    return all(each.passed for each in checks if each.required)


def money(dollars: float | None) -> str:
    """Returns dollars as people write them: $412.5k, $1.2M."""
    if dollars is None:
        return "an unknown premium"
    # From where rounding would write $1000.0k and $1000.
    if dollars >= 999_950:
        return f"${dollars / 1_000_000:.1f}M"
    return f"${dollars / 1000:.1f}k" if dollars >= 999.5 else f"${dollars:.0f}"


@lru_cache(maxsize=65_536)
def contract_name(contract: Contract) -> str:
    """Returns a contract as professionals read it: NVDA 16 Jan 26 450 C."""
    return f"{contract.root} {expiry_name(contract)} {contract.strike:g} {contract.right}"


def expiry_name(contract: Contract) -> str:
    """Returns a contract's expiry as professionals read it: 4 Dec 26."""
    return f"{contract.expiry.day} {contract.expiry:%b %y}"


def percent(share: float) -> str:
    """Returns a share of 1 as a whole percentage."""
    return f"{share * 100:.0f} %"


def deviations(z: float) -> str:
    """Returns how far something stands from its mean; beyond twenty a few samples say no more than that."""
    return f"{z:.1f}" if abs(z) < 20 else "over 20" if z > 0 else "under -20"


def held(value: float, least: float = 0.05, most: float = 0.9) -> float:
    """Returns a confidence within its bounds, rounded once; never above 0.9: the side is an estimate."""
    return round(min(max(value, least), most), 4)
