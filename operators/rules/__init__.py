"""The rules: one module each; `ALL` is their order in every output.

To add one: write a module with `RULE = Rule(...)`, list it here, and give it a true case, look-alikes and a case on
each side of each threshold in `tests/operators/rules/`.
"""

from __future__ import annotations

from operators.rules import block, expiries, follow, mechanical, position, repeated, sold, spike, structures, sweep
from operators.rules.rule import Rule

#: The two rules that `bench pipeline` takes unless asked for all.
FIRST: tuple[Rule, ...] = (*sweep.RULES, spike.RULE)
ALL: tuple[Rule, ...] = (
    *FIRST, block.RULE, *sold.RULES, *repeated.RULES, *position.RULES, *expiries.RULES, *structures.RULES, follow.RULE,
    mechanical.RULE,
)  # fmt: skip
