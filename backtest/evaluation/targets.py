"""What is asked of the rules as a whole, beside what a report measured."""

from __future__ import annotations

from backtest.evaluation.report import Report, Target

MACRO_F1, DIRECTION = 0.9, 0.95
#: Alerts for 6 million background prints.
HIGH, MEDIUM, ALL = 20, 400, 4000
RANGE_COVERED, SHARE_AT_TOP = 0.6, 0.02


def targets(report: Report) -> list[Target]:
    """Returns every target with whether it is met; what could not be measured is not."""
    background, scores = report.background_alerts, report.scores
    return [
        _least("macro F1, medium strength and above", report.macro_f1, MACRO_F1),
        _least("share of claims of direction that is right", report.direction.share_right, DIRECTION),
        _most("high alerts, 6 million background prints", background.high, HIGH),
        _most("medium alerts, 6 million background prints", background.medium, MEDIUM),
        _most("alerts in all, 6 million background prints", background.all, ALL),
        _most("alerts of opposite directions that do not say mixed", len(report.contradictions), 0),
        _least("share of the range that background scores cover", scores.range_covered, RANGE_COVERED),
        _most("share of background scores at the top", scores.share_at_top, SHARE_AT_TOP),
    ]


def _least(name: str, measured: float | None, asked: float) -> Target:
    met = measured is not None and measured >= asked
    return Target(name=name, asked=f"at least {asked:g}", measured=measured, met=met)


def _most(name: str, measured: float, asked: float) -> Target:
    return Target(name=name, asked=f"at most {asked:,g}", measured=measured, met=measured <= asked)
