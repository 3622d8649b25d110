"""Baselines: what is usual for a contract, its bucket and its underlying, before this packet (contract 10, 22, 26).

Windows hold the last N packets as integers (premium and spread in millionths of a dollar, size in contracts), and
their sums are integers too: nothing drifts, and the mean and deviation are those of the window as it stands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from typing import Literal

from events.contracts import Contract

Level = Literal["contract", "bucket", "underlying"]
#: Upper ends of the days-to-expiry buckets, calendar days.
DAYS_BUCKETS = (0, 7, 30, 90)
#: Contracts with a window of their own, per underlying; the one unused longest goes first.
MAX_CONTRACTS = 4096


@dataclass(frozen=True, slots=True)
class BaselineConfig:
    """What the baselines read of the settings."""

    window: int
    min_samples: int


class Window:
    """The last values of one feature, with their exact integer sums."""

    __slots__ = ("squares", "sum", "values")

    def __init__(self, values: Iterable[int] = ()) -> None:
        self.values: deque[int] = deque(values)
        self.sum = sum(self.values)
        self.squares = sum(value * value for value in self.values)

    def add(self, value: int, limit: int) -> None:
        """Adds a value and drops the oldest beyond the limit."""
        self.values.append(value)
        self.sum += value
        self.squares += value * value
        while len(self.values) > limit:
            oldest = self.values.popleft()
            self.sum -= oldest
            self.squares -= oldest * oldest

    def mean(self) -> float | None:
        """Returns the mean; None without values."""
        count = len(self.values)
        return self.sum / count if count else None

    def z(self, value: int, min_samples: int) -> float | None:
        """Returns (value - mean) / sample deviation; None below the least samples or when all values are equal."""
        count = len(self.values)
        if count < min_samples:
            return None
        # n * sum of squares - (sum)^2 is exact in integers; dividing by n (n - 1) gives the sample variance.
        scaled_variance = count * self.squares - self.sum * self.sum
        if scaled_variance <= 0:
            return None
        return round((count * value - self.sum) / sqrt(scaled_variance * count / (count - 1)), 6)


class Baseline:
    """The windows of one contract, bucket or underlying."""

    __slots__ = ("premium", "size", "spread")

    def __init__(self, premium: Iterable[int] = (), size: Iterable[int] = (), spread: Iterable[int] = ()) -> None:
        self.premium = Window(premium)
        self.size = Window(size)
        self.spread = Window(spread)

    def add(self, premium: int | None, size: int, spread: int | None, limit: int) -> None:
        """Adds one packet's features; an unknown one is left out."""
        if premium is not None:
            self.premium.add(premium, limit)
        self.size.add(size, limit)
        if spread is not None:
            self.spread.add(spread, limit)

    def dump(self) -> list[list[int]]:
        """Returns the windows' values, oldest first."""
        return [list(window.values) for window in (self.premium, self.size, self.spread)]


class Baselines:
    """Every baseline of one underlying."""

    __slots__ = ("buckets", "contracts", "underlying")

    def __init__(self) -> None:
        self.contracts: dict[str, Baseline] = {}
        self.buckets: dict[str, Baseline] = {}
        self.underlying = Baseline()

    def levels(self, contract: Contract, bucket: str) -> tuple[Baseline, Baseline, Baseline]:
        """Returns the contract's, its bucket's and the underlying's baselines, new ones where there were none."""
        own = self.contracts.pop(contract.id, None)
        if own is None:
            own = Baseline()
            if len(self.contracts) >= MAX_CONTRACTS:
                del self.contracts[next(iter(self.contracts))]
        self.contracts[contract.id] = own
        shared = self.buckets.get(bucket)
        if shared is None:
            shared = self.buckets[bucket] = Baseline()
        return own, shared, self.underlying


def bucket_of(contract: Contract, day: int) -> str:
    """Returns the bucket of a contract on a day (ordinal): its right and the band of its days to expiry."""
    days = contract.expiry.toordinal() - day
    for place, upper in enumerate(DAYS_BUCKETS):
        if days <= upper:
            return f"{contract.right}{place}"
    return f"{contract.right}{len(DAYS_BUCKETS)}"


def median_and_mad(values: Iterable[int]) -> tuple[float, float] | None:
    """Returns the median and the median absolute deviation of a window; None when it is empty."""
    ordered = sorted(values)
    if not ordered:
        return None
    middle = _median(ordered)
    return middle, _median(sorted(abs(value - middle) for value in ordered))


def _median(ordered: list[int] | list[float]) -> float:
    half = len(ordered) // 2
    return float(ordered[half]) if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
