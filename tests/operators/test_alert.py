"""Hits on one event become one alert with one direction, merged and throttled in event time, scored over its range."""

from __future__ import annotations

from typing import Any

import pytest

from events.derived import FlowPacket
from events.settings import Rules
from events.types import NS_PER_MS, Direction, Severity
from events.verdicts import Alert, Hit
from operators.alert import MAX_ALERTS, MAX_MERGED, direction_of
from operators.judging import Judge, Verdicts
from operators.memory import Memory
from operators.rules import ALL
from operators.scoring import severity_of
from operators.shard_step import ShardStep
from operators.work import Revised
from tests.packets import CALL, PUT, T0, packet

_RULES = Rules()


def _large(number: int, after_ms: float = 0, **fields: Any) -> FlowPacket:
    ts = T0 + round(after_ms * NS_PER_MS)
    plain = {"id": f"pk:{number}", "ts": ts, "start_ts": ts, "size": 500, "spread": 0.1, "members": (f"p{number}",)}
    return packet(**plain | fields)


def _judged(*work: Any, **rules: Any) -> Verdicts:
    """Judges work in order; between any two the step goes through its bytes."""
    step, judged = ShardStep(Rules(**rules)), Verdicts()
    for each in work:
        step = ShardStep(Rules(**rules), step.dump())
        step.step([each], judged)
    return judged


def _alerts(*packets: FlowPacket, **rules: Any) -> list[Alert]:
    return _judged(*packets, **rules).alerts


def _hit(direction: Direction) -> Hit:
    hit = _judged(_large(1)).hits[0]
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


def test_hits_of_one_event_are_one_alert_whose_premium_counts_once() -> None:
    judged = _judged(_large(1))
    (alert,) = judged.alerts
    assert alert.rules[0] == "large_bullish_call_sweep"
    assert "unusual_contract_spike" in alert.rules
    assert (alert.id, alert.about, alert.revision, alert.packets, alert.premium) == ("al:pk:1", "pk:1", 0, 1, 100_000.0)
    assert (alert.evidence, alert.hits) == (("pk:1",), tuple(f"pk:1:{rule}" for rule in alert.rules))
    assert len(set(alert.against)) == len(alert.against)


def test_a_hit_is_stamped_with_every_setting_that_made_it() -> None:
    rules = {rule.id: rule for rule in ALL}
    for hit in _judged(_large(1), classifier_min_aggressor_ratio=0.6).hits:
        assert hit.id == f"pk:1:{hit.rule}"
        assert set(hit.thresholds) == {name.upper() for name in rules[hit.rule].settings}
        assert hit.thresholds.get("CLASSIFIER_MIN_AGGRESSOR_RATIO", 0.6) == 0.6


#  ms   0          30000        60000.000001
#       A ---------- B ----------- | C          cooldown 30 s from the newest: B merges, C begins anew
def test_within_the_cooldown_a_packet_is_the_next_revision_behind_it_a_new_alert() -> None:
    first, second, third = _alerts(_large(1), _large(2, 30_000), _large(3, 60_000.000001))
    assert [(alert.id, alert.revision, alert.packets) for alert in (first, second, third)] == [
        ("al:pk:1", 0, 1), ("al:pk:1", 1, 2), ("al:pk:3", 0, 1),
    ]  # fmt: skip
    assert (second.premium, second.evidence, second.ts) == (200_000.0, ("pk:1", "pk:2"), T0 + 30_000 * NS_PER_MS)
    assert second.hits[: len(first.hits)] == first.hits
    assert all(hit.startswith("pk:2:") for hit in second.hits[len(first.hits) :])


def test_other_contracts_and_directions_do_not_merge() -> None:
    sold = {"buy_size": 0, "sell_size": 500}
    found = _alerts(_large(1), _large(2, 1, contract=PUT), _large(3, 2, **sold), _large(4, 3))
    assert [(alert.id, alert.direction, alert.revision) for alert in found] == [
        ("al:pk:1", "bullish", 0), ("al:pk:2", "bearish", 0), ("al:pk:3", "neutral", 0), ("al:pk:1", "bullish", 1),
    ]  # fmt: skip


