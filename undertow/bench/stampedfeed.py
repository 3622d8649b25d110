"""The synthetic feed as a process that also notes when it began each append, for `bench latency`.

A line of the stamps file: wall clock before the append (ns), topic, partition, first offset, records, event time of the
last of them (ns).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import msgspec

from connectors.bus.base import Batch
from connectors.bus.embedded import EmbeddedBus
from connectors.dataset import Dataset
from connectors.feeds.synthetic.feed import FeedOptions, run_feed
from connectors.feeds.synthetic.model import ModelConfig
from flows.runtime import install_handlers, stopping


class _Stamp(msgspec.Struct):
    ts: int


_decode = msgspec.json.Decoder(_Stamp).decode


class _StampingBus(EmbeddedBus):
    def __init__(self, directory: Path, partitions: int, stamps: TextIO) -> None:
        super().__init__(directory, partitions)
        self._stamps = stamps

    def append(self, topic: str, batches: Mapping[int, Batch], epoch: int = 0) -> dict[int, int]:
        """Appends, and notes the moment before."""
        now_ns = time.time_ns()
        firsts = super().append(topic, batches, epoch)
        for part, batch in batches.items():
            if not batch.control:
                ts = _decode(batch.payload.rpartition(b"\n")[2]).ts
                self._stamps.write(f"{now_ns} {topic} {part} {firsts[part]} {batch.count} {ts}\n")
        return firsts


class _StampedDataset(Dataset):
    stamps: TextIO

    def open_bus(self) -> EmbeddedBus:
        """Opens a bus that notes its appends."""
        return _StampingBus(self.bus_dir, self.partitions, self.stamps)


def main(data: str, stamps: str, rate: str, start: str, planted_per_hour: str) -> None:
    """Runs the feed at the pace of the wall clock until it is stopped."""
    install_handlers()
    dataset = _StampedDataset.open(Path(data))
    config = ModelConfig(seed=1, start=int(start), rate=float(rate), planted_per_hour=float(planted_per_hour))
    with Path(stamps).open("w") as file:
        assert isinstance(dataset, _StampedDataset)
        dataset.stamps = file
        run_feed(dataset, FeedOptions(config), stopping)


if __name__ == "__main__":
    main(*sys.argv[1:6])
