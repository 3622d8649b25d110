"""Baselines: what is usual for a contract, its bucket and its underlying, before this packet (contract 10, 22, 26).

The first level with enough packets speaks: the contract, its bucket (right, days to expiry and, where the underlying's
price is known, moneyness), the underlying, and last, when a cold start asked for them, shipped buckets. Where earlier
sessions have shown a time of day, packets are held against it: an opening half hour against opening half hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from events.contracts import Contract, parse_contract
from events.derived import FlowPacket
from events.sessions import GLOBAL_HOURS_UNDERLYINGS, NEW_YORK, trade_date_of
from events.settings import Rules
from events.types import NS_PER_MS, NS_PER_S
from operators.habits import Habits, HabitsConfig
from operators.memo import keep
from operators.past import Past
from operators.shard_state import BaselinesDump, Earlier, Sample
from operators.units import MICRO, micro, six
from operators.window import SIZE_PARTS, UNKNOWN, Window, median_and_mad, z_score

#: Upper ends of the days-to-expiry buckets, calendar days.
DAYS_BUCKETS: Final[list[int]] = [0, 7, 30, 90]
#: Upper ends of the moneyness bands, strike / spot - 1.
MONEYNESS_BANDS: Final[list[float]] = [-0.10, -0.03, 0.03, 0.10]
#: Contracts with a window of their own, per underlying; the one unused longest goes first.
MAX_CONTRACTS: Final = 4096
_HALF_HOUR_S: Final = 1800
_HALF_HOUR_NS: Final = _HALF_HOUR_S * NS_PER_S


@dataclass(frozen=True, slots=True)
class BaselineConfig:
    """What the baselines read of the settings; `interest` is the premium from which medians are worth their cost."""

    window: int
    min_samples: int
    habits: HabitsConfig
    #: A cancel names no print of a packet that began longer ago than this.
    keep_ns: int
    interest: float = 0.0

    @classmethod
    def of(cls, rules: Rules, interest: float = 0.0) -> BaselineConfig:
        """Takes the rules' settings."""
        habits = HabitsConfig(rules.premium_floor_quantile, rules.premium_floor_days, rules.baseline_shape_days)
        keep_ns = (rules.cancel_horizon_ms + rules.cluster_window_ms) * NS_PER_MS
        return cls(rules.rolling_window_size, rules.classifier_z_min_samples, habits, keep_ns, interest)


