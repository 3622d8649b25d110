"""History, evidence and computed views over a real archive, also while it is away; refusals that name the parameter."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import orjson
import pytest

from connectors.bus.base import Batch, Bus
from connectors.dataset import Dataset
from connectors.feeds.writer import TopicWriter
from connectors.store.client import open_reader
from connectors.store.export import Selection, lines
from events.codec import encode
from events.raw import EquityPrint
from events.settings import load
from events.types import NS_PER_S
from events.verdicts import Alert
from flows.compute import compute
from tests.gateway import Running, append, holding, running, wait_until
from undertow.bench import market

T0 = 1_767_623_400 * NS_PER_S


def equity(number: int, ts: int, price: float, size: float = 100, **fields: Any) -> EquityPrint:
    return EquityPrint(id=f"t:equities.prints:IBM:{ts}:{number}", ts=ts, symbol="IBM", price=price, size=size, **fields)


def prints_of_ibm() -> list[EquityPrint]:
    second = NS_PER_S
    return [
        equity(1, T0, 10.0, tape="A"),
        equity(2, T0, 11.0, tape="A", exchange="D"),
        equity(3, T0, 12.0, tape="A", conditions=("@", "F")),
        *(equity(number, T0 + 10 * second, 11.5) for number in range(10, 40)),
        equity(50, T0 + 20 * second, 99.0, conditions=("W",)),
        equity(51, T0 + 21 * second, 98.0, conditions=("M",)),
        equity(52, T0 + 22 * second, 97.0, trade_id="x9"),
        equity(53, T0 + 23 * second, 97.0, kind="cancel", ref="x9"),
        equity(60, T0 + 61 * second, 13.0, size=50.5),
    ]


def made(path: Path) -> Path:
    """Makes a computed and archived data set."""
    dataset = Dataset.open(path, create=True, partitions=3)
    bus = dataset.open_bus()
    writers = {topic: TopicWriter(bus, topic) for topic in ("options.prints", "options.quotes", "equities.prints")}
    for writer in writers.values():
        writer.member("required", 0)
    ts = 0
    for topic, underlying, ts, message in islice(market.events(4000, 400, 7), 7000):
        writers[topic].add_encoded(ts, underlying, message)
    for event in prints_of_ibm():
        writers["equities.prints"].add(event)
    for writer in writers.values():
        writer.heartbeat(ts + NS_PER_S)
    bus.close()
    compute(dataset, load(alert_cooldown_ms=60_000, classifier_spike_min_size=40), lambda _: None)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("history"))


@pytest.fixture(scope="module")
def spare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns another data set, with an archive that nobody holds."""
    return made(tmp_path_factory.mktemp("spare"))


@pytest.fixture(scope="module")
def gateway(data: Path) -> Iterator[Running]:
    with holding(data), running(data) as started:
        yield started


@pytest.fixture(scope="module")
def exported(data: Path) -> dict[tuple[str, bool], list[Any]]:
    """Returns every event by topic and whether all revisions are meant, as an export gives them."""
    topics = ("options.prints", "equities.prints", "options.marked", "flow.packets", "flow.hits", "flow.alerts")
    with open_reader(data) as reader:
        return {
            (topic, every): [orjson.loads(line) for line in lines(reader, topic, Selection(all_revisions=every))]
            for topic in topics
            for every in (False, True)
        }


def paged(gateway: Running, topic: str, query: str) -> list[Any]:
    events: list[Any] = []
    cursor = ""
    while True:
        status, page = gateway.get(f"/api/{topic}?{query}{cursor}")
        assert status == 200, page
        events += page["events"]
        if page["next"] is None:
            return events
        cursor = f"&cursor={page['next']}"


def test_pages_hold_every_row_once_in_order_even_among_equal_times(gateway: Running, exported: Any) -> None:
    right = exported["equities.prints", False]
    assert len(right) == len(prints_of_ibm())
    for limit in (1, 7, 30, 5000):
        assert paged(gateway, "equities.prints", f"order=asc&limit={limit}") == right
        assert paged(gateway, "equities.prints", f"limit={limit}") == right[::-1]


