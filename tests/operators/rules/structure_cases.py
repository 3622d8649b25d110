"""Cases of the rules on structures."""

from __future__ import annotations

from tests.operators.rules.subjects import Cases, Edges, Fields
from tests.packets import PUT

_OWN_FLOOR: Edges = {
    "premium of all legs, dollars (the underlying's own quantile)": (
        {"gross_premium": 500_000.0, "premium_floor": 500_000.0},
        {"gross_premium": 499_999.99, "premium_floor": 500_000.0},
    ),
}
_STRUCTURE_EDGES: Edges = {
    **_OWN_FLOOR,
    "confidence that the legs belong together": ({"confidence": 0.6}, {"confidence": 0.5999}),
    "premium of all legs, dollars": ({"gross_premium": 110_000.0}, {"gross_premium": 109_999.99}),
}
_NOT_STRUCTURES: dict[str, Fields] = {
    "in or after a halt": {"halted": True}, "in or after a limit state": {"limit_state": True},
    "strangers near each other": {"confidence": 0.4},
    "premium not known": {"gross_premium": None}, "another kind": {"kind": "butterfly", "name": "long butterfly"},
}  # fmt: skip
_PUT_CALL: Fields = {"legs": (("SPY260116P00440000", "buy"), ("SPY260116C00460000", "sell"))}
_UNSIDED: Fields = {"legs": (("SPY260116P00450000", "none"), ("SPY260116C00450000", "none"))}


def _of_structure(rule: str, true: Fields, more: dict[str, Fields]) -> Cases:
    return Cases(rule, true, {**_NOT_STRUCTURES, **more}, _STRUCTURE_EDGES)


STRUCTURES: tuple[Cases, ...] = (
    _of_structure("straddle", {}, {"two strikes": {"kind": "strangle"}, "one leg sold": {"kind": "risk_reversal"}}),
    _of_structure(
        "strangle", {"kind": "strangle", "name": "short strangle"},
        {"one strike": {"kind": "straddle"}, "one leg sold": {"kind": "collar"}},
    ),
    _of_structure(
        "vertical_spread", {"kind": "vertical", "name": "debit call vertical", "direction": "bullish"},
        {"two expiries": {"kind": "calendar"}, "unequal sizes": {"kind": "ratio"}, "moved": {"kind": "roll_up"}},
    ),
    _of_structure(
        "roll", {"kind": "roll_out", "name": "roll out"},
        {"both legs new": {"kind": "calendar"}, "a spread": {"kind": "vertical"}},
    ),
    _of_structure(
        "collar_hedge", {"kind": "collar", "name": "collar", "stock_tied": True, **_PUT_CALL},
        {
            "the other way round": {"kind": "risk_reversal", "direction": "bullish"},
            "a synthetic": {"kind": "risk_reversal", "direction": "bearish", "name": "bearish synthetic"},
            "sides not known and no stock": {"kind": "unnamed", "stock_tied": False},
            "sides not known and one strike": {"kind": "unnamed", **_UNSIDED},
        },
    ),
    _of_structure(
        "arbitrage_structure", {"kind": "box", "name": "long box"},
        {
            "a synthetic without its stock": {"kind": "risk_reversal"},
            "sides not known and two strikes": {"kind": "unnamed", "stock_tied": True, **_PUT_CALL},
            "sides not known and no stock": {"kind": "unnamed", **_UNSIDED},
        },
    ),
    Cases(
        "protective_put_hedge",
        {"kind": "stock_tied", "name": "put bought with stock", "stock_tied": True, "legs": ((PUT, "buy"),)},
        {
            **_NOT_STRUCTURES, "sold": {"legs": ((PUT, "sell"),)}, "a call": {"legs": (("SPY260116C00450000", "buy"),)},
        },
        {
            **_OWN_FLOOR,
            "confidence that the legs belong together": ({"confidence": 0.6}, {"confidence": 0.5999}),
            "premium of all legs, dollars": ({"gross_premium": 60_000.0}, {"gross_premium": 59_999.99}),
            "legs beside the stock": ({}, {"legs": ((PUT, "buy"), ("SPY260116P00440000", "buy"))}),
        },
    ),
)  # fmt: skip
