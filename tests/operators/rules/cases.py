"""For each rule: a true case, look-alikes that must not fire, and both sides of each threshold.

A case is what differs from a plain subject: of an order a bought, fully quoted packet of one call (`tests/packets.py`),
of a structure two legs under complex conditions, of a look the underlying seven deviations against the alert.
"""

from __future__ import annotations

from math import sqrt

from events.types import NS_PER_MS, NS_PER_S
from tests.operators.rules.structure_cases import STRUCTURES
from tests.operators.rules.subjects import Cases, Edges, Fields, Row, orders
from tests.packets import PUT, T0


def _bought_edges() -> Edges:
    return {
        "quote coverage": (
            {"covered_size": 50, "buy_size": 50}, {"covered_size": 49, "buy_size": 49},
        ),
        "bought share of covered size": ({"buy_size": 55, "sell_size": 45}, {"buy_size": 54, "sell_size": 46}),
        "bought share of the packet": ({"beside": 81}, {"beside": 82}),
        "share at the ask or through it": ({"ask_size": 50}, {"ask_size": 49}),
        "spread, share of the price": ({"spread": 3.0}, {"spread": 3.001}),
    }  # fmt: skip


def _sold_edges() -> Edges:
    return {
        "quote coverage": (
            {"covered_size": 50, "sell_size": 50}, {"covered_size": 49, "sell_size": 49},
        ),
        "sold share of covered size": ({"sell_size": 55, "buy_size": 45}, {"sell_size": 54, "buy_size": 46}),
        "sold share of the packet": ({"beside": 81}, {"beside": 82}),
        "share at the bid or through it": ({"bid_size": 50}, {"bid_size": 49}),
        "spread, share of the price": ({"spread": 3.0}, {"spread": 3.001}),
    }  # fmt: skip


def _premium_edges(least: float) -> Edges:
    """A floor, and the underlying's own where that is higher."""
    own = "premium, dollars (the underlying's own quantile)"
    return {
        "premium, dollars": ({"premium": least}, {"premium": least - 0.01}),
        own: (
            {"premium": least * 2, "premium_floor": least * 2},
            {"premium": least * 2 - 0.01, "premium_floor": least * 2},
        ),
    }  # fmt: skip


_WORKED: Edges = {
    "print count": ({"count": 3}, {"count": 2}),
    "print count, one print": ({"count": 1, "premium": 450_000.0}, {"count": 1, "premium": 449_999.0}),
}
#: Prints that are no single-leg evidence, whatever their size.
_KINDS: dict[str, Fields] = {
    "legs of a complex order": {"flag": "complex"}, "tied to stock": {"flag": "stock_tied"},
    "an auction": {"flag": "auction"}, "extended hours": {"flag": "extended"}, "in or after a halt": {"halted": True},
    "in or after a limit state": {"limit_state": True},
    "legs printed without conditions": {"suspected_complex": True}, "no premium known": {"premium": None},
}  # fmt: skip
_NOT_BLOCKS = {"a cross": {"flag": "cross"}, "a floor trade": {"flag": "floor"}}
#: Six tenths of it on one side, inseparable from the rest: no side, also where a stranger trades beside it.
_UNSIDED = {"too much on the other side beside a stranger": {"unsided": True, "buy_size": 60, "sell_size": 40}}
_UNSIDED_SALE = {"too much on the other side beside a stranger": {"unsided": True, "buy_size": 40, "sell_size": 60}}
_SOLD: Fields = {"buy_size": 0, "sell_size": 100}
_NO_QUOTE: Fields = {"covered_size": 0, "buy_size": 0}


