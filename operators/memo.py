"""Memo: what was found before, kept by what it was found for."""

from __future__ import annotations

from typing import TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")


def keep(memo: dict[_K, _V], key: _K, value: _V, most: int) -> _V:
    """Keeps what was found for a key, of `most` keys at a time, and returns it.

    Compiled code asks a dictionary in a third of the time that a call of `lru_cache` takes.
    """
    if len(memo) >= most:
        memo.clear()
    memo[key] = value
    return value
