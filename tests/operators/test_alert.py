"""Hits of a packet become one alert with one direction, merged in event time, scored over its range (contract 24)."""

from __future__ import annotations

from typing import Any

import pytest

from events.contracts import parse_contract
from events.derived import FlowPacket
from events.settings import Rules
from events.types import NS_PER_MS, Direction
from events.verdicts import Alert, Hit
from operators.alert import (
    HIGH_SCORE,
    MAX_MERGED,
    MEDIUM_SCORE,
    AlertState,
    alert_for,
    direction_of,
    score,
    severity_of,
)
from operators.rules import ALL
from operators.rules.rule import hit_of
from operators.shard_step import Judged, ShardStep
from tests.packets import CALL, PUT, T0, packet


def _hits(each: FlowPacket, rules: Rules) -> list[Hit]:
    contract = parse_contract(each.contract)
    verdicts = [(rule, rule.judge(each, contract, rules)) for rule in ALL]
    return [hit_of(rule, each, verdict, rules) for rule, verdict in verdicts if verdict.fired]


def _hit(direction: Direction) -> Hit:
    each = packet()
    hit = _hits(each, Rules())[0]
    hit.direction = direction
    return hit


@pytest.mark.parametrize(
    ("directions", "expected"),
    [
        (["bullish"], "bullish"), (["bullish", "neutral"], "bullish"), (["neutral"], "neutral"),
        (["bullish", "bearish"], "mixed"), (["bullish", "mixed"], "mixed"), (["neutral", "bearish"], "bearish"),
    ],
)  # fmt: skip
def test_one_direction_is_what_the_hits_agree_on(directions: list[Direction], expected: Direction) -> None:
    assert direction_of([_hit(direction) for direction in directions]) == expected
    assert direction_of([_hit(direction) for direction in reversed(directions)]) == expected


def _large(number: int, after_ms: float = 0, **fields: Any) -> FlowPacket:
    ts = T0 + round(after_ms * NS_PER_MS)
    return packet(**{"id": f"pk:{number}", "ts": ts, "start_ts": ts, "size": 500} | fields)


def _alerts(*packets: FlowPacket, **rules: Any) -> list[Alert]:
    """Judges packets in order; between any two the step goes through its bytes."""
    step, judged = ShardStep(Rules(**rules)), Judged()
    for each in packets:
        step = ShardStep(Rules(**rules), step.dump())
        step.step([each], judged)
    return judged.alerts


def test_two_hits_of_one_packet_are_one_alert_whose_premium_counts_once() -> None:
    (alert,) = _alerts(_large(1))
    assert alert.rules == ("large_bullish_call_sweep", "unusual_contract_spike")
    assert (alert.id, alert.revision, alert.packets, alert.premium) == ("al:pk:1", 0, 1, 100_000.0)
    assert (alert.evidence, alert.hits) == (("pk:1",), tuple(f"pk:1:{rule}" for rule in alert.rules))
    assert len(set(alert.against)) == len(alert.against)


#  ms   0          30000        60000.000001
#       A ---------- B ----------- | C          cooldown 30 s from the newest: B merges, C begins anew
def test_within_the_cooldown_a_packet_is_the_next_revision_behind_it_a_new_alert() -> None:
    first, second, third = _alerts(_large(1), _large(2, 30_000), _large(3, 60_000.000001))
    assert [(alert.id, alert.revision, alert.packets) for alert in (first, second, third)] == [
        ("al:pk:1", 0, 1), ("al:pk:1", 1, 2), ("al:pk:3", 0, 1),
    ]  # fmt: skip
    assert (second.premium, second.evidence, second.ts) == (200_000.0, ("pk:1", "pk:2"), T0 + 30_000 * NS_PER_MS)
    assert second.hits == first.hits + tuple(f"pk:2:{rule}" for rule in first.rules)


def test_other_contracts_and_directions_do_not_merge() -> None:
    found = _alerts(_large(1), _large(2, 1, contract=PUT), _large(3, 2, buy_size=0, sell_size=500), _large(4, 3))
    assert [(alert.id, alert.direction, alert.revision) for alert in found] == [
        ("al:pk:1", "bullish", 0), ("al:pk:2", "bearish", 0), ("al:pk:3", "neutral", 0), ("al:pk:1", "bullish", 1),
    ]  # fmt: skip


def test_merging_ends_at_its_limit_with_a_new_alert() -> None:
    found = _alerts(*(_large(number, number) for number in range(MAX_MERGED + 2)))
    assert [alert.packets for alert in found[-3:]] == [MAX_MERGED, 1, 2]
    assert found[-2].id == f"al:pk:{MAX_MERGED}"


def test_a_merged_alert_speaks_with_its_strongest_packet() -> None:
    weak, strong = _large(1, premium=40_000.0), _large(2, 1, premium=4e6, venues=("C", "X"), intermarket_sweeps=3)
    alone = _alerts(strong)[0]
    for order in ((weak, strong), (_large(1, premium=4e6, venues=("C", "X"), intermarket_sweeps=3), _large(2, 1))):
        assert _alerts(*order)[-1].score == alone.score


def test_scores_stay_within_bounds_and_spread_over_them() -> None:
    rules = Rules()
    best = _large(1, premium=9e9, premium_z=99.0, size_z=99.0, venues=("C", "X"), intermarket_sweeps=5)
    worst = _large(2, premium=20_000.0, buy_size=0, covered_size=0, coverage=0.0, venue_book=True)
    usual = _large(3)
    scores = [score(each, _hits(each, rules), rules) for each in (worst, usual, best)]
    assert scores == sorted(scores)
    assert 0 <= scores[0] < 10
    assert scores[-1] > HIGH_SCORE
    assert scores[-1] <= 100


@pytest.mark.parametrize(
    ("value", "severity"), [(0.0, "low"), (MEDIUM_SCORE - 0.01, "low"), (MEDIUM_SCORE, "medium"),
                            (HIGH_SCORE - 0.01, "medium"), (HIGH_SCORE, "high"), (100.0, "high")]
)  # fmt: skip
def test_severity_follows_the_score(value: float, severity: str) -> None:
    assert severity_of(value) == severity


def test_old_alerts_are_forgotten_and_the_young_kept() -> None:
    state, rules = AlertState(), Rules()
    for number in range(MAX_MERGED * 20 + 1):
        each = _large(number, number * 40, contract=f"SPY260116C{number:08d}")
        alert_for(state, each, _hits(each, rules), rules)
    cooldown_ms = rules.alert_cooldown_ms
    assert len(state.newest) == cooldown_ms // 40 + 1
    assert CALL not in state.newest
