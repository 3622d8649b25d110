"""A flow that has seen much: instruments and baselines of many contracts as anchors, for `bench epoch`.

The states are made by the operators themselves from quotes and packets, and put where a live start looks for them.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from random import Random

import msgspec

from connectors.bus.base import Batch, Bus
from connectors.tape import TapeState
from events.code import code_digest
from events.codec import encode
from events.contracts import parse_contract
from events.derived import Anchor, FlowPacket
from events.partitions import BUSIEST, partition_of, shard_of
from events.raw import OptionQuote
from events.settings import Rules
from events.types import NS_PER_S
from operators.judging import Verdicts
from operators.partition_state import PartitionState
from operators.partition_step import PartitionStep, dump
from operators.shard_step import ShardStep

_UNDERLYINGS = 1000
#: Share of all contracts that the twenty busiest underlyings have.
_BUSY_SHARE = 0.3
_QUOTES_RANK = 3
#: Packets of a contract come so far apart: those of one session.
_NS_APART = 20 * 60 * NS_PER_S


def contracts(count: int) -> list[str]:
    """Returns contract ids over a thousand underlyings, the busiest with many more than the others."""
    rest = [f"U{chr(65 + n // 26 % 26)}{chr(65 + n % 26)}{chr(65 + n // 676)}" for n in range(_UNDERLYINGS)]
    busy = int(count * _BUSY_SHARE)
    names = [BUSIEST[n % len(BUSIEST)] for n in range(busy)] + [rest[n % len(rest)] for n in range(count - busy)]
    made: dict[str, int] = {}
    found = []
    for name in names:
        n = made[name] = made.get(name, -1) + 1
        found.append(f"{name}260{1 + n % 9}{16 + n % 3}{'CP'[n // 27 % 2]}{50_000 + 2_500 * (n // 54):08d}")
    return found


def quote(contract: str, ts: int, random: Random) -> OptionQuote:
    """Returns a quote of a contract."""
    mid = 0.5 + random.random() * 4
    ident = f"bench:options.quotes:{contract}:{ts}:{random.getrandbits(32):08x}"
    bid_size, ask_size = random.randrange(1, 200), random.randrange(1, 200)
    return OptionQuote(
        id=ident, ts=ts, contract=contract, bid=round(mid - 0.05, 2), ask=round(mid + 0.05, 2), bid_size=bid_size,
        ask_size=ask_size, source="databento",
    )  # fmt: skip


def write_anchors(bus: Bus, chosen: Sequence[str], samples: int, boundary: int) -> int:
    """Writes an anchor of every partition at a boundary, `samples` packets a contract; returns its bytes in all."""
    random = Random(1)
    rows: dict[int, dict[str, list[str]]] = {partition: {} for partition in range(bus.partitions)}
    for contract in chosen:
        underlying = parse_contract(contract).underlying
        partition = partition_of(underlying, bus.partitions)
        rows[partition].setdefault(shard_of(underlying, partition, bus.partitions), []).append(contract)
    return sum(_write_partition(bus, partition, rows[partition], samples, boundary, random) for partition in rows)


def _write_partition(
    bus: Bus, partition: int, labels: dict[str, list[str]], samples: int, boundary: int, random: Random
) -> int:
    step = PartitionStep(PartitionState(), Rules())
    quotes = [quote(contract, boundary - NS_PER_S, random) for chosen in labels.values() for contract in chosen]
    step.step([(q.ts, 0, _QUOTES_RANK, q.contract, n, q) for n, q in enumerate(quotes)], boundary)
    step.state.shards.update(dict.fromkeys(labels, True))
    tape = msgspec.json.encode(TapeState()).decode()
    states = {"partition": dump(step.state)} | {
        label: _shard(chosen, samples, boundary, random) for label, chosen in labels.items()
    }
    for part, state in states.items():
        anchor = Anchor(
            id=f"an:{partition}:{boundary}:{part}", ts=boundary, partition=partition, part=part, parts=len(states),
            digest=sha256(state).hexdigest(), data=b64encode(state).decode(),
            tape=tape if part == "partition" else None, code=code_digest(),
        )  # fmt: skip
        bus.append("anchors", {partition: Batch(1, encode(anchor), [part])})
    return sum(map(len, states.values()))


def _shard(chosen: Sequence[str], samples: int, boundary: int, random: Random) -> bytes:
    step = ShardStep(Rules())
    for n in range(samples):
        start = boundary - (samples - n) * _NS_APART
        for contract in chosen:
            size = 1 + int(random.expovariate(0.3))
            step.step([_packet(contract, start, size, random.randrange(50, 500) / 100)], Verdicts())
    return step.dump()


def _packet(contract: str, start: int, size: int, price: float) -> FlowPacket:
    return FlowPacket(
        id=f"pk:{contract}:{start}", ts=start, contract=contract, underlying=parse_contract(contract).underlying,
        flag="regular", start_ts=start, end_ts=start, window_ms=500, count=1, size=size,
        premium=round(price * size * 100, 2), price_first=price, price_last=price, price_low=price, price_high=price,
        vwap=price, buy_size=size, sell_size=0, covered_size=size, coverage=1.0, members=("p",), spread=0.1,
    )  # fmt: skip
