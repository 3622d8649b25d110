"""Window: the last packets of one contract, bucket or underlying, compact, with the exact sums of each feature.

Samples are integers (premium and spread in millionths of a dollar, size in thousandths of a contract) in one flat
ring, and their sums are integers too: nothing drifts, and mean and deviation are those of the window as it stands
(contract 22). A window at rest is the ring's bytes; sums are made again when it is next used.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from math import floor, inf, nan, sqrt
from struct import Struct
from typing import Final

from operators.units import MICRO

#: What stands for a premium or spread that is not known.
UNKNOWN: Final = -1
#: Size is kept in parts of a contract, so that a size set against the time of day keeps its digits.
SIZE_PARTS: Final = 1000
#: Largest value that a ring holds: no market trades it, and a broken feed must not end the flow. Larger integers are
#: slow where this is compiled, and so are squares of premiums: a premium's square is summed up in the parts of
#: (high * 2^24 + low)^2.
_LARGEST: Final = 2**62 - 1
_LOW_BITS: Final = 24
_LOW: Final = 2**_LOW_BITS - 1
_LOW_PARTS: Final = 2.0**_LOW_BITS
#: Values of one packet.
FIELDS: Final = 3
_SAMPLE: Final = Struct("=qqq")
_pack: Final = _SAMPLE.pack
_pack_into: Final = _SAMPLE.pack_into
_unpack_from: Final = _SAMPLE.unpack_from
#: Bytes of one value.
_BYTES: Final = 8


class Window:
    """The last packets, oldest first from `at` on; counts and sums of what is known of them."""

    __slots__ = (
        "_cross_products", "_high_squares", "_low_squares", "at", "count", "premium_count", "premium_sum", "samples",
        "size_squares", "size_sum", "spread_count", "spread_squares", "spread_sum",
    )  # fmt: skip

    def __init__(self, data: bytes = b"") -> None:
        self.samples = array("q", data)
        self.at = 0
        self.count = self.premium_count = self.spread_count = 0
        self.size_sum = self.premium_sum = self.spread_sum = 0
        self.size_squares = self.spread_squares = 0
        self._high_squares = self._cross_products = self._low_squares = 0
        if data:
            self._sum_up()

    def add(self, premium: int, size: int, spread: int, limit: int) -> None:
        """Adds one packet's features and drops the oldest beyond the limit, packets."""
        if premium > _LARGEST or size > _LARGEST:
            premium, size = min(premium, _LARGEST), min(size, _LARGEST)
        count = self.count
        if count == limit:
            samples, at = self.samples, self.at
            old_premium: int
            old_size: int
            old_spread: int
            # All three at once: taken and put one by one they cost twice.
            old_premium, old_size, old_spread = _unpack_from(samples, at * _BYTES)
            _pack_into(samples, at * _BYTES, premium, size, spread)
            at += FIELDS
            self.at = at if at < limit * FIELDS else 0
            self.size_sum += size - old_size
            self.size_squares += size * size - old_size * old_size
            if premium >= 0:
                self._take_premium(premium)
            if old_premium >= 0:
                self._drop_premium(old_premium)
            if spread >= 0 and old_spread >= 0:
                self.spread_sum += spread - old_spread
                self.spread_squares += spread * spread - old_spread * old_spread
            else:
                self._count_spread(spread, 1)
                self._count_spread(old_spread, -1)
        elif count < limit and not self.at:
            self.samples.frombytes(_pack(premium, size, spread))
            self.count = count + 1
            self.size_sum += size
            self.size_squares += size * size
            if premium >= 0:
                self._take_premium(premium)
            if spread >= 0:
                self.spread_count += 1
                self.spread_sum += spread
                self.spread_squares += spread * spread
        else:
            self._fit(limit)
            self.add(premium, size, spread, limit)

    @property
    def premium_squares(self) -> int:
        """The sum of the squares of the known premiums."""
        return (((self._high_squares << _LOW_BITS) + 2 * self._cross_products) << _LOW_BITS) + self._low_squares

    def premium_z(self, premium: int) -> float | None:
        """Returns the z-score of a premium against the known ones; None when all of them are equal."""
        # Squares of premiums leave 64 bits: floats find the score to more places than it keeps, all but always.
        high, cross, low = float(self._high_squares), float(self._cross_products), float(self._low_squares)
        squares = (high * _LOW_PARTS + 2.0 * cross) * _LOW_PARTS + low
        near = _near_z_score(premium, self.premium_count, float(self.premium_sum), squares)
        if near == near:
            return near
        return z_score(premium, self.premium_count, self.premium_sum, self.premium_squares)

    def _take_premium(self, premium: int) -> None:
        high, low = premium >> _LOW_BITS, premium & _LOW
        self.premium_count += 1
        self.premium_sum += premium
        self._high_squares += high * high
        self._cross_products += high * low
        self._low_squares += low * low

    def _drop_premium(self, premium: int) -> None:
        high, low = premium >> _LOW_BITS, premium & _LOW
        self.premium_count -= 1
        self.premium_sum -= premium
        self._high_squares -= high * high
        self._cross_products -= high * low
        self._low_squares -= low * low

    def _count_spread(self, spread: int, times: int) -> None:
        if spread >= 0:
            self.spread_count += times
            self.spread_sum += times * spread
            self.spread_squares += times * spread * spread

    def dump(self) -> bytes:
        """Returns the samples' bytes, oldest first."""
        data, cut = self.samples.tobytes(), self.at * self.samples.itemsize
        return data[cut:] + data[:cut] if cut else data

    def premiums(self) -> list[int]:
        """Returns the known premiums, in no order that counts."""
        values: list[int] = self.samples[::FIELDS].tolist()
        return values if self.premium_count == self.count else [value for value in values if value >= 0]

    def sizes(self) -> list[int]:
        """Returns the sizes, in thousandths of a contract."""
        return self.samples[1::FIELDS].tolist()

    def _fit(self, limit: int) -> None:
        """Straightens the ring and drops the oldest beyond another limit than before."""
        self.samples = array("q", self.dump())[-limit * FIELDS :]
        self.at = 0
        self._sum_up()

    def _sum_up(self) -> None:
        samples = self.samples
        premiums, sizes = [value for value in samples[::FIELDS] if value >= 0], samples[1::FIELDS]
        spreads = [value for value in samples[2::FIELDS] if value >= 0]
        self.count, self.spread_count = len(sizes), len(spreads)
        self.size_sum, self.spread_sum = sum(sizes), sum(spreads)
        self.premium_count = self.premium_sum = 0
        self._high_squares = self._cross_products = self._low_squares = 0
        for premium in premiums:
            self._take_premium(premium)
        self.size_squares = sum([value * value for value in sizes])
        self.spread_squares = sum([value * value for value in spreads])


