"""A baseline is what the last packets were, exactly, before this one; the first level with enough of them speaks."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from math import sqrt
from random import Random
from statistics import median
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.contracts import parse_contract
from events.derived import FlowPacket
from events.settings import Rules
from events.types import NS_PER_S
from operators.baseline import MAX_CONTRACTS, BaselineConfig, Baselines, bucket_of
from operators.judging import Verdicts
from operators.shard_step import ShardStep
from operators.window import median_and_mad
from tests.packets import CALL, T0, packet

_CONTRACTS = (CALL, "SPY260116C00451000", "SPY260116P00450000", "SPY270115C00450000", "AAPL260116C00200000")


def _random_packets(seed: int, count: int) -> list[FlowPacket]:
    chance = Random(seed)
    found = []
    for number in range(count):
        premium = None if chance.random() < 0.1 else round(chance.lognormvariate(9, 2), 2)
        spread = None if chance.random() < 0.2 else round(chance.uniform(0.01, 0.5), 2)
        found.append(packet(
            id=f"pk:{number}", contract=chance.choice(_CONTRACTS),
            size=chance.choice((1, 1, 5, chance.randint(1, 9000))),
            premium=premium, spread=spread, start_ts=T0 + number * 3600 * NS_PER_S,
        ))  # fmt: skip
    return found


def _scored(packets: list[FlowPacket], rules: Rules, cut: int = 0) -> list[FlowPacket]:
    """Scores packets in order; at `cut` the step dies and comes back from its bytes."""
    step, judged = ShardStep(rules), Verdicts()
    for place, each in enumerate(packets):
        if cut and place % cut == 0:
            step = ShardStep(rules, step.dump())
        step.step([each], judged)
    return judged.packets


class _Naive:
    """The definition: windows of whole packets, statistics in fractions, by level."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.windows: dict[tuple[str, str], deque[FlowPacket]] = {}

    def score(self, each: FlowPacket, day: int) -> dict[str, Any]:
        contract = parse_contract(each.contract)
        keys = [(contract.underlying, name) for name in (contract.id, bucket_of(contract, day), "underlying")]
        windows = [self.windows.setdefault(key, deque(maxlen=self.rules.rolling_window_size)) for key in keys]
        least = self.rules.classifier_z_min_samples
        chosen = next((place for place in range(3) if len(windows[place]) >= least), None)
        row: dict[str, Any] = {"baseline": None if chosen is None else ("contract", "bucket", "underlying")[chosen]}
        window = windows[chosen or 0]
        row["baseline_samples"] = len(window)
        for name in ("premium", "size", "spread"):
            known = [_exact(getattr(old, name)) for old in window if getattr(old, name) is not None]
            usable = chosen is not None and getattr(each, name) is not None and len(known) >= least
            mean = sum(known, Fraction(0)) / len(known) if usable else None
            row[f"{name}_mean"] = None if mean is None else float(mean)
            row[f"{name}_z"] = _z(_exact(getattr(each, name)), known, mean) if mean is not None else None
        del row["spread_mean"]
        for window in windows:
            window.append(each)
        return row


def _exact(value: float | None) -> Fraction:
    return Fraction(str(value))


def _z(value: Fraction, known: list[Fraction], mean: Fraction) -> float | None:
    variance = sum((each - mean) ** 2 for each in known) / (len(known) - 1)
    return float(value - mean) / sqrt(variance) if variance else None