def _sweep(rule: str, contract: Fields, other: Fields) -> Cases:
    return Cases(
        rule,
        contract | {"intermarket_sweeps": 2, "venues": ("C", "X")},
        {
            **_KINDS, **_NOT_BLOCKS, **_UNSIDED, "the other right": other, "the same burst sold": _SOLD,
            "no quote": _NO_QUOTE,
            "two sides that cannot be told apart": {"mixed": True, "buy_size": 50, "sell_size": 50},
            "a buyer and a seller in one window": {"beside": 100},
            "what a structure left of an unusual packet":
                {"premium": 10_000.0, "premium_z": 9.0, "baseline": "contract", "beside": 50, "taken": ("pa:2",)},
            "between the quotes": {"ask_size": 0}, "a wide market": {"spread": 6.0},
        },
        {
            **_bought_edges(), **_premium_edges(40_000.0),
            "print count": ({"count": 3}, {"count": 2}),
            "premium, dollars (unusual: a quarter of the floor)": (
                {"premium": 10_000.0, "premium_z": 2.0}, {"premium": 9_999.99, "premium_z": 2.0},
            ),
            "premium, dollars (unusual: a quarter of the floor), the underlying's own": (
                {"premium": 50_000.0, "premium_z": 2.0, "premium_floor": 200_000.0},
                {"premium": 49_999.99, "premium_z": 2.0, "premium_floor": 200_000.0},
            ),
            "premium, dollars, not unusual": (
                {"premium": 10_000.0, "premium_z": 2.0}, {"premium": 10_000.0, "premium_z": 1.999999},
            ),
            "span of few prints without a flag, ms": (
                {"count": 3, "intermarket_sweeps": 0, "end_ts": T0 + 50 * NS_PER_MS},
                {"count": 3, "intermarket_sweeps": 0, "end_ts": T0 + 50 * NS_PER_MS + 1},
            ),
            "span of few prints without a flag, ms, many": (
                {"count": 4, "intermarket_sweeps": 0, "end_ts": T0 + 400 * NS_PER_MS},
                {"count": 3, "intermarket_sweeps": 0, "end_ts": T0 + 400 * NS_PER_MS},
            ),
        },
    )  # fmt: skip


_CALL_36, _PUT_36 = {"contract": "SPY260220C00450000"}, {"contract": "SPY260220P00450000"}


def _sale(rule: str, right: str, moneyness: float) -> Cases:
    contract = {"contract": f"SPY260220{right}00450000"}
    sign = 1 if moneyness > 0 else -1
    return Cases(
        rule,
        contract | _SOLD | {"moneyness": moneyness, "count": 3},
        {
            **_KINDS, **_NOT_BLOCKS, **_UNSIDED_SALE, "bought": {"buy_size": 100, "sell_size": 0},
            "no quote": _NO_QUOTE | {"sell_size": 0},
            "the other right": {"contract": f"SPY260220{'P' if right == 'C' else 'C'}00450000"},
            "in the money": {"moneyness": -moneyness}, "a wide market": {"spread": 6.0},
            "two sides": {"mixed": True, "buy_size": 50, "sell_size": 50}, "one print of some size": {"count": 1},
        },
        {
            **_sold_edges(), **_premium_edges(60_000.0), **_WORKED,
            "days to expiry": ({"contract": f"SPY260125{right}00450000"}, {"contract": f"SPY260124{right}00450000"}),
            "days to expiry, at most": (
                {"contract": f"SPY260316{right}00450000"}, {"contract": f"SPY260317{right}00450000"},
            ),
            "out of the money, share of spot": ({"moneyness": 0.01 * sign}, {"moneyness": 0.0099 * sign}),
            "out of the money, at most": ({"moneyness": 0.15 * sign}, {"moneyness": 0.1501 * sign}),
        },
    )  # fmt: skip


def _hits(count: int, premium: float = 20_000.0, first: float = 120.0, *more: Row) -> Fields:
    rows = [(first * (count - n) / count, 450.0, "buy", premium) for n in range(1, count)]
    return {"recent": orders((first, 450.0, "buy", premium), *rows, *more)}


def _beside(premium: float) -> Fields:
    """Five orders of $20k each in one contract, beside one of a neighbouring strike."""
    other = orders((9.0, 440.0, "buy", premium), contract="SPY260116C00440000")
    return {"recent": (*other, *_hits(5)["recent"])}


def _ladder(strikes: tuple[float, ...], premium: float = 40_000.0, *more: Row) -> Fields:
    rows = [(20.0 * (len(strikes) - n - 1), strike, "buy", premium) for n, strike in enumerate(strikes)]
    return {"recent": orders(*rows, *more)}


