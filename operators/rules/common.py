"""What most rules on one order check and say alike: what the print was, how wide its market, what is not known."""

from __future__ import annotations

from events.derived import FlowPacket
from events.types import Direction, Side, Style
from events.verdicts import Check, Structure
from operators.rules.rule import check, check_among, check_is, contract_name, money, percent
from operators.rules.subject import LookSubject, StructureSubject, Subject
from operators.units import ratio
from operators.work import Look

#: Settings behind `gates`, for hits to be stamped with.
GATE_SETTINGS = (
    "classifier_max_spread_share", "classifier_min_nbbo_coverage", "classifier_min_aggressor_ratio",
    "classifier_min_at_quote_share",
)  # fmt: skip


def kind_checks(subject: Subject, flags: tuple[str, ...] = ("regular",)) -> tuple[Check, ...]:
    """Checks that the prints are of a kind that can be single-leg evidence, outside a halt and what follows it."""
    packet = subject.packet
    return (
        check_among("flag", packet.flag, flags),
        *trading_checks(packet),
        check_is("suspected complex", _word(packet.suspected_complex), "no"),
    )


def trading_checks(about: FlowPacket | Structure | Look) -> tuple[Check, ...]:
    """Checks that the underlying is in no halt or limit state, nor within the minutes behind one.

    Many feeds tell of no limit state: only one that was told is spoken of.
    """
    halted = check_is("halted", _word(about.halted), "no")
    return (halted, check_is("limit state", "yes", "no")) if about.limit_state else (halted,)


def sided_checks(subject: Subject, bought: bool) -> tuple[Check, ...]:
    """Checks that one side is clear: enough of the size has a quote, most of it one side, in a market not too wide."""
    rules = subject.rules
    share, spread = subject.bought if bought else subject.sold, subject.spread_share
    return (
        check_is("mixed", _word(subject.packet.mixed), "no"),
        check_is("side", subject.side, _side(bought)),
        check("quote coverage", subject.coverage, ">=", rules.classifier_min_nbbo_coverage),
        check(
            f"{'bought' if bought else 'sold'} share of covered size", share, ">=", rules.classifier_min_aggressor_ratio
        ),
        check(
            f"{'bought' if bought else 'sold'} share of the packet",
            of_packet(subject, bought),
            ">=",
            rules.classifier_min_aggressor_ratio,
        ),
        check(
            f"share at the {'ask' if bought else 'bid'} or through it",
            at_quote(subject, bought),
            ">=",
            rules.classifier_min_at_quote_share,
        ),
        check(
            "spread, share of the price", spread, "<=", rules.classifier_max_spread_share, required=spread is not None
        ),
    )


def at_quote(subject: Subject, bought: bool) -> float:
    """Returns the share of the covered size that took the quote of its side, or went through it."""
    parent = subject.parent
    taken = parent.ask_size + parent.above_ask_size if bought else parent.bid_size + parent.below_bid_size
    return ratio(taken, parent.covered_size)


def of_packet(subject: Subject, bought: bool) -> float:
    """Returns its side's share of the whole packet's covered size: who trades against it in the window counts."""
    packet = subject.packet
    return ratio(packet.buy_size if bought else packet.sell_size, packet.covered_size)


def is_sided(subject: Subject, bought: bool) -> bool:
    """Tells, cheaply, whether `sided_checks` may pass: for sieves, since most orders of interest are of two sides."""
    share = subject.bought if bought else subject.sold
    return subject.side == _side(bought) and share >= subject.rules.classifier_min_aggressor_ratio


#: Bought or sold share from which a rule that asks for no side may still name one.
CLEAR = 0.8


def is_clear(subject: Subject, bought: bool) -> bool:
    """Tells whether a side is clear enough to be claimed by a rule that does not ask for one."""
    rules, spread = subject.rules, subject.spread_share
    return (
        subject.side == _side(bought)
        and not subject.packet.suspected_complex
        and subject.packet.flag == "regular"
        and subject.coverage >= rules.classifier_min_nbbo_coverage
        and (spread is None or spread <= rules.classifier_max_spread_share)
        and (subject.bought if bought else subject.sold) >= CLEAR
        and at_quote(subject, bought) >= rules.classifier_min_at_quote_share
        and of_packet(subject, bought) >= rules.classifier_min_aggressor_ratio
    )