@pytest.mark.parametrize("topic", ["options.marked", "flow.packets", "flow.alerts"])
def test_pages_agree_with_the_export(gateway: Running, exported: Any, topic: str) -> None:
    assert len(exported[topic, True]) > 15
    assert paged(gateway, topic, "order=asc&limit=501") == exported[topic, False]
    assert paged(gateway, topic, "limit=33&revisions=all" if topic == "flow.alerts" else "limit=999") == [
        *reversed(exported[topic, topic == "flow.alerts"])
    ]


def test_revisions_of_an_alert_collapse_to_the_last(exported: Any) -> None:
    assert len(exported["flow.alerts", True]) > len(exported["flow.alerts", False])


@pytest.mark.parametrize(
    ("topic", "query", "fits"),
    [
        ("options.prints", "underlying=SPY", lambda e: e["contract"].startswith("SPY")),
        ("options.marked", "underlying=SPY&min_premium=2000",
         lambda e: e["underlying"] == "SPY" and e["premium"] >= 2000),
        ("flow.packets", "min_premium=10000", lambda e: e["premium"] >= 10000),
        ("options.prints", "contract=SPY260116C00050000", lambda e: e["contract"] == "SPY260116C00050000"),
        ("equities.prints", "symbol=IBM&from=2026-01-05T14:30:10&to=2026-01-05T14:30:11",
         lambda e: e["ts"] == T0 + 10 * NS_PER_S),
        ("equities.prints", f"underlying=IBM&from={T0 + 1}", lambda e: e["ts"] > T0),
    ],
)  # fmt: skip
def test_filters_select_what_they_say(gateway: Running, exported: Any, topic: str, query: str, fits: Any) -> None:
    right = [event for event in exported[topic, False] if fits(event)]
    assert 0 < len(right) < len(exported[topic, False])
    assert paged(gateway, topic, f"{query}&order=asc&limit=11") == right