_REPEATED = Cases(
    "repeated_hits",
    {"count": 2, "premium": 20_000.0, **_hits(5)},
    {
        **_KINDS, **_NOT_BLOCKS, **_UNSIDED, "the last one sold": _SOLD, "as many sold as bought":
            _hits(5, 20_000.0, 120.0, *[(30.0, 450.0, "sell", 20_000.0)] * 5),
        "sides that nobody can tell": {"recent": orders(*[(n * 10.0, 450.0, "none", 20_000.0) for n in range(6)])},
        "other contracts of the expiry": {
            "recent": orders(*[(n * 10.0, 440.0, "buy", 20_000.0) for n in range(6)], contract="SPY260116C00440000"),
        },
    },
    {
        **_bought_edges(),
        "bought orders within the window": (_hits(5), _hits(4, 25_000.0)),
        "bought orders within the window, by time": (_hits(5, 20_000.0, 300.0), _hits(5, 20_000.0, 300.000001)),
        "their premium, dollars": (_hits(5, 15_000.0), _hits(5, 14_999.99)),
        "their premium, dollars (the underlying's own quantile)": (
            {"premium_floor": 100_000.0, **_hits(5)}, {"premium_floor": 100_000.01, **_hits(5)},
        ),
        "share of its chain's premium": (_beside(150_000.0), _beside(150_010.0)),
        "bought share of premium within the window": (
            _hits(5, 18_000.0, 120.0, (9.0, 450.0, "sell", 10_000.0)),
            _hits(5, 18_000.0, 120.0, (9.0, 450.0, "sell", 10_001.0)),
        ),
        "premium of this one, dollars": ({"premium": 10_000.0}, {"premium": 9_999.99}),
    },
)  # fmt: skip
_LADDER = Cases(
    "ladder_accumulation",
    {"count": 2, "premium": 40_000.0, **_ladder((448.0, 449.0, 450.0))},
    {
        **_KINDS, **_NOT_BLOCKS, **_UNSIDED, "the last one sold": _SOLD,
        "downward in calls": _ladder((452.0, 451.0, 450.0)), "one strike again and again": _ladder((450.0,) * 4),
        "strikes far apart": _ladder((420.0, 449.0, 450.0)),
        "as much sold in between":
            _ladder((448.0, 449.0, 450.0), 40_000.0, *[(10.0, 449.0, "sell", 40_000.0)] * 3),
    },
    {
        **_bought_edges(),
        "neighbouring strikes bought in a row": (_ladder((448.0, 449.0, 450.0)), _ladder((449.0, 450.0), 60_000.0)),
        "neighbouring strikes bought in a row, by time": (
            {"recent": orders((180.0, 448.0, "buy", 4e4), (60.0, 449.0, "buy", 4e4), (0.0, 450.0, "buy", 4e4))},
            {"recent": orders((180.000001, 448.0, "buy", 4e4), (60.0, 449.0, "buy", 4e4), (0.0, 450.0, "buy", 4e4))},
        ),
        "neighbouring strikes bought in a row, by step": (
            _ladder((446.0, 449.0, 450.0)), _ladder((445.5, 449.0, 450.0)),
        ),
        "neighbouring strikes bought in a row, each large": (
            {"recent": orders((40.0, 448.0, "buy", 25_000.0), (20.0, 449.0, "buy", 4e4), (0.0, 450.0, "buy", 4e4))},
            {"recent": orders((40.0, 448.0, "buy", 24_999.0), (20.0, 449.0, "buy", 4e4), (0.0, 450.0, "buy", 4e4))},
        ),
        "their premium, dollars": (
            _ladder((448.0, 449.0, 450.0), 30_000.0), _ladder((448.0, 449.0, 450.0), 29_999.99),
        ),
        "their premium, dollars (the underlying's own quantile)": (
            {"premium": 150_000.0, "premium_floor": 120_000.0, **_ladder((448.0, 449.0, 450.0), 120_000.0)},
            {"premium": 150_000.0, "premium_floor": 120_000.01, **_ladder((448.0, 449.0, 450.0), 120_000.0)},
        ),
        "bought share of premium within the window": (
            _ladder((448.0, 449.0, 450.0), 45_000.0, (9.0, 449.0, "sell", 15_000.0)),
            _ladder((448.0, 449.0, 450.0), 45_000.0, (9.0, 449.0, "sell", 15_001.0)),
        ),
        "print count": ({"count": 2}, {"count": 1}),
        "premium of this one, dollars": ({"premium": 25_000.0}, {"premium": 24_999.99}),
        "premium of this one, dollars (the underlying's own quantile)": (
            {"premium_floor": 40_000.0}, {"premium": 39_999.99, "premium_floor": 40_000.0},
        ),
    },
)  # fmt: skip
_SPIKE = Cases(
    "unusual_contract_spike",
    {"size": 400, "baseline": "contract", "baseline_samples": 12, "premium_z": 4.0, "size_z": 4.0},
    {
        **_KINDS, **_NOT_BLOCKS, "usual here": {"premium_z": 0.0, "size_z": 0.0},
        "earlier packets all of one premium": {"premium_z": None}, "and all of one size": {"size_z": None},
        "what a structure left of a packet": {"beside": 900, "taken": ("pa:2",)},
        "what waited for the open": {"start_ts": T0 - 1740 * NS_PER_S},
    },
    {
        **_premium_edges(20_000.0),
        "size, contracts": ({"size": 400}, {"size": 399}),
        "seconds since the open": ({"start_ts": T0 - 1680 * NS_PER_S}, {"start_ts": T0 - 1681 * NS_PER_S}),
        "premium z": ({"premium_z": 2.5}, {"premium_z": 2.499999}),
        "size z": ({"size_z": 2.0}, {"size_z": 1.999999}),
    },
)  # fmt: skip
_BLOCK = Cases(
    "large_block",
    {"count": 1, "premium": 300_000.0},
    {
        **_KINDS, "a burst": {"count": 6}, "a sweep of two venues": {"count": 2, "venues": ("C", "X")},
        "a buyer and a seller": {"count": 3, "beside": 90}, "few dear contracts": {"size": 10},
    },
    {
        **_premium_edges(160_000.0),
        "print count": ({"count": 2}, {"count": 3}),
        "venues": ({"count": 2, "venues": ("C",)}, {"count": 2, "venues": ("C", "X")}),
        "size, contracts": ({"size": 50}, {"size": 49}),
    },
)  # fmt: skip
_OPENING = Cases(
    "new_position_likely",
    {"open_interest": 50, "premium": 90_000.0},
    {
        **_KINDS, **_NOT_BLOCKS, "less than stands open": {"open_interest": 5000},
        "interest not known": {"open_interest": None},
        "two sides that cannot be told apart": {"mixed": True, "buy_size": 50, "sell_size": 50},
    },
    {
        **_premium_edges(50_000.0),
        "size over open interest": ({"open_interest": 99}, {"open_interest": 100}),
        "print count": ({"count": 3, "premium": 60_000.0}, {"count": 2, "premium": 60_000.0}),
        "print count, one print": ({"count": 1, "premium": 100_000.0}, {"count": 1, "premium": 99_999.0}),
    },
)  # fmt: skip
_CLOSING = Cases(
    "closing_unwind_likely",
    _SOLD | {"open_interest": 200, "count": 3},
    {
        **_KINDS, **_NOT_BLOCKS, **_UNSIDED_SALE, "bought": {"buy_size": 100, "sell_size": 0},
        "interest not known": {"open_interest": None},
        "a small part of what stands open": {"open_interest": 9000}, "more than stands open": {"open_interest": 40},
        "a wide market": {"spread": 6.0}, "a buyer and a seller": {"mixed": True, "buy_size": 50, "sell_size": 50},
    },
    {
        **_sold_edges(), **_premium_edges(50_000.0), **_WORKED,
        "size over open interest": ({"open_interest": 285}, {"open_interest": 286}),
        "size over open interest, at most": ({"open_interest": 100}, {"open_interest": 99}),
    },
)  # fmt: skip


