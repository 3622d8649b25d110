"""Labelled tapes: a data set of the synthetic market with its labels, made for a seed or taken from a directory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import msgspec

from connectors.bus.base import Bus
from connectors.bus.embedded import EmbeddedBus
from connectors.dataset import Dataset
from connectors.feeds.synthetic import checkpoint
from connectors.feeds.synthetic.calendar import session_before, session_from
from connectors.feeds.synthetic.feed import LABELS, FeedOptions, run_feed
from connectors.feeds.synthetic.model import ModelConfig
from connectors.feeds.synthetic.scenarios.labels import Planted
from events.types import NS_PER_S

#: What is judged begins at the open of one of these many days from the first on, by seed: days of expiry differ.
_FIRST_DAY, _DAYS = date(2026, 1, 12), 5
_PARTITIONS = 8
_decode_labels = msgspec.json.Decoder(Planted).decode_lines


class TapeError(ValueError):
    """A tape that cannot be judged; the text is one line that says why."""


@dataclass(frozen=True, slots=True)
class TapeConfig:
    """What tapes are made like."""

    hours: float = 1.0
    #: How long before the last close the tape begins: what comes before the open is not judged, but known.
    warm_minutes: float = 30.0
    #: Background option prints a second.
    rate: float = 100.0
    planted_per_hour: float = 900.0
    emit_interval_ms: int = 3000
    #: Scenarios that are planted, all when empty.
    only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tape:
    """One labelled tape: its data set, its seed and what was planted."""

    dataset: Dataset
    seed: int
    labels: list[Planted]
    #: Prints of orders that were still under way at its end: nobody can say whether they were seen.
    unfinished: frozenset[str] = frozenset()
    #: Event time from which it is judged, ns.
    since: int = 0


class ScratchDataset(Dataset):
    """A data set that stays on this machine whatever bus the settings name, and is thrown away."""

    def open_bus(self) -> Bus:
        """Opens the embedded bus; the caller closes it."""
        return EmbeddedBus(self.bus_dir, self.partitions)


def make(directory: Path, seed: int, config: TapeConfig, stopping: Callable[[], bool] = lambda: False) -> Tape:
    """Makes the tape of a seed: every kind and strength planted evenly, from the evening before its day on."""
    dataset = ScratchDataset.open(directory, create=True, clock="synthetic", partitions=_PARTITIONS)
    session = session_from(_FIRST_DAY + timedelta(days=seed % _DAYS))
    start = session_before(session.day).close_ns - round(config.warm_minutes * 60) * NS_PER_S
    if not config.warm_minutes:
        start = session.open_ns
    model = ModelConfig(
        seed=seed, start=start, rate=config.rate, emit_interval_ms=config.emit_interval_ms,
        planted_per_hour=config.planted_per_hour, only=config.only, evenly=True,
    )  # fmt: skip
    run_feed(dataset, FeedOptions(model, 0.0, session.open_ns + round(config.hours * 3600) * NS_PER_S), stopping)
    return take(dataset, session.open_ns)


def take(dataset: Dataset, since: int = 0) -> Tape:
    """Takes a data set that the synthetic feed has written, judged from a time on; raises TapeError without labels."""
    found = checkpoint.load(dataset.path)
    path = dataset.path / LABELS
    if found is None or not path.exists():
        raise TapeError(f"{dataset.path} has no {LABELS} of the synthetic feed: only labelled tapes can be judged")
    try:
        labels = _decode_labels(path.read_bytes())
    except msgspec.MsgspecError as error:
        raise TapeError(f"{path} cannot be read: {error}") from None
    running = found.market.running if found.market is not None else []
    return Tape(dataset, found.config.seed, labels, frozenset(ident for order in running for ident in order.ids), since)