@pytest.mark.parametrize(
    ("path", "status", "parameter"),
    [
        ("/api/nope", 404, "topic"), ("/api/a/b", 404, None), ("/nothing", 404, None),
        ("/api/flow.alerts?limit=0", 400, "limit"), ("/api/flow.alerts?limit=5001", 400, "limit"),
        ("/api/flow.alerts?limit=99999999999999999999", 400, "limit"), ("/api/flow.alerts?limit=ten", 400, "limit"),
        ("/api/flow.alerts?from=5&to=5", 400, "from"), ("/api/flow.alerts?from=yesterday", 400, "from"),
        ("/api/flow.alerts?to=-5", 400, "to"), ("/api/flow.alerts?to=99999999999999999999", 400, "to"),
        ("/api/flow.alerts?cursor=abc", 400, "cursor"), ("/api/flow.alerts?cursor=W10", 400, "cursor"),
        ("/api/flow.alerts?cursor=%ff", 400, "cursor"), ("/api/flow.alerts?order=up", 400, "order"),
        ("/api/flow.alerts?colour=red", 400, "colour"), ("/api/flow.alerts?limit=1&limit=2", 400, "limit"),
        ("/api/flow.alerts?min_premium=nan", 400, "min_premium"),
        ("/api/flow.alerts?min_premium=-1", 400, "min_premium"),
        ("/api/options.prints?min_premium=5", 400, "min_premium"), ("/api/options.prints?symbol=IBM", 400, "symbol"),
        ("/api/equities.prints?contract=X", 400, "contract"), ("/api/deadletter?underlying=SPY", 400, "underlying"),
        ("/api/candles", 400, "symbol"), ("/api/candles?symbol=IBM&interval=7m", 400, "interval"),
        ("/api/baselines", 400, "underlying"), ("/api/config?x=1", 400, "x"),
        ("/api/evidence/foo", 404, "id"), ("/api/evidence/pk:a:options.prints:SPY260116C00050000:5:x", 404, "id"),
        ("/api/explain/al:pk:a:options.prints:SPY260116C00050000:5:x", 404, "id"), ("/api/evidence/", 404, "id"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused_by_name(
    gateway: Running, path: str, status: int, parameter: str | None
) -> None:
    got, body = gateway.get(path)
    assert (got, body["error"]["parameter"]) == (status, parameter)
    assert body["error"]["message"]
    assert "\n" not in body["error"]["message"]


def test_a_cursor_of_another_topic_or_order_is_refused(gateway: Running) -> None:
    cursor = gateway.get("/api/flow.packets?limit=1")[1]["next"]
    assert gateway.get(f"/api/flow.alerts?cursor={cursor}")[1]["error"]["parameter"] == "cursor"
    assert gateway.get(f"/api/flow.packets?order=asc&cursor={cursor}")[1]["error"]["parameter"] == "cursor"


def test_evidence_leads_from_an_alert_to_its_prints_and_their_quotes(gateway: Running, exported: Any) -> None:
    alert = max(exported["flow.alerts", False], key=lambda event: event["packets"])
    assert alert["packets"] > 1
    status, found = gateway.get(f"/api/evidence/{quote(alert['id'], safe='')}")
    assert (status, found["kind"], found["missing"]) == (200, "alert", [])
    revisions = [event for event in exported["flow.alerts", True] if event["id"] == alert["id"]]
    assert found["alerts"] == revisions
    assert sorted(event["id"] for event in found["hits"]) == sorted(alert["hits"])
    assert {event["id"] for event in found["packets"]} == set(alert["evidence"])
    members = [member for packet in found["packets"] for member in packet["members"]]
    marks = {event["id"]: event for event in exported["options.marked", False]}
    assert found["prints"] == [marks[member] for member in members]
    assert all(event["bid"] < event["ask"] and event["quote_ts"] <= event["ts"] for event in found["prints"])


def test_evidence_of_a_hit_and_of_a_packet_name_the_alert(gateway: Running, exported: Any) -> None:
    hit = exported["flow.hits", False][0]
    for ident, kind in ((hit["id"], "hit"), (hit["packet_id"], "packet")):
        found = gateway.get(f"/api/evidence/{quote(ident, safe='')}")[1]
        assert found["kind"] == kind
        assert hit["packet_id"] in found["alerts"][-1]["evidence"]
        assert found["hits"][0] == hit
        assert found["prints"]


def test_explain_shows_every_check_of_every_rule_nearest_first(gateway: Running, exported: Any) -> None:
    hit = exported["flow.hits", False][0]
    (packet,) = gateway.get(f"/api/explain/{quote(hit['id'], safe='')}")[1]["packets"]
    assert packet["packet"] == hit["packet_id"]
    first = next(rule for rule in packet["rules"] if rule["rule"] == hit["rule"])
    assert first["fired"]
    shown = [{name: value for name, value in check.items() if name != "margin"} for check in first["checks"]]
    assert shown == hit["checks"]
    quiet = min(exported["flow.packets", False], key=lambda event: event["premium"])
    (missed,) = gateway.get(f"/api/explain/{quote(quiet['id'], safe='')}")[1]["packets"]
    # What is about something else comes last, however little of it failed.
    of_else = [not {"right", "kind"}.isdisjoint(rule["failed"]) for rule in missed["rules"]]
    failed = [rule["required"] - rule["passed"] for rule in missed["rules"]]
    order = list(zip(of_else, failed, strict=True))
    assert order == sorted(order)
    assert {rule["rule"] for rule in missed["rules"]} >= {"large_bullish_call_sweep", "large_block", "mechanical"}
    (nearest,) = gateway.get(f"/api/explain/{quote(quiet['id'], safe='')}?near=1")[1]["packets"][0]["rules"]
    assert nearest == next(rule for rule in missed["rules"] if not rule["fired"])
    assert nearest["failed"]
    assert not any(rule["fired"] for rule in missed["rules"])


def test_candles_take_prices_from_eligible_prints_and_leave_cancelled_ones_out(gateway: Running) -> None:
    first, second = gateway.get("/api/candles?symbol=IBM&interval=1m")[1]["candles"]
    assert (first["ts"], first["open"], first["high"], first["low"], first["close"]) == (T0, 10.0, 12.0, 10.0, 11.5)
    # The average-price print counts in volume, the official close does not.
    assert (first["volume"], first["off_exchange_volume"], first["prints"]) == (3400.0, 100.0, 34)
    assert (second["ts"], second["close"], second["volume"]) == (T0 + 60 * NS_PER_S, 13.0, 50.5)
    (day,) = gateway.get("/api/candles?symbol=IBM&interval=1d")[1]["candles"]
    assert (day["open"], day["close"], day["ts"]) == (10.0, 13.0, 1_767_589_200 * NS_PER_S)
    assert gateway.get("/api/candles?symbol=NONE")[1]["candles"] == []


def test_baselines_are_those_of_each_contracts_newest_packet(gateway: Running, exported: Any) -> None:
    newest = {event["contract"]: event for event in exported["flow.packets", False] if event["underlying"] == "SPY"}
    found = gateway.get("/api/baselines?underlying=SPY")[1]["baselines"]
    assert {each["contract"]: (each["baseline"], each["premium_z"], each["baseline_samples"]) for each in found} == {
        name: (event["baseline"], event["premium_z"], event["baseline_samples"]) for name, event in newest.items()
    }


def test_what_the_gateway_says_of_itself(gateway: Running) -> None:
    config = gateway.get("/api/config")[1]
    assert config["settings"]["CLUSTER_WINDOW_MS"]["value"] == 500
    assert config["rules"][0]["thresholds"]["CLASSIFIER_SWEEP_MIN_PREMIUM"] == 40_000
    assert config["parameters"]["ALERT_COOLDOWN_MS"] == 60_000
    assert config["sources"]["databento"]["carries_conditions"] is False
    wait_until(lambda: gateway.get("/api/health")[0] == 200)
    document = gateway.get("/openapi.json")[1]
    assert document["components"]["schemas"]["FlowPacket"]["properties"]["coverage"]["maximum"] == 1
    limits = {each["name"]: each["schema"] for each in document["paths"]["/api/flow.alerts"]["get"]["parameters"]}
    assert limits["limit"]["maximum"] == 5000
    assert b'undertow_topic_events_total{topic="flow.alerts"} 0' in gateway.raw("/metrics")[1]
    status, page = gateway.raw("/")
    assert (status, b"make up" in page) == (404, True) or status == 200


def fresh_alert(bus: Bus) -> str:
    """Appends an alert that no archive holds yet, on a packet of the log; returns its id."""
    batch = next(batch for part in range(3) for batch in bus.read_back("flow.alerts", part, 2**62, 1))
    alert = msgspec.json.decode(batch.lines()[-1], type=Alert)
    later = msgspec.structs.replace(alert, revision=alert.revision + 1, ts=alert.ts + 1)
    bus.append("flow.alerts", {batch.partition: Batch(1, encode(later), [later.underlying])}, batch.epoch)
    return alert.id


def test_with_the_archive_killed_history_is_503_live_goes_on_and_the_log_answers(spare: Path) -> None:
    bus = Dataset.open(spare).open_bus()
    with running(spare, API_HISTORY_TIMEOUT_MS="2000") as gateway:
        with holding(spare) as archive:
            wait_until(lambda: gateway.get("/api/flow.alerts?limit=1")[0] == 200)
            archive.kill()
            archive.wait()
            status, body = gateway.get("/api/flow.alerts?limit=1")
            assert (status, body["error"]["parameter"]) == (503, None)
            assert gateway.get("/api/evidence/pk:a:options.prints:SPY260116C00050000:5:x")[0] == 503
            wait_until(lambda: not gateway.get("/api/health")[1]["parts"]["archive"]["ok"])
            assert gateway.get("/api/health")[0] == 503
        with gateway.client() as client:
            client.do(op="subscribe", sub="a", topic="equities.quotes")
            client.do(op="ping")
            client.frame()
            append(bus, "equities.quotes", [(0, "IBM", 1)])
            assert client.frame()["events"][0]["n"] == 1
        ident = fresh_alert(bus)
        status, found = gateway.get(f"/api/evidence/{quote(ident, safe='')}")
        assert (status, found["missing"]) == (200, [])
        assert found["alerts"][-1]["revision"] >= 1
        assert found["prints"]
        with holding(spare):
            assert gateway.get("/api/flow.alerts?limit=1")[0] == 200
    bus.close()


@pytest.mark.chaos
def test_a_stuck_archive_is_503_within_its_time(spare: Path) -> None:
    with holding(spare) as archive, running(spare, API_HISTORY_TIMEOUT_MS="500") as gateway:
        assert gateway.get("/api/flow.alerts?limit=1")[0] == 200
        archive.send_signal(19)
        status, body = gateway.get("/api/flow.alerts?limit=1")
        assert (status, "within" in body["error"]["message"]) == (503, True)
        archive.send_signal(18)
        wait_until(lambda: gateway.get("/api/flow.alerts?limit=1")[0] == 200)