def _times_four(edges: Edges) -> Edges:
    """Returns edges of sizes for a subject four times as large."""

    def larger(side: Fields) -> Fields:
        return {name: value if name == "spread" else value * 4 for name, value in side.items()}

    return {name: (larger(fires), larger(just_not)) for name, (fires, just_not) in edges.items()}


_ZERO = Cases(
    "zero_dte_gamma_punch",
    {"contract": "SPY260115C00450000", "size": 400, "moneyness": 0.002, "delta": 0.48},
    {
        **_KINDS, **_NOT_BLOCKS, "sold": {"buy_size": 0, "sell_size": 400},
        "too much on the other side beside a stranger": {"unsided": True, "buy_size": 240, "sell_size": 160},
        "another day": {"contract": "SPY260116C00450000"},
        "a lottery ticket": {"moneyness": 0.03, "delta": 0.06}, "delta not known": {"delta": None},
        "spot not known": {"moneyness": None}, "a wide market": {"spread": 6.0},
    },
    {
        **_times_four(_bought_edges()),
        **_premium_edges(20_000.0),
        "days to expiry": ({}, {"contract": "SPY260116C00450000"}),
        "distance from the money": ({"moneyness": 0.01}, {"moneyness": 0.0101}),
        "absolute delta": ({"delta": -0.25}, {"delta": 0.2499}),
        "absolute delta, at most": ({"delta": 0.75}, {"delta": -0.7501}),
        "size, contracts": ({"size": 400}, {"size": 399}),
    },
)  # fmt: skip
_FAR = Cases(
    "far_dated_conviction",
    {"contract": "SPY270115C00450000", "premium": 200_000.0},
    {
        **_KINDS, **_NOT_BLOCKS, **_UNSIDED, "sold": _SOLD, "weeks": _CALL_36, "a wide market": {"spread": 6.0},
        "one print of some size": {"count": 1}, "two sides": {"mixed": True, "buy_size": 50, "sell_size": 50},
    },
    {
        **_bought_edges(), **_premium_edges(130_000.0), **_WORKED,
        "days to expiry": ({"contract": "SPY260316C00450000"}, {"contract": "SPY260315C00450000"}),
    },
)  # fmt: skip
_DIVIDEND = Cases(
    "mechanical",
    {"flag": "cross", "moneyness": -0.1, "count": 4, "size": 4000, "buy_size": 0, **_CALL_36},
    {
        "puts": {"contract": "SPY260220P00450000", "moneyness": 0.1}, "electronic": {"flag": "regular"},
        "out of the money": {"moneyness": 0.1}, "uneven pieces": {"size": 4001},
        "several prices": {"price_low": 9.0, "price_high": 11.0}, "spot not known": {"moneyness": None},
        "halted": {"halted": True}, "in a limit state": {"limit_state": True}, "no premium known": {"premium": None},
        "legs printed without conditions": {"suspected_complex": True},
    },
    {
        **_premium_edges(30_000.0),
        "in the money, share of spot": ({"moneyness": -0.05}, {"moneyness": -0.0499}),
        "print count": ({"count": 4, "size": 1200}, {"count": 3, "size": 1200}),
        "size, contracts": ({"size": 1000}, {"size": 996}),
    },
)  # fmt: skip
_EXPIRING: Fields = {
    "contract": "SPY260115C00440000", "moneyness": -0.022, "spot": 450.0, "buy_size": 0, "sell_size": 400, "size": 400,
    "count": 3,
}  # fmt: skip
_EXPIRY = Cases(
    "mechanical",
    _EXPIRING,
    {
        "bought": {"buy_size": 400, "sell_size": 0}, "another day": {"contract": "SPY260116C00440000"},
        "well above what exercise is worth": {"vwap": 12.0}, "at the money": {"moneyness": 0.0},
        "an auction": {"flag": "auction"}, "halted": {"halted": True}, "in a limit state": {"limit_state": True},
        "spot not known": {"moneyness": None}, "legs printed without conditions": {"suspected_complex": True},
    },
    {
        **_premium_edges(30_000.0),
        "in the money, share of spot": ({"moneyness": -0.01}, {"moneyness": -0.0099}),
        "size, contracts": ({"size": 200, "sell_size": 200}, {"size": 199, "sell_size": 199}),
        "sold share of covered size": ({"sell_size": 220}, {"sell_size": 219}),
        "price over parity, share of it": ({"vwap": 10.2}, {"vwap": 10.201}),
    },
)  # fmt: skip


