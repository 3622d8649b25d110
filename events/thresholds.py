"""The rules' settings: windows, baselines, thresholds; what a log records as parameters (contract 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

#: No number of any setting means more; as milliseconds it is still a time in 64 bits of nanoseconds.
LARGEST = 10**12


class Group(BaseModel):
    """Settings that belong together: frozen, and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    @field_validator("*")
    @classmethod
    def _is_within_reach(cls, value: Any) -> Any:
        if isinstance(value, int | float) and abs(value) > LARGEST:
            raise ValueError(f"nothing it could mean is beyond {LARGEST:,}")
        return value


#: Of two settings the one that must not be below the other, and of a window the samples that it must hold.
_AT_LEAST = {
    "alert_high_score": "alert_medium_score",
    "classifier_0dte_max_delta": "classifier_0dte_min_delta",
    "classifier_closing_max_share": "classifier_closing_min_share",
    "classifier_sell_max_days": "classifier_sell_min_days",
    "classifier_sell_max_out": "classifier_sell_min_out",
}
_AT_MOST = {"classifier_z_min_samples": "rolling_window_size"}


class Rules(Group):
    """What the operators read: windows, baselines and thresholds. All money is dollars."""

    cluster_window_ms: int = Field(500, ge=250, le=2000, description="a packet's window from its first print, ms")
    nbbo_max_age_ms: int = Field(
        1000, ge=1, le=3_600_000, description="oldest usable quote of sampled and gapped feeds and tape files, ms"
    )
    spot_max_age_ms: int = Field(
        5000,
        ge=1,
        le=3_600_000,
        description="oldest usable quote of an underlying or a parity pair, if sampled, ms",
    )
    risk_free_rate: float = Field(0.04, ge=-0.1, le=1, description="of implied volatility: continuous, a year")
    iv_min_expiry_s: int = Field(900, ge=0, description="no implied volatility with less time to settlement, s")
    halt_quiet_ms: int = Field(
        300_000,
        ge=0,
        le=86_400_000,
        description="how long behind a halt or limit state of the underlying no rule fires, ms",
    )
    rolling_window_size: int = Field(50, ge=2, le=1000, description="packets in a rolling baseline")
    classifier_sweep_min_premium: float = Field(40_000, ge=0, description="sweep: least premium, dollars")
    classifier_sweep_min_count: int = Field(3, ge=1, description="sweep: least number of prints")
    classifier_sweep_min_premium_z: float = Field(2.0, description="sweep: premium z that replaces the floor")
    classifier_sweep_sure_count: int = Field(
        4, ge=1, description="sweep: prints from which they may spread over the window without a sweep flag"
    )
    classifier_sweep_few_span_ms: int = Field(
        50, ge=0, le=2000, description="sweep: fewer prints without a sweep flag come within, ms"
    )
    classifier_spike_min_premium: float = Field(20_000, ge=0, description="spike: least premium, dollars")
    classifier_spike_min_size: int = Field(400, ge=1, description="spike: least size, contracts")
    classifier_spike_min_premium_z: float = Field(2.5, description="spike: least premium z where a baseline exists")
    classifier_spike_min_size_z: float = Field(2.0, description="spike: least size z where a baseline exists")
    classifier_z_min_samples: int = Field(12, ge=2, description="prior samples before a baseline gives a z")
    classifier_min_nbbo_coverage: float = Field(0.5, ge=0, le=1, description="least share of size with a placement")
    classifier_min_aggressor_ratio: float = Field(0.55, ge=0.5, le=1, description="least share of one side")
    parent_max_gap_ms: int = Field(50, ge=0, le=2000, description="a longer pause may part two orders in a packet, ms")
    parent_min_side_share: float = Field(
        0.8, ge=0.5, le=1, description="least share of covered size on one side, else a packet or parent has none"
    )
    cancel_horizon_ms: int = Field(
        300_000, ge=0, le=86_400_000, description="a cancel or correction means a print of at most so long ago, ms"
    )
    structure_window_ms: int = Field(500, ge=0, le=2000, description="legs of one structure begin within, ms")
    structure_leg_gap_ms: int = Field(50, ge=0, le=2000, description="legs under complex conditions print within, ms")
    structure_min_premium: float = Field(
        10_000, ge=0, description="packets from here on wait for the legs beside them, dollars"
    )
    structure_min_confidence: float = Field(0.6, ge=0, le=1, description="least confidence that legs belong together")
    premium_floor_quantile: float = Field(
        0.99, ge=0.5, le=0.9999, description="an underlying's own premium floor: quantile of its packets' premium"
    )
    premium_floor_days: int = Field(5, ge=1, le=60, description="finished sessions that the quantile looks back")
    baseline_shape_days: int = Field(
        3, ge=0, le=60, description="finished sessions before baselines go by the time of day; 0: never"
    )
    classifier_max_spread_share: float = Field(
        0.3, gt=0, le=2, description="widest spread, as a share of the price, in which a side is claimed"
    )
    classifier_min_at_quote_share: float = Field(
        0.5, ge=0, le=1, description="least share of covered size at the quote that a claimed side takes, or through it"
    )
    classifier_min_prints: int = Field(
        3, ge=1, description="sold premium, opening, closing, far-dated: least prints below the single-print premium"
    )
    classifier_single_print_premium: float = Field(
        450_000, ge=0, description="premium from which one print says as much as several, dollars"
    )
    classifier_spike_opening_quiet_s: int = Field(
        120, ge=0, le=23_400, description="spike: seconds after the open in which size counts as usual"
    )
    classifier_block_min_premium: float = Field(160_000, ge=0, description="block: least premium, dollars")
    classifier_block_min_size: int = Field(50, ge=1, description="block: least size, contracts")
    classifier_block_max_prints: int = Field(2, ge=1, description="block: most prints")
    classifier_sell_min_premium: float = Field(60_000, ge=0, description="overwrite, put write: least premium, dollars")
    classifier_sell_min_days: int = Field(10, ge=0, description="overwrite and put write: least days to expiry")
    classifier_sell_max_days: int = Field(60, ge=0, description="overwrite and put write: most days to expiry")
    classifier_sell_min_out: float = Field(
        0.01, ge=-1, le=1, description="overwrite and put write: least distance out of the money, a share of spot"
    )
    classifier_sell_max_out: float = Field(
        0.15, ge=0, le=5, description="overwrite and put write: largest distance out of the money"
    )
    classifier_position_min_premium: float = Field(50_000, ge=0, description="opening, closing: least premium, dollars")
    classifier_position_single_premium: float = Field(
        100_000, ge=0, description="opening: premium from which one print says as much as several, dollars"
    )
    classifier_opening_min_share: float = Field(1.0, ge=0, description="opening: size over open interest is above this")
    classifier_closing_min_share: float = Field(0.35, ge=0, le=1, description="closing: least size over open interest")
    classifier_closing_max_share: float = Field(1.0, ge=0, description="closing: largest size over open interest")
    classifier_0dte_max_atm_pct: float = Field(
        0.01, ge=0, le=1, description="last day: farthest from the money, a share of spot"
    )
    classifier_0dte_min_delta: float = Field(0.25, ge=0, le=1, description="last day: least absolute delta")
    classifier_0dte_max_delta: float = Field(0.75, ge=0, le=1, description="last day: largest absolute delta")
    classifier_0dte_min_premium: float = Field(20_000, ge=0, description="last day: least premium, dollars")
    classifier_0dte_min_size: int = Field(400, ge=1, description="last day: least size, contracts")
    classifier_structure_min_premium: float = Field(
        110_000, ge=0, description="rules on structures: least premium of all legs, dollars"
    )
    classifier_tied_min_premium: float = Field(
        60_000, ge=0, description="rules on one leg tied to stock: least premium, dollars"
    )
    far_dated_min_days: int = Field(60, ge=1, description="far-dated: least days to expiry")
    far_dated_min_premium: float = Field(130_000, ge=0, description="far-dated: least premium, dollars")
    repeated_hits_window_ms: int = Field(
        300_000, ge=1000, le=3_600_000, description="repeated hits: orders of one contract within, ms"
    )
    repeated_hits_min_count: int = Field(5, ge=2, description="repeated hits: least number of bought orders")
    repeated_hits_min_premium: float = Field(75_000, ge=0, description="repeated hits: least premium of all, dollars")
    repeated_hits_min_hit_premium: float = Field(
        10_000, ge=0, description="repeated hits: least premium of one order, dollars"
    )
    repeated_hits_min_side_share: float = Field(
        0.9, ge=0.5, le=1, description="repeated hits and ladder: least bought share of premium within the window"
    )
    repeated_hits_min_chain_share: float = Field(
        0.4, ge=0, le=1, description="repeated hits: least share in the premium of all orders of the expiry and right"
    )
    ladder_window_ms: int = Field(180_000, ge=1000, le=3_600_000, description="ladder: strikes of an expiry within, ms")
    ladder_min_strikes: int = Field(3, ge=2, description="ladder: least number of neighbouring strikes")
    ladder_min_order_premium: float = Field(25_000, ge=0, description="ladder: least premium of one order, dollars")
    ladder_min_order_prints: int = Field(2, ge=1, description="ladder: least number of prints of one order")
    ladder_min_premium: float = Field(90_000, ge=0, description="ladder: least premium of all strikes, dollars")
    no_follow_through_after_s: int = Field(300, ge=1, description="no follow-through: looked at so long after, s")
    no_follow_through_min_deviations: float = Field(
        1.25, ge=0, description="no follow-through: least move against the alert, deviations of the time"
    )
    no_follow_through_min_premium: float = Field(
        50_000, ge=0, description="no follow-through: least premium of the alert, dollars"
    )
    mechanical_min_premium: float = Field(30_000, ge=0, description="mechanical: least premium, dollars")
    mechanical_min_inside: float = Field(0.05, ge=0, le=1, description="dividend trade: least share in the money")
    mechanical_dividend_min_size: int = Field(1000, ge=1, description="dividend trade: least size, contracts")
    mechanical_dividend_min_prints: int = Field(4, ge=2, description="dividend trade: least number of equal prints")
    mechanical_expiry_min_size: int = Field(200, ge=1, description="last-day exit: least size, contracts")
    mechanical_expiry_min_inside: float = Field(0.01, ge=0, le=1, description="last-day exit: least share in the money")
    alert_reference_premium: float = Field(
        20_000,
        gt=0,
        description="premium from which a score counts decades, dollars; or the underlying's own floor",
    )
    alert_medium_score: float = Field(60, ge=0, le=100, description="score from which an alert is of medium severity")
    alert_high_score: float = Field(82, ge=0, le=100, description="score from which an alert is of high severity")
    alert_look_min_premium: float = Field(
        10_000, ge=0, description="packets from here on are followed, for what becomes of their alerts, dollars"
    )
    alert_cooldown_ms: int = Field(30_000, ge=0, description="hits of one contract and direction merge within, ms")
    alert_low_per_minute: int = Field(3, ge=0, description="new low alerts of one underlying within a minute, at most")

    @field_validator(*_AT_LEAST, *_AT_MOST)
    @classmethod
    def _agrees_with_another(cls, value: float, info: ValidationInfo) -> float:
        name = info.field_name or ""
        other = _AT_LEAST.get(name) or _AT_MOST[name]
        # A setting that cannot work by itself is named before those that go by it.
        limit = info.data.get(other, value)
        if (value < limit) if name in _AT_LEAST else (value > limit):
            raise ValueError(f"it is {'below' if name in _AT_LEAST else 'above'} {other.upper()}={limit:g}")
        return value


def plain_rules(rules: Rules) -> dict[str, int | float | str | bool]:
    """Returns the rules' settings under their documented names, as recorded beside a run."""
    return {name.upper(): value for name, value in rules.model_dump().items()}


def rules_from(plain: Mapping[str, Any]) -> Rules:
    """Rebuilds the rules from recorded names and values; unknown names are refused."""
    return Rules(**{name.lower(): value for name, value in plain.items()})
