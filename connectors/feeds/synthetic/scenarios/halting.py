"""Halts and limit states: a stock stops and goes on; its options are swept meanwhile, too soon after, or late enough.

The stock's own quote says both, as on the consolidated tape: a condition while it is halted, a mark of its own while it
stands at the edge of its price band, neither as it goes on.
"""

from __future__ import annotations

from functools import partial

from connectors.feeds.synthetic.rows import ASK, HALTED, LIMITED, MID, OFF_EXCHANGE, RESUMED
from connectors.feeds.synthetic.scenarios.base import Child, Halt, Order, Pick, Scenario, Stage, Wanted
from connectors.feeds.synthetic.scenarios.labels import Truth
from connectors.feeds.synthetic.scenarios.printing import PREMIUM, also, burst, leaning, sized
from connectors.feeds.synthetic.scenarios.singles import SWEEP_RULE
from events.types import NS_PER_S

_WANTED = Wanted(None, dte=(2, 50), ask=(0.4, 14.0), tiers=(1, 2), spread=(0.0, 0.15))
#: How long each lasts, seconds; a limit state that lasts longer becomes a pause (LULD plan).
_LASTS_S = {HALTED: (60, 240), LIMITED: (5, 16)}
_TEMPTED = (*SWEEP_RULE.values(), "large_block", "unusual_contract_spike", "new_position_likely")


def _sweep(stage: Stage, pick: Pick, begin: int, fills: int) -> tuple[list[Child], int] | None:
    size = sized(stage, PREMIUM, pick.ask, 40)
    if size is None:
        return None
    children = burst(
        stage, pick.contract, size, fills=fills, place=ASK, conditions="S", span_us=180_000, venues=4, opens=1,
        begin=begin,
    )  # fmt: skip
    return children, size


def _stopped(how: int, after_s: tuple[int, int] | None, stage: Stage) -> Order | None:
    """A sweep so many seconds after a halt or limit state, or within it where none are given.

    Five minutes after one quotes have found each other again; before, a sweep is a market that opens.
    """
    pick = stage.pick(_WANTED, alone=True)
    if pick is None:
        return None
    lasts = int(stage.rng.integers(*_LASTS_S[how])) * NS_PER_S
    resumes = stage.ts + lasts
    if after_s is None:
        begin = stage.ts + int(lasts * float(stage.rng.uniform(0.2, 0.9)))
    else:
        begin = resumes + int(stage.rng.integers(*after_s)) * NS_PER_S
    fills = int(stage.rng.integers(4, 10))
    found = _sweep(stage, pick, begin, fills)
    if found is None:
        return None
    children, size = found
    number = stage.number(pick.contract)
    said = [
        Child(ts, -1 - number, 0, MID, 1.0, "", OFF_EXCHANGE, halt=halt, quiet=True)
        for ts, halt in ((stage.ts, how), (resumes, RESUMED))
    ]
    truth = Truth(look_alike_of=_TEMPTED)
    if after_s is not None and after_s[0] > 300:
        call = stage.is_call(pick.contract)
        rule = SWEEP_RULE["C" if call else "P"]
        tolerated = tuple(other for other in also(stage, pick, size, fills, True) if other != rule)
        truth = Truth(expected=(rule,), tolerated=tolerated, direction=leaning(call, True), style="directional")
    return Order([*said, *children], truth, halts=[Halt(number, stage.ts, resumes)])


SCENARIOS = (
    Scenario("halted_sweep", 0.1, partial(_stopped, HALTED, None)),
    Scenario("reopening_sweep", 0.1, partial(_stopped, HALTED, (225, 255))),
    Scenario("sweep_after_halt", 0.1, partial(_stopped, HALTED, (345, 390))),
    Scenario("limit_state_sweep", 0.1, partial(_stopped, LIMITED, None)),
    Scenario("sweep_behind_limit_state", 0.1, partial(_stopped, LIMITED, (10, 255))),
)