_USUAL = 0.2 * sqrt(300 / (252 * 23_400))


_FOLLOW = Cases(
    "no_follow_through",
    {},
    {
        "it followed": {"spot_now": 101.0, "mark_now": 11.0}, "it stood still": {"spot_now": 100.0},
        "an alert without a direction": {"direction": "neutral"}, "spot not known": {"spot_then": None},
        "volatility not known": {"iv": None}, "bearish, and it fell": {"direction": "bearish"},
        "a look in a halt": {"halted": True}, "a look in a limit state": {"limit_state": True},
    },
    {
        **_premium_edges(50_000.0),
        "seconds since the alert": ({"after_s": 300}, {"after_s": 299}),
        "move against it, deviations": (
            {"spot_now": 100 * (1 - 1.251 * _USUAL)}, {"spot_now": 100 * (1 - 1.249 * _USUAL)},
        ),
        "the option's mark since, dollars": ({"mark_now": 10.0}, {"mark_now": 10.01}),
    },
)  # fmt: skip
CASES: tuple[Cases, ...] = (
    _sweep("large_bullish_call_sweep", {}, {"contract": PUT}),
    _sweep("large_bearish_put_sweep", {"contract": PUT}, {"contract": "SPY260116C00450000"}),
    _SPIKE, _BLOCK, _sale("large_call_sell_overwrite", "C", 0.05), _sale("large_put_sell_write", "P", -0.05), _REPEATED,
    _LADDER, _OPENING, _CLOSING, _ZERO, _FAR, *STRUCTURES, _FOLLOW, _DIVIDEND, _EXPIRY,
)  # fmt: skip