#: Whole numbers below it are exact as floats.
_EXACT: Final = 2.0**53
_HALF_EXACT: Final = 2**52
#: Times the number of packets of any window it is below that.
_SMALL: Final = 2**30


def z_score(value: int, count: int, total: int, squares: int) -> float | None:
    """Returns (value - mean) / sample deviation of `count` values; None when all of them are equal.

    count * squares - total^2 is exact in integers; divided by count * (count - 1) it is the sample variance. Where
    floats hold all of it exactly they find the same, and sooner.
    """
    packets = float(count)
    if float(squares) * packets * packets < _EXACT and value < _SMALL:
        whole, added = float(total), packets * float(squares)
        exactly = added - whole * whole
        if exactly <= 0:
            return None
        off, deviation = packets * float(value) - whole, sqrt(exactly * packets / (packets - 1))
    else:
        scaled_variance = count * squares - total * total
        if scaled_variance <= 0:
            return None
        off, deviation = float(count * value - total), sqrt(scaled_variance * count / (count - 1))
    # The one rounding, written out: a call of `six` costs as much as the rest.
    return floor(off / deviation * MICRO + 0.5) / MICRO


#: What floats lose of a score on the way: relative, the most where variance is this part of squares; and at least.
_LEAST_VARIANCE: Final = 1 / 64
_LOST: Final = 1e-12
_LOST_AT_LEAST: Final = 1e-9


def _near_z_score(value: int, count: int, total: float, squares: float) -> float:
    """Returns what `z_score` does, found in floats; NaN where they cannot tell to which side it rounds.

    What is off is exact. Each sum, product and quotient loses 2^-53 of itself, of which the difference of squares makes
    64 times as much: less than 1e-13 in all, and `z_score` itself loses less.
    """
    packets = float(count)
    added, whole = packets * squares, total * total
    scaled_variance = added - whole
    expected = packets * float(value)
    if scaled_variance <= _LEAST_VARIANCE * added or total >= _EXACT or expected >= _EXACT or count < 2:
        return nan
    score = (expected - total) / sqrt(scaled_variance * packets / (packets - 1)) * MICRO
    lost = abs(score) * _LOST + _LOST_AT_LEAST
    rounded = floor(score + 0.5)
    if floor(score + 0.5 - lost) != rounded or floor(score + 0.5 + lost) != rounded:
        return nan
    return rounded / MICRO


def median_and_mad(values: list[int], total: int) -> tuple[float, float] | None:
    """Returns the median and the median absolute deviation of whole numbers that are not negative; None without any.

    `total` is their sum: below 2^52 floats hold each of them, which are sorted sooner.
    """
    if not values:
        return None
    if total >= _HALF_EXACT:
        return _median_and_mad(values)
    ordered = sorted(map(float, values))
    half, even = len(ordered) // 2, len(ordered) % 2 == 0
    middle = (ordered[half - 1] + ordered[half]) / 2 if even else ordered[half]
    # On each side of it deviations rise: they come in order from the middle outwards.
    above = bisect_left(ordered, middle)
    below = above - 1
    deviation = before = 0.0
    for _ in range(half + 1):
        before = deviation
        up = ordered[above] - middle if above < len(ordered) else inf
        down = middle - ordered[below] if below >= 0 else inf
        if down < up:
            deviation = down
            below -= 1
        else:
            deviation = up
            above += 1
    return middle, (before + deviation) / 2 if even else deviation


def _median_and_mad(values: list[int]) -> tuple[float, float]:
    """Does as `median_and_mad`, however large the numbers are."""
    ordered = sorted(values)
    middle = _median(ordered)
    return middle, _median(sorted([abs(value - middle) for value in ordered]))


def _median(ordered: list[int] | list[float]) -> float:
    half = len(ordered) // 2
    return float(ordered[half]) if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
