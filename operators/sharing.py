"""Sharing out: work of a partition to whoever does it for its underlying, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from operators.work import Revised, Waiting, Work


def underlying_of(work: Work) -> str:
    """Returns whose work it is."""
    if type(work) is Waiting or type(work) is Revised:
        return work.packet.underlying
    return work.underlying


def share_out(work: Sequence[Work], list_for: Callable[[str], list[Work]]) -> None:
    """Adds each piece of work to the list for its underlying, which is asked for once."""
    lists: dict[str, list[Work]] = {}
    for item in work:
        underlying = underlying_of(item)
        found = lists.get(underlying)
        if found is None:
            found = lists[underlying] = list_for(underlying)
        found.append(item)
