"""The synthetic market looks like one: quotes hold parity, prints agree with quotes, shares stand in stated bands."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from connectors.feeds.synthetic.calendar import LATE_S, expiries, next_open, session_at
from connectors.feeds.synthetic.checkpoint import Checkpoint, load, save
from connectors.feeds.synthetic.emitting import TOPICS, Item
from connectors.feeds.synthetic.model import Market, ModelConfig, State
from connectors.feeds.synthetic.prices import STEPS, shape
from connectors.feeds.synthetic.surface import Moment, norm_cdf, option_quotes
from connectors.feeds.synthetic.universe import INDEX, chains, underlyings
from events.conditions import OPTION_CONDITIONS
from events.contracts import parse_contract
from events.ids import IdMaker
from events.raw import EquityPrint, EquityQuote, OptionPrint, OptionQuote
from events.sessions import NEW_YORK
from events.topics import TOPICS as TABLE
from events.topics import decoder
from events.types import NS_PER_S
from tests.syntheticlogs import NOON

_SECONDS = 60
_RATE = 600.0
_DECODERS = [decoder(topic).decode for topic in TOPICS]


def _run(config: ModelConfig, seconds: int) -> tuple[Market, list[Item]]:
    market = Market(config)
    items = [item for _ in range(seconds + 1) for item in market.block()]
    return market, items


@pytest.fixture(scope="module")
def minute() -> list[Any]:
    """A minute around noon as events in order of time, the reference left out."""
    _, items = _run(ModelConfig(7, NOON, rate=_RATE, emit_interval_ms=200, planted_per_hour=0), _SECONDS)
    return [_DECODERS[item[1]](item[4]) for item in items if TOPICS[item[1]] != "reference"]


def test_events_come_in_order_of_time_with_ids_of_their_content_and_keys_of_their_underlying() -> None:
    _, items = _run(ModelConfig(7, NOON, rate=300.0), 3)
    makers = [IdMaker(topic, TABLE[topic].instrument) for topic in TOPICS]
    assert [item[0] for item in items] == sorted(item[0] for item in items)
    assert len({item[3] for item in items}) == len(items)
    for ts, topic, underlying, ident, message in items:
        event = _DECODERS[topic](message)
        assert (event.ts, event.id) == (ts, ident)
        assert makers[topic].id_of(event) == ident
        instrument = getattr(event, TABLE[TOPICS[topic]].instrument)
        assert underlying == (parse_contract(instrument).underlying if len(instrument) > 6 else instrument)


def test_a_seed_is_a_market_and_another_seed_another() -> None:
    runs = [_run(ModelConfig(seed, NOON, rate=100.0), 3)[1] for seed in (3, 3, 4)]
    assert runs[0] == runs[1]
    assert [item for item in runs[0] if item[1] < 4] != [item for item in runs[2] if item[1] < 4]


def test_a_market_from_a_checkpoint_equals_an_undisturbed_one() -> None:
    # Long orders, cancels to come, drifts and a halt or limit state are under way at the checkpoint.
    config = ModelConfig(8, NOON, rate=100.0, planted_per_hour=14_400)
    market, _ = _run(config, 20)
    state = market.state()
    assert state.running
    assert state.doomed
    assert state.drifts
    assert state.halts
    kept, known = msgspec.json.encode(state), len(market.finished)
    rest = [item for _ in range(20) for item in market.block()]
    again = Market(config, msgspec.json.decode(kept, type=State))
    assert [item for _ in range(20) for item in again.block()] == rest
    assert again.finished
    assert again.finished == market.finished[known:]


def test_a_market_from_a_checkpoint_of_the_evening_equals_an_undisturbed_one_next_morning() -> None:
    config = ModelConfig(5, _new_york(2026, 1, 14, 15, 59, 50), rate=100.0, planted_per_hour=7200)
    market, _ = _run(config, LATE_S)
    again = Market(config, msgspec.json.decode(msgspec.json.encode(market.state()), type=State))
    for _ in range(20):
        assert list(again.block()) == list(market.block())
    assert again.session.day.isoformat() == "2026-01-15"


def test_rates_and_shares_stand_in_their_bands(minute: list[Any]) -> None:
    prints = [event for event in minute if isinstance(event, OptionPrint)]
    expected = _RATE * shape(9000, 23_400) * _SECONDS
    assert 0.95 < len(prints) / expected < 1.05
    letters = Counter(event.conditions[0] for event in prints)
    share = {letter: letters[letter] / len(prints) for letter in letters}
    assert set(letters) <= set(OPTION_CONDITIONS)
    assert share["I"] > 0.55
    assert 0.02 < share["S"] < 0.10
    assert 0.08 < share["a"] < 0.20
    assert 0.08 < sum(share.get(letter, 0) for letter in "fghj") < 0.22
    assert 0 < share.get("B", 0) + share.get("D", 0) < 0.005
    assert 0 < letters["A"] < 0.002 * len(prints)
    assert all((event.kind == "cancel") == (event.conditions == ("A",)) for event in prints)
    sizes = np.array([event.size for event in prints])
    assert 0.3 < np.mean(sizes == 1) < 0.6
    assert np.mean(sizes >= 400) < 0.002
    equities = [event for event in minute if isinstance(event, EquityPrint)]
    off = [event for event in equities if event.exchange == "D"]
    assert 0.43 < len(off) / len(equities) < 0.51
    assert all(event.exec_ts is not None and 0 <= event.ts - event.exec_ts <= 10 * NS_PER_S for event in off)
    assert all(
        (event.size < 100) == ("I" in event.conditions)
        for event in equities
        if len(event.conditions) < 2 or event.conditions[1] in "FI"
    )
    assert any("F" in event.conditions for event in equities)
    assert {event.conditions[0] for event in equities} == {"@", " "}
    quotes = sum(isinstance(event, OptionQuote) for event in minute)
    assert 1.0 < quotes / len(prints) < 3.0


def test_every_print_agrees_with_the_quote_in_force(minute: list[Any]) -> None:
    places: Counter[str] = Counter()
    in_force: dict[str, Any] = {}
    tied: list[Any] = []
    for event in minute:
        if isinstance(event, OptionQuote | EquityQuote):
            name = event.contract if isinstance(event, OptionQuote) else event.symbol
            assert event.bid is not None
            assert event.ask is not None
            assert event.bid <= event.ask
            places["locked" if event.bid == event.ask else "quote"] += 1
            in_force[name] = event
            tied.append(event.ts)
            continue
        quote = in_force[event.contract if isinstance(event, OptionPrint) else event.symbol]
        assert quote.ts < event.ts
        if isinstance(event, EquityPrint):
            assert quote.bid <= event.price <= quote.ask
        elif event.kind is None:
            late = event.conditions[0] in "BD"
            outside = not quote.bid <= event.price <= quote.ask
            places["late" if late else "outside" if outside else "within"] += 1
            if not late and not outside:
                kind = "ask" if event.price == quote.ask else "bid" if event.price == quote.bid else "inside"
                places[kind] += 1
            assert event.price > 0
            assert round(event.price * 100) == pytest.approx(event.price * 100, abs=1e-9)
    traded = places["within"] + places["outside"]
    assert places["outside"] / traded < 0.02
    assert 0.25 < places["bid"] / traded < 0.50
    assert 0.25 < places["ask"] / traded < 0.50
    assert 0.12 < places["inside"] / traded < 0.40
    assert places["locked"] / (places["locked"] + places["quote"]) < 0.002


def _whole_chain(symbol: str) -> tuple[Any, ...]:
    names = underlyings()
    session = session_at(NOON)
    listed = chains(session.day, names.level, np.random.Generator(np.random.PCG64(1)))
    number = names.number(symbol)
    contracts = np.arange(listed.first[number], listed.first[number + 1])
    moment = Moment(NOON, np.repeat(names.level[None, :], STEPS, axis=0), NS_PER_S // STEPS, 1.0, 1.1)
    bid, ask = option_quotes(moment, names, listed, contracts, np.full(len(contracts), NOON), names.number(INDEX))
    return listed, contracts, bid / 10_000, ask / 10_000, float(names.level[number])


@pytest.mark.parametrize("symbol", ["SPX", "SPY", "NVDA", "XOM", "POOL"])
def test_quotes_of_one_instant_leave_no_arbitrage_beyond_the_spread(symbol: str) -> None:
    listed, contracts, bid, ask, spot = _whole_chain(symbol)
    calls, puts = contracts[::2] - contracts[0], contracts[1::2] - contracts[0]
    strike, expiry = listed.strike[contracts[::2]], listed.expiry_ns[contracts[::2]]
    present = strike * np.exp(-0.04 * (expiry - NOON) / (365 * 86_400e9))
    # European parity; an American put may be worth up to its exercise value more.
    assert np.all(bid[calls] - ask[puts] <= spot - present + 1e-6)
    assert np.all(ask[calls] - bid[puts] >= spot - np.where(symbol == "SPX", present, strike) - 1e-6)
    for day in np.unique(expiry):
        of_day = expiry == day
        # No call bid above the ask of a call with a lower strike, no put bid above one with a higher; butterflies cost.
        for side, sign in ((calls[of_day], 1), (puts[of_day], -1)):
            bids, asks = bid[side][::sign], ask[side][::sign]
            assert np.all(bids[1:] <= asks[:-1])
            assert np.all(asks[:-2] + asks[2:] >= 2 * bids[1:-1] - 1e-9)


def test_the_normal_distribution_is_the_librarys() -> None:
    from statistics import NormalDist

    x = np.linspace(-6, 6, 241)
    assert np.abs(norm_cdf(x) - [NormalDist().cdf(float(each)) for each in x]).max() < 1e-7


_CHIPS = ("NVDA", "AMD", "MU", "INTC", "AVGO", "QCOM", "TXN")


def test_prices_move_together_and_the_index_is_ten_funds() -> None:
    market = Market(ModelConfig(2, NOON, rate=1.0, planted_per_hour=0))
    spots = []
    for _ in range(200):
        for _ in market.block():
            pass
        spots.append(np.frombuffer(market.state().log_spots))
    names, moves = underlyings(), np.diff(np.array(spots), axis=0)
    assert spots[-1][names.number("SPX")] - spots[-1][names.number("SPY")] == pytest.approx(np.log(10))

    def together(a: str, b: str) -> float:
        return float(np.corrcoef(moves[1:, names.number(a)], moves[1:, names.number(b)])[0, 1])

    assert together("SPY", "QQQ") > 0.75
    pairs = [(a, b) for a in _CHIPS for b in _CHIPS if a < b]
    assert 0.2 < np.mean([together(a, b) for a, b in pairs]) < 0.8


def _new_york(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=NEW_YORK).timestamp()) * NS_PER_S  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ((2026, 1, 17, 20, 0), (2026, 1, 20, 9, 30)),  # Saturday night, a holiday on Monday
        ((2026, 7, 3, 12, 0), (2026, 7, 6, 9, 30)),  # the observed Fourth of July
        ((2026, 3, 6, 17, 0), (2026, 3, 9, 9, 30)),  # over the change to summer time
        ((2026, 1, 14, 12, 0), (2026, 1, 15, 9, 30)),
    ],
)
def test_a_new_market_begins_with_the_next_session(now: tuple[int, ...], opens: tuple[int, ...]) -> None:
    assert next_open(_new_york(*now)) == _new_york(*opens)


def test_a_session_ends_with_its_auction_and_the_next_trading_day_begins() -> None:
    # Friday 2026-01-16 15:59:57; the Monday after is a holiday.
    _, items = _run(ModelConfig(1, _new_york(2026, 1, 16, 15, 59, 57), rate=60.0), 6 + LATE_S)
    close, opening = _new_york(2026, 1, 16, 16, 0), _new_york(2026, 1, 20, 9, 30)
    after = [item for item in items if close <= item[0] < close + NS_PER_S]
    assert {TOPICS[item[1]] for item in after} == {"equities.prints", "equities.quotes"}
    assert sum(b'"6"' in item[4] for item in after) > 400
    later = [item for item in items if item[0] > close + (1 + LATE_S) * NS_PER_S]
    assert TOPICS[later[0][1]] == "reference"
    traded = [item for item in later if TOPICS[item[1]] != "reference"]
    assert traded[0][0] >= opening
    assert all(
        parse_contract(_DECODERS[0](item[4]).contract).expiry >= datetime.fromtimestamp(opening // NS_PER_S, UTC).date()
        for item in traded
        if item[1] == 0
    )


def test_options_on_the_index_and_its_funds_trade_a_quarter_of_an_hour_longer() -> None:
    market, items = _run(ModelConfig(1, _new_york(2026, 1, 16, 15, 59, 59), rate=200.0), LATE_S + 3)
    close = _new_york(2026, 1, 16, 16, 0)
    late = [_DECODERS[item[1]](item[4]) for item in items if close + NS_PER_S < item[0] <= close + 901 * NS_PER_S]
    prints = [event for event in late if isinstance(event, OptionPrint)]
    assert len(prints) > 1000
    assert prints[-1].ts > close + (LATE_S - 10) * NS_PER_S
    contracts = [parse_contract(event.contract) for event in prints]
    assert {contract.underlying for contract in contracts} == {"SPY", "QQQ", "IWM", "SPX"}
    assert min(contract.expiry for contract in contracts) > market.session.day.replace(day=16)
    shares = [event for event in late if isinstance(event, EquityPrint)]
    assert shares
    assert {(event.symbol in ("SPY", "QQQ", "IWM"), event.conditions[1:]) for event in shares} == {(True, ("T",))}


def test_expiries_step_back_from_holidays() -> None:
    found = dict(expiries(datetime(2026, 4, 1, tzinfo=UTC).date(), dailies=0, weeklies=1, monthlies=1))
    assert [day.isoformat() for day in found] == ["2026-04-02", "2026-04-17"]
    assert list(found.values()) == [False, True]


def test_testing_mode_keeps_prints_apart_and_plants_nothing() -> None:
    market, items = _run(ModelConfig(1, NOON, rate=200.0, throttle_ms=200, planted_per_hour=7200), 10)
    prints = [item[0] for item in items if TOPICS[item[1]].endswith("prints")]
    assert len(prints) > 30
    assert min(b - a for a, b in zip(prints, prints[1:], strict=False)) >= 200_000_000
    assert not market.finished


def test_a_checkpoint_can_be_written_whatever_is_under_way(tmp_path: Path) -> None:
    """Orders are drawn with numpy, whose integers JSON does not know: they are plain by the time they are planted."""
    market = Market(ModelConfig(3, NOON, rate=5.0, planted_per_hour=36_000, evenly=True))
    kinds: dict[str, None] = {}
    for _ in range(60):
        list(market.block())
        kinds |= dict.fromkeys(order.scenario for order in market.state().running)
        for order in market.state().running:
            plain = [(child.ts, child.contract, child.size, child.place) for child in order.children]
            assert all(type(number) is int for row in plain for number in row), order.scenario
        save(tmp_path, Checkpoint(config=market.config, offsets={}, position=market.now, market=market.state()))
        assert load(tmp_path) is not None
    assert len(kinds) > 30


def test_a_number_of_numpys_in_an_order_is_written_as_what_it_is(tmp_path: Path) -> None:
    market = Market(ModelConfig(3, NOON, rate=5.0, planted_per_hour=36_000, evenly=True))
    for _ in range(20):
        list(market.block())
    state = market.state()
    child = state.running[0].children[0]
    number = child.contract
    child.contract, child.position = np.int64(number), np.float32(0.5)  # type: ignore[assignment]
    save(tmp_path, Checkpoint(config=market.config, offsets={}, position=market.now, market=state))
    found = load(tmp_path)
    assert found is not None
    assert found.market is not None
    assert (found.market.running[0].children[0].contract, found.market.running[0].children[0].position) == (number, 0.5)
