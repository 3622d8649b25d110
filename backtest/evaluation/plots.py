"""The page's plots as SVG whose colours are the page's own, so that both themes read; the same bytes every time."""

from __future__ import annotations

import io
import re
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from backtest.evaluation.report import Report

#: Colours that are drawn, and the page's variable each stands for.
_TEXT, _MUTED, _LINE, _BUY, _SELL, _MIXED, _ACCENT = (
    "#d7dde4", "#8a95a3", "#222932", "#3fbfa8", "#f0935a", "#b89cf5", "#6ea8fe",
)  # fmt: skip
_VARIABLES = {
    _TEXT: "text", _MUTED: "muted", _LINE: "line", _BUY: "buy", _SELL: "sell", _MIXED: "mixed", _ACCENT: "accent",
}  # fmt: skip
#: Ids of what is drawn follow from the drawing, not from chance; text stays text.
_SETTINGS: Any = {
    "svg.hashsalt": "undertow", "svg.fonttype": "none", "font.size": 9, "font.family": "sans-serif",
    "text.color": _TEXT, "axes.labelcolor": _MUTED, "xtick.color": _MUTED, "ytick.color": _TEXT,
    "axes.edgecolor": _LINE, "axes.facecolor": "none", "figure.facecolor": "none", "grid.color": _LINE,
    "legend.frameon": False,
}  # fmt: skip


def rules(report: Report) -> str:
    """Precision, recall and F1 of every rule that something was planted for."""
    scored = [score for score in report.rules if score.f1 is not None][::-1]
    with rc_context(_SETTINGS):
        figure = Figure(figsize=(10, 0.28 * len(scored) + 1), layout="constrained")
        axes: Any = figure.subplots()
        rows = range(len(scored))
        axes.barh(rows, [score.f1 or 0.0 for score in scored], color=_LINE, height=0.7)
        axes.plot([score.precision or 0.0 for score in scored], rows, "|", color=_BUY, ms=10, mew=2, label="precision")
        axes.plot([score.recall or 0.0 for score in scored], rows, "|", color=_SELL, ms=10, mew=2, label="recall")
        axes.axvline(0.9, color=_MUTED, lw=0.8, ls=":")
        axes.set_yticks(rows, [score.rule for score in scored])
        axes.set_xlim(0, 1.02)
        axes.set_xlabel("F1 (bar), medium strength and above; dotted: 0.9")
        axes.legend(loc="lower right")
        return _svg(figure)


def reliability(report: Report) -> str:
    """What confidence claimed beside what came true, of hits and of alerts."""
    with rc_context(_SETTINGS):
        figure = Figure(figsize=(10, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        for axes, measured, name in (
            (left, report.hit_reliability, "hits"),
            (right, report.alert_reliability, "alerts"),
        ):
            axes.plot([0, 1], [0, 1], color=_MUTED, lw=0.8, ls=":")
            bins = measured.bins
            most = max((each.count for each in bins), default=1)
            axes.plot([b.confidence for b in bins], [b.right for b in bins], color=_ACCENT, lw=1)
            axes.scatter(
                [b.confidence for b in bins],
                [b.right for b in bins],
                s=[12 + 90 * b.count / most for b in bins],
                color=_ACCENT,
            )
            axes.set(
                xlim=(0, 1), ylim=(0, 1.02), xlabel=f"confidence of {measured.count:,} {name}", ylabel="share right"
            )
        return _svg(figure)


def styles(report: Report) -> str:
    """Planted styles by alerted ones, each row's shares."""
    planted = list(report.styles)
    alerted = sorted({style for row in report.styles.values() for style in row})
    if not planted:
        return ""
    with rc_context(_SETTINGS):
        figure = Figure(figsize=(7, 0.4 * len(planted) + 1.2), layout="constrained")
        axes: Any = figure.subplots()
        for y, row in enumerate(planted):
            total = sum(report.styles[row].values())
            for x, column in enumerate(alerted):
                count = report.styles[row].get(column, 0)
                if count:
                    colour = _BUY if row == column else _MUTED if column == "none" else _SELL
                    axes.scatter([x], [y], s=20 + 420 * count / total, color=colour, alpha=0.5, linewidths=0)
                    axes.text(x, y, str(count), ha="center", va="center", fontsize=8)
        axes.set_xticks(range(len(alerted)), alerted)
        axes.set_yticks(range(len(planted)), planted)
        axes.set(
            xlim=(-0.5, len(alerted) - 0.5), ylim=(len(planted) - 0.5, -0.5), xlabel="style alerted", ylabel="planted"
        )
        return _svg(figure)


def scores(report: Report) -> str:
    """How the scores of the background's alerts spread."""
    with rc_context(_SETTINGS):
        figure = Figure(figsize=(10, 2.4), layout="constrained")
        axes: Any = figure.subplots()
        histogram = report.scores.histogram
        step = 100 / len(histogram)
        axes.bar([step * (n + 0.5) for n in range(len(histogram))], histogram, width=step * 0.9, color=_MIXED)
        axes.set(xlim=(0, 100), xlabel="score of background alerts", ylabel="alerts")
        return _svg(figure)


def _svg(figure: Figure) -> str:
    """Returns the figure as an SVG element in the page's own colours, without a date."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    for colour, name in _VARIABLES.items():
        text = text.replace(colour, f"var(--{name})")
    # Numbers that the renderer writes without need of their last digits.
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
