"""Shipped buckets: what packets of a made market are like, for a cold start that asks for them.

`tools/make_baselines.py DATA` wrote `shipped_baselines.json` from the packets of a synthetic data set. They say what a
contract of such days to expiry and moneyness is roughly like, and nothing of any market: packets name them `shipped`.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from operators.shard_state import Earlier

FILE = Path(__file__).with_name("shipped_baselines.json")


def shipped() -> dict[str, list[Earlier]]:
    """Returns packets by bucket."""
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, list[Earlier]])