def reading_of(subject: Subject) -> tuple[Direction, Style]:
    """Returns what an order leans to by itself: bought it is a view, sold out of the money it may earn premium."""
    if is_clear(subject, bought=True):
        return subject.leaning, "directional"
    if is_clear(subject, bought=False) and subject.out is not None and subject.out > 0:
        return "neutral", "income"
    return "neutral", "unclear"


def worked_check(subject: Subject, single_premium: float | None = None) -> Check:
    """Checks that it was worked in several prints; single ones of some size happen all day and mean little.

    Of a premium that chance does not reach one print is enough.
    """
    rules, premium = subject.rules, subject.premium
    enough = rules.classifier_single_print_premium if single_premium is None else single_premium
    if premium is not None and premium >= enough:
        return check("premium, dollars (enough in one print)", premium, ">=", enough)
    return check("print count", subject.parent.count, ">=", rules.classifier_min_prints)


WORKED_SETTINGS = ("classifier_min_prints", "classifier_single_print_premium")


def premium_check(
    subject: Subject | StructureSubject | LookSubject, setting: float, premium: float | None = None,
    name: str = "premium, dollars",
) -> Check:  # fmt: skip
    """Checks a premium, its own by default, against the larger of a setting and what is large for the underlying."""
    floor = subject.floor(setting)
    shown = name if floor == setting else f"{name} (the underlying's own quantile)"
    return check(shown, subject.premium if premium is None else premium, ">=", floor)


def what(subject: Subject, verb: str) -> str:
    """Returns the first sentence: size, contract, what happened to it, how fast and for how much."""
    parent = subject.parent
    prints = "one print" if parent.count == 1 else f"{parent.count} prints"
    within = "" if parent.count == 1 else f" within {(parent.end_ts - parent.start_ts) / 1e6:.0f} ms"
    return (
        f"{parent.size:,} contracts of {contract_name(subject.contract)} {verb} in {prints}{within} "
        f"for {money(parent.premium)}."
    )


def unknowns(subject: Subject) -> list[str]:
    """Returns what is not known of an order and speaks against any reading of it."""
    packet, found = subject.packet, []
    if subject.premium_z is None:
        found.append(f"{no_z(subject)}: whether this is unusual here is not known.")
    if subject.coverage < 1:
        found.append(f"{percent(1 - subject.coverage)} of the size had no usable quote.")
    if packet.venue_book:
        found.append("The quotes are one venue's book, not the national best.")
    if not packet.conditions_known:
        found.append("The feed carries no sale conditions: an auction, a cross or a leg would look the same.")
    if subject.spread_share is not None and subject.spread_share > subject.rules.classifier_max_spread_share / 2:
        found.append(f"The market is wide: the spread is {percent(subject.spread_share)} of the price.")
    return found


def no_z(subject: Subject) -> str:
    """Returns why there is no z to go by, as the beginning of a sentence."""
    baseline = subject.packet.baseline
    if baseline is None:
        return "No usable baseline yet"
    if subject.left_over:
        return "It is what structures left of its packet"
    return f"Earlier packets of its {baseline} give no deviation"


def quality(subject: Subject) -> float:
    """Returns what join and market take off a confidence, 0 to 0.35."""
    packet = subject.packet
    spread = min((subject.spread_share or 0.0) / max(subject.rules.classifier_max_spread_share, 1e-9), 1.0)
    return 0.1 * (1 - subject.coverage) + 0.1 * packet.venue_book + 0.05 * (not packet.conditions_known) + 0.1 * spread


def _side(bought: bool) -> Side:
    return "buy" if bought else "sell"


def _word(value: bool) -> str:
    return "yes" if value else "no"
