"""What comes later: decisions on packets that waited, looks at an alert's market, the next morning's open interest."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from events.derived import FlowPacket
from events.settings import Rules
from events.types import NS_PER_MS, NS_PER_S
from events.verdicts import Leg, Structure
from operators.judging import Verdicts
from operators.parents import parents_of
from operators.shard_step import ShardStep
from operators.work import Decision, Interest, Look, Revised, Waiting, Work
from tests.packets import CALL, T0, packet

_LATER = T0 + 2 * NS_PER_S
_OTHER = "SPY260116C00455000"


def _run(*work: Work, **rules: Any) -> Verdicts:
    """Takes work in order; before each the step goes through its bytes, whole or as changes."""
    step, out = ShardStep(Rules(**rules)), Verdicts()
    base, changes = b"", list[bytes]()
    for number, each in enumerate(work):
        step.step([each], out)
        if number % 2:
            base, changes = step.dump(), []
            step.forget_changes()
        else:
            changes.append(step.changes())
        restored = ShardStep(Rules(**rules), base, changes=changes)
        assert restored.dump() == step.dump()
        step = restored
    return out


def _packet(number: int = 1, contract: str = CALL, **fields: Any) -> FlowPacket:
    plain = {"id": f"pk:{number}", "members": (f"p{number}",), "spread": 0.1, "intermarket_sweeps": 2, "iv": 0.2}
    return packet(contract=contract, **plain | fields)


def _vertical() -> Structure:
    legs = tuple(
        Leg(f"pa:{n}", f"pk:{n}", contract, side, 100, 1, 10.0, 100_000.0)  # type: ignore[arg-type]
        for n, contract, side in ((1, CALL, "buy"), (2, _OTHER, "sell"))
    )
    return Structure(
        id="st:pa:1", ts=_LATER, underlying="SPY", kind="vertical", name="debit call vertical", legs=legs, start_ts=T0,
        end_ts=T0, size=100, gross_premium=200_000.0, net_premium=50_000.0, payer="debit", direction="bullish",
        style="directional", confidence=0.95, evidence="conditions",
    )  # fmt: skip


def test_a_packet_that_waits_is_published_at_once_and_judged_with_its_decision() -> None:
    waited = _run(Waiting(_packet()))
    assert [each.id for each in waited.packets] == ["pk:1"]
    assert not waited.hits
    assert not waited.alerts
    decided = _run(Waiting(_packet()), Decision(_LATER, "SPY", ("pk:1",)))
    assert {hit.ts for hit in decided.hits} == {alert.ts for alert in decided.alerts} == {_LATER}
    assert [hit.rule for hit in decided.hits] == [hit.rule for hit in _run(_packet()).hits]


def test_parents_of_a_structure_are_no_single_leg_evidence_and_its_premium_counts_once() -> None:
    sold = _packet(2, _OTHER, buy_size=0, sell_size=100)
    work = (Waiting(_packet()), Waiting(sold), Decision(_LATER, "SPY", ("pk:1", "pk:2"), (_vertical(),)))
    out = _run(*work)
    assert [each.id for each in out.structures] == ["st:pa:1"]
    assert [(hit.rule, hit.about, hit.structure_id) for hit in out.hits] == [("vertical_spread", "st:pa:1", "st:pa:1")]
    (alert,) = out.alerts
    assert (alert.id, alert.premium, alert.evidence) == ("al:st:pa:1", 200_000.0, ("pk:1", "pk:2"))
    assert (alert.direction, alert.structure) == ("bullish", "debit call vertical")


def test_what_no_structure_took_of_a_decision_is_judged_alone() -> None:
    out = _run(Waiting(_packet()), Waiting(_packet(3, "SPY260116P00450000")), Decision(_LATER, "SPY", ("pk:1", "pk:3")))
    assert {hit.about for hit in out.hits} == {"pk:1", "pk:3"}


def test_a_packet_that_waits_and_loses_a_print_is_judged_without_it() -> None:
    smaller = _packet(size=10, premium=10_000.0, revision=1, struck=1)
    out = _run(Waiting(_packet()), Revised(smaller, _LATER), Decision(_LATER + 1, "SPY", ("pk:1",)))
    assert [(each.id, each.revision) for each in out.packets] == [("pk:1", 0), ("pk:1", 1)]
    assert not out.hits


def test_a_revised_packet_is_held_against_the_baseline_of_then() -> None:
    before = [
        _packet(n, size=10 + n, premium=1000.0 * n, id=f"pk:b{n}", start_ts=T0 + n, ts=T0 + n) for n in range(1, 20)
    ]
    large: dict[str, Any] = {"start_ts": T0 + NS_PER_S, "ts": T0 + NS_PER_S}
    after = [_packet(n, size=900, id=f"pk:c{n}", start_ts=T0 + 2 * NS_PER_S, ts=T0 + 2 * NS_PER_S) for n in range(5)]
    smaller = _packet(size=450, premium=90_000.0, revision=1, struck=1, **large)
    revised = _run(*before, _packet(size=500, **large), *after, Revised(smaller, _LATER)).packets[-1]
    alone = _run(*before, _packet(size=450, premium=90_000.0, **large)).packets[-1]
    assert alone.premium_z is not None
    for name in ("baseline", "baseline_samples", "premium_mean", "premium_z", "size_mean", "size_z", "spread_z",
                 "premium_median", "premium_mad", "size_median", "size_mad", "premium_floor"):  # fmt: skip
        assert getattr(revised, name) == getattr(alone, name), name


def test_a_structure_that_loses_a_leg_takes_its_alert_back() -> None:
    work = (Waiting(_packet()), Waiting(_packet(2, _OTHER)), Decision(_LATER, "SPY", ("pk:1", "pk:2"), (_vertical(),)))
    gone = _vertical()
    gone.revision, gone.legs, gone.kind, gone.gross_premium = 1, gone.legs[:1], "unnamed", 100_000.0
    out = _run(*work, Revised(_packet(2, _OTHER, size=0, premium=0.0, members=(), revision=1), _LATER + 1, (gone,)))
    assert (out.alerts[-1].id, out.alerts[-1].revision, out.alerts[-1].withdrawn) == ("al:st:pa:1", 1, True)
    assert (out.hits[-1].id, out.hits[-1].revision, out.hits[-1].confidence) == ("st:pa:1:vertical_spread", 1, 0.0)


def _look(after_s: int = 300, *, spot: float = 450.0, final: bool = False, packet_id: str = "pk:1") -> Look:
    return Look(
        packet_id, "SPY", T0 + 500 * NS_PER_MS + after_s * NS_PER_S, after_s, 10.0, 9.0, 11.0, 8.0, 450.0, spot, 452.0,
        440.0, final,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("contract", "best", "worst", "spots"),
    [(CALL, 11.0, 8.0, (452.0, 440.0)), ("SPY260116P00450000", 11.0, 8.0, (440.0, 452.0))],
)  # fmt: skip
def test_an_outcome_is_told_from_the_side_of_who_bought(
    contract: str, best: float, worst: float, spots: tuple[float, float]
) -> None:
    outcomes = _run(_packet(contract=contract), _look(60), _look(120, final=True), _look(180)).outcomes
    assert [(each.id, each.revision, each.after_s) for each in outcomes] == [
        ("oc:al:pk:1", 0, 60), ("oc:al:pk:1", 1, 120),
    ]  # fmt: skip
    assert (outcomes[0].mark_best, outcomes[0].mark_worst) == (best, worst)
    assert (outcomes[0].spot_best, outcomes[0].spot_worst) == spots
    assert outcomes[0].since_ts == T0 + 500 * NS_PER_MS
    assert outcomes[1].final


def _two_sided(bought: int = 1200, **fields: Any) -> FlowPacket:
    """Returns a packet of two orders, a bought sweep and a sold block."""
    sweep = _packet(size=bought, premium=1000.0 * bought)
    block = _packet(size=200, premium=200_000.0, buy_size=0, sell_size=200, count=1)
    parents = tuple(
        msgspec.structs.replace(parents_of(each)[0], id=f"pa:{name}") for name, each in (("p1", sweep), ("p5", block))
    )
    return _packet(
        size=bought + 200, premium=1000.0 * (bought + 200), buy_size=bought, sell_size=200, ask_size=bought,
        bid_size=200, parents=parents, **fields,
    )  # fmt: skip


def test_each_alert_of_a_packet_has_outcomes_and_is_judged_by_itself() -> None:
    out = _run(_two_sided(), _look(60), _look(300, spot=440.0), _look(900, final=True), _look(3600))
    assert [each.id for each in out.alerts[:2]] == ["al:pa:p1", "al:pa:p5"]
    assert [(each.alert_id, each.revision, each.direction, each.final) for each in out.outcomes] == [
        ("al:pa:p1", 0, "bullish", False), ("al:pa:p5", 0, "neutral", False),
        ("al:pa:p1", 1, "bullish", False), ("al:pa:p5", 1, "neutral", False),
        ("al:pa:p1", 2, "bullish", True), ("al:pa:p5", 2, "neutral", True),
    ]  # fmt: skip
    (hit,) = [hit for hit in out.hits if hit.rule == "no_follow_through"]
    assert (hit.id, hit.about, hit.packet_id) == ("pa:p1:no_follow_through", "pa:p1", "pk:1")
    assert [(each.id, each.revision) for each in out.alerts[2:]] == [("al:pa:p1", 1)]


def test_an_alert_that_was_withdrawn_has_no_outcomes_and_the_other_of_its_packet_has() -> None:
    out = _run(_two_sided(), Revised(_two_sided(10, revision=1, struck=4), _LATER), _look(60), _look(300, spot=440.0))
    assert [each.id for each in out.alerts if each.withdrawn] == ["al:pa:p1"]
    assert {each.alert_id for each in out.outcomes} == {"al:pa:p5"}


def test_a_look_at_what_was_no_alert_says_nothing() -> None:
    assert not _run(_packet(premium=500.0), _look()).outcomes


def test_an_alert_that_nothing_followed_loses_points_once() -> None:
    out = _run(_packet(), _look(60, spot=440.0), _look(300, spot=440.0), _look(900, spot=440.0))
    (hit,) = [hit for hit in out.hits if hit.rule == "no_follow_through"]
    first, last = out.alerts
    assert hit.id == "pk:1:no_follow_through"
    assert (last.id, last.revision) == (first.id, 1)
    assert last.score < first.score
    assert hit.id in last.hits
    assert set(hit.sentences) <= set(last.against)
    assert last.direction == first.direction


def _interest(after: int, for_date: str = "2026-01-15") -> Interest:
    return Interest(CALL, "SPY", T0 + 86_400 * NS_PER_S, for_date, 50, after)


@pytest.mark.parametrize(
    ("after", "verdict"), [(150, "confirmed"), (100, "confirmed"), (99, "undecided"), (60, "refuted"), (10, "refuted")]
)
def test_the_next_open_interest_confirms_or_refutes_an_opening(after: int, verdict: str) -> None:
    (check,) = _run(_packet(open_interest=50), _interest(after), _interest(after)).checks
    assert (check.id, check.claimed, check.size) == ("pc:pk:1:new_position_likely", "opening", 100)
    assert (check.verdict, check.open_interest_before, check.open_interest_after) == (verdict, 50, after)


@pytest.mark.parametrize(("after", "verdict"), [(100, "confirmed"), (195, "refuted"), (170, "undecided")])
def test_and_a_closing(after: int, verdict: str) -> None:
    sold = _packet(open_interest=200, buy_size=0, sell_size=100)
    checks = _run(sold, Interest(CALL, "SPY", T0 + 86_400 * NS_PER_S, "2026-01-15", 200, after)).checks
    assert [(check.claimed, check.verdict) for check in checks] == [("closing", verdict)]


#  20:30 in the evening before: global hours belong to the next trade date.
@pytest.mark.parametrize(("for_date", "checked"), [("2026-01-15", []), ("2026-01-16", ["confirmed"])])
def test_a_claim_of_global_hours_is_held_against_its_trade_date(for_date: str, checked: list[str]) -> None:
    contract, evening = "SPXW260130C06900000", T0 + 10 * 3600 * NS_PER_S + 1800 * NS_PER_S
    opened = _packet(contract=contract, open_interest=50, start_ts=evening, end_ts=evening, ts=evening + NS_PER_S)
    figure = Interest(contract, "SPX", T0 + 2 * 86_400 * NS_PER_S, for_date, 50, 150)
    assert [each.verdict for each in _run(opened, figure).checks] == checked


def test_a_figure_of_another_date_says_nothing_of_it() -> None:
    assert not _run(_packet(open_interest=50), _interest(150, "2026-01-16")).checks
