"""The report as one self-contained HTML page: plots as inline SVG, tables, failures; no script, no link."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import matplotlib  # noqa: F401  the extra `report`; named here so that its absence is known before the work

from backtest.evaluation import plots
from backtest.evaluation.report import Failure, Report, RuleScore

_STYLE = Path(__file__).with_name("page.css")
#: F1 from which a rule meets what is asked of the whole.
_GOOD = 0.9


def write(path: Path, report: Report) -> None:
    """Writes the page; raises ValueError with one line where the file cannot be written."""
    try:
        path.write_text(page(report), encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path} cannot be written: {error.strerror or error}") from None


def page(report: Report) -> str:
    """Returns the page's text."""
    seeds = ", ".join(f"{tape.seed} ({tape.split})" for tape in report.tapes)
    prints = sum(tape.option_prints for tape in report.tapes)
    planted = sum(tape.planted for tape in report.tapes)
    missing = ", ".join(map(str, report.missing_seeds))
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Undertow: the rules on labelled tapes</title>",
        f"<meta name='viewport' content='width=device-width'><style>{_STYLE.read_text(encoding='utf-8')}</style>",
        "<header><b>Undertow</b> the rules on labelled tapes <span class='mark'>SYNTHETIC</span></header><main>",
        f"<p class='muted'>Seeds {seeds}; {prints:,} option prints, {planted:,} planted orders, model "
        f"{report.model_version}. Synthetic orders show whether a rule sees what it claims to see, not whether "
        "anything follows from it.</p>",
        f"<p><b>Not whole: it was stopped, and seeds {missing} were not judged.</b></p>" if missing else "",
        _headline(report),
        _section("What is asked", "", _targets(report)),
        _section("Rules", plots.rules(report), _rules(report.rules)),
        _section("Confidence", plots.reliability(report), _abstention(report)),
        _section("Direction, style, structure", plots.styles(report), _direction(report) + _structures(report)),
        _section("How many alerts", plots.scores(report), _rates(report)),
        _section("The background's loudest alerts", "", _loudest(report)),
        _section("What went wrong", "", _failures(report.failures)),
        "</main></html>",
    ]
    return "".join(parts)


def _section(title: str, plot: str, body: str) -> str:
    return f"<section><h2>{title}</h2>{plot}{body}</section>"


def _headline(report: Report) -> str:
    facts = (
        ("macro F1, medium and above", _share(report.macro_f1)),
        ("claims of direction right", _share(report.direction.share_right)),
        ("calibration error of hits", _share(report.hit_reliability.error)),
        ("background alerts, 6 million prints", f"{report.background_alerts.all:,.0f}"),
        ("of them high", f"{report.background_alerts.high:,.0f}"),
        ("contradictions", str(len(report.contradictions))),
    )
    return "<dl>" + "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts) + "</dl>"


def _targets(report: Report) -> str:
    rows = [
        ("met" if t.met else "not met ◆", t.name, t.asked, "-" if t.measured is None else f"{t.measured:,g}")
        for t in report.targets
    ]
    return _table(("", "", "asked", "measured"), rows)


def _loudest(report: Report) -> str:
    rows = [
        (f"{a.score:.1f}", a.severity, a.contract, ", ".join(a.rules),
         ", ".join(f"{name} {points:g}" for name, points in a.score_parts.items()), a.id)
        for a in report.loudest
    ]  # fmt: skip
    return _table(("score", "severity", "contract", "rules", "made of", "id"), rows)


def _rules(scores: Sequence[RuleScore]) -> str:
    head = (
        "rule", "planted", "found", "wrong", "background", "a day", "precision", "recall", "F1", "claims", "right",
        "weak", "why",
    )  # fmt: skip
    rows = []
    for score in scores:
        weak = score.strengths[0]
        why = [f"wrong on {_counts(score.wrong_kinds)}"] if score.wrong_kinds else []
        why += [f"missed {_counts(score.missed_kinds)}"] if score.missed_kinds else []
        rows.append((
            score.rule, score.expected, score.found, score.wrong, score.background, f"{score.background_per_day:,.0f}",
            _share(score.precision), _share(score.recall), _graded(score.f1), _share(score.confidence),
            _share(score.share_right), f"{weak.found}/{weak.expected}", "; ".join(why),
        ))  # fmt: skip
    note = "<p class='muted'>Counted at medium strength and above; a day is 6 million option prints.</p>"
    return _table(head, rows) + note


def _graded(value: float | None) -> str:
    shown = _share(value)
    return shown if value is None or value >= _GOOD else f"{shown} ◆"


def _abstention(report: Report) -> str:
    rows = [(f"{a.at_least:.1f}", f"{a.kept:.1%}", _share(a.right)) for a in report.abstention]
    return _table(("held back below", "kept", "of them right"), rows)


def _direction(report: Report) -> str:
    score = report.direction
    rows = [
        ("alerts of which a direction can be judged", score.judged), ("claimed", score.claimed), ("right", score.right),
        ("claimed where nobody can know", score.unfounded), ("claimed none where there is one", score.abstained),
        *((f"share right, {strength}", _share(share)) for strength, share in score.by_strength.items()),
    ]  # fmt: skip
    return _table(("direction", ""), rows)


def _structures(report: Report) -> str:
    rows = [(planted, _counts(row, 12)) for planted, row in report.structures.items()]
    return _table(("planted structure", "alerted as"), rows)


def _rates(report: Report) -> str:
    rows = [
        (name, f"{r.high:,.0f}", f"{r.medium:,.0f}", f"{r.low:,.0f}", f"{r.all:,.0f}")
        for name, r in (("background alone", report.background_alerts), ("with planted orders", report.all_alerts))
    ]
    scores = report.scores
    note = (
        f"<p class='muted'>For 6 million option prints. Scores of the background's {scores.count} alerts cover "
        f"{scores.range_covered:.0%} of the range, {scores.share_at_top:.1%} stand at the top.</p>"
    )
    return _table(("alerts", "high", "medium", "low", "all"), rows) + note


def _failures(failures: Sequence[Failure]) -> str:
    rows = [
        (f.rule, f.kind, f.seed, f"{f.scenario} {f.strength or ''}", ", ".join(f.contracts), "; ".join(f.fired), f.note,
         " ".join(f.ids))
        for f in failures
    ]  # fmt: skip
    head = ("rule", "fault", "seed", "planted", "contracts", "fired", "what it was", "ids")
    return f"<details><summary>{len(rows)} failures listed</summary>{_table(head, rows)}</details>"


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in rows)
    return f"<div class='scroll'><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def _cell(value: object) -> str:
    text = str(value)
    number = text[:1].isdigit() or text == "-"
    return f"<td{' class=number' if number else ''}>{escape(text)}</td>"


def _counts(counts: dict[str, int], most: int = 5) -> str:
    shown = [f"{name} {count}" for name, count in list(counts.items())[:most]]
    return ", ".join(shown) + (f", {len(counts) - most} more" if len(counts) > most else "")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
