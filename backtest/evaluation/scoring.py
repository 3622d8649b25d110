"""Counting what was said against what was planted; pure, in the order of tapes and ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import fsum

from backtest.evaluation.joining import Joined, Judged
from backtest.evaluation.report import Failure, RuleScore, StrengthScore
from connectors.feeds.synthetic.scenarios.labels import RULES

STRENGTHS = ("weak", "medium", "strong")
#: Option prints of a whole market's day, to which rates are scaled.
DAY_PRINTS = 6_000_000


def share(part: float, whole: float) -> float | None:
    """Returns a part of a whole, None of nothing."""
    return round(part / whole, 4) if whole else None


def f1(precision: float | None, recall: float | None) -> float | None:
    """Returns their harmonic mean; None where neither can be said."""
    if precision is None and recall is None:
        return None
    both = (precision or 0.0) + (recall or 0.0)
    return round(2 * (precision or 0.0) * (recall or 0.0) / both, 4) if both else 0.0


def rule_ids(tapes: Sequence[Joined]) -> list[str]:
    """Returns every rule that tapes are labelled for, then others that fired."""
    others = {hit.rule for tape in tapes for judged in tape.planted for hit in judged.hits}
    others |= {hit.rule for tape in tapes for hit, _ in tape.background_hits}
    return [*RULES, *sorted(others - set(RULES))]


def score_rule(rule: str, tapes: Sequence[Joined]) -> RuleScore:
    """Scores one rule over all tapes."""
    expected, found = Counter[str](), Counter[str]()
    wrong, wrong_kinds, missed_kinds = Counter[str](), Counter[str](), Counter[str]()
    for judged in (judged for tape in tapes for judged in tape.planted):
        strength, truth = str(judged.label.strength), judged.label.truth
        fired = any(hit.rule == rule for hit in judged.hits)
        if rule in truth.expected:
            expected[strength] += 1
            found[strength] += fired
            if not fired:
                missed_kinds[f"{judged.label.scenario} {strength}"] += 1
        elif fired and rule not in truth.tolerated:
            wrong[strength] += 1
            wrong_kinds[f"{judged.label.scenario} {strength}"] += 1
    claims = [(confidence, right) for name, confidence, right in hit_claims(tapes) if name == rule]
    background = sum(is_wrong_background(tape, rule) for tape in tapes)
    prints = sum(tape.option_prints - tape.planted_prints for tape in tapes)
    counted = expected["medium"] + expected["strong"]
    right = found["medium"] + found["strong"]
    faults = sum(wrong.values())
    precision, recall = share(right, right + faults + background), share(right, counted)
    return RuleScore(
        rule=rule, expected=counted, found=right, missed=counted - right, wrong=faults, wrong_on_weak=wrong["weak"],
        background=background, background_per_day=round(background / max(prints, 1) * DAY_PRINTS, 1),
        precision=precision, recall=recall, f1=f1(precision, recall) if counted else None,
        precision_planted=share(right, right + faults),
        strengths=[
            StrengthScore(strength=s, expected=expected[s], found=found[s], recall=share(found[s], expected[s]))
            for s in STRENGTHS
        ],
        hits=len(claims), confidence=share(fsum(claim[0] for claim in claims), len(claims)),
        share_right=share(sum(claim[1] for claim in claims), len(claims)),
        wrong_kinds=_ranked(wrong_kinds), missed_kinds=_ranked(missed_kinds),
    )  # fmt: skip


def hit_claims(tapes: Sequence[Joined]) -> list[tuple[str, float, bool]]:
    """Returns (rule, confidence, is right) of every hit: right where the rule is expected or tolerated."""
    claims = []
    for judged in (judged for tape in tapes for judged in tape.planted):
        good = (*judged.label.truth.expected, *judged.label.truth.tolerated)
        claims += [(hit.rule, hit.confidence, hit.rule in good) for hit in judged.hits]
    for tape in tapes:
        claims += [
            (hit.rule, hit.confidence, label is not None and hit.rule in label.truth.tolerated)
            for hit, label in tape.background_hits
        ]
    return claims


def is_wrong_background(tape: Joined, rule: str) -> int:
    """Returns how many hits of a rule stand in a tape's background without anything there to say it of."""
    return sum(
        hit.rule == rule and (label is None or rule not in label.truth.tolerated) for hit, label in tape.background_hits
    )


def macro(scores: Iterable[RuleScore]) -> float | None:
    """Returns the mean F1 of the rules that something was planted for."""
    values = [score.f1 for score in scores if score.f1 is not None]
    return share(fsum(values), len(values))


def failures(tapes: Sequence[Joined], most: int) -> list[Failure]:
    """Lists what went wrong, weak orders that were missed left out, at most so many for each rule and kind."""
    found: list[Failure] = []
    for tape in tapes:
        for judged in tape.planted:
            found += _failures_of(judged)
        for hit, label in tape.background_hits:
            if label is None or hit.rule not in label.truth.tolerated:
                found.append(Failure(
                    rule=hit.rule, kind="background", seed=tape.seed, scenario="background", strength=None,
                    contracts=[hit.contract], ts=hit.ts, fired=[f"{hit.rule} {hit.direction}"], ids=[hit.id],
                    note="; ".join(f"{c.name} {c.observed}" for c in hit.checks[:6]),
                ))  # fmt: skip
    found.sort(key=lambda each: (each.rule, each.kind, each.seed, each.ts, each.ids))
    kept, seen = [], Counter[tuple[str, str]]()
    for failure in found:
        seen[failure.rule, failure.kind] += 1
        if seen[failure.rule, failure.kind] <= most:
            kept.append(failure)
    return kept


def _failures_of(judged: Judged) -> list[Failure]:
    label, by_rule = judged.label, judged.fired()
    missed = [] if label.strength == "weak" else [rule for rule in label.truth.expected if rule not in by_rule]
    right = (*label.truth.expected, *label.truth.tolerated)
    wrong = [rule for rule in by_rule if rule not in right]
    said = [f"{hit.rule} {hit.direction}" for hit in judged.hits]
    return [
        Failure(
            rule=rule, kind="missed" if rule in missed else "wrong", seed=judged.seed, scenario=label.scenario,
            strength=label.strength, contracts=label.contracts, ts=label.start_ts, fired=said,
            ids=[hit.id for hit in by_rule.get(rule, [])] or label.prints[:3],
            note=f"{len(label.prints)} prints, structure {label.truth.structure}, direction {label.truth.direction}",
        )
        for rule in (*missed, *wrong)
    ]  # fmt: skip


def _ranked(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
