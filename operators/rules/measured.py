"""What each rule came to on labelled tapes of tuning seeds; `tools/make_measured.py` writes it."""

from __future__ import annotations

from operators.rules.rule import Measured

MODEL = 8
SEEDS = "101, 102, 103, 104"
MEASURED: dict[str, Measured] = {
    "large_bullish_call_sweep": Measured(117, 117, 290, 0.9862, 0.8888),
    "large_bearish_put_sweep": Measured(117, 117, 393, 0.9924, 0.8812),
    "large_block": Measured(112, 112, 376, 0.9654, 0.8343),
    "large_call_sell_overwrite": Measured(40, 30, 67, 1.0, 0.7987),
    "large_put_sell_write": Measured(27, 22, 51, 1.0, 0.7967),
    "unusual_contract_spike": Measured(89, 88, 927, 0.9968, 0.8986),
    "repeated_hits": Measured(35, 35, 134, 0.9478, 0.7052),
    "new_position_likely": Measured(56, 56, 666, 0.9955, 0.7827),
    "closing_unwind_likely": Measured(25, 17, 62, 1.0, 0.7172),
    "zero_dte_gamma_punch": Measured(30, 29, 33, 0.9697, 0.837),
    "far_dated_conviction": Measured(34, 29, 31, 1.0, 0.7948),
    "straddle": Measured(30, 29, 39, 1.0, 0.9),
    "strangle": Measured(30, 27, 27, 1.0, 0.9),
    "vertical_spread": Measured(29, 28, 622, 0.9968, 0.8781),
    "roll": Measured(72, 70, 199, 0.995, 0.8688),
    "ladder_accumulation": Measured(38, 35, 111, 1.0, 0.7046),
    "no_follow_through": Measured(35, 30, 97, 0.9897, 0.7803),
    "protective_put_hedge": Measured(34, 34, 53, 0.9057, 0.8669),
    "collar_hedge": Measured(78, 78, 97, 0.9794, 0.8019),
    "arbitrage_structure": Measured(115, 113, 113, 1.0, 0.8749),
    "mechanical": Measured(54, 53, 71, 0.9577, 0.8),
}
