"""The arithmetic of `undertow evaluate`, on label and verdict sets small enough to count by hand."""

from __future__ import annotations

from typing import Any

import pytest

from backtest.evaluation import measuring, scoring
from backtest.evaluation.evaluate import summarise
from backtest.evaluation.joining import Joined, Judged, join
from backtest.evaluation.page import page
from backtest.evaluation.report import TapeSummary
from backtest.evaluation.running import Said
from backtest.evaluation.table import lines
from connectors.feeds.synthetic.scenarios.labels import Planted, Strength, Truth
from events.derived import Flag, FlowPacket, Parent
from events.ids import alert_id, hit_id, parent_id
from events.verdicts import Alert, Check, Hit, Leg, Structure

_SWEEP, _BLOCK = "large_bullish_call_sweep", "large_block"
_SUMMARY = TapeSummary(seed=101, split="tune", option_prints=1000, planted=1, hits=1, alerts=1, seconds=None)


def _label(name: str, prints: list[str], strength: Strength | None = "medium", **truth: Any) -> Planted:
    return Planted(
        scenario=name, strength=strength, underlying="SPY", contracts=["SPY260116C00680000"], start_ts=1, end_ts=2,
        prints=prints, cancels=[], truth=Truth(**truth), split="tune",
    )  # fmt: skip


def _hit(about: str, rule: str, direction: Any = "bullish", confidence: float = 0.8, **more: Any) -> Hit:
    values: dict[str, Any] = {
        "id": hit_id(about, rule), "revision": 0, "ts": 5, "about": about, "packet_id": about,
        "contract": "SPY260116C00680000", "underlying": "SPY", "rule": rule, "version": 1, "direction": direction,
        "style": "directional", "confidence": confidence, "premium": 1.0, "checks": (), "sentences": (), "against": (),
        "thresholds": {},
    }  # fmt: skip
    return Hit(**{**values, **more})


def _alert(about: str, score: float = 50.0, direction: Any = "bullish", **more: Any) -> Alert:
    values: dict[str, Any] = {
        "id": alert_id(about), "revision": 0, "ts": 5, "contract": "SPY260116C00680000", "underlying": "SPY",
        "direction": direction, "style": "directional", "score": score, "severity": "medium", "confidence": 0.8,
        "premium": 1.0, "packets": 1, "about": about, "hits": (), "rules": (_SWEEP,), "evidence": (about,),
        "sentences": (), "against": (),
    }  # fmt: skip
    return Alert(**{**values, **more})


def _packet(ident: str, members: tuple[str, ...], revision: int = 0, parents: tuple[Parent, ...] = ()) -> FlowPacket:
    flag: Flag = "regular"
    return FlowPacket(
        id=ident, ts=5, contract="SPY260116C00680000", underlying="SPY", flag=flag, start_ts=1, end_ts=2,
        window_ms=500, count=len(members), size=10, premium=1.0, price_first=1.0, price_last=1.0, price_low=1.0,
        price_high=1.0, vwap=1.0, buy_size=10, sell_size=0, covered_size=10, coverage=1.0, members=members,
        revision=revision, parents=parents,
    )  # fmt: skip


def _parent(ident: str, members: tuple[str, ...]) -> Parent:
    return Parent(
        id=ident, start_ts=1, end_ts=2, count=1, size=1, premium=1.0, side="buy", buy_size=1, sell_size=0,
        covered_size=1, price_first=1.0, price_last=1.0, price_low=1.0, price_high=1.0, vwap=1.0, members=members,
    )  # fmt: skip


class _Part:
    """What `Said.take` reads of an emission."""

    def __init__(self, *parts: tuple[str, list[Any]]) -> None:
        self.parts: list[tuple[str, list[str], list[Any]]] = [(topic, [], events) for topic, events in parts]


def _said(*parts: tuple[str, list[Any]]) -> Said:
    said = Said()
    said.take(_Part(*parts))  # type: ignore[arg-type]
    return said


def _joined(*planted: Judged, background: int = 0, alerts: int = 0) -> Joined:
    hits: list[tuple[Hit, Planted | None]] = [(_hit(f"pk:b{n}", _SWEEP), None) for n in range(background)]
    return Joined(101, list(planted), hits, [_alert(f"pk:b{n}", 10.0 * n) for n in range(alerts)], 1000, 100, [])


def _judged(label: Planted, *rules: str, alerts: tuple[Alert, ...] = ()) -> Judged:
    return Judged(label, 101, [_hit("pk:x", rule) for rule in rules], list(alerts))


