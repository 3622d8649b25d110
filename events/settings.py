"""Every setting: its environment name, type, default, bounds and meaning; validated once, handed inward frozen.

The rules' thresholds stand in `events/thresholds.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator

from events.thresholds import Group, Rules, plain_rules, rules_from
from events.times import time_of

__all__ = [
    "Rules",
    "Settings",
    "SettingsError",
    "described",
    "env_example",
    "load",
    "plain_rules",
    "rules_from",
    "shown",
]

#: What stands before the password in an address, and the password.
_PASSWORD = re.compile(r"(\w+://[^/@\s:]*:)\S*@")


class SettingsError(ValueError):
    """A setting that cannot work; its text is one line that names the setting and what to change."""

    def __init__(self, text: str, name: str = "") -> None:
        super().__init__(text)
        #: The setting, where one alone is at fault.
        self.name = name


class Compute(Group):
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


class Bus(Group):
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


class Kafka(Group):
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


class Api(Group):
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


class Feed(Group):
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

    @field_validator("synthetic_start")
    @classmethod
    def _is_a_time(cls, value: str) -> str:
        if value:
            time_of(value)
        return value


class Store(Group):
    """Where the archive rests: chDB in the data directory, or a ClickHouse server."""

    clickhouse_url: str = Field(
        "", description="ClickHouse's native address, clickhouse://user:password@host:9000; empty: chDB, embedded"
    )
    clickhouse_database: str = Field(
        "undertow", pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$", description="database of this data set, no other's"
    )


class Cache(Group):
    """Redis, for the gateway: newest baselines, packets and alerts. Nothing depends on it."""

    redis_url: str = Field("", description="redis://host:6379/0 or rediss://…; empty: no cache")
    rolling_ttl_sec: int = Field(86_400, ge=1, le=31_536_000, description="life of a cached baseline, s")


class Telemetry(Group):
    """What a process says of itself."""

    metrics_port: int = Field(
        0, ge=0, le=65535, description="port of this process's /metrics and /health; 0: none (`up` gives each part one)"
    )
    metrics_host: str = Field("127.0.0.1", description="address it listens on")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level of a log line")
    log_format: Literal["auto", "json", "text"] = Field("auto", description="auto: text on a terminal, else JSON lines")


class Settings(Group):
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


_GROUPS: dict[str, type[Group]] = {
    "rules": Rules, "compute": Compute, "bus": Bus, "kafka": Kafka, "api": Api, "feed": Feed, "store": Store,
    "cache": Cache, "telemetry": Telemetry,
}  # fmt: skip


def load(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Reads settings from the environment; keyword arguments, by lower-case name, win over it.

    Raises SettingsError with one line that names the first setting that cannot work.
    """
    env = os.environ if environ is None else environ
    groups: dict[str, Group] = {}
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
            raise SettingsError(_one_line(error), str(error.errors()[0]["loc"][0]).upper()) from None
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
    lines = [
        "# Generated by `make env-example` from the settings in events/. Every value shown is the default.",
        "# Settings come from the environment; a file of them is read by your shell: set -a; . ./.env; set +a",
        "",
    ]
    group = ""
    for name_group, name, default, meaning in described():
        if name_group != group:
            group = name_group
            lines.append(f"# {(_GROUPS[group].__doc__ or '').strip()}")
        shown = str(default).lower() if isinstance(default, bool) else default
        lines += [f"# {meaning}", f"#{name}={shown}"]
    return "\n".join(lines) + "\n"
