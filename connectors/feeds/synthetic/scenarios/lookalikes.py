"""What looks like an order and is none, or none of the kind: nothing here may fire the rules it tempts."""

from __future__ import annotations

from functools import partial

from connectors.feeds.synthetic.rows import ABOVE, ASK, BID, CANCEL, DOOMED, MID, NS_PER_US
from connectors.feeds.synthetic.scenarios.base import Child, Order, Pick, Scenario, Stage, Wanted
from connectors.feeds.synthetic.scenarios.labels import Truth
from connectors.feeds.synthetic.scenarios.printing import PREMIUM, also, burst, leaning, moments, parts, sized
from connectors.feeds.synthetic.scenarios.singles import BLOCK_PREMIUM, SPIKE_SIZE, SWEEP_RULE
from events.types import NS_PER_MS, NS_PER_S

_SWEEPS = tuple(SWEEP_RULE.values())
_ANY = Wanted(None, dte=(2, 50), ask=(0.6, 12.0), spread=(0.0, 0.2))
#: The market's own quotes stand this long before those that retreat.
_QUOTED_BEFORE_NS = 30 * NS_PER_MS
_DIRECTIONAL = (*_SWEEPS, "repeated_hits", "far_dated_conviction", "zero_dte_gamma_punch")


def _neighbours(stage: Stage) -> Order | None:
    """Two strangers in neighbouring strikes: other sizes, other venues, some milliseconds apart."""
    pick = stage.pick(_ANY)
    other = None if pick is None else stage.strike_away(pick.contract, stage.rng.choice([-1, 1]))
    if pick is None or other is None or (size := sized(stage, PREMIUM, pick.ask, 20)) is None:
        return None
    second = max(round(size * float(stage.rng.uniform(1.15, 1.85))), size + 3)
    apart = int(stage.rng.integers(40_000, 420_000)) * NS_PER_US
    one, two = stage.venues(2)
    children = [
        Child(stage.ts, pick.contract, size, ASK, 1.0, stage.either("I", "S"), one, opens=1),
        Child(stage.ts + apart, other, second, BID, 1.0, "I", two, opens=0),
    ]
    tolerated = {*also(stage, pick, size, 1, True), *also(stage, stage.quote(other), second, 1, False)}
    truth = Truth(
        tolerated=tuple(sorted(tolerated)), look_alike_of=("vertical_spread", "roll"), style="directional",
        judge_direction=False,
    )  # fmt: skip
    return Order(children, truth)


def _strangers(stage: Stage) -> Order | None:
    """A buyer and a seller in one contract within half a second, neither of them a burst."""
    pick = stage.pick(_ANY)
    if pick is None or (size := sized(stage, PREMIUM, pick.ask, 20)) is None:
        return None
    share = float(stage.rng.uniform(0.4, 0.6))
    children = []
    for place, part in ((ASK, share), (BID, 1 - share)):
        begin = stage.ts + int(stage.rng.integers(0, 150_000)) * NS_PER_US
        children += burst(
            stage, pick.contract, max(round(part * size), 2), fills=2, place=place, conditions="I", span_us=220_000,
            venues=2, opens=0, begin=begin,
        )  # fmt: skip
    tolerated = {*also(stage, pick, size, 2, None), *also(stage, pick, size, 2, False), "unusual_contract_spike"}
    truth = Truth(tolerated=tuple(sorted(tolerated)), look_alike_of=_SWEEPS, direction="mixed", judge_direction=False)
    return Order(children, truth)


def _marked(condition: str, place: int, truth: Truth, stage: Stage) -> Order | None:
    """A burst of the right size whose condition says that it is not what it looks like."""
    pick = stage.pick(_ANY)
    if pick is None or (size := sized(stage, PREMIUM, pick.ask, 20)) is None:
        return None
    fills = int(stage.rng.integers(3, 7))
    late = int(stage.rng.integers(20, 90)) * NS_PER_S if condition in "BDFH" else 0
    children = burst(
        stage, pick.contract, size, fills=fills, place=place, conditions=condition, span_us=150_000, venues=3, opens=0,
        position=2.0,
    )  # fmt: skip
    for child in children:
        child.delay = late
    return Order(children, truth)


