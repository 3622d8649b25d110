"""Writes `connectors/shipped_baselines.json` from the packets of a computed synthetic data set.

    undertow feed synthetic --data DATA --speed 0 ...     # a session or more
    undertow compute --data DATA
    python tools/make_baselines.py DATA

Of each bucket it keeps packets spread evenly over the session. The file now: seed 101, the session of 14 January 2026,
at 25 background prints a second, nothing planted; 56 buckets, the ten without a moneyness among them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from connectors.dataset import Dataset
from connectors.shipped import FILE
from events.contracts import parse_contract
from events.derived import FlowPacket
from events.topics import decoder
from operators.baseline import bucket_of, day_and_slot, earlier_of
from operators.shard_state import Earlier

_TOPIC, _READ = "flow.packets", 5000
_KEPT = 50


def main(data: Path) -> None:
    """Reads the packets and writes the file."""
    buckets: dict[str, list[Earlier]] = {}
    for packet in _packets(data):
        contract = parse_contract(packet.contract)
        day = day_and_slot(packet.start_ts, contract.underlying)[0]
        # Where there is no spot the coarse bucket speaks, so every packet counts in both.
        for bucket in dict.fromkeys((bucket_of(contract, day), bucket_of(contract, day, packet.moneyness))):
            buckets.setdefault(bucket, []).append(earlier_of(packet))
    kept = {bucket: _spread(sorted(rows)) for bucket, rows in sorted(buckets.items()) if len(rows) >= _KEPT}
    lines = (b'"%s":%s' % (bucket.encode(), msgspec.json.encode(rows)) for bucket, rows in kept.items())
    FILE.write_bytes(b"{\n" + b",\n".join(lines) + b"\n}\n")
    print(f"{len(kept)} buckets in {FILE}", file=sys.stderr)


def _packets(data: Path) -> list[FlowPacket]:
    bus, decode = Dataset.open(data).open_bus(), decoder(_TOPIC)
    found: list[FlowPacket] = []
    for partition, head in enumerate(bus.heads(_TOPIC)):
        offset = head.start
        while offset < head.next:
            for batch in bus.read(_TOPIC, partition, offset, _READ):
                offset = batch.next
                if not batch.control:
                    found += [packet for packet in decode.decode_lines(batch.payload) if not packet.revision]
    bus.close()
    return found


def _spread(rows: list[Earlier]) -> list[Earlier]:
    return [rows[place * len(rows) // _KEPT] for place in range(_KEPT)]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
