"""Open interest over night: what stood open, and what the day's prints opened and closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from connectors.feeds.synthetic.rows import Ints
from connectors.feeds.synthetic.universe import Chains


def standing(listed: Chains, interest: Ints) -> Chains:
    """Returns the chains with this open interest."""
    return replace(listed, open_interest=interest)


def over_night(before: Chains, opened: Sequence[int], after: Chains) -> Ints:
    """Returns next morning's open interest of every contract listed then; one listed anew has what its chain drew."""
    held = np.maximum(before.open_interest + np.array(opened, dtype=np.int64), 0)
    known = dict(zip(before.ids, held.tolist(), strict=True))
    drawn = after.open_interest.tolist()
    return np.array([known.get(name, new) for name, new in zip(after.ids, drawn, strict=True)], dtype=np.int64)