def test_merging_ends_at_its_limit_with_a_new_alert() -> None:
    found = _alerts(*(_large(number, number) for number in range(MAX_MERGED + 2)))
    assert [alert.packets for alert in found[-3:]] == [MAX_MERGED, 1, 2]
    assert found[-2].id == f"al:pk:{MAX_MERGED}"


_BEST: dict[str, Any] = {
    "premium": 4e6, "venues": ("C", "X"), "intermarket_sweeps": 3, "premium_z": 9.0, "size_z": 9.0, "spread": 0.01,
}  # fmt: skip


def test_a_merged_alert_speaks_with_its_strongest_packet() -> None:
    alone = _alerts(_large(2, 1, **_BEST))[0]
    assert _alerts(_large(1, premium=40_000.0), _large(2, 1, **_BEST))[-1].score == alone.score
    assert _alerts(_large(1, **_BEST), _large(2, 1, premium=40_000.0))[-1].score == alone.score


def _scored(**fields: Any) -> Alert:
    """Judges one packet as it is, with the z that it says; `ShardStep` would score it itself."""
    judged = Verdicts()
    judge = Judge(ALL, _RULES)
    each = _large(1, **fields)
    judge.packet(Memory(), each, each.ts, judged)
    return judged.alerts[0]


def test_scores_stay_within_bounds_spread_over_them_and_are_the_sum_of_their_parts() -> None:
    best = _scored(**_BEST | {"premium": 9e9, "open_interest": 10})
    worst = _scored(premium=20_000.0, buy_size=0, covered_size=0, coverage=0.0, venue_book=True)
    usual = _scored()
    scores = [alert.score for alert in (worst, usual, best)]
    assert scores == sorted(scores)
    assert 0 <= scores[0] < 10
    assert _RULES.alert_high_score < scores[-1] <= 100
    for alert in (worst, usual, best):
        assert min(max(round(sum(alert.score_parts.values()), 2), 0), 100) == pytest.approx(alert.score, abs=0.011)


@pytest.mark.parametrize(
    ("value", "severity"), [(0.0, "low"), (_RULES.alert_medium_score - 0.01, "low"),
                            (_RULES.alert_medium_score, "medium"), (_RULES.alert_high_score - 0.01, "medium"),
                            (_RULES.alert_high_score, "high"), (100.0, "high")]
)  # fmt: skip
def test_severity_follows_the_score(value: float, severity: str) -> None:
    assert severity_of(value, _RULES) == severity


@pytest.mark.parametrize(
    ("fields", "highest"), [({"suspected_complex": True}, "medium"), ({"mixed": True}, "medium")]
)  # fmt: skip
def test_what_may_be_something_else_is_never_loud(fields: dict[str, Any], highest: Severity) -> None:
    rules = Rules(alert_high_score=1.0, alert_medium_score=0.5)
    judged, each = Verdicts(), _large(1, **_BEST | {"count": 1} | fields)
    Judge(ALL, rules).packet(Memory(), each, each.ts, judged)
    for alert in judged.alerts:
        assert alert.severity == highest
        assert alert.capped
        assert alert.direction in ("neutral", "mixed")


def test_low_alerts_of_one_underlying_are_throttled_and_louder_ones_pass() -> None:
    contracts = [f"SPY260116C{number:08d}" for number in range(450_000, 458_000, 1000)]
    every = [_large(n, n * 10, contract=each, premium=45_000.0, venue_book=True) for n, each in enumerate(contracts)]
    judged = _judged(*every, alert_low_per_minute=3, alert_medium_score=90.0, alert_high_score=90.0)
    assert len(judged.alerts) == 3
    assert len({hit.packet_id for hit in judged.hits}) == len(every)
    later = _judged(
        *every, _large(99, 61_000, contract=PUT), alert_low_per_minute=3, alert_medium_score=90.0, alert_high_score=90.0
    )
    assert len(later.alerts) == 4
    assert len(_alerts(*every, alert_low_per_minute=0, alert_medium_score=1.0)) == len(every)


