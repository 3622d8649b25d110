"""What a request says wrongly is refused by name, never a fault of ours."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.datastructures import QueryParams
from starlette.types import Message, Receive, Scope, Send

from api import history
from api.candles import BASELINE_PARAMS, CANDLE_PARAMS
from api.errors import Refused
from api.guard import Guard
from api.history import Conditions
from api.params import read
from events.settings import load


def status_of(**headers: str) -> int:
    """Returns what a request with these headers is answered."""
    statuses: list[int] = []

    async def send(message: Message) -> None:
        statuses.append(message["status"] if message["type"] == "http.response.start" else 0)

    async def answers(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": encoded}
    asyncio.run(Guard(answers, load().api)(scope, receive, send))
    return statuses[0]


@pytest.mark.parametrize("host", ["[", "[::1", "a]b", ""])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    assert status_of(host=host) == 403
    assert status_of(host="[::1]:8080") == status_of(host="localhost") == 200


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "["])
def test_an_origin_that_is_none_is_refused(origin: str) -> None:
    assert status_of(host="127.0.0.1", origin=origin) == 403
    assert status_of(host="127.0.0.1", origin="http://127.0.0.1") == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("from", "9" * 5000), ("to", str(2**63)), ("limit", "9" * 5000), ("limit", "9" * 400),
        ("min_premium", "inf"), ("min_premium", "1e400"), ("min_premium", "nan"),
    ],
)  # fmt: skip
def test_a_number_that_nothing_holds_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(Refused) as refused:
        read(QueryParams({name: value}), history.PARAMS)
    assert (refused.value.status, refused.value.parameter) == (400, name)


class _Unasked:
    def query(self, template: str, params: Any = None) -> dict[str, list[Any]]:
        raise AssertionError(template)

    def close(self) -> None:
        """Closes nothing."""


def test_before_the_epoch_there_is_nothing() -> None:
    asked = read(QueryParams({"to": "0"}), history.PARAMS)
    assert history.page(_Unasked(), "flow.alerts", asked) == ([], None)


@pytest.mark.parametrize("topic", ["flow.alerts", "options.marked", "options.prints"])
def test_an_underlying_in_lower_case_is_refused_where_it_would_select_nothing(topic: str) -> None:
    with pytest.raises(Refused, match="SPY may, in upper case"):
        Conditions(topic, read(QueryParams({"underlying": "spy"}), history.PARAMS))
    with pytest.raises(Refused, match="SPY may, in upper case"):
        read(QueryParams({"underlying": "spy"}), BASELINE_PARAMS)


def test_an_equity_symbol_is_asked_for_as_it_stands_in_the_log() -> None:
    """A preferred share's suffix may be in lower case there."""
    for asked in ({"symbol": "BACpL"}, {"underlying": "BACpL"}):
        found = Conditions("equities.prints", read(QueryParams(asked), history.PARAMS))
        assert "BACpL" in found.params.values()
    assert read(QueryParams({"symbol": "BACpL"}), CANDLE_PARAMS)["symbol"] == "BACpL"
