"""Habits: what an underlying's packets were like in its earlier sessions: their premium's quantile, their time of day.

Each session is counted in integers: packets by premium on a logarithmic scale (eight steps to a doubling), and by half
hour the number of packets and the sums of their steps. A session counts once the next one has begun; nothing of today
is used today, so that a figure is what was known then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from operators.shard_state import HabitsDump, Session

#: Packets of earlier sessions below which a quantile says nothing, and of one half hour below which its shape does.
MIN_PACKETS = 100
MIN_SLOT_PACKETS = 30
#: Steps of the logarithmic scale to a doubling, as a power of two.
_STEP_BITS: Final = 3
_STEPS: Final = 1 << _STEP_BITS


@dataclass(frozen=True, slots=True)
class HabitsConfig:
    """What is read of the settings: quantile of packet premium, sessions it looks back, sessions before a shape."""

    quantile: float
    floor_days: int
    shape_days: int


class Habits:
    """One underlying's sessions and what follows from the finished ones."""

    __slots__ = ("_config", "_factors", "floor", "sessions", "shape_days", "today")

    def __init__(self, config: HabitsConfig, dump: HabitsDump | None = None) -> None:
        self.sessions = dump.sessions if dump else []
        self.today = self.sessions[-1].day if self.sessions else 0
        self.use(config)

    def use(self, config: HabitsConfig) -> None:
        """Takes other settings from here on."""
        self._config = config
        #: The quantile of packet premium over the finished sessions, dollars; None before there are enough packets.
        self.floor: float | None = None
        #: Finished sessions behind the time of day's factors; 0 while they are not used.
        self.shape_days = 0
        self._factors: dict[int, tuple[float, float]] = {}
        self._conclude()

    def of(self, day: int) -> Habits:
        """Returns what is known on a day: on the one that runs, this; else a copy as it stood, or will stand, then."""
        if day == self.today:
            return self
        return Habits(self._config, HabitsDump([session for session in self.sessions if session.day <= day]))

    def dump(self) -> HabitsDump:
        """Returns the sessions."""
        return HabitsDump(self.sessions)

    def add(self, day: int, slot: int, premium: int | None, size: int) -> None:
        """Counts one packet: premium in dollars, size in contracts. A later day finishes the one before."""
        if day != self.today:
            self._begin(day)
        session = self.sessions[-1]
        if premium is None:
            return
        step = _STEP_OF[premium] if premium < _TABLE else step_of(premium)
        premiums = session.premiums
        premiums[step] = premiums.get(step, 0) + 1
        size_step = _STEP_OF[size] if size < _TABLE else step_of(size)
        counts = session.slots.get(slot)
        if counts is None:
            session.slots[slot] = [1, step, size_step]
        else:
            counts[0] += 1
            counts[1] += step
            counts[2] += size_step

    def factors(self, day: int, slot: int) -> tuple[float, float] | None:
        """Returns what premium and size of this half hour usually are to the whole day's; None when not known."""
        if day != self.today:
            self._begin(day)
        return self._factors.get(slot) if self._factors else None

    def _begin(self, day: int) -> None:
        """Begins a session; one packet out of the order of days (a late feed's) joins the one that runs."""
        if day < self.today:
            return
        self.today = day
        # One more than is used: what was known yesterday can be said again.
        self.sessions = [*self.sessions[-self._used - 1 :], Session(day)]
        self.floor, self.shape_days, self._factors = None, 0, {}
        self._conclude()

    @property
    def _used(self) -> int:
        return max(self._config.floor_days, self._config.shape_days)

    def _conclude(self) -> None:
        finished = self.sessions[:-1][-self._used :]
        self.floor = _quantile(finished[-self._config.floor_days :], self._config.quantile)
        wanted = self._config.shape_days
        if wanted and len(finished) >= wanted:
            self._factors = _shape(finished)
            self.shape_days = len(finished) if self._factors else 0


def step_of(value: int) -> int:
    """Returns the step of a whole number on the logarithmic scale."""
    bits = value.bit_length()
    if bits <= _STEP_BITS:
        return value
    shift = bits - _STEP_BITS - 1
    return (shift + 1 << _STEP_BITS) + (value >> shift) - _STEPS


#: The steps of most premiums and sizes.
_TABLE: Final = 4096
_STEP_OF: Final = [step_of(value) for value in range(_TABLE)]


def upper_edge(step: int) -> int:
    """Returns the smallest number above a step."""
    step += 1
    if step < _STEPS:
        return step
    shift = (step >> _STEP_BITS) - 1
    return (_STEPS + (step & (_STEPS - 1))) << shift


def _quantile(sessions: list[Session], quantile: float) -> float | None:
    """Returns the upper edge of the step in which the quantile lies: at most an eighth above it."""
    counts: dict[int, int] = {}
    for session in sessions:
        for step, packets in session.premiums.items():
            counts[step] = counts.get(step, 0) + packets
    total = sum(counts.values())
    if total < MIN_PACKETS:
        return None
    below = 0
    for step in sorted(counts):
        below += counts[step]
        if below >= quantile * total:
            return float(upper_edge(step))
    return None


def _shape(sessions: list[Session]) -> dict[int, tuple[float, float]]:
    """Returns by half hour the geometric mean of premium and size over that of the whole day."""
    slots: dict[int, list[int]] = {}
    for session in sessions:
        for slot, counts in session.slots.items():
            merged = slots.setdefault(slot, [0, 0, 0])
            for place, value in enumerate(counts):
                merged[place] += value
    packets = sum(counts[0] for counts in slots.values())
    if not packets:
        return {}
    premium, size = (sum(counts[place] for counts in slots.values()) / packets for place in (1, 2))
    return {
        slot: (_doublings(counts[1] / counts[0] - premium), _doublings(counts[2] / counts[0] - size))
        for slot, counts in slots.items()
        if counts[0] >= MIN_SLOT_PACKETS
    }


def _doublings(steps: float) -> float:
    return round(float(2.0 ** (steps / _STEPS)), 6)