def test_precision_and_recall_count_orders_and_background_hits() -> None:
    sweep: dict[str, Any] = {"expected": (_SWEEP,), "tolerated": (_BLOCK,)}
    joined = _joined(
        _judged(_label("call_sweep", ["a"], **sweep), _SWEEP, _BLOCK),
        _judged(_label("call_sweep", ["b"], "strong", **sweep), _SWEEP),
        _judged(_label("call_sweep", ["c"], "strong", **sweep)),
        _judged(_label("call_sweep", ["d"], "weak", **sweep), _SWEEP),
        _judged(_label("sold", ["e"]), _SWEEP, _SWEEP),
        background=1,
    )
    score = scoring.score_rule(_SWEEP, [joined])
    assert (score.expected, score.found, score.missed) == (3, 2, 1)
    # Two hits on one order are one fault; the weak order that was found is none.
    assert (score.wrong, score.background) == (1, 1)
    assert score.precision == 0.5
    assert score.recall == pytest.approx(2 / 3, abs=1e-4)
    assert score.f1 == pytest.approx(2 * 0.5 * (2 / 3) / (0.5 + 2 / 3), abs=1e-3)
    assert score.precision_planted == pytest.approx(2 / 3, abs=1e-4)
    assert score.background_per_day == pytest.approx(6_000_000 / 900, abs=0.1)
    assert [(s.expected, s.found) for s in score.strengths] == [(1, 1), (1, 1), (2, 1)]
    assert score.missed_kinds == {"call_sweep strong": 1}
    assert score.wrong_kinds == {"sold medium": 1}
    # Tolerated is neither right nor wrong.
    block = scoring.score_rule(_BLOCK, [joined])
    assert (block.expected, block.wrong, block.f1) == (0, 0, None)


def test_macro_f1_is_the_mean_over_rules_that_something_was_planted_for() -> None:
    joined = _joined(
        _judged(_label("call_sweep", ["a"], expected=(_SWEEP,)), _SWEEP),
        _judged(_label("b", ["b"], expected=(_BLOCK,))),
    )
    scores = [scoring.score_rule(rule, [joined]) for rule in scoring.rule_ids([joined])]
    assert scoring.macro(scores) == 0.5


def test_a_large_print_of_the_background_is_a_block_and_no_sweep() -> None:
    joined = _joined()
    noise = _label("background", ["n"], None, tolerated=(_BLOCK,))
    joined.background_hits = [
        (_hit("pk:n", _BLOCK), noise),
        (_hit("pk:n", _SWEEP), noise),
        (_hit("pk:m", _BLOCK), None),
    ]
    assert scoring.is_wrong_background(joined, _BLOCK) == 1
    assert scoring.is_wrong_background(joined, _SWEEP) == 1


def test_direction_is_right_wrong_unfounded_or_left_open() -> None:
    bullish: dict[str, Any] = {"direction": "bullish"}
    neutral: dict[str, Any] = {"direction": "neutral"}
    joined = _joined(
        _judged(_label("a", ["a"], **bullish), alerts=(_alert("pk:a"),)),
        _judged(_label("b", ["b"], **bullish), alerts=(_alert("pk:b", direction="bearish"),)),
        _judged(_label("c", ["c"], **bullish), alerts=(_alert("pk:c", direction="neutral"),)),
        _judged(_label("d", ["d"], **neutral), alerts=(_alert("pk:d"),)),
        _judged(_label("e", ["e"], **neutral), alerts=(_alert("pk:e", direction="mixed"),)),
        _judged(_label("f", ["f"], judge_direction=False), alerts=(_alert("pk:f"),)),
    )
    score = measuring.direction([joined])
    assert (score.judged, score.claimed, score.right, score.unfounded, score.abstained) == (5, 3, 1, 1, 1)
    assert score.share_right == pytest.approx(1 / 3, abs=1e-4)


def test_calibration_error_weighs_the_gap_of_each_tenth_by_its_count() -> None:
    measured = measuring.reliability([(0.9, True), (0.9, True), (0.9, True), (0.9, False), (0.2, False), (1.0, True)])
    assert [(b.low, b.count) for b in measured.bins] == [(0.2, 1), (0.9, 5)]
    assert measured.bins[1].right == 0.8
    assert measured.error == pytest.approx((abs(0.92 - 0.8) * 5 + 0.2) / 6, abs=1e-3)
    assert measuring.reliability([]).error is None


def test_abstention_shows_what_is_kept_and_how_much_of_it_is_right() -> None:
    table = measuring.abstention([(0.9, True), (0.6, False), (0.6, True), (0.2, False)])
    by_least: dict[float, Any] = {row.at_least: (row.kept, row.right) for row in table}
    assert by_least[0.0] == (1.0, 0.5)
    assert by_least[0.6] == (0.75, pytest.approx(2 / 3, abs=1e-4))
    assert by_least[0.9] == (0.25, 1.0)


