"""What the gateway asks of an archive is answered alike by every engine: the answers of chDB are the yardstick."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from api import candles, history
from api.evidence import ArchiveFinder
from api.named import named
from api.params import Param, read
from connectors.store.archiver import Archiver
from connectors.store.base import Reader, Store
from connectors.store.chdb_engine import ChdbStore
from events.raw import EquityPrint
from events.topics import TOPICS
from tests.connectors.store.samples import T0, batch_of, plain_events

_S = 1_000_000_000


def _asked(params: tuple[Param, ...], **given: str) -> dict[str, Any]:
    from starlette.datastructures import QueryParams

    return dict(read(QueryParams(given), params))


def _equity_prints() -> list[EquityPrint]:
    prints = [
        EquityPrint(id=f"e{n}", ts=T0 + n * 7 * _S, symbol="SPY", price=400 + (n * 37 % 11) / 10, size=100.5 + n,
                    exchange="D" if n % 5 == 0 else "N", conditions=("@", "T") if n % 4 else ("Z",),
                    tape="B" if n % 3 else None, trade_id=f"t{n}")
        for n in range(60)
    ]  # fmt: skip
    cancel = EquityPrint(id="c1", ts=T0 + 500 * _S, symbol="SPY", price=1.0, size=1.0, kind="cancel", ref="t7")
    return [*prints, cancel]


def _packet_id(n: int) -> str:
    return f"pk:file:options.prints:SPY260116C00{n % 3:03d}000:{T0 + n * 1_000_000}:k{n}"


def _packets() -> list[Any]:
    packets = plain_events("flow.packets", 40)
    for n, packet in enumerate(packets):
        packet.contract = f"SPY260116C00{n % 3:03d}000"
        packet.underlying, packet.premium_z = "SPY", None if n % 2 else n / 7
        packet.premium = None if n % 7 == 0 else 1000.0 * n
        packet.id, packet.members = _packet_id(n), (_packet_id(n)[3:], "other")
    packets[9].id, packets[9].ts, packets[9].revision = packets[3].id, packets[3].ts, 1
    return packets


def fill(store: Store) -> None:
    archiver = Archiver(store, "main")
    archiver.take("equities.prints", batch_of(_equity_prints()))
    archiver.take("flow.packets", batch_of(_packets()))
    hits, alerts = plain_events("flow.hits", 5), plain_events("flow.alerts", 5)
    for n, (hit, alert) in enumerate(zip(hits, alerts, strict=True)):
        hit.packet_id, alert.evidence = _packet_id(n), (_packet_id(n), _packet_id(n + 1))
    structures, outcomes = plain_events("flow.structures", 5), plain_events("alert.outcomes", 9)
    for n, structure in enumerate(structures):
        structure.underlying, structure.legs[0].packet_id = "SPY", _packet_id(n)
    for n, outcome in enumerate(outcomes):
        outcome.id, outcome.alert_id, outcome.revision = f"oc:{n // 3}", f"al:{_packet_id(n // 3)}", n % 3
    archiver.take("flow.hits", batch_of(hits))
    archiver.take("flow.alerts", batch_of(alerts))
    archiver.take("flow.structures", batch_of(structures))
    archiver.take("alert.outcomes", batch_of(outcomes))
    archiver.take("position.check", batch_of(plain_events("position.check", 5)))
    for topic in ("options.marked", "options.prints", "reference", "deadletter", "anchors"):
        archiver.take(topic, batch_of(plain_events(topic, 30)))
    archiver.flush()


def _page(topic: str, **given: str) -> Callable[[Reader], Any]:
    return lambda reader: history.page(reader, topic, _asked(history.PARAMS, **given))


ASKED: dict[str, Callable[[Reader], Any]] = {
    "candles by the minute": lambda r: candles.candles(r, _asked(candles.CANDLE_PARAMS, symbol="SPY")),
    "candles by the day": lambda r: candles.candles(r, _asked(candles.CANDLE_PARAMS, symbol="SPY", interval="1d")),
    "candles of nobody": lambda r: candles.candles(r, _asked(candles.CANDLE_PARAMS, symbol="NONE")),
    "baselines": lambda r: candles.baselines(r, _asked(candles.BASELINE_PARAMS, underlying="SPY")),
    "baselines of one": lambda r: candles.baselines(
        r, _asked(candles.BASELINE_PARAMS, underlying="SPY", contract="SPY260116C00001000", limit="1")
    ),
    "evidence": lambda r: [
        ArchiveFinder(r).packets([_packet_id(1), _packet_id(3)]), ArchiveFinder(r).hits([_packet_id(2)]),
        ArchiveFinder(r).alerts([f"al:{_packet_id(2)}"], [_packet_id(2)]),
    ],
    "evidence of a structure": lambda r: [
        ArchiveFinder(r).structures(named(_packet_id(1)), [_packet_id(1), _packet_id(2)]),
        ArchiveFinder(r).packet_with(named(f"pa:{_packet_id(1)[3:]}")),
    ],
    "what was found later": lambda r: [
        ArchiveFinder(r).later("alert.outcomes", "alert_id", [f"al:{_packet_id(n)}" for n in range(3)], T0),
        ArchiveFinder(r).later("position.check", "hit_id", ["text 1", "text 3"], T0),
    ],
    **{f"page of {topic}": _page(topic, limit="7") for topic in TOPICS},
    "rising page": _page("flow.packets", limit="7", order="asc", revisions="all"),
    "page of an underlying": _page("options.prints", underlying="SPX"),
    "page of reference": _page("reference", underlying="SPY"),
    "page by premium": _page("flow.packets", min_premium="12000.5", contract="SPY260116C00001000"),
}  # fmt: skip


class GatewayQueriesSuite:
    """Inherit it and give a module's fixture `store`, empty."""

    @pytest.fixture(scope="module")
    @staticmethod
    def yardstick(tmp_path_factory: pytest.TempPathFactory, store: Store) -> Iterator[ChdbStore]:
        opened = ChdbStore(tmp_path_factory.mktemp("yardstick"))
        opened.ensure_tables()
        for each in (opened, store):
            fill(each)
        yield opened
        opened.close()

    @pytest.mark.parametrize("asked", ASKED)
    def test_the_answer_is_chdbs(self, yardstick: ChdbStore, store: Store, asked: str) -> None:
        assert ASKED[asked](store) == ASKED[asked](yardstick)

    def test_every_page_of_a_topic_follows_the_one_before(self, yardstick: ChdbStore, store: Store) -> None:
        seen: list[bytes] = []
        cursor: dict[str, str] = {}
        while True:
            lines, following = _page("flow.packets", limit="9", **cursor)(store)
            seen += lines
            if following is None:
                break
            cursor = {"cursor": following}
        assert seen == _page("flow.packets", limit="1000")(yardstick)[0]
        assert len(seen) == len(set(seen)) == 39
