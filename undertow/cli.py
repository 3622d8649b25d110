"""The command `undertow`: each subcommand is a module of `undertow.commands`, loaded when it is asked for."""

from __future__ import annotations

import importlib

import click

#: Subcommand, its module, the name in it, and its line in the list.
_COMMANDS: dict[str, tuple[str, str, str]] = {
    "up": ("undertow.commands.up", "up", "Run everything on this machine until Ctrl-C."),
    "status": ("undertow.commands.status", "status", "Show processes, rates and lag."),
    "feed": ("undertow.commands.feed", "feed", "Run a feed, such as the synthetic market."),
    "import": ("undertow.commands.import_", "command", "Import files of prints and quotes."),
    "compute": ("undertow.commands.compute", "compute_command", "Compute and archive a whole data set afresh."),
    "export": ("undertow.commands.export", "export", "Write a topic's events as JSON lines."),
    "verify": ("undertow.commands.verify", "verify_command", "Prove the archive equal to its log."),
    "archive": ("undertow.commands.parts", "archive_command", "Archive a data set as it grows."),
    "gateway": ("undertow.commands.gateway", "gateway", "Serve the screens: REST, WebSocket, terminal."),
    "openapi": ("undertow.commands.gateway", "openapi_command", "Print what the gateway serves, as OpenAPI."),
    "watchdog": ("undertow.commands.parts", "watchdog_command", "Write the absence of a feed that died."),
    "trim": ("undertow.commands.trim", "trim_command", "Drop old records from the log, never behind an anchor."),
    "partitions": (
        "undertow.commands.partitions",
        "partitions_command",
        "Show how busy partitions are, and how to split them.",
    ),
    "tail": ("undertow.commands.tail", "tail_command", "Show a topic's newest events, or follow it."),
    "explain": ("undertow.commands.explain", "explain_command", "Show why something fired or not, check by check."),
    "evaluate": ("undertow.commands.evaluate", "evaluate_command", "Judge the rules on tapes whose orders are known."),
    "bench": ("undertow.commands.bench", "bench", "Measure this machine, as ratios within one run."),
    "health": ("undertow.commands.health", "health", "Ask a running part whether it does its work."),
    "doctor": ("undertow.commands.doctor", "doctor", "Check settings, packages and a data set."),
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = _COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, name, _ = entry
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in _COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="undertow")
def main() -> None:
    """Undertow: options flow and off-exchange prints, explained, and the same in replay to the byte.

    A data set is a directory. Fill it, compute it, look at it, and prove it:

    \b
      undertow import day.jsonl.zst --data tapes/day
      undertow compute --data tapes/day
      undertow export flow.alerts --data tapes/day
      undertow verify --data tapes/day

    Settings come from the environment; `undertow doctor` shows them all.
    """


if __name__ == "__main__":
    main()
