"""What an evaluation reports; shares are 0 to 1 and null where there is nothing to divide by."""

from __future__ import annotations

from msgspec import Struct


class StrengthScore(Struct, kw_only=True):
    """One rule on planted orders of one strength."""

    strength: str
    expected: int
    found: int
    recall: float | None


class RuleScore(Struct, kw_only=True):
    """One rule over all tapes.

    Counted are orders, not hits: one is found or missed, and a rule that has no business with one is wrong about it
    once. In the background each hit is wrong by itself. Scores are over medium and strong orders; a weak order that is
    found is no fault.
    """

    rule: str
    expected: int
    found: int
    missed: int
    #: Planted orders about which the rule is wrong, of them weak ones, and hits in the background.
    wrong: int
    wrong_on_weak: int
    background: int
    #: Background hits for each 6 million background prints.
    background_per_day: float
    precision: float | None
    recall: float | None
    f1: float | None
    #: As `precision`, on planted orders alone.
    precision_planted: float | None
    strengths: list[StrengthScore]
    #: Hits, what they claim in the mean, and the share of them that is expected or tolerated.
    hits: int
    confidence: float | None
    share_right: float | None
    #: Wrong on which kinds, missed on which kinds, most frequent first.
    wrong_kinds: dict[str, int]
    missed_kinds: dict[str, int]


class DirectionScore(Struct, kw_only=True):
    """Direction of alerts on planted orders of which one can be judged."""

    judged: int
    claimed: int
    right: int
    #: Claims where nobody can know.
    unfounded: int
    share_right: float | None
    #: Alerts on orders that have a direction and claim none.
    abstained: int
    by_strength: dict[str, float | None]


class Bin(Struct, kw_only=True):
    """Hits whose confidence lies in one tenth."""

    low: float
    count: int
    confidence: float
    right: float


class Reliability(Struct, kw_only=True):
    """Does a confidence come true: its bins, and the mean gap weighed by their counts (expected calibration error)."""

    count: int
    error: float | None
    bins: list[Bin]


class Abstention(Struct, kw_only=True):
    """What is left, and how much of it is right, when everything below a confidence is held back."""

    at_least: float
    kept: float
    right: float | None


class AlertRates(Struct, kw_only=True):
    """Alerts for each 6 million option prints, by severity."""

    high: float
    medium: float
    low: float
    all: float


class Scores(Struct, kw_only=True):
    """Scores of the background's alerts: how much of 0 to 100 they cover, and how many stand at its top."""

    count: int
    lowest: float | None
    highest: float | None
    range_covered: float
    share_at_top: float
    #: Counts by steps of five points.
    histogram: list[int]


class Failure(Struct, kw_only=True):
    """One thing that a rule got wrong, with what is needed to look at it."""

    rule: str
    #: 'missed', 'wrong' (about a planted order) or 'background'.
    kind: str
    seed: int
    scenario: str
    strength: str | None
    contracts: list[str]
    ts: int
    #: What fired on the order instead or besides, with directions.
    fired: list[str]
    #: Ids of the hits, or where there is none of the first prints.
    ids: list[str]
    note: str


class LoudAlert(Struct, kw_only=True):
    """An alert of the background, with what made its score."""

    id: str
    contract: str
    ts: int
    severity: str
    score: float
    rules: list[str]
    score_parts: dict[str, float]


class Target(Struct, kw_only=True):
    """One thing that is asked of the whole, beside what was measured."""

    name: str
    asked: str
    measured: float | None
    met: bool


class TapeSummary(Struct, kw_only=True):
    """One tape that was judged."""

    seed: int
    split: str
    option_prints: int
    planted: int
    hits: int
    alerts: int
    seconds: float | None


class Report(Struct, kw_only=True):
    """The whole evaluation."""

    model_version: int
    tapes: list[TapeSummary]
    macro_f1: float | None
    rules: list[RuleScore]
    direction: DirectionScore
    #: Main style planted, by style alerted; 'none' where there was no alert.
    styles: dict[str, dict[str, int]]
    style_share_right: float | None
    structures: dict[str, dict[str, int]]
    hit_reliability: Reliability
    alert_reliability: Reliability
    abstention: list[Abstention]
    background_alerts: AlertRates
    all_alerts: AlertRates
    scores: Scores
    #: Alerts whose hits claim opposite directions though they do not say mixed.
    contradictions: list[str]
    #: The background's alerts of the highest scores.
    loudest: list[LoudAlert]
    failures: list[Failure]
    targets: list[Target] = []
    #: Seeds that were asked for and not judged, because it was stopped.
    missing_seeds: list[int] = []
