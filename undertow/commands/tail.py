"""`undertow tail`: what is newest in a topic of the log, straight from the bus."""

from __future__ import annotations

import sys
import time
from collections import deque
from pathlib import Path

import click
import orjson

from connectors.bus.base import Bus
from events.topics import topic as topic_entry
from undertow.commands.common import check_underlying, data_option, one_line_errors, open_dataset

_POLL_S = 0.05
_READ = 2000


@click.command("tail")
@click.argument("topic")
@data_option
@click.option("-n", "--lines", "count", type=click.IntRange(0), default=10, show_default=True, help="Events to show.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is appended, until interrupted.")
@click.option("--underlying", help="Only of this underlying.")
@click.option("--control", is_flag=True, help="Show control records too (promises, membership, gaps).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: {partition, offset, event}.")
def tail_command(
    topic: str, data: Path | None, count: int, follow: bool, underlying: str | None, control: bool, as_json: bool
) -> None:
    """Show the newest events of a TOPIC as they stand on the bus, oldest of them first.

    \b
    undertow tail flow.alerts -f
    undertow tail deadletter -n 50 --json
    """
    with one_line_errors():
        topic_entry(topic)
        check_underlying(underlying)
        bus = open_dataset(data).open_bus()
        try:
            _run(bus, topic, count, follow, underlying, control, as_json)
        except (KeyboardInterrupt, BrokenPipeError):
            sys.stderr.close()
        finally:
            bus.close()


def _run(bus: Bus, topic: str, count: int, follow: bool, underlying: str | None, control: bool, as_json: bool) -> None:
    offsets = [_start(bus, topic, partition, count) for partition in range(bus.partitions)]
    newest: deque[tuple[int, int, bytes]] = deque(maxlen=count)
    found = _read(bus, topic, offsets, underlying, control)
    newest.extend(sorted(found, key=lambda each: (_ts(each[2]), each[0], each[1])))
    if not found and count:
        click.echo(_nothing(bus, topic, underlying), err=True)
    for each in newest:
        _show(each, as_json)
    while follow:
        time.sleep(_POLL_S)
        for each in _read(bus, topic, offsets, underlying, control):
            _show(each, as_json)
        sys.stdout.flush()


def _nothing(bus: Bus, topic: str, underlying: str | None) -> str:
    of = "" if underlying is None else f" of {underlying}"
    events = bus.tally(topic, 0)[1]
    return f"{topic} holds nothing{of} yet" if not events else f"nothing{of} among the newest events of {topic}"


def _start(bus: Bus, topic: str, partition: int, count: int) -> int:
    """Returns an offset far enough back to find `count` events among control records."""
    head = bus.heads(topic)[partition]
    return max(head.start, head.next - max(4 * count, _READ))


def _read(
    bus: Bus, topic: str, offsets: list[int], underlying: str | None, control: bool
) -> list[tuple[int, int, bytes]]:
    found = []
    for partition, head in enumerate(bus.heads(topic)):
        while offsets[partition] < head.next:
            for batch in bus.read(topic, partition, offsets[partition], _READ):
                keys = batch.keys()
                for place, line in enumerate(batch.lines()):
                    wanted = control if batch.control else underlying in (None, keys[place])
                    if wanted:
                        found.append((partition, batch.first + place, line))
                offsets[partition] = batch.next
    return found


def _ts(line: bytes) -> int:
    ts: int = orjson.loads(line).get("ts", 0)
    return ts


def _show(record: tuple[int, int, bytes], as_json: bool) -> None:
    partition, offset, line = record
    if as_json:
        click.echo(b'{"partition":%d,"offset":%d,"event":%s}' % (partition, offset, line))
    else:
        click.echo(line)
