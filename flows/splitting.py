"""Splitting the flow's partitions over processes of this machine otherwise than before: its recovery stores follow."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path

from connectors import recovery
from connectors.dataset import Dataset
from connectors.tape import newest_released
from events.partitions import subset_text
from flows.beginning import TAPE

_log = logging.getLogger("undertow.flows")


def store_of(dataset: Dataset, subset: Collection[int]) -> Path:
    """Returns the recovery store of a process that takes these partitions."""
    whole = len(subset) == dataset.partitions
    return dataset.recovery_dir("options" if whole else f"options-{subset_text(subset)}")


def bring_snapshots(dataset: Dataset, subset: Collection[int]) -> None:
    """Gives a subset's store the furthest snapshots that any store of this data set holds of its partitions.

    Without it the process would go on correctly too, from an anchor or an old snapshot, and take longer. Nothing is
    done while one of the partitions is run by somebody.
    """
    if any(partition in dataset.flow_holders() for partition in subset):
        return
    generation = dataset.generation
    ours = store_of(dataset, subset)
    furthest: dict[int, tuple[int, bool, Path]] = {}
    for store in sorted(dataset.recovery_dir("").glob("options*")):
        if recovery.generation(store) == generation:
            for key, snapshot in recovery.snapshots(store, TAPE).items():
                found = (newest_released(snapshot), store == ours, store)
                if int(key) in subset and found > furthest.get(int(key), (-1, False, ours)):
                    furthest[int(key)] = found
    stores: dict[Path, list[int]] = {}
    for partition, (_, _, store) in furthest.items():
        stores.setdefault(store, []).append(partition)
    if stores and set(stores) != {ours}:
        _log.info(
            "partitions %s go on from the snapshots of %s", subset_text(furthest), ", ".join(s.name for s in stores)
        )
        recovery.gather(ours, stores)
