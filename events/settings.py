"""Every setting: its environment name, type, default, bounds and meaning; validated once, handed inward frozen."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator

#: What stands before the password in an address, and the password.
_PASSWORD = re.compile(r"(\w+://[^/@\s:]*:)\S*@")


class SettingsError(ValueError):
    """A setting that cannot work; its text is one line that names the setting and what to change."""


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rules(_Group):
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
        300_000, ge=0, le=86_400_000, description="how long behind a halt of the underlying no rule fires, ms"
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
        3, ge=1, description="sold premium, closing, far-dated: least number of prints below the next"
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


class Compute(_Group):
    """How a flow starts and reads."""

    compute_deliver_policy: Literal["new", "all"] = Field(
        "new", description="without a recovery store start at the last anchor (new) or at the log's start (all)"
    )
    compute_consumer_reset: bool = Field(False, description="true forgets the recovery store first")
    flow_partitions: str = Field(
        "",
        pattern=r"^\s*(\d+(-\d+)?(\s*,\s*\d+(-\d+)?)*)?\s*$",
        description="partitions that this flow process takes, such as 0-3 or 0,2,5-7; empty: all",
    )
    baseline_cold_start: Literal["none", "shipped", "redis"] = Field(
        "none", description="what a new run's baselines begin with: nothing, shipped buckets, or the cache's packets"
    )
    tape_read_batch: int = Field(8000, ge=1, le=100_000, description="records the tape reads at a time and topic")
    tape_poll_ms: int = Field(10, ge=1, le=1000, description="pause between polls of an idle tape, ms")
    archive_batch_rows: int = Field(50_000, ge=1, le=1_000_000, description="rows per insert into the store")
    archive_flush_ms: int = Field(1000, ge=1, le=60_000, description="longest wait of a row for its insert, ms")


class Bus(_Group):
    """Where events travel and rest."""

    undertow_data: Path = Field(Path("data"), description="data directory of the data set")
    bus_partitions: int = Field(8, ge=1, le=256, description="partitions of a data set, fixed when it is made")
    bus_append_batch: int = Field(2000, ge=1, le=100_000, description="events an import appends at a time")
    feed_resend_hold_ms: int = Field(
        60_000, ge=0, description="how long a feed that can resend holds its promise while disconnected, ms"
    )
    watchdog_grace_ms: int = Field(
        20_000, ge=1000, description="how long a topic may be without a feed before its absence is written, ms"
    )


class Kafka(_Group):
    """Kafka or Redpanda in place of the embedded bus."""

    kafka_brokers: str = Field("", description="host:port of brokers, separated by commas; empty: the embedded bus")
    kafka_topic_prefix: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._-]{0,100}$",
        description="begins every topic's name; empty: the data set's name and a dot",
    )
    kafka_create_topics: bool = Field(True, description="false: a missing topic is an error")
    kafka_replication: int = Field(0, ge=0, le=16, description="copies of each topic made; 0: the broker's default")
    kafka_message_max_bytes: int = Field(
        33_554_432, ge=65_536, le=90_000_000, description="largest message, bytes; anchors are the largest"
    )
    kafka_queue_messages: int = Field(
        1_000_000, ge=1, le=10_000_000, description="messages that may wait to be sent; a full queue is waited for"
    )
    kafka_compression: Literal["none", "lz4", "zstd", "snappy", "gzip"] = Field("lz4", description="of what is sent")
    kafka_timeout_ms: int = Field(
        60_000, ge=1000, le=900_000, description="how long brokers may be away before who waits for them fails, ms"
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how brokers are spoken to"
    )
    kafka_sasl_mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "", description="how a SASL protocol signs in", validate_default=True
    )
    kafka_sasl_username: str = Field("", description="name to sign in with", validate_default=True)
    kafka_sasl_password: SecretStr = Field(SecretStr(""), description="password to sign in with", validate_default=True)
    kafka_ssl_ca_location: str = Field("", description="file of the authorities to trust; empty: the system's")
    kafka_ssl_certificate_location: str = Field("", description="file of this client's certificate")
    kafka_ssl_key_location: str = Field("", description="file of its key")
    kafka_ssl_key_password: SecretStr = Field(SecretStr(""), description="password of the key")

    @field_validator("kafka_sasl_mechanism", "kafka_sasl_username", "kafka_sasl_password")
    @classmethod
    def _with_sasl(cls, value: Any, info: ValidationInfo) -> Any:
        protocol = info.data.get("kafka_security_protocol", "")
        given = value.get_secret_value() if isinstance(value, SecretStr) else value
        if protocol.startswith("SASL") and not given:
            raise ValueError(f"needed with KAFKA_SECURITY_PROTOCOL={protocol}")
        return value

    @field_validator("kafka_ssl_ca_location", "kafka_ssl_certificate_location", "kafka_ssl_key_location")
    @classmethod
    def _readable(cls, value: str) -> str:
        if value and not Path(value).is_file():
            raise ValueError("no such file")
        return value


class Api(_Group):
    """The gateway."""

    api_host: str = Field("127.0.0.1", description="address the gateway listens on")
    api_port: int = Field(8400, ge=1, le=65535, description="first port tried; the next free one is printed")
    api_hosts: str = Field("", description="further host names that requests may name, separated by commas")
    api_dev_origin: str = Field("", description="origin of a development server that may connect too")
    api_terminal: Path = Field(Path("frontend/dist"), description="directory of the built terminal")
    api_poll_ms: int = Field(5, ge=1, le=1000, description="pause between polls of the log, ms")
    api_max_clients: int = Field(256, ge=1, le=100_000, description="WebSocket clients at once")
    api_client_queue_kb: int = Field(
        4096, ge=512, le=1_048_576, description="frames that wait for one client, KiB; the oldest are skipped, and told"
    )
    api_send_timeout_ms: int = Field(15_000, ge=100, le=600_000, description="a client that takes nothing goes, ms")
    api_history_threads: int = Field(4, ge=1, le=32, description="reads of the archive at once")
    api_history_timeout_ms: int = Field(10_000, ge=100, le=600_000, description="longest wait for the archive, ms")


class Feed(_Group):
    """Feeds. What is said of the synthetic market is fixed with its first event, but for speed and rates."""

    emit_interval_ms: int = Field(
        1000, ge=1, le=3_600_000, description="synthetic: mean time between prints of a liquid stock, ms"
    )
    testing_mode: bool = Field(False, description="true thins a feed's prints and plants nothing")
    testing_throttle_ms: int = Field(200, ge=1, le=60_000, description="testing mode: least spacing of prints, ms")
    synthetic_seed: int = Field(1, ge=0, le=2**63 - 1, description="synthetic: same seed and start, same market")
    synthetic_start: str = Field(
        "", description="synthetic: where a new market begins, an ISO time; empty is the next session's open"
    )
    synthetic_rate: float = Field(
        50, gt=0, le=50_000, description="synthetic: background option prints a second, mean over a session"
    )
    synthetic_speed: float = Field(
        1, ge=0, le=1000, description="synthetic: event seconds per second; 0 is as fast as possible"
    )
    synthetic_planted_per_hour: float = Field(
        120, ge=0, le=36_000, description="synthetic: orders planted an hour, labelled in the labels file"
    )
    synthetic_labels: str = Field("", description="synthetic: labels file; empty is labels.jsonl in the data directory")


class Store(_Group):
    """Where the archive rests: chDB in the data directory, or a ClickHouse server."""

    clickhouse_url: str = Field(
        "", description="ClickHouse's native address, clickhouse://user:password@host:9000; empty: chDB, embedded"
    )
    clickhouse_database: str = Field(
        "undertow", pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$", description="database of this data set, no other's"
    )


class Cache(_Group):
    """Redis, for the gateway: newest baselines, packets and alerts. Nothing depends on it."""

    redis_url: str = Field("", description="redis://host:6379/0 or rediss://…; empty: no cache")
    rolling_ttl_sec: int = Field(86_400, ge=1, le=31_536_000, description="life of a cached baseline, s")


class Telemetry(_Group):
    """What a process says of itself."""

    metrics_port: int = Field(
        0, ge=0, le=65535, description="port of this process's /metrics and /health; 0: none (`up` gives each part one)"
    )
    metrics_host: str = Field("127.0.0.1", description="address it listens on")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level of a log line")
    log_format: Literal["auto", "json", "text"] = Field("auto", description="auto: text on a terminal, else JSON lines")


class Settings(_Group):
    """All settings of one process."""

    rules: Rules = Rules()
    compute: Compute = Compute()
    bus: Bus = Bus()
    kafka: Kafka = Kafka()
    api: Api = Api()
    feed: Feed = Feed()
    store: Store = Store()
    cache: Cache = Cache()
    telemetry: Telemetry = Telemetry()


_GROUPS: dict[str, type[_Group]] = {
    "rules": Rules, "compute": Compute, "bus": Bus, "kafka": Kafka, "api": Api, "feed": Feed, "store": Store,
    "cache": Cache, "telemetry": Telemetry,
}  # fmt: skip


def load(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Reads settings from the environment; keyword arguments, by lower-case name, win over it.

    Raises SettingsError with one line that names the first setting that cannot work.
    """
    env = os.environ if environ is None else environ
    groups: dict[str, _Group] = {}
    for group, model in _GROUPS.items():
        values: dict[str, Any] = {}
        for name in model.model_fields:
            if overrides.get(name) is not None:
                values[name] = overrides[name]
            elif env.get(name.upper(), "") != "":
                values[name] = env[name.upper()]
        try:
            groups[group] = model(**values)
        except ValidationError as error:
            raise SettingsError(_one_line(error)) from None
    return Settings(**groups)


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0]).upper()
    message = first["msg"].removeprefix("Value error, ")
    return f"{name}={shown(first['input'])!r} cannot work: {message[:1].lower()}{message[1:]}"