def _cancelled(after: tuple[int, int], stage: Stage) -> Order | None:
    """A block that never was: its cancel follows before its packet has closed, or when all have seen it."""
    pick = stage.pick(Wanted(None, dte=(5, 50), ask=(0.8, 20.0), spread=(0.0, 0.2)))
    if pick is None or (size := sized(stage, BLOCK_PREMIUM, pick.ask, 60)) is None:
        return None
    venue, later = stage.venue(), stage.ts + int(stage.rng.integers(*after)) * NS_PER_MS
    children = [
        Child(stage.ts, pick.contract, size, ASK, 1.0, "I", venue, kind=DOOMED, opens=1),
        Child(later, pick.contract, size, ASK, 1.0, stage.either("A", "C"), venue, kind=CANCEL),
    ]
    return Order(children, Truth(look_alike_of=("large_block", "unusual_contract_spike", "new_position_likely")))


def _partly_cancelled(stage: Stage) -> Order | None:
    """A sweep one of whose prints is cancelled seconds later: it stays a sweep, smaller by that print."""
    pick = stage.pick(Wanted(None, dte=(2, 50), ask=(0.5, 12.0), spread=(0.0, 0.15)))
    if pick is None or (size := sized(stage, {**PREMIUM, "medium": (110_000, 250_000)}, pick.ask, 60)) is None:
        return None
    fills = int(stage.rng.integers(7, 12))
    children = burst(
        stage, pick.contract, size, fills=fills, place=ASK, conditions="S", span_us=200_000, venues=4, opens=1
    )
    struck = children[int(stage.rng.integers(1, fills))]
    struck.kind = DOOMED
    later = stage.ts + int(stage.rng.integers(2, 40)) * NS_PER_S
    children.append(Child(later, pick.contract, struck.size, ASK, 1.0, "A", struck.venue, kind=CANCEL))
    call = stage.is_call(pick.contract)
    rule = SWEEP_RULE["C" if call else "P"]
    tolerated = tuple(name for name in also(stage, pick, size, fills, True) if name != rule)
    return Order(children, Truth(
        expected=(rule,), tolerated=tolerated, direction=leaning(call, True), style="directional"
    ))  # fmt: skip


def _roll_as_sweep(stage: Stage) -> Order | None:
    """A position rolled through the single-leg books: the near leg swept out while the far one is swept in."""
    pick = stage.pick(Wanted(None, dte=(1, 20), ask=(1.0, 12.0), out=(-0.03, 0.04), tiers=(0, 1), spread=(0.0, 0.12)))
    far = None if pick is None else stage.other_expiry(pick.contract, (5, 45))
    if pick is None or far is None or (size := sized(stage, PREMIUM, stage.quote(far).ask, 40)) is None:
        return None
    fills = int(stage.rng.integers(4, 8))
    sizes, venues = parts(stage, size, fills), stage.venues(4)
    times = moments(stage, fills, 160_000)
    children = []
    for n, part in enumerate(sizes):
        children += [
            Child(times[n], pick.contract, part, BID, 1.0, "S", venues[n % 4], opens=-1),
            Child(times[n] + 300 * NS_PER_US, far, part, ASK, 1.0, "S", venues[n % 4], opens=1),
        ]
    tolerated = {*also(stage, pick, size, fills, False), *also(stage, stage.quote(far), size, fills, True)}
    truth = Truth(
        tolerated=("roll", *sorted(tolerated - set(_SWEEPS))), look_alike_of=_SWEEPS, structure="roll_out",
    )  # fmt: skip
    return Order(children, truth)


def _legs_alone(stage: Stage) -> Order | None:
    """A vertical printed leg by leg as if its legs were orders of their own: one venue, one instant, equal sizes."""
    pick = stage.pick(Wanted(None, dte=(3, 45), ask=(1.0, 12.0), out=(-0.02, 0.03), tiers=(0, 1), spread=(0.0, 0.12)))
    other = None if pick is None else stage.strike_away(pick.contract, int(stage.rng.choice([-2, -1, 1, 2])))
    if pick is None or other is None or stage.quote(other).bid <= 0:
        return None
    size = sized(stage, PREMIUM, pick.ask, 40)
    if size is None:
        return None
    fills, venue = int(stage.rng.integers(3, 6)), stage.venue()
    children = []
    for ts, part in zip(moments(stage, fills, 150_000), parts(stage, size, fills), strict=True):
        children += [
            Child(ts, pick.contract, part, ASK, 1.0, "I", venue, opens=1),
            Child(ts + 30 * NS_PER_US, other, part, BID, 1.0, "I", venue, opens=1),
        ]
    rises = bool(stage.chains.strike[pick.contract] < stage.chains.strike[other])
    truth = Truth(
        tolerated=("vertical_spread", "roll", "new_position_likely", "unusual_contract_spike", "no_follow_through"),
        look_alike_of=_SWEEPS, direction="bullish" if rises else "bearish", style="directional", structure="vertical",
    )  # fmt: skip
    return Order(children, truth)


