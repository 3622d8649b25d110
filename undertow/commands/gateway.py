"""`undertow gateway` serves the screens; `undertow openapi` prints what it serves."""

from __future__ import annotations

from pathlib import Path

import click
import orjson

from events.settings import load
from undertow.commands.common import data_option, one_line_errors, open_dataset


@click.command("gateway")
@data_option
@click.option(
    "--port", type=click.IntRange(1, 65535), help="This port, no other.  [default: API_PORT, else a free one]"
)
@click.option("--host", help="Address to listen on.  [default: API_HOST]")
@click.option("--terminal", type=click.Path(path_type=Path), help="Directory of the built terminal.  [API_TERMINAL]")
def gateway(data: Path | None, port: int | None, host: str | None, terminal: Path | None) -> None:
    """Serve REST, the WebSocket and the terminal over a data set; prints the address on stdout.

    Live data comes from the log; history from the archive's process, and is answered with 503 while that is away.
    SIGTERM or Ctrl-C ends it cleanly.

    \b
    undertow gateway --data data/market
    undertow gateway --port 9000
    """
    with one_line_errors():
        from api.app import build
        from api.server import listen, serve
        from connectors.telemetry import begin

        settings = load(undertow_data=data, api_host=host, api_port=port, api_terminal=terminal)
        begin("gateway", settings)
        dataset = open_dataset(data)
        app = build(dataset, settings)
        try:
            link = listen(settings.api.api_host, settings.api.api_port, exact=port is not None)
        except OSError as error:
            raise ValueError(f"{error}: another --port, or stop what listens there") from None
        name = settings.api.api_host
        address = f"http://{f'[{name}]' if ':' in name else name}:{link.getsockname()[1]}"
        serve(app, link, lambda: click.echo(address))


@click.command("openapi")
def openapi_command() -> None:
    """Print the gateway's OpenAPI document, made from the event types; needs no data set and no running gateway."""
    from api.openapi import document

    click.echo(orjson.dumps(document(), option=orjson.OPT_INDENT_2).decode())
