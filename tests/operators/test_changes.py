"""A state and what changed since are the state: to the byte, wherever changes are cut, and in all that follows."""

from __future__ import annotations

from random import Random

import pytest

from events.control import Control
from events.derived import FlowPacket
from events.raw import EquityQuote, Reference
from events.settings import Rules, plain_rules
from events.types import NS_PER_MS, NS_PER_S
from operators.changes import Changes, put_back
from operators.judging import Verdicts
from operators.merge import CONTROL_RANK
from operators.merge_state import Item
from operators.partition_state import PartitionState
from operators.partition_step import PartitionStep, load
from operators.shard_step import ShardStep
from tests.packets import CALL, PUT, T0, packet
from tests.prints import RANKS, at, quote, trade

_CONTRACTS = (CALL, PUT, "SPY260116C00451000", "SPY270115C00450000", "AAPL260116C00200000", "MSFT1260116C00400000")


def _packets(chance: Random, count: int) -> list[FlowPacket]:
    found = []
    ts = T0
    for number in range(count):
        ts += int(chance.expovariate(1 / 1800) * NS_PER_S)
        found.append(packet(
            id=f"pk:{number}", contract=chance.choice(_CONTRACTS), size=chance.choice((1, 20, 600, 2000)),
            premium=None if chance.random() < 0.1 else round(chance.lognormvariate(9, 2), 2), start_ts=ts, end_ts=ts,
            ts=ts + 500 * NS_PER_MS, spread=chance.choice((None, 0.05, 0.3)), intermarket_sweeps=1,
            moneyness=chance.choice((None, -0.2, 0.0, 0.05)),
        ))  # fmt: skip
    return found


@pytest.mark.parametrize("seed", range(25))
def test_a_shard_from_its_dump_and_its_changes_is_the_shard(seed: int) -> None:
    chance = Random(seed)
    rules = Rules(classifier_z_min_samples=3, baseline_shape_days=1, rolling_window_size=8, premium_floor_days=2)
    other = plain_rules(rules.model_copy(update={"rolling_window_size": 5, "premium_floor_days": 1}))
    step, base, changes = ShardStep(rules), b"", list[bytes]()
    for each in _packets(chance, 300):
        step.step([each], Verdicts())
        if chance.random() < 0.01:
            step.set_parameters(other)
        what = chance.random()
        if what < 0.1:
            changes.append(step.changes())
        elif what < 0.13:
            base, changes = step.dump(), []
            step.forget_changes()
        elif what < 0.18:
            changes.append(step.changes())
            again = ShardStep(rules, base, changes=changes)
            assert again.dump() == step.dump()
            # What was restored goes on as what was not, and its own changes are as good.
            step = again
    assert step.dump() == ShardStep(rules, base, changes=[*changes, step.changes()]).dump()


def test_a_restored_shard_concludes_what_the_other_concludes() -> None:
    rules = Rules(classifier_z_min_samples=3, baseline_shape_days=1)
    packets = _packets(Random(5), 400)
    whole, parted = Verdicts(), Verdicts()
    ShardStep(rules).step(packets, whole)
    step, changes = ShardStep(rules), list[bytes]()
    for each in _packets(Random(5), 400):
        step.step([each], parted)
        changes.append(step.changes())
        step = ShardStep(rules, changes=changes) if len(changes) % 40 == 0 else step
    assert (whole.packets, whole.hits, whole.alerts) == (parted.packets, parted.hits, parted.alerts)
    assert whole.alerts


def _items(chance: Random, count: int) -> list[Item]:
    found: list[Item] = []
    for number in range(count):
        ms = number * chance.choice((0, 1, 300))
        what, contract = chance.random(), chance.choice(_CONTRACTS)
        event: object = trade(ms, contract=contract, size=chance.randint(1, 50))
        if what < 0.5:
            condition = "T" if chance.random() < 0.1 else None
            event = quote(ms, 1.0, 1.2, contract=contract, source="databento", condition=condition)
        elif what < 0.55:
            event = Reference(ts=T0, kind="definition", instrument=contract, multiplier=chance.choice((10.0, 150.0)))
        elif what < 0.6:
            event = _beside(chance, ms, contract)
        elif what < 0.62:
            event = Control(control="gap", ts=T0)
        elif what < 0.65:
            event = Control(control="feed", ts=T0, source="databento", quotes="every_change")
        rank = RANKS.get(type(event).__name__, CONTROL_RANK + chance.choice((3, 4)))
        found.append((T0 + number * 50 * NS_PER_MS, 0, rank, "", number, event))
    return found


def _beside(chance: Random, ms: float, contract: str) -> object:
    """Returns what is known of an underlying: a quote, an open interest, a halt or its end."""
    symbol, what = contract[:3], chance.randrange(4)
    if what == 0:
        return EquityQuote(ts=at(ms), symbol=symbol, bid=449.9, ask=450.1, source="databento")
    if what == 1:
        date = f"2026-01-{chance.randint(10, 20)}"
        return Reference(ts=T0, kind="open_interest", instrument=contract, for_date=date, open_interest=5)
    return Reference(ts=at(ms), kind=chance.choice(("halt", "resume")), instrument=symbol)


@pytest.mark.parametrize("seed", range(25))
def test_a_partition_from_its_dump_and_its_changes_is_the_partition(seed: int) -> None:
    chance = Random(seed)
    step = PartitionStep(PartitionState(), Rules())
    base, changes = b"", list[bytes]()
    for item in _items(chance, 400):
        step.step([item], item[0])
        what = chance.random()
        if what < 0.1:
            changes.append(step.changes())
        elif what < 0.13:
            base, changes = step.dump(), []
            step.forget_changes()
        elif what < 0.18:
            changes.append(step.changes())
            again = PartitionStep(load(base, changes), Rules())
            assert again.dump() == step.dump()
            step = again
    assert step.pending < 400


@pytest.mark.parametrize("seed", range(25))
def test_changes_put_back_give_the_map_in_its_order(seed: int) -> None:
    chance = Random(seed)
    one: dict[str, int] = {}
    noted, other = Changes(), dict[str, int]()
    for number in range(300):
        key = str(chance.randrange(12))
        if chance.random() < 0.3:
            if one.pop(key, None) is not None:
                noted.delete(key)
        else:
            one[key] = number
            noted.changed[key] = None
        if chance.random() < 0.1:
            put_back(other, {each: one[each] for each in noted.changed}, list(noted.gone))
            noted.clear()
            assert list(other.items()) == list(one.items())
