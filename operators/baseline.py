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
from events.derived import FlowPacket
from operators.units import MICRO, six

Level = Literal["contract", "bucket", "underlying"]
#: The largest window that settings allow.
MAX_WINDOW = 1000
#: Upper ends of the days-to-expiry buckets, calendar days.
DAYS_BUCKETS = (0, 7, 30, 90)
#: Contracts with a window of their own, per underlying; the one unused longest goes first.
MAX_CONTRACTS = 4096


@dataclass(frozen=True, slots=True)
class BaselineConfig:
    """What the baselines read of the settings."""

    window: int
    min_samples: int


#: Premium and spread in millionths of a dollar (None when unknown), size in contracts.
Sample = tuple[int | None, int, int | None]


def z_score(value: int, count: int, total: int, squares: int) -> float | None:
    """Returns (value - mean) / sample deviation of `count` values; None when all of them are equal.

    count * squares - total^2 is exact in integers; divided by count * (count - 1) it is the sample variance.
    """
    scaled_variance = count * squares - total * total
    if scaled_variance <= 0:
        return None
    return six((count * value - total) / sqrt(scaled_variance * count / (count - 1)))


class Baseline:
    """The last packets of one contract, bucket or underlying, with the exact sums of each feature."""

    __slots__ = (
        "count", "premium_count", "premium_squares", "premium_sum", "samples", "size_squares", "size_sum",
        "spread_count", "spread_squares", "spread_sum",
    )  # fmt: skip

    def __init__(self, samples: Iterable[Sample] = ()) -> None:
        self.samples: deque[Sample] = deque()
        self.count = self.size_sum = self.size_squares = 0
        self.premium_count = self.premium_sum = self.premium_squares = 0
        self.spread_count = self.spread_sum = self.spread_squares = 0
        for sample in samples:
            self.add(sample, MAX_WINDOW)

    def add(self, sample: Sample, limit: int) -> None:
        """Adds one packet's features and drops the oldest packets beyond the limit."""
        samples = self.samples
        samples.append(sample)
        premium, size, spread = sample
        self.count += 1
        self.size_sum += size
        self.size_squares += size * size
        if premium is not None:
            self.premium_count += 1
            self.premium_sum += premium
            self.premium_squares += premium * premium
        if spread is not None:
            self.spread_count += 1
            self.spread_sum += spread
            self.spread_squares += spread * spread
        while self.count > limit:
            premium, size, spread = samples.popleft()
            self.count -= 1
            self.size_sum -= size
            self.size_squares -= size * size
            if premium is not None:
                self.premium_count -= 1
                self.premium_sum -= premium
                self.premium_squares -= premium * premium
            if spread is not None:
                self.spread_count -= 1
                self.spread_sum -= spread
                self.spread_squares -= spread * spread

    def score(self, packet: FlowPacket, sample: Sample, enough: int) -> None:
        """Writes means and z-scores of a packet against these samples; `enough` are needed per feature."""
        premium, size, spread = sample
        packet.size_mean = six(self.size_sum / self.count)
        packet.size_z = z_score(size, self.count, self.size_sum, self.size_squares)
        if premium is not None and self.premium_count >= enough:
            packet.premium_mean = six(self.premium_sum / self.premium_count / MICRO)
            packet.premium_z = z_score(premium, self.premium_count, self.premium_sum, self.premium_squares)
        if spread is not None and self.spread_count >= enough:
            packet.spread_z = z_score(spread, self.spread_count, self.spread_sum, self.spread_squares)


class Baselines:
    """Every baseline of one underlying."""

    __slots__ = ("buckets", "contracts", "underlying")

    def __init__(self) -> None:
        self.contracts: dict[str, Baseline] = {}
        self.buckets: dict[str, Baseline] = {}
        self.underlying = Baseline()

    def levels(self, contract: Contract, bucket: str) -> tuple[Baseline, Baseline, Baseline]:
        """Returns the contract's, its bucket's and the underlying's baselines, new ones where there were none."""
        contracts = self.contracts
        own = contracts.get(contract.id)
        if own is None:
            own = contracts[contract.id] = Baseline()
            if len(contracts) > MAX_CONTRACTS:
                del contracts[next(iter(contracts))]
        elif len(contracts) > MAX_CONTRACTS // 2:
            # Only where eviction is near does the order of use matter.
            contracts[contract.id] = contracts.pop(contract.id)
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
