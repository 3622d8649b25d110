"""The evaluation as a whole: tapes, one after the other, to one report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from backtest.evaluation import measuring, scoring
from backtest.evaluation.joining import Joined, join
from backtest.evaluation.report import Report, TapeSummary
from backtest.evaluation.running import run
from backtest.evaluation.tapes import Tape, TapeConfig, make
from backtest.evaluation.targets import targets
from connectors.feeds.synthetic.model import MODEL_VERSION
from connectors.feeds.synthetic.scenarios.splits import split_of
from events.settings import Settings

#: Told what is being done; shown while one waits.
Watch = Callable[[str], None]
#: Failures listed for each rule and kind.
FAILURES = 12


class Stopped(Exception):
    """It was stopped before anything could be said; the text names the seeds that were not judged."""

    def __init__(self, seeds: Sequence[int]) -> None:
        super().__init__(missing(seeds))


def missing(seeds: Sequence[int]) -> str:
    """Says which seeds a stopped evaluation did not judge."""
    if not seeds:
        return "stopped before its tape was judged"
    return f"stopped: seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))} not judged"


def evaluate_seeds(
    seeds: Sequence[int], config: TapeConfig, settings: Settings, watch: Watch, stopping: Callable[[], bool],
    failures: int = FAILURES, keep: Path | None = None,
) -> Report:  # fmt: skip
    """Makes the tape of each seed and judges it; throws it away, or keeps it in a directory of its own below `keep`.

    A seed that was under way when it had to stop is left out, for its tape was cut short, or what was said of it: the
    report names what is missing. Raises Stopped when no seed was done.
    """
    judged: list[tuple[Joined, TapeSummary]] = []
    for seed in seeds:
        with TemporaryDirectory(prefix="undertow-tape-") as scratch:
            watch(f"seed {seed}: making {config.hours:g} h of market")
            tape = make((keep or Path(scratch)) / f"seed-{seed}", seed, config, stopping)
            done = None if stopping() else judge(tape, settings, watch)
        if done is None or stopping():
            break
        judged.append(done)
    if not judged:
        raise Stopped(seeds)
    report = summarise(judged, failures)
    report.missing_seeds = list(seeds[len(judged) :])
    return report


def judge(tape: Tape, settings: Settings, watch: Watch) -> tuple[Joined, TapeSummary]:
    """Runs the flow over a tape and joins what it says to the labels."""
    began_s = time.perf_counter()
    bus = tape.dataset.open_bus()
    try:
        told = f"seed {tape.seed}: {{:,}} option prints judged".format
        said = run(bus, settings.rules, settings.compute, tape.since, lambda done: watch(told(done)))
    finally:
        bus.close()
    joined = join(tape.seed, tape.labels, said, tape.unfinished)
    summary = TapeSummary(
        seed=tape.seed, split=split_of(tape.seed), option_prints=said.option_prints, planted=len(joined.planted),
        hits=len(said.hits), alerts=len(said.alerts), seconds=round(time.perf_counter() - began_s, 1),
    )  # fmt: skip
    return joined, summary


def summarise(judged: Sequence[tuple[Joined, TapeSummary]], failures: int = FAILURES) -> Report:
    """Counts everything over all tapes."""
    tapes = [joined for joined, _ in judged]
    rules = [scoring.score_rule(rule, tapes) for rule in scoring.rule_ids(tapes)]
    background = [alert for tape in tapes for alert in tape.background_alerts]
    everything = background + [alert for tape in tapes for each in tape.planted for alert in each.alerts]
    prints, planted = sum(tape.option_prints for tape in tapes), sum(tape.planted_prints for tape in tapes)
    claims = [(confidence, right) for _, confidence, right in scoring.hit_claims(tapes)]
    table, style_share = measuring.styles(tapes)
    report = Report(
        model_version=MODEL_VERSION,
        tapes=[summary for _, summary in judged],
        macro_f1=scoring.macro(rules),
        rules=rules,
        direction=measuring.direction(tapes),
        styles=table,
        style_share_right=style_share,
        structures=measuring.structures(tapes),
        hit_reliability=measuring.reliability(claims),
        alert_reliability=measuring.reliability(measuring.alert_claims(tapes)),
        abstention=measuring.abstention(claims),
        background_alerts=measuring.rates(background, prints - planted),
        all_alerts=measuring.rates(everything, prints),
        scores=measuring.scores(background),
        contradictions=[ident for tape in tapes for ident in tape.contradictions],
        loudest=measuring.loudest(background),
        failures=scoring.failures(tapes, failures),
    )
    report.targets = targets(report)
    return report