def test_alerts_are_scaled_to_six_million_prints_and_scores_to_their_range() -> None:
    alerts = [_alert(f"pk:{n}", 5.0 + 10 * n, severity="high" if n > 7 else "low") for n in range(10)]
    rates = measuring.rates(alerts, 60_000)
    assert (rates.high, rates.medium, rates.low, rates.all) == (200.0, 0.0, 800.0, 1000.0)
    spread = measuring.scores(alerts)
    assert (spread.range_covered, spread.share_at_top) == (0.9, 0.1)
    assert sum(spread.histogram) == 10
    assert measuring.scores([]).range_covered == 0.0


def test_styles_take_the_alert_that_a_reader_sees_first() -> None:
    label = _label("a", ["a"], expected=(_SWEEP,), style="directional")
    low, high = _alert("pk:a", 20.0, style="directional"), _alert("pk:b", 60.0, style="income")
    table, right = measuring.styles([_joined(_judged(label, alerts=(low, high)), _judged(label))])
    assert table == {"directional": {"income": 1, "none": 1}}
    assert right == 0.0


def test_a_hit_belongs_to_the_order_that_most_of_its_prints_belong_to() -> None:
    labels = [_label("a", ["p1", "p2"]), _label("b", ["p3"]), _label("background", ["p9"], None)]
    said = _said(
        ("options.marked", [_hit("pk:x", _SWEEP)] * 7),
        ("flow.packets", [_packet("pk:p1", ("p1", "p2", "p3")), _packet("pk:p9", ("p9",)), _packet("pk:p8", ("p8",))]),
        ("flow.hits", [_hit("pk:p1", _SWEEP), _hit("pk:p9", _BLOCK), _hit("pk:p8", _BLOCK)]),
        ("flow.alerts", [_alert("pk:p1"), _alert("pk:p8")]),
    )
    joined = join(101, labels, said)
    assert [[hit.rule for hit in judged.hits] for judged in joined.planted] == [[_SWEEP], []]
    assert [(hit.id, label is not None) for hit, label in joined.background_hits] == [
        (hit_id("pk:p8", _BLOCK), False), (hit_id("pk:p9", _BLOCK), True),
    ]  # fmt: skip
    assert [alert.about for alert in joined.background_alerts] == ["pk:p8"]
    assert (joined.option_prints, joined.planted_prints) == (7, 3)


def test_an_order_that_the_end_of_the_tape_cut_off_is_neither_judged_nor_background() -> None:
    said = _said(
        ("flow.packets", [_packet("pk:u", ("u",))]),
        ("flow.hits", [_hit("pk:u", _SWEEP)]),
        ("flow.alerts", [_alert("pk:u")]),
    )
    joined = join(101, [], said, {"u"})
    assert not joined.background_hits
    assert not joined.background_alerts


def test_what_came_before_the_judged_part_counts_nowhere() -> None:
    said = Said(since=5)
    said.take(_Part(  # type: ignore[arg-type]
        ("options.marked", [_hit("pk:x", _SWEEP, ts=4), _hit("pk:x", _SWEEP, ts=5)]),
        ("flow.packets", [_packet("pk:a", ("a",)), _packet("pk:b", ("b",)), _packet("pk:c", ("c",))]),
        ("flow.hits", [_hit("pk:a", _SWEEP, ts=6), _hit("pk:b", _SWEEP, ts=4), _hit("pk:c", _SWEEP, ts=6)]),
        ("flow.alerts", [_alert("pk:a", ts=6), _alert("pk:b", ts=4), _alert("pk:c", ts=6)]),
    ))  # fmt: skip
    # The order of print `a` began before, `b` was said before; only `c` is of the judged part's background.
    joined = join(101, [_label("early", ["a"])], said)
    assert joined.planted == []
    assert [hit.about for hit, _ in joined.background_hits] == ["pk:c"]
    assert [alert.about for alert in joined.background_alerts] == ["pk:c"]
    assert joined.option_prints == 1


def test_hits_on_parents_and_structures_are_found_by_their_own_prints() -> None:
    labels = [_label("buyer", ["p1"]), _label("seller", ["p2"]), _label("legs", ["q1", "q2"])]
    parents = (_parent("pa:p1", ("p1",)), _parent("pa:p2", ("p2",)))
    legs = tuple(
        Leg(parent_id=parent_id(name), packet_id=f"pk:{name}", contract="SPY260116C00680000", side="buy", size=1,
            ratio=1, price=1.0, premium=1.0)
        for name in ("q1", "q2")
    )  # fmt: skip
    structure = Structure(
        id="st:pa:q1", ts=5, underlying="SPY", kind="vertical", name="x", legs=legs, start_ts=1, end_ts=2, size=1
    )
    said = _said(
        ("flow.packets", [_packet("pk:p1", ("p1", "p2"), 0, parents)]),
        ("flow.packets", [_packet("pk:q1", ("q1",)), _packet("pk:q2", ("q2",))]),
        ("flow.structures", [structure]),
        ("flow.hits", [
            _hit("pa:p1", _SWEEP, packet_id="pk:p1"), _hit("pa:p2", _BLOCK, packet_id="pk:p1"),
            _hit("st:pa:q1", "vertical_spread", packet_id="pk:q1", structure_id="st:pa:q1"),
        ]),
    )  # fmt: skip
    joined = join(101, labels, said)
    assert [[hit.rule for hit in judged.hits] for judged in joined.planted] == [[_SWEEP], [_BLOCK], ["vertical_spread"]]