def _wide(stage: Stage) -> Order | None:
    """A burst at an ask that stands far above the bid: in a market so wide nobody can tell a buyer."""
    pick = stage.pick(Wanted(None, dte=(5, 60), ask=(0.8, 10.0), tiers=(2, 3), spread=(0.05, 1.5)))
    if pick is None:
        return None
    # Quotes retreat before it until the spread is most of the price.
    tick = int(stage.chains.tick_low[pick.contract] if pick.ask < 3 else stage.chains.tick_high[pick.contract])
    widen = max(round(0.3 * pick.ask * 10_000 / tick), 2)
    size = sized(stage, PREMIUM, pick.ask * 1.3, 20)
    if size is None:
        return None
    fills = int(stage.rng.integers(4, 9))
    children = burst(
        stage, pick.contract, size, fills=fills, place=ASK, conditions="S", span_us=180_000, venues=4, opens=1
    )
    for child in children:
        child.ts += _QUOTED_BEFORE_NS
        child.quiet = True
    children[0].widen = widen
    before = Child(stage.ts, pick.contract, 0, ASK, 1.0, "I", "C")
    after = Child(children[-1].ts + NS_PER_S, pick.contract, 0, ASK, 1.0, "I", "C")
    tolerated = tuple(rule for rule in also(stage, pick, size, fills, True) if rule not in _DIRECTIONAL)
    return Order([before, *children, after], Truth(tolerated=(*tolerated, "large_block"), look_alike_of=_DIRECTIONAL))


def _at_open(stage: Stage) -> Order | None:
    """Orders that waited for the open print together: size that is unusual at noon and nothing now."""
    pick: Pick | None = stage.pick(Wanted(None, dte=(0, 50), ask=(0.5, 8.0), tiers=(0, 1), spread=(0.0, 0.4)))
    if pick is None:
        return None
    size = round(stage.between(*SPIKE_SIZE[stage.strength]))
    fills = int(stage.rng.integers(5, 12))
    children = burst(
        stage, pick.contract, size, fills=fills, place=MID, conditions="I", span_us=400_000, venues=5, opens=0
    )
    look = ("unusual_contract_spike", *_SWEEPS)
    return Order(children, Truth(tolerated=("new_position_likely", "no_follow_through"), look_alike_of=look))


_LATE = Truth(look_alike_of=(*_SWEEPS, "large_block", "unusual_contract_spike"))
_AUCTION = Truth(tolerated=("large_block",), look_alike_of=(*_SWEEPS, "unusual_contract_spike"))

SCENARIOS = (
    Scenario("neighbouring_strangers", 0.3, _neighbours),
    Scenario("one_contract_strangers", 0.3, _strangers),
    Scenario("late_print", 0.3, partial(_marked, "B", ABOVE, _LATE)),
    Scenario("mid_auction", 0.3, partial(_marked, "a", MID, _AUCTION)),
    Scenario("extended_hours", 0.15, partial(_marked, "v", ASK, _LATE)),
    Scenario("cancelled_block", 0.25, partial(_cancelled, (60, 400))),
    Scenario("cancelled_block_late", 0.25, partial(_cancelled, (2_000, 90_000))),
    Scenario("partly_cancelled_sweep", 0.25, _partly_cancelled),
    Scenario("roll_as_sweep", 0.3, _roll_as_sweep),
    Scenario("legs_without_conditions", 0.3, _legs_alone),
    Scenario("wide_market", 0.3, _wide),
    Scenario("opening_spike", 0.2, _at_open, opening_s=60),
)
