"""A cold start begins with what the log recorded, where there is nothing yet, and packets say so."""

from __future__ import annotations

from random import Random

from events.control import SHIPPED, Control
from events.derived import FlowPacket
from events.settings import Rules
from events.types import NS_PER_S
from operators.baseline import earlier_of
from operators.judging import Verdicts
from operators.merge import CONTROL_RANK
from operators.partition_state import PartitionState
from operators.partition_step import PartitionStep
from operators.shard_step import ShardStep
from operators.work import Shipped, Warmed, Work
from tests.packets import CALL, PUT, T0, packet

_PRINTS = CONTROL_RANK + 1


def _packets(seed: int, count: int, start: int) -> list[FlowPacket]:
    chance = Random(seed)
    return [
        packet(
            id=f"pk:{n}", contract=chance.choice((CALL, PUT)), size=chance.randint(1, 50),
            start_ts=start + n * NS_PER_S,
            premium=chance.choice((None, 5000.0, 90_000.0)), spread=chance.choice((None, 0.1)),
            moneyness=chance.choice((None, -0.2, 0.01)),
        )
        for n in range(count)
    ]  # fmt: skip


def _earlier(packets: list[FlowPacket]) -> dict[str, list[list[int]]]:
    found: dict[str, list[list[int]]] = {}
    for each in packets:
        found.setdefault(each.contract, []).append(earlier_of(each))
    return found


def test_a_warm_start_leaves_what_the_packets_themselves_would_have_left() -> None:
    before, after = _packets(1, 60, T0), _packets(2, 60, T0 + 3600 * NS_PER_S)
    seen, warmed = Verdicts(), Verdicts()
    one, other = ShardStep(Rules()), ShardStep(Rules())
    one.step(before, Verdicts())
    one.step(after, seen)
    other.step([Warmed("SPY", _earlier(before))], warmed)
    other.step(_packets(2, 60, T0 + 3600 * NS_PER_S), warmed)
    assert seen.packets == warmed.packets
    assert warmed.packets[0].baseline == "contract"
    assert ShardStep(Rules(), changes=[other.changes()]).dump() == other.dump()


def test_an_underlying_with_packets_of_its_own_is_not_warmed_again() -> None:
    step, same = ShardStep(Rules()), ShardStep(Rules())
    step.step([packet()], Verdicts())
    same.step([packet()], Verdicts())
    step.step([Warmed("SPY", _earlier(_packets(1, 60, T0)))], Verdicts())
    assert step.dump() == same.dump()


def test_shipped_buckets_speak_only_where_nothing_of_its_own_does_and_survive_a_restart() -> None:
    step, judged = ShardStep(Rules()), Verdicts()
    step.hear(Shipped({"C1": [[T0, 1000, 10 + n % 2, 100, 0] for n in range(20)]}))
    step = ShardStep(Rules(), changes=[step.changes()])
    step = ShardStep(Rules(), step.dump())
    step.step([packet(start_ts=T0, size=10), packet(contract=PUT, start_ts=T0)], judged)
    step.step([packet(start_ts=T0, size=10) for _ in range(12)], judged)
    call, put, own = judged.packets[0], judged.packets[1], judged.packets[-1]
    assert (call.baseline, call.baseline_samples, call.size_mean) == ("shipped", 20, 10.5)
    assert (put.baseline, put.baseline_samples) == (None, 0)
    assert own.baseline == "contract"


def test_the_partition_hands_a_record_on_in_its_place() -> None:
    step = PartitionStep(PartitionState(), Rules(), follow_log=False)
    rows = [[T0, 1, 2, 3, 0]]
    record = Control(control="parameters", ts=0, baselines={f"{SHIPPED}C1": rows, CALL: rows, PUT: rows})
    stepped = step.step([(0, 0, _PRINTS, "", 0, record)], 0)
    expected: list[Work] = [Warmed("SPY", {CALL: rows, PUT: rows})]
    assert (stepped.said, stepped.work) == ([(0, Shipped({"C1": rows}))], expected)


def test_a_shipped_bucket_speaks_from_as_many_samples_as_any_other_level() -> None:
    rows = [[T0, 1000, 10 + n % 2, 100, 0] for n in range(12)]
    for count, baseline in ((11, None), (12, "shipped")):
        step, judged = ShardStep(Rules(classifier_z_min_samples=12)), Verdicts()
        step.hear(Shipped({"C1": rows[:count]}))
        step.step([packet(start_ts=T0, size=100)], judged)
        (found,) = judged.packets
        assert (found.baseline, found.size_z is None, found.size_mean is None) == (
            baseline, baseline is None, baseline is None,
        )  # fmt: skip
