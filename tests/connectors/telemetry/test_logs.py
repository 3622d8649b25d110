"""Log lines: JSON off a terminal, text on one, and no secret in either, however it got there."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

ROOT = Path(__file__).parents[3]
SECRETS = {
    "CLICKHOUSE_URL": "clickhouse://flow:store%40secret@127.0.0.1:1/db",
    "REDIS_URL": "redis://:cache-secret@127.0.0.1:1/0",
    "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "KAFKA_SASL_MECHANISM": "PLAIN",
    "KAFKA_SASL_USERNAME": "flow",
    "KAFKA_SASL_PASSWORD": "bus-secret",
    "KAFKA_SSL_KEY_PASSWORD": "key-secret",
}
SECRET_WORDS = ("store%40secret", "store@secret", "cache-secret", "bus-secret", "key-secret")
#: Says everything a process could say wrongly, then ends by an exception whose text and values hold a password.
TELL = """
import logging, os, threading
from connectors.telemetry.logs import begin_logs
from events.settings import load
begin_logs("test", load())
log = logging.getLogger("vendor.client")
log.warning("connecting to %s", os.environ["CLICKHOUSE_URL"])
log.warning("the password is %s", "store@secret")
log.error("%r failed", {"url": os.environ["REDIS_URL"], "sasl": "bus-secret"})
log.info("another's: postgres://me:unknown-secret@host/db")
try:
    raise ValueError(os.environ["REDIS_URL"])
except ValueError:
    log.exception("as told")
thread = threading.Thread(target=lambda: 1 / len(os.environ["KAFKA_SSL_KEY_PASSWORD"][10:]), name="beside")
thread.start()
thread.join()
raise RuntimeError("no answer from " + os.environ["REDIS_URL"] + " with key-secret")
"""


def told(settings: dict[str, str], stderr: int = subprocess.PIPE) -> str:
    done = subprocess.run(
        [sys.executable, "-c", TELL], cwd=ROOT, env=os.environ | settings, text=True, check=False, stderr=stderr
    )
    return done.stderr or ""


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_password_reaches_a_log_line(form: str) -> None:
    text = told({**SECRETS, "LOG_FORMAT": form})
    for word in (*SECRET_WORDS, "unknown-secret"):
        assert word not in text
    for expected in ("clickhouse://flow:***@127.0.0.1:1/db", "ended by RuntimeError", "ended by ZeroDivisionError"):
        assert expected in text


def test_every_line_is_a_json_object_off_a_terminal() -> None:
    lines = [orjson.loads(line) for line in told(SECRETS).splitlines()]
    assert {line["part"] for line in lines} == {"test"}
    assert [line["level"] for line in lines] == ["warning", "warning", "error", "info", "error", "critical", "critical"]
    assert lines[0]["logger"] == "vendor.client"
    assert lines[0]["timestamp"].endswith("Z")
    assert "Traceback" in lines[-1]["exception"]


def test_lines_are_text_on_a_terminal() -> None:
    terminal, side = pty.openpty()
    try:
        told(SECRETS, side)
        text = os.read(terminal, 65_536).decode()
    finally:
        os.close(side)
        os.close(terminal)
    assert "connecting to" in text
    assert "{" not in text.splitlines()[0]


def test_the_least_level_is_a_setting() -> None:
    text = told({**SECRETS, "LOG_LEVEL": "error"})
    assert "connecting to" not in text
    assert "as told" in text
