"""What each rule came to on labelled tapes of tuning seeds; `tools/make_measured.py` writes it."""

from __future__ import annotations

from operators.rules.rule import Measured

MODEL = 7
SEEDS = "101, 102, 103, 104"
MEASURED: dict[str, Measured] = {
    "large_bullish_call_sweep": Measured(109, 108, 311, 0.9871, 0.8881),
    "large_bearish_put_sweep": Measured(128, 128, 396, 0.9874, 0.88),
    "large_block": Measured(112, 112, 401, 0.9526, 0.8344),
    "large_call_sell_overwrite": Measured(38, 30, 69, 1.0, 0.7986),
    "large_put_sell_write": Measured(29, 24, 59, 1.0, 0.7931),
    "unusual_contract_spike": Measured(99, 92, 956, 0.9979, 0.8985),
    "repeated_hits": Measured(27, 27, 87, 1.0, 0.7049),
    "new_position_likely": Measured(53, 53, 697, 0.9986, 0.786),
    "closing_unwind_likely": Measured(26, 21, 69, 1.0, 0.7181),
    "zero_dte_gamma_punch": Measured(37, 37, 42, 0.9762, 0.8404),
    "far_dated_conviction": Measured(27, 26, 32, 1.0, 0.7953),
    "straddle": Measured(25, 23, 34, 1.0, 0.9),
    "strangle": Measured(29, 28, 29, 0.9655, 0.8908),
    "vertical_spread": Measured(47, 45, 829, 0.9928, 0.88),
    "roll": Measured(73, 73, 228, 1.0, 0.8678),
    "ladder_accumulation": Measured(42, 37, 120, 0.9917, 0.7037),
    "no_follow_through": Measured(29, 28, 101, 0.9802, 0.7726),
    "protective_put_hedge": Measured(47, 47, 66, 0.8788, 0.8755),
    "collar_hedge": Measured(68, 68, 80, 1.0, 0.8005),
    "arbitrage_structure": Measured(103, 101, 104, 1.0, 0.854),
    "mechanical": Measured(72, 69, 87, 0.977, 0.8),
}
