"""The page about the rules, made of the rules: what each sees, why, what else it could be, its thresholds."""

from __future__ import annotations

from events.settings import Rules, described
from operators.rules import ALL
from operators.rules.measured import MEASURED, MODEL, SEEDS
from operators.rules.rule import Rule, money

_READS = {
    "order": "an order in one contract: the parents of one side of a packet, none of them a leg of a structure",
    "packet": "a packet as a whole, whoever traded in it",
    "structure": "a structure: legs that are consistent with one order",
    "look": "an alert and its underlying some minutes later",
}
_HEAD = """# The rules

Made from the rules by `make rules-page`; a test holds this page to them. A rule is a list of named checks, each an
observed value beside its threshold; it fires when all that decide have passed. `undertow explain ID` shows every check
of every rule on a packet, parent, structure or alert, passed or not, and what came nearest to firing.

What holds for all of them:

- Rules read orders, not prints. Parents of one side within a packet's window are one order; parents that a structure
  took are no single-leg evidence, and a structure's premium counts once.
- Auctions, crosses, floor trades, legs of complex orders, stock-tied and late prints, and extended hours are no
  single-leg evidence; a rule that reads some of them says which.
- Nothing fires in a halt, in a limit state that a feed tells of, or within five minutes after one.
- A packet of two sides that cannot be told apart gives no direction. Sides are estimates (`side_rule` names each): no
  confidence is above 0.9.
- Without sale conditions, prints that look like legs are suspected of being some: no single-leg rule fires on them, and
  no alert about them is above medium.
- A premium floor is the larger of the setting and the underlying's own quantile of packet premium in earlier sessions,
  of structures and of what is followed up too. What counts as one of several repeated hits, and from where one print is
  enough, are settings alone.
- Bought calls may be called bullish and bought puts bearish; sold contracts claim no direction.
- `confidence` is that the label is right, never that money is made with it.
- What was measured stands with each rule: how many of the orders that it is for it found on labelled tapes, and how
  many of its hits were right (synthetic market of model {model}, tuning seeds {seeds}; see docs/tapes.md).
  Confidences claim less, on purpose: on those tapes a side is what the quote tells, and in real option markets the
  rules that tell it were measured right in 61 to 67 % of trades (`side_confidence`). So a confidence tells surer hits
  from less sure ones; it is no frequency.
"""


def page() -> str:
    """Returns the page's text."""
    meanings = {name: meaning for _, name, _, meaning in described()}
    sections = [_section(rule, meanings) for rule in ALL]
    contents = [f"| [`{rule.id}`](#{rule.id}) | {rule.style} | {rule.sees} |" for rule in ALL]
    table = ["| rule | style | what it sees |", "| --- | --- | --- |", *contents]
    return "\n".join([_HEAD.format(seeds=SEEDS, model=MODEL), *table, "", *sections])


def _section(rule: Rule, meanings: dict[str, str]) -> str:
    defaults = Rules()
    rows = [
        f"| `{name.upper()}` | {_value(getattr(defaults, name))} | {meanings[name.upper()]} |" for name in rule.settings
    ]
    return "\n".join(
        [
            f"## {rule.id}",
            "",
            f"Version {rule.version}, style {rule.style}. It reads {_READS[rule.reads]}.",
            "",
            f"**Sees.** {rule.sees}",
            "",
            f"**Why.** {rule.why}",
            "",
            f"**What else it could be.** {'; '.join(rule.otherwise)}.",
            "",
            f"**Measured.** {_measured(rule)}",
            "",
            f"It looks at nothing below {money(rule.least_premium(defaults))} of premium, whatever else it asks for.",
            "",
            "| setting | default | meaning |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


def _measured(rule: Rule) -> str:
    found = MEASURED[rule.id]
    return (
        f"{found.found} of {found.expected} such orders of medium strength and above found; of {found.hits} hits "
        f"{100 * found.right:.1f} % right, where they claimed {found.claimed:.2f} in the mean."
    )


def _value(value: float) -> str:
    return f"{value:,.10g}"
