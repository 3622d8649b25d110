"""A cold start with baselines: shipped buckets, or the packets that the cache remembers, as a record in the log.

The values stand in `options.prints` before anything is concluded from them, so that the log explains every packet and
`verify` computes the same (contract 8).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connectors.bus.base import Batch, Bus
from connectors.cache.keys import CacheError, Keys, connect
from connectors.cache.reader import CacheReader
from connectors.dataset import Dataset, DatasetError
from connectors.shipped import shipped
from connectors.store.owner import owner_of
from events.contracts import parse_contract
from events.control import SHIPPED, Control, encode_control
from events.partitions import partition_of
from events.settings import Settings
from operators.shard_state import Earlier

_TOPIC = "options.prints"
#: Contracts in one record: with all their packets some hundred KiB.
_CONTRACTS = 500

Baselines = dict[str, list[Earlier]]


def cold_baselines(dataset: Dataset, settings: Settings) -> Baselines:
    """Returns what BASELINE_COLD_START asks for, by contract or shipped bucket; raises DatasetError."""
    wanted = settings.compute.baseline_cold_start
    if wanted == "shipped":
        return {f"{SHIPPED}{bucket}": rows for bucket, rows in shipped().items()}
    if wanted != "redis":
        return {}
    if not settings.cache.redis_url:
        raise DatasetError("BASELINE_COLD_START=redis cannot work without REDIS_URL")
    try:
        reader = CacheReader(connect(settings.cache), Keys(owner_of(dataset.path)))
        try:
            return reader.earlier()
        finally:
            reader.close()
    except CacheError as error:
        raise DatasetError(f"BASELINE_COLD_START=redis: {error}") from None


def record(bus: Bus, baselines: Baselines, ahead_ns: int) -> None:
    """Writes baselines ahead of what the feeds have promised; each contract's in its underlying's partition."""
    for partition, head in enumerate(bus.heads(_TOPIC)):
        ts = head.promise + ahead_ns if head.promise else 0
        for piece in _pieces(_of_partition(baselines, partition, bus.partitions)):
            line = encode_control(Control(control="parameters", ts=ts, baselines=piece))
            bus.append(_TOPIC, {partition: Batch(count=1, payload=line, control=True)}, head.epoch)


def _of_partition(baselines: Baselines, partition: int, partitions: int) -> Baselines:
    return {
        key: rows
        for key, rows in baselines.items()
        if key.startswith(SHIPPED) or partition_of(parse_contract(key).underlying, partitions) == partition
    }


def _pieces(baselines: Mapping[str, list[Earlier]]) -> Iterator[Baselines]:
    """Yields records' worths; an underlying stands in one, since it is cold only once."""
    piece: Baselines = {}
    underlying = ""
    for key in sorted(baselines, key=_underlying_first):
        of = _underlying_first(key)[0]
        if len(piece) >= _CONTRACTS and of != underlying:
            yield piece
            piece = {}
        underlying = of
        piece[key] = baselines[key]
    if piece:
        yield piece


def _underlying_first(key: str) -> tuple[str, str]:
    return (SHIPPED if key.startswith(SHIPPED) else parse_contract(key).underlying), key