@pytest.mark.parametrize(("apart_s", "kept"), [(40, MAX_ALERTS), (1, MAX_ALERTS + 20)])
def test_old_alerts_are_forgotten_once_nothing_can_revise_them(apart_s: int, kept: int) -> None:
    """However many there are, those of the last minutes are still known: a cancel may take one back."""
    memory, judge, out = Memory(), Judge(ALL, Rules(alert_low_per_minute=1000)), Verdicts()
    for number in range(MAX_ALERTS + 20):
        each = _large(number, number * apart_s * 1000, contract=f"SPY260116C{number:08d}")
        judge.packet(memory, each, each.ts, out)
    assert len(memory.alerts) == len(memory.newest) == len(memory.alert_of) == kept
    assert f"al:pk:{MAX_ALERTS + 19}" in memory.alerts


def test_a_cancelled_print_revises_its_hits_and_alert_and_nothing_else() -> None:
    smaller = _large(1, size=450, premium=90_000.0, revision=1, struck=1)
    judged = _judged(_large(1), _large(2, 40_000), Revised(smaller, T0 + 50_000 * NS_PER_MS))
    first, other, again = judged.alerts
    assert (again.id, again.revision, again.premium, again.withdrawn) == (first.id, 1, 90_000.0, False)
    assert (again.ts, again.evidence) == (T0 + 50_000 * NS_PER_MS, first.evidence)
    revised = [hit for hit in judged.hits if hit.revision == 1]
    assert {hit.id for hit in revised} == set(first.hits)
    assert {hit.ts for hit in revised} == {again.ts}
    assert other.id == "al:pk:2"


def test_an_alert_whose_prints_are_all_cancelled_is_withdrawn() -> None:
    nothing = _large(1, size=0, premium=0.0, count=0, members=(), buy_size=0, covered_size=0, revision=1, struck=5)
    judged = _judged(_large(1), Revised(nothing, T0 + NS_PER_MS))
    first, last = judged.alerts
    assert (last.id, last.revision, last.withdrawn, last.severity, last.score) == (first.id, 1, True, "low", 0.0)
    assert [hit.confidence for hit in judged.hits if hit.revision == 1] == [0.0] * len(first.hits)
    # A packet that follows begins an alert of its own.
    assert _alerts(*[_large(1)])[0].id == "al:pk:1"
    assert _large(1).contract == CALL


def _taken_back(number: int, after_ms: float) -> tuple[FlowPacket, Revised]:
    """Returns a packet and its revision a moment later: all its prints were cancelled."""
    large = _large(number, after_ms)
    nothing = _large(
        number, after_ms, size=0, premium=0.0, count=0, members=(), buy_size=0, covered_size=0, revision=1, struck=5
    )
    return large, Revised(nothing, large.ts + NS_PER_MS)


def test_what_was_taken_back_is_forgotten_with_its_alert() -> None:
    step, hour_ms = ShardStep(_RULES), 3_600_000
    for number in range(MAX_ALERTS):
        step.step(_taken_back(number, number * hour_ms), Verdicts())
    for number in range(MAX_ALERTS, 3 * MAX_ALERTS):
        step.step([_large(number, number * hour_ms)], Verdicts())
    memory = step._underlyings["SPY"].rest
    assert len(memory.alerts) == MAX_ALERTS
    assert set(memory.alert_of.values()) == set(memory.alerts)


def test_an_event_that_comes_back_comes_back_to_its_alert_whose_revisions_only_rise() -> None:
    large, gone = _taken_back(1, 0)
    again = Revised(_large(1, revision=2, struck=6), gone.ts + NS_PER_MS)
    alerts = _judged(large, gone, again).alerts
    assert [(alert.id, alert.revision, alert.withdrawn) for alert in alerts] == [
        ("al:pk:1", 0, False), ("al:pk:1", 1, True), ("al:pk:1", 2, False),
    ]  # fmt: skip