class Baselines:
    """Every baseline of one underlying."""

    __slots__ = ("_buckets", "_contracts", "_habits", "_past", "_underlying")

    def __init__(self, config: BaselineConfig, dump: BaselinesDump | None = None) -> None:
        # A window that nobody has asked for since a restart stays bytes.
        self._contracts: dict[str, Window | bytes] = dict(dump.contracts) if dump else {}
        self._buckets = {name: Window(data) for name, data in dump.buckets.items()} if dump else {}
        self._underlying = Window(dump.underlying if dump else b"")
        self._habits = Habits(config.habits, dump.habits if dump else None)
        self._past = Past(config.keep_ns, dump.past if dump else None)

    def use(self, config: BaselineConfig) -> None:
        """Takes other settings from here on."""
        self._habits.use(config.habits)
        self._past.clear(config.keep_ns)

    def dump(self) -> BaselinesDump:
        """Returns all that recovery stores; equal histories give equal values."""
        return BaselinesDump(
            {name: each if isinstance(each, bytes) else each.dump() for name, each in self._contracts.items()},
            {name: each.dump() for name, each in self._buckets.items()},
            self._underlying.dump(),
            self._habits.dump(),
            self._past.dump(),
        )

    def premium_floor(self, setting: float) -> float:
        """Returns the premium, dollars, that a packet must have to be large here: the larger of the setting and the
        underlying's own quantile over its finished sessions. Before there are enough of them it is the setting.
        """
        own = self._habits.floor
        return setting if own is None or own < setting else own

    def take(
        self, packet: FlowPacket, contract: Contract, config: BaselineConfig, shipped: Mapping[str, Window]
    ) -> Sample:
        """Scores a packet against what came before it, then remembers it; returns what it remembered."""
        when = day_and_slot(packet.start_ts, contract.underlying)
        sample = _sample_of(packet, contract, when[0])
        self._take(sample, when, config, packet, shipped)
        return sample

    def again(
        self, packet: FlowPacket, contract: Contract, config: BaselineConfig, shipped: Mapping[str, Window]
    ) -> None:
        """Scores a revised packet against what stood before it then, and remembers nothing of it (contract 19)."""
        day, slot = day_and_slot(packet.start_ts, contract.underlying)
        sample = _sample_of(packet, contract, day)
        bucket, ident = sample[1], sample[6]
        habits = self._habits.of(day)
        factors = habits.factors(day, slot)
        own = self._contracts.get(contract.id, b"")
        if isinstance(own, bytes):
            own = Window(own)
        shared = self._buckets.get(bucket) or Window()
        levels = self._past.before(ident, contract.id, bucket, own, shared, self._underlying)
        _judge(packet, bucket, levels, _values(sample, factors), factors, habits, config, shipped)

    @property
    def cold(self) -> bool:
        """Whether no packet was ever remembered."""
        return not self._underlying.count

    def remember(self, sample: Sample, config: BaselineConfig) -> None:
        """Remembers what `take` returned, as it did."""
        when = day_and_slot(sample[2], parse_contract(sample[0]).underlying)
        self._take(sample, when, config, None, {})

    def _take(
        self, sample: Sample, when: tuple[int, int], config: BaselineConfig, packet: FlowPacket | None,
        shipped: Mapping[str, Window],
    ) -> None:  # fmt: skip
        contract, bucket, _, premium, size, _, _ = sample
        habits, whole = self._habits, self._underlying
        day, slot = when
        factors = habits.factors(day, slot)
        values = _values(sample, factors)
        own, shared = self._levels(contract, bucket)
        if packet is not None:
            _judge(packet, bucket, (own, shared, whole), values, factors, habits, config, shipped)
        limit = config.window
        self._past.note(sample, own, shared, whole, limit)
        scaled, parts, width = values
        own.add(scaled, parts, width, limit)
        shared.add(scaled, parts, width, limit)
        whole.add(scaled, parts, width, limit)
        habits.add(day, slot, None if premium is None else premium // MICRO, size)

    def _levels(self, contract: str, bucket: str) -> tuple[Window, Window]:
        """Returns the contract's and its bucket's windows, new ones where there were none."""
        contracts = self._contracts
        own = contracts.get(contract)
        if own is None:
            own = contracts[contract] = Window()
            if len(contracts) > MAX_CONTRACTS:
                del contracts[next(iter(contracts))]
        else:
            if isinstance(own, bytes):
                own = contracts[contract] = Window(own)
            if len(contracts) > MAX_CONTRACTS // 2:
                # Only where eviction is near does the order of use matter.
                del contracts[contract]
                contracts[contract] = own
        shared = self._buckets.get(bucket)
        if shared is None:
            shared = self._buckets[bucket] = Window()
        return own, shared


def _sample_of(packet: FlowPacket, contract: Contract, day: int) -> Sample:
    bucket = bucket_of(contract, day, packet.moneyness)
    premium = None if packet.premium is None else micro(packet.premium)
    spread = None if packet.spread is None else micro(packet.spread)
    return contract.id, bucket, packet.start_ts, premium, packet.size, spread, packet.id


def _values(sample: Sample, factors: tuple[float, float] | None) -> tuple[int, int, int]:
    """Returns premium, size and spread as windows hold them: the first two over what is usual at the time of day."""
    _, _, _, premium, size, spread, _ = sample
    scaled, parts = UNKNOWN if premium is None else premium, size * SIZE_PARTS
    if factors is not None:
        parts = round(parts / factors[1])
        if premium is not None:
            scaled = round(premium / factors[0])
    return scaled, parts, UNKNOWN if spread is None else spread


def _judge(
    packet: FlowPacket, bucket: str, levels: tuple[Window, Window, Window], values: tuple[int, int, int],
    factors: tuple[float, float] | None, habits: Habits, config: BaselineConfig, shipped: Mapping[str, Window],
) -> None:  # fmt: skip
    """Holds a packet against the first of its contract's, bucket's and underlying's windows that has enough samples."""
    enough = config.min_samples
    chosen = _choose(packet, bucket, levels, enough, shipped)
    known = packet.baseline is not None
    if known:
        premium, size, spread = values
        _score(packet, chosen, premium, size, spread, enough, factors)
        if factors is not None:
            packet.time_of_day_sessions = habits.shape_days
    if packet.premium is not None and packet.premium >= config.interest:
        packet.premium_floor = habits.floor
        if known:
            _describe(packet, chosen, enough, factors)


def _choose(
    packet: FlowPacket, bucket: str, levels: tuple[Window, Window, Window], enough: int, shipped: Mapping[str, Window]
) -> Window:
    """Returns the window that speaks and names it on the packet; without one the contract's own warms up."""
    own, shared, whole = levels
    chosen = own
    if own.count >= enough:
        packet.baseline = "contract"
    elif shared.count >= enough:
        packet.baseline, chosen = "bucket", shared
    elif whole.count >= enough:
        packet.baseline, chosen = "underlying", whole
    elif bucket in shipped and shipped[bucket].count >= enough:
        packet.baseline, chosen = "shipped", shipped[bucket]
    packet.baseline_samples = chosen.count
    return chosen


def _score(
    packet: FlowPacket, window: Window, premium: int, size: int, spread: int, enough: int,
    factors: tuple[float, float] | None,
) -> None:  # fmt: skip
    """Writes means and z-scores of a packet against a window; `enough` samples are needed per feature.

    Means are what is expected at this time of day.
    """
    count = window.count
    size_mean = window.size_sum / count / SIZE_PARTS
    packet.size_mean = six(size_mean if factors is None else size_mean * factors[1])
    packet.size_z = z_score(size, count, window.size_sum, window.size_squares)
    if premium >= 0 and window.premium_count >= enough:
        premium_mean = window.premium_sum / window.premium_count / MICRO
        packet.premium_mean = six(premium_mean if factors is None else premium_mean * factors[0])
        packet.premium_z = window.premium_z(premium)
    if spread >= 0 and window.spread_count >= enough:
        packet.spread_z = z_score(spread, window.spread_count, window.spread_sum, window.spread_squares)


def _describe(packet: FlowPacket, window: Window, enough: int, factors: tuple[float, float] | None) -> None:
    """Writes medians and median absolute deviations, which one large order does not move."""
    by_premium, by_size = factors or (1.0, 1.0)
    found = median_and_mad(window.sizes(), window.size_sum)
    if found is not None:
        packet.size_median, packet.size_mad = (six(value / SIZE_PARTS * by_size) for value in found)
    if window.premium_count >= enough:
        found = median_and_mad(window.premiums(), window.premium_sum)
        if found is not None:
            packet.premium_median, packet.premium_mad = (six(value / MICRO * by_premium) for value in found)


def bucket_of(contract: Contract, day: int, moneyness: float | None = None) -> str:
    """Returns the bucket of a contract on a trade date (ordinal): its right, the bands of its days to expiry and, where
    it is known, of its moneyness (strike / spot - 1).

    Days are counted from the trade date: what trades the evening before its last session is in that session.
    """
    days, place = contract.expiry.toordinal() - day, 0
    while place < len(DAYS_BUCKETS) and days > DAYS_BUCKETS[place]:
        place += 1
    names = _BUCKETS[contract.right][place]
    if moneyness is None:
        return names[0]
    band = 0
    while band < len(MONEYNESS_BANDS) and moneyness > MONEYNESS_BANDS[band]:
        band += 1
    return names[band + 1]


#: By right and band of days: the name without a moneyness, then one for each band of it.
_BUCKETS: Final[dict[str, list[list[str]]]] = {
    right: [
        [f"{right}{place}", *(f"{right}{place}m{band}" for band in range(len(MONEYNESS_BANDS) + 1))]
        for place in range(len(DAYS_BUCKETS) + 1)
    ]
    for right in "CP"
}


#: Trade date and half hour by the half hour since 1970 (negative where hours are global): what was asked for lately.
_SLOTS: Final[dict[int, tuple[int, int]]] = {}
_MOST_SLOTS: Final = 128


def day_and_slot(ts: int, underlying: str) -> tuple[int, int]:
    """Returns the trade date of a time (ns) for an underlying as an ordinal, and its half hour of New York, 0 to 47."""
    half_hour = ts // _HALF_HOUR_NS
    global_hours = underlying in GLOBAL_HOURS_UNDERLYINGS
    key = -half_hour - 1 if global_hours else half_hour
    found = _SLOTS.get(key)
    if found is None:
        local = datetime.fromtimestamp(half_hour * _HALF_HOUR_S, UTC).astimezone(NEW_YORK)
        day = trade_date_of(half_hour * _HALF_HOUR_NS, global_hours).day
        found = keep(_SLOTS, key, (day.toordinal(), local.hour * 2 + local.minute // 30), _MOST_SLOTS)
    return found


_NO_MONEYNESS: Final = -MICRO


def earlier_of(packet: FlowPacket) -> Earlier:
    """Returns what a later start needs of a packet to remember it."""
    return [
        packet.start_ts,
        UNKNOWN if packet.premium is None else micro(packet.premium),
        packet.size,
        UNKNOWN if packet.spread is None else micro(packet.spread),
        _NO_MONEYNESS if packet.moneyness is None else micro(packet.moneyness),
    ]


def samples_of(contracts: Mapping[str, list[Earlier]]) -> list[Sample]:
    """Returns what was remembered of earlier packets of one underlying, in order of time."""
    found = []
    for name, rows in contracts.items():
        contract = parse_contract(name)
        for start, premium, size, spread, moneyness in rows:
            place = None if moneyness == _NO_MONEYNESS else moneyness / MICRO
            bucket = bucket_of(contract, day_and_slot(start, contract.underlying)[0], place)
            sample: Sample = (
                name, bucket, start, None if premium < 0 else premium, size, None if spread < 0 else spread, ""
            )  # fmt: skip
            found.append(sample)
    return sorted(found, key=lambda each: (each[2], each[0]))


def windows_of(buckets: Mapping[str, list[Earlier]]) -> dict[str, Window]:
    """Returns shipped buckets as windows."""
    windows: dict[str, Window] = {}
    for bucket, rows in buckets.items():
        window = windows[bucket] = Window()
        for _, premium, size, spread, _ in rows:
            window.add(premium, size * SIZE_PARTS, spread, len(rows))
    return windows


def warming(packet: FlowPacket, enough: int) -> str:
    """Returns in words whose baseline a packet was held against and how many packets it has seen."""
    if packet.baseline is None:
        return f"warming, {packet.baseline_samples} of {enough}"
    whose = {
        "contract": "the contract", "bucket": "contracts like it", "underlying": "the underlying",
        "shipped": "contracts like it in a shipped baseline",
    }[packet.baseline]  # fmt: skip
    at = f", for the time of day by {packet.time_of_day_sessions} sessions" if packet.time_of_day_sessions else ""
    return f"{packet.baseline_samples} earlier packets of {whose}{at}"