@pytest.mark.parametrize(("window", "least"), [(50, 12), (5, 2), (20, 20)])
def test_means_and_z_scores_are_those_of_a_naive_window(window: int, least: int) -> None:
    rules = Rules(rolling_window_size=window, classifier_z_min_samples=least)
    naive = _Naive(rules)
    # 15 January 2026, 10:00 New York; each packet an hour later.
    expected = [naive.score(each, 739631 + (n + 10) // 24) for n, each in enumerate(_random_packets(window, 400))]
    for cut in (0, 7):
        found = _scored(_random_packets(window, 400), rules, cut)
        for each, row in zip(found, expected, strict=True):
            for name, value in row.items():
                found_value = getattr(each, name)
                assert found_value == (pytest.approx(value, abs=2e-6) if isinstance(value, float) else value), (
                    name,
                    row,
                )


def test_a_restart_changes_no_byte() -> None:
    whole = _scored(_random_packets(1, 300), Rules())
    assert whole == _scored(_random_packets(1, 300), Rules(), cut=1)


def test_the_packet_itself_is_not_in_its_baseline() -> None:
    packets = [packet(size=10 + number % 2, premium=1000.0 + number % 2) for number in range(12)]
    found = _scored([*packets, packet(size=500, premium=50_000.0)], Rules())
    assert [each.baseline for each in found] == [None] * 12 + ["contract"]
    assert [each.size_z for each in found[:12]] == [None] * 12
    assert (found[-1].baseline_samples, found[-1].size_mean, found[-1].premium_mean) == (12, 10.5, 1000.5)
    assert found[-1].size_z == pytest.approx(489.5 / sqrt(12 * 0.25 / 11), abs=1e-6)


def test_equal_samples_give_a_mean_and_no_z() -> None:
    found = _scored([packet(size=10) for _ in range(12)] + [packet(size=11)], Rules())[-1]
    assert (found.baseline, found.size_mean, found.size_z) == ("contract", 10.0, None)


def test_a_contract_without_enough_borrows_from_its_bucket_then_its_underlying_and_never_from_another() -> None:
    near = [packet(contract=f"SPY260116C00{450 + n}000", size=10 + n % 2) for n in range(12)]
    same = _scored([*near, packet(contract="SPY260116C00700000")], Rules())[-1]
    far = _scored([*near, packet(contract="SPY270115P00450000")], Rules())[-1]
    other = _scored([*near, packet(contract="AAPL260116C00200000")], Rules())[-1]
    assert [each.baseline for each in (same, far, other)] == ["bucket", "underlying", None]
    assert other.baseline_samples == 0


@pytest.mark.parametrize(
    ("days", "bucket"),
    [(-1, "C0"), (0, "C0"), (1, "C1"), (7, "C1"), (8, "C2"), (30, "C2"), (31, "C3"), (90, "C3"), (91, "C4")],
)
def test_buckets_are_bands_of_days_to_expiry(days: int, bucket: str) -> None:
    contract = parse_contract(CALL)
    assert bucket_of(contract, contract.expiry.toordinal() - days) == bucket


def test_the_day_is_new_yorks() -> None:
    # 20:30 and 23:30 of the 15th in New York are the 16th in UTC: the contract of the 16th is still one day away.
    day = [
        packet(contract="SPY260116C00450000", start_ts=T0 + round(hours * 3600) * NS_PER_S) for hours in (0, 10.5, 13.5)
    ]
    step = ShardStep(Rules())
    step.step(day, Verdicts())
    assert list(step._underlyings["SPY"].baselines.dump().buckets) == ["C1"]


def test_the_contract_unused_longest_is_forgotten_first() -> None:
    config = BaselineConfig.of(Rules())
    baselines = Baselines(config)
    first, second = CALL, "SPY260116P00450000"
    for contract in (first, second):
        baselines.remember((contract, "C0", T0, 1, 1, 1, ""), config)
    for number in range(MAX_CONTRACTS - 1):
        if number == MAX_CONTRACTS - 100:
            baselines.remember((first, "C0", T0, 1, 1, 1, ""), config)
        baselines.remember((f"SPY260116C{number:08d}", "C0", T0, 1, 1, 1, ""), config)
    kept = baselines.dump().contracts
    assert first in kept
    assert second not in kept
    assert len(kept) == MAX_CONTRACTS


@given(st.lists(st.integers(0, 1000) | st.integers(0, 2**47), max_size=30))
@settings(max_examples=120)
def test_median_and_deviation_are_those_of_the_textbook(values: list[int]) -> None:
    if not values:
        assert median_and_mad(values, 0) is None
        return
    middle = median(values)
    expected = middle, median(abs(value - middle) for value in values)
    # In floats, and as where their sum is too large for those.
    assert median_and_mad(values, sum(values)) == median_and_mad(values, 2**60) == expected
