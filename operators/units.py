"""Exact money: prices as integer millionths of a dollar, so that sums and statistics never drift (contract 22)."""

from __future__ import annotations

from collections.abc import Iterable
from math import floor
from typing import Any, Final

MICRO: Final = 1_000_000


#: Below it a float and a half is a float.
_HALVES: Final = 2.0**51


def nearest(value: float) -> int:
    """Returns the nearest whole number, halves up: what `round` does, a third of its cost."""
    return floor(value + 0.5) if -_HALVES < value < _HALVES else round(value)


def micro(dollars: float) -> int:
    """Returns a dollar price as integer millionths; vendor prices have at most six decimals that matter."""
    return nearest(dollars * MICRO)


def dollars(micro_dollars: int) -> float:
    """Returns integer millionths as float dollars; the one place where derived money becomes a float."""
    return micro_dollars / MICRO


def total(amounts: Iterable[float]) -> float:
    """Returns the sum of dollars to the millionth: exact in any order, and not as a version of Python adds floats.

    The builtin `sum` adds floats one after another up to Python 3.11 and carries the error along from 3.12 on.
    """
    return dollars(sum(map(micro, amounts)))


def as_float(value: Any) -> float:
    """Returns an integer or a float as a float; a number whose kind is not known costs an object where compiled."""
    if isinstance(value, int):
        whole: int = value
        return float(whole)
    other: float = value
    return other


def six(value: float) -> float:
    """Returns a derived float rounded to six places, halves up: the one rounding, a third of the cost of `round`."""
    return floor(value * MICRO + 0.5) / MICRO


def ratio(part: float, whole: float) -> float:
    """Returns part / whole rounded once to six places; 0 for an empty whole."""
    return six(part / whole) if whole else 0.0
