"""Writes `operators/rules/measured.py` from a report on tuning seeds, for the page about the rules.

undertow evaluate --seed 101 --seed 102 --seed 103 --seed 104 --json > report.json
python tools/make_measured.py report.json && make rules-page
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from backtest.evaluation.report import Report

_FILE = Path(__file__).parents[1] / "operators/rules/measured.py"
_HEAD = '''"""What each rule came to on labelled tapes of tuning seeds; `tools/make_measured.py` writes it."""

from __future__ import annotations

from operators.rules.rule import Measured

'''


def text(report: Report) -> str:
    """Returns the module's text; raises ValueError where a seed judges instead of tuning, or is missing."""
    if report.missing_seeds or any(tape.split != "tune" for tape in report.tapes):
        raise ValueError("a whole report on tuning seeds is needed")
    seeds = ", ".join(str(tape.seed) for tape in report.tapes)
    rows = [
        f'    "{rule.rule}": Measured'
        f"({rule.expected}, {rule.found}, {rule.hits}, {rule.share_right}, {rule.confidence}),\n"
        for rule in report.rules
    ]
    model = f'MODEL = {report.model_version}\nSEEDS = "{seeds}"\n'
    return f"{_HEAD}{model}MEASURED: dict[str, Measured] = {{\n{''.join(rows)}}}\n"


if __name__ == "__main__":
    _FILE.write_text(text(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Report)))
