"""The report as text."""

from __future__ import annotations

from collections.abc import Iterator

from backtest.evaluation.report import Report, RuleScore


def lines(report: Report) -> Iterator[str]:
    """Yields the report's lines."""
    yield from _tapes(report)
    if report.missing_seeds:
        yield f"NOT WHOLE, stopped: not judged were seeds {', '.join(map(str, report.missing_seeds))}"
    yield ""
    counts, shares = (
        f"{'planted':>8}{'found':>7}{'wrong':>7}{'backgr.':>8}",
        f"{'precision':>9} {'recall':>7} {'F1':>6}  {'claims':>6} {'right':>6}",
    )
    yield f"{'rule':<28}{counts}  {shares}  weak"
    for score in report.rules:
        yield _rule(score)
    yield f"macro F1 at medium strength and above: {_share(report.macro_f1)}"
    yield ""
    direction = report.direction
    yield (
        f"direction: {_share(direction.share_right)} of {direction.claimed} claims right, {direction.unfounded} where "
        f"nobody can know; {direction.abstained} alerts claim none where there is one"
    )
    yield f"style: {_share(report.style_share_right)} of the alerted are right"
    yield (
        f"confidence: expected calibration error {_share(report.hit_reliability.error)} of hits, "
        f"{_share(report.alert_reliability.error)} of alerts"
    )
    kept = ", ".join(f"{a.at_least:g}: {a.kept:.0%} kept {_share(a.right)} right" for a in report.abstention)
    yield f"held back below a confidence of {kept}"
    yield ""
    yield f"{'alerts for 6 million prints':<28}{'high':>9}{'medium':>9}{'low':>9}{'all':>9}"
    for name, rates in (("background alone", report.background_alerts), ("with planted orders", report.all_alerts)):
        yield f"  {name:<26}{rates.high:>9,.0f}{rates.medium:>9,.0f}{rates.low:>9,.0f}{rates.all:>9,.0f}"
    scores = report.scores
    yield (
        f"scores of the background: {scores.count} alerts cover {scores.range_covered:.0%} of the range, "
        f"{scores.share_at_top:.1%} at the top"
    )
    yield f"alerts of two opposite directions that do not say mixed: {len(report.contradictions)}"
    yield ""
    for target in report.targets:
        shown = "-" if target.measured is None else f"{target.measured:,g}"
        yield f"{'met' if target.met else 'NOT MET':<8}{target.name:<56}{target.asked:>16}  {shown}"
    yield ""
    yield from _confusions(report)


def _tapes(report: Report) -> Iterator[str]:
    prints = sum(tape.option_prints for tape in report.tapes)
    planted = sum(tape.planted for tape in report.tapes)
    seeds = ", ".join(f"{tape.seed} ({tape.split})" for tape in report.tapes)
    yield f"seeds {seeds}: {prints:,} option prints, {planted:,} planted orders, model {report.model_version}"


def _rule(score: RuleScore) -> str:
    weak = score.strengths[0]
    return (
        f"{score.rule:<28}{score.expected:>8}{score.found:>7}{score.wrong:>7}{score.background:>8}  "
        f"{_share(score.precision):>9} {_share(score.recall):>7} {_share(score.f1):>6}  "
        f"{_share(score.confidence):>6} {_share(score.share_right):>6}  {weak.found} of {weak.expected}"
    )


def _confusions(report: Report) -> Iterator[str]:
    for score in report.rules:
        if score.wrong_kinds:
            yield f"{score.rule} wrong on: {_counts(score.wrong_kinds)}"
        if score.missed_kinds:
            yield f"{score.rule} missed: {_counts(score.missed_kinds)}"
    for title, table in (("style", report.styles), ("structure", report.structures)):
        for planted, row in table.items():
            yield f"{title} {planted}: {_counts(row)}"


def _counts(counts: dict[str, int], most: int = 8) -> str:
    shown = [f"{name} {count}" for name, count in list(counts.items())[:most]]
    return ", ".join(shown) + (f", {len(counts) - most} more" if len(counts) > most else "")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
