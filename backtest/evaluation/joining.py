"""Which label stands behind a verdict: by the prints that both name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field

from backtest.evaluation.running import Said
from connectors.feeds.synthetic.scenarios.labels import Planted
from events.verdicts import Alert, Hit


@dataclass(slots=True)
class Judged:
    """A planted label with what was said of it."""

    label: Planted
    seed: int
    hits: list[Hit] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)

    def fired(self) -> dict[str, list[Hit]]:
        """Returns the hits by rule."""
        found: dict[str, list[Hit]] = {}
        for hit in self.hits:
            found.setdefault(hit.rule, []).append(hit)
        return found


@dataclass(slots=True)
class Joined:
    """One tape's verdicts by what they are about."""

    seed: int
    planted: list[Judged]
    #: Hits of no planted order, each with the label of a large background print among its prints, if any.
    background_hits: list[tuple[Hit, Planted | None]]
    background_alerts: list[Alert]
    option_prints: int
    planted_prints: int
    #: Alerts whose hits claim opposite directions though it does not say mixed.
    contradictions: list[str]


def join(seed: int, labels: Sequence[Planted], said: Said, unfinished: Set[str] = frozenset()) -> Joined:
    """Joins what was said of a tape to its labels; what was withdrawn or revised away was not said.

    What is about prints of an `unfinished` order is left out, and what came before the time from which the tape is
    judged: orders that began before it, and what was said before it.
    """
    early = {ident for label in labels if label.start_ts < said.since for ident in label.prints}
    unfinished = unfinished | early
    labels = [label for label in labels if label.start_ts >= said.since]
    planted = [Judged(label, seed) for label in labels if label.strength is not None]
    noise = [label for label in labels if label.strength is None]
    owner = {ident: number for number, judged in enumerate(planted) for ident in judged.label.prints}
    noted = {ident: label for label in noise for ident in label.prints}
    joined = Joined(seed, planted, [], [], said.option_prints, len(owner), [])
    standing = {hit.id: hit for hit in said.hits.values() if said.stands(hit) and hit.ts >= said.since}
    for hit in sorted(standing.values(), key=lambda each: each.id):
        prints = said.prints(hit.about) or said.prints(hit.packet_id)
        number = _owner(prints, owner)
        if number is not None:
            planted[number].hits.append(hit)
        elif unfinished.isdisjoint(prints):
            label = next((noted[ident] for ident in prints if ident in noted), None)
            joined.background_hits.append((hit, label))
    for alert in sorted(said.alerts.values(), key=lambda each: each.id):
        if alert.withdrawn or alert.ts < said.since:
            continue
        prints, evidence = said.prints(alert.about), [ident for each in alert.evidence for ident in said.prints(each)]
        number = _owner(prints, owner)
        if number is None:
            number = _owner(evidence, owner)
        if number is not None:
            planted[number].alerts.append(alert)
        elif unfinished.isdisjoint(prints) and unfinished.isdisjoint(evidence):
            joined.background_alerts.append(alert)
        if _contradicts(alert, standing):
            joined.contradictions.append(alert.id)
    return joined


def _owner(prints: Iterable[str], owner: dict[str, int]) -> int | None:
    """Returns the planted order that most of the prints belong to, None when none does; ties go to the first."""
    votes = Counter(owner[ident] for ident in prints if ident in owner)
    return min(votes, key=lambda number: (-votes[number], number)) if votes else None


def _contradicts(alert: Alert, standing: dict[str, Hit]) -> bool:
    claimed = {standing[ident].direction for ident in alert.hits if ident in standing} - {"neutral"}
    return alert.direction != "mixed" and {"bullish", "bearish"} <= claimed
