"""`undertow health`: asks a running part whether it does its work; what a container's health check runs."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from typing import Any

import click
import orjson

from events.settings import load
from undertow.commands.common import one_line_errors

_PATIENCE_S = 5.0


@click.command("health")
@click.option("--port", type=click.IntRange(1, 65535), help="Its metrics port.  [default: METRICS_PORT]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where it runs.")
@click.option("--json", "as_json", is_flag=True, help="Print what it answered as one JSON object.")
def health(port: int | None, host: str, as_json: bool) -> None:
    """Ask a part at its metrics port whether it does its work; exit status 0 when it does, 1 when it does not.

    A part that waits for a server that is away, or has not turned for half a minute, does not.
    """
    with one_line_errors():
        asked = load(metrics_port=port).telemetry.metrics_port
        if not asked:
            raise ValueError("METRICS_PORT is 0: the part answers nowhere; say --port")
        found = _ask(f"http://{f'[{host}]' if ':' in host else host}:{asked}/health")
    click.echo(orjson.dumps(found).decode() if as_json else _text(found))
    sys.exit(0 if found["ok"] else 1)


def _ask(url: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE_S) as answer:
            found: dict[str, Any] = orjson.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            found = orjson.loads(error.read())
    except OSError as error:
        raise ValueError(f"nobody answers at {url}: {error}") from None
    return found


def _text(found: dict[str, Any]) -> str:
    seen = ", ".join(f"{name} {each['seen']}" for name, each in found["checks"].items())
    return f"{found['part']} {'works' if found['ok'] else 'does not work'}: {seen or 'it has not begun'}"
