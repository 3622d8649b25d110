"""Spike: a packet far larger than its contract usually sees, whoever started it (contract 27)."""

from __future__ import annotations

from events.types import Direction
from operators.rules.common import GATE_SETTINGS, is_clear, kind_checks, no_z, premium_check, unknowns, what
from operators.rules.rule import Rule, Verdict, check, deviations, held, passes
from operators.rules.subject import Subject

_SETTINGS = (
    "classifier_spike_min_premium", "classifier_spike_min_size", "classifier_spike_min_premium_z",
    "classifier_spike_min_size_z", "classifier_spike_opening_quiet_s", "classifier_z_min_samples",
    "rolling_window_size", *GATE_SETTINGS,
)  # fmt: skip


def _sieve(subject: Subject) -> bool:
    rules, z = subject.rules, subject.premium_z
    unusual = subject.packet.baseline is None or (z is not None and z >= rules.classifier_spike_min_premium_z)
    return unusual and subject.parent.size >= rules.classifier_spike_min_size


def _judge(subject: Subject) -> Verdict:
    rules, has_baseline = subject.rules, subject.packet.baseline is not None
    checks = (
        *kind_checks(subject),
        check("size, contracts", subject.parent.size, ">=", rules.classifier_spike_min_size),
        premium_check(subject, rules.classifier_spike_min_premium),
        check("seconds since the open", _since_open(subject), ">=", rules.classifier_spike_opening_quiet_s),
        # Where a baseline exists a z decides; one that does not exist is none to fire on (contract 26).
        check("premium z", subject.premium_z, ">=", rules.classifier_spike_min_premium_z, required=has_baseline),
        check("size z", subject.size_z, ">=", rules.classifier_spike_min_size_z, required=has_baseline),
    )
    direction = _direction(subject)
    return Verdict(
        passes(checks), direction, _confidence(subject), checks, _sentences(subject, direction),
        _against(subject, direction), "directional" if direction in ("bullish", "bearish") else "unclear",
    )  # fmt: skip


def _since_open(subject: Subject) -> float:
    """Before the open nothing has waited for it: any time then is long enough."""
    since = subject.since_open_s
    return since if since >= 0 else 86_400


def _direction(subject: Subject) -> Direction:
    """Bought size gives a direction, two sides are mixed, sold or unclear size claims none."""
    if subject.packet.mixed:
        return "mixed"
    return subject.leaning if is_clear(subject, bought=True) else "neutral"


def _confidence(subject: Subject) -> float:
    """Grows with how unusual premium and size are; 0.5 when there is nothing to compare with."""
    if subject.premium_z is None or subject.size_z is None:
        return 0.5
    return held(0.6 + 0.04 * min(subject.premium_z, 4.0) + 0.04 * min(subject.size_z, 4.0))


def _sentences(subject: Subject, direction: Direction) -> tuple[str, ...]:
    packet = subject.packet
    first = what(subject, "traded")
    if packet.baseline is None:
        usual = "There is no usable baseline yet; size and premium alone pass their floors."
    elif subject.premium_z is None or subject.size_z is None:
        usual = f"{no_z(subject)}: nothing says how unusual it is."
    else:
        usual = (
            f"Size stands {deviations(subject.size_z)} and premium {deviations(subject.premium_z)} deviations from the "
            f"mean of {packet.baseline_samples} earlier packets of its {packet.baseline}."
        )
    if direction == "mixed":
        return first, usual, "Both sides traded within the window: consistent with strangers who met one maker."
    if direction == "neutral" and is_clear(subject, bought=False):
        return first, usual, "Most of it traded as sold, to open, to close or for income: no view is claimed."
    if direction == "neutral":
        return first, usual, "The side is not clear: consistent with opening, closing or a trade against a hedge."
    return first, usual, f"Most of it traded as bought, which is consistent with a {direction} view."


def _against(subject: Subject, direction: Direction) -> tuple[str, ...]:
    packet, against = subject.packet, unknowns(subject)
    if subject.premium_z is not None and packet.baseline != "contract":
        against.append(f"The contract itself has too few packets: compared with its {packet.baseline}.")
    if direction == "mixed" or (direction == "neutral" and not is_clear(subject, bought=False)):
        against.append("Buyers and sellers cannot be told apart well enough.")
    return tuple(against)


RULE: Rule = Rule(
    id="unusual_contract_spike", version=3, style="unclear", settings=_SETTINGS, reads="packet",
    least_premium=lambda rules: rules.classifier_spike_min_premium, sieve=_sieve, judge=_judge,
    sees="A packet whose size and premium pass their floors and stand out against its baseline, of whatever side.",
    why="Size where there is seldom any is correlated with news, with a position being moved, or with a hedge.",
    otherwise=(
        "orders that waited for the open: the first minutes count as usual",
        "several strangers in one window",
        "a position closed in one go",
    ),
)  # fmt: skip