def test_what_was_withdrawn_or_revised_away_was_not_said() -> None:
    failed = Check("size", 0.0, ">=", 1.0, False)
    said = _said(
        ("flow.packets", [_packet("pk:a", ("a",)), _packet("pk:b", ("b",)), _packet("pk:c", ("c",))]),
        ("flow.hits", [_hit("pk:a", _SWEEP), _hit("pk:b", _SWEEP), _hit("pk:c", _SWEEP)]),
        ("flow.alerts", [_alert("pk:a"), _alert("pk:b")]),
        ("flow.packets", [_packet("pk:a", (), 1), _packet("pk:b", ("b",), 1), _packet("pk:c", ("c",), 1)]),
        ("flow.hits", [_hit("pk:b", _SWEEP, revision=1, checks=(failed,)), _hit("pk:c", _SWEEP, revision=1)]),
        ("flow.alerts", [_alert("pk:a", revision=1, withdrawn=True)]),
    )
    joined = join(101, [_label("x", ["a", "b", "c"])], said)
    assert [hit.about for hit in joined.planted[0].hits] == ["pk:c"]
    assert [alert.about for alert in joined.planted[0].alerts] == ["pk:b"]


def test_an_alert_of_opposite_hits_must_say_mixed() -> None:
    hits = [_hit("pk:a", _SWEEP), _hit("pk:a", _BLOCK, "bearish")]
    ids = tuple(hit.id for hit in hits)
    for direction, found in (("bullish", 1), ("mixed", 0)):
        said = _said(("flow.hits", hits), ("flow.alerts", [_alert("pk:a", direction=direction, hits=ids)]))
        assert len(join(101, [], said).contradictions) == found


def test_failures_say_what_fired_instead_and_are_cut_for_each_rule() -> None:
    missed = [_judged(_label("call_sweep", [f"p{n}"], expected=(_SWEEP,)), _BLOCK) for n in range(5)]
    weak = _judged(_label("call_sweep", ["w"], "weak", expected=(_SWEEP,)))
    found = scoring.failures([_joined(*missed, weak, background=1)], 2)
    assert [(f.rule, f.kind) for f in found] == [
        (_BLOCK, "wrong"), (_BLOCK, "wrong"), (_SWEEP, "background"), (_SWEEP, "missed"), (_SWEEP, "missed"),
    ]  # fmt: skip
    assert found[-1].fired == [f"{_BLOCK} bullish"]
    assert found[-1].ids == ["p1"]


def test_the_table_and_the_page_show_the_same_report_twice_alike() -> None:
    joined = _joined(
        _judged(_label("<b>", ["a"], expected=(_SWEEP,)), alerts=(_alert("pk:a"),)), background=2, alerts=3
    )
    report = summarise([(joined, _SUMMARY)])
    assert any(line.startswith(_SWEEP) for line in lines(report))
    html = page(report)
    assert html == page(report)
    assert html.count("<svg") == 4
    assert "&lt;b&gt;" in html
    assert "<b>" not in html.replace("<b>Undertow</b>", "")
    # One file that asks for nothing: every address in it names a vocabulary of SVG.
    assert "src=" not in html
    assert "<script" not in html


def test_what_is_asked_stands_beside_what_was_measured() -> None:
    right = _judged(_label("a", ["a"], expected=(_SWEEP,), direction="bullish"), _SWEEP, alerts=(_alert("pk:a"),))
    quiet = summarise([(_joined(right), _SUMMARY)])
    met = {target.name: target.met for target in quiet.targets}
    assert met["macro F1, medium strength and above"]
    assert met["share of claims of direction that is right"]
    assert met["alerts in all, 6 million background prints"]
    assert not met["share of the range that background scores cover"]
    loud = summarise([(_joined(right, background=3, alerts=11), _SUMMARY)])
    met = {target.name: target.met for target in loud.targets}
    assert not met["macro F1, medium strength and above"]
    # Eleven of 900 prints are 73,333 of 6 million.
    assert not met["alerts in all, 6 million background prints"]
    assert met["share of the range that background scores cover"]
    assert not met["share of background scores at the top"]
    assert [alert.score for alert in loud.loudest[:2]] == [100.0, 90.0]