def shown(value: Any) -> Any:
    """Returns a setting's value as it may be shown: no secret, and no password of an address."""
    if isinstance(value, SecretStr):
        return str(value)
    return _PASSWORD.sub(r"\1***@", value) if isinstance(value, str) else value


def described() -> list[tuple[str, str, Any, str]]:
    """Returns (group, NAME, default, meaning) of every setting, for `.env.example` and `undertow doctor`."""
    return [
        (group, name.upper(), field.default, field.description or "")
        for group, model in _GROUPS.items()
        for name, field in model.model_fields.items()
    ]


def env_example() -> str:
    """Returns the text of `.env.example`."""
    lines = ["# Generated by `make env-example` from events/settings.py. Every value shown is the default.", ""]
    group = ""
    for name_group, name, default, meaning in described():
        if name_group != group:
            group = name_group
            lines.append(f"# {(_GROUPS[group].__doc__ or '').strip()}")
        shown = str(default).lower() if isinstance(default, bool) else default
        lines += [f"# {meaning}", f"#{name}={shown}"]
    return "\n".join(lines) + "\n"


def plain_rules(rules: Rules) -> dict[str, int | float | str | bool]:
    """Returns the rules' settings under their documented names, as recorded beside a run."""
    return {name.upper(): value for name, value in rules.model_dump().items()}


def rules_from(plain: Mapping[str, Any]) -> Rules:
    """Rebuilds the rules from recorded names and values; unknown names are refused."""
    return Rules(**{name.lower(): value for name, value in plain.items()})
