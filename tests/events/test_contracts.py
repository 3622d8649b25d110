"""Contract ids are compact OCC ids, to the letter."""

from __future__ import annotations

import pytest

from events.contracts import parse_contract


@pytest.mark.parametrize(
    "contract",
    [
        "AAPL250221C00250000\n",
        "AAPL\uff1250221C00250000",
        "AAPL250221C0025000\u0660",
        " AAPL250221C00250000",
        "AAPL\uff11250221C00250000",
    ],
)
def test_what_only_looks_like_a_contract_is_none(contract: str) -> None:
    with pytest.raises(ValueError, match="is not a compact OCC contract id"):
        parse_contract(contract)


def test_a_root_may_end_in_a_digit() -> None:
    assert parse_contract("AAPL1250221C00250000").adjusted
