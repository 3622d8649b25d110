"""A preloaded options tape for `bench pipeline`: one quote to two prints over many contracts, in bursts.

Not a market model (the synthetic feed is): it fixes rates and shapes so that the pipeline's work is known. Messages
are those of a consolidated OPRA feed: ids of sequence and digest, time of receipt, venues of both sides of a quote.
Prints come in bursts of 1 to 8 inside 200 ms, sides and venues drawn by a seeded generator; about one burst in fifty
passes a rule's floors. `with_stocks` adds two equity quotes a second of each underlying; options made at that spot have
the same prices at strikes close about it, so that nearly every print has a volatility to find.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from events.codec import encode
from events.raw import EquityQuote, OptionPrint, OptionQuote
from events.types import NS_PER_MS

START_TS = 1_767_623_400_000_000_000
_VENUES = "ACEHIJMNPQUXZ"
#: Mean event time between bursts over all contracts, ms.
_BURST_GAP_MS = 1.2
_NAMES = ("SPY", "QQQ", "NVDA", "TSLA", "AAPL", *(f"U{chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(95)))
_SOURCE = "databento"
#: Where every stock of `with_stocks` begins, dollars; event time between equity quotes over all of them, ms.
SPOT = 60.0
_EQUITY_GAP_MS = 5
_FIRST_SEQ = 1_204_117_000
#: From the event to our decoder, as a live feed would stamp it.
_TRANSIT_NS = 350_000


def contracts(count: int, names: Sequence[str] = _NAMES, spot: float | None = None) -> list[tuple[str, str]]:
    """Returns (underlying, contract id) pairs over a hundred underlyings, or others; strikes are close about a spot."""
    pairs = []
    lowest, step = 50_000, 2_500
    if spot is not None:
        step = 250
        lowest = round(spot * 1000) - step * (count // (4 * len(names)))
    for n in range(count):
        underlying = names[n % len(names)]
        right = "CP"[n // len(names) % 2]
        strike = lowest + step * (n // (2 * len(names)))
        pairs.append((underlying, f"{underlying}260{1 + n % 3}16{right}{strike:08d}"))
    return pairs


#: Topic, underlying, event time in ns, message.
Row = tuple[str, str, int, bytes]


def with_stocks(rows: Iterator[Row], seed: int) -> Iterator[Row]:
    """Yields the rows with quotes of their underlyings between them, in time order."""
    random = Random(seed)
    mids = dict.fromkeys(_NAMES, SPOT)
    ts, turn = START_TS, 0
    for row in rows:
        while ts <= row[2]:
            name = _NAMES[turn % len(_NAMES)]
            mids[name] = mid = round(mids[name] + random.choice((-0.01, 0.0, 0.01)), 2)
            yield _stock(name, ts, mid, random)
            turn += 1
            ts += _EQUITY_GAP_MS * NS_PER_MS
        yield row


def _stock(symbol: str, ts: int, mid: float, random: Random) -> Row:
    quote = EquityQuote(
        id=f"{_SOURCE}:equities.quotes:{symbol}:{ts}:{random.getrandbits(48):012x}",
        ts=ts,
        symbol=symbol,
        bid=round(mid - 0.01, 2),
        ask=round(mid + 0.01, 2),
        bid_size=random.randrange(1, 20) * 100,
        ask_size=random.randrange(1, 20) * 100,
        source=_SOURCE,
        recv_ts=ts + _TRANSIT_NS,
    )
    return "equities.quotes", symbol, ts, encode(quote)


def events(
    prints: int, contract_count: int, seed: int, names: Sequence[str] = _NAMES, spot: float | None = None
) -> Iterator[Row]:
    """Yields options' rows in time order, one quote for every two prints."""
    random = Random(seed)
    chosen = contracts(contract_count, names, spot)
    mids = [0.5 + random.random() * 4 for _ in chosen]
    ts, done, quoted = START_TS, 0, 0
    for n, (underlying, contract) in enumerate(chosen):
        yield _quote(underlying, contract, ts + n, mids[n], random)
    ts += contract_count
    while done < prints:
        ts += int(random.expovariate(1 / _BURST_GAP_MS) * NS_PER_MS) + 1
        n = random.randrange(contract_count)
        underlying, contract = chosen[n]
        while quoted < done // 2:
            m = random.randrange(contract_count)
            yield _quote(*chosen[m], ts, mids[m], random)
            quoted += 1
            ts += 1000
        yield _quote(underlying, contract, ts, mids[n], random)
        quoted += 1
        burst = min(1 + int(random.expovariate(0.5)), 8)
        aggressive = random.random() < 0.5
        for _ in range(burst):
            ts += random.randrange(1, 200) * 1000
            price = round(mids[n] + (0.05 if aggressive else -0.05), 2)
            large = random.random() < 0.03
            size = 1 + int(random.expovariate(0.3)) * (40 if large else 1)
            yield _print(underlying, contract, ts, price, size, _FIRST_SEQ + done, random)
            done += 1


def _quote(underlying: str, contract: str, ts: int, mid: float, random: Random) -> tuple[str, str, int, bytes]:
    quote = OptionQuote(
        id=f"{_SOURCE}:options.quotes:{contract}:{ts}:{random.getrandbits(48):012x}",
        ts=ts,
        contract=contract,
        bid=round(mid - 0.05, 2),
        ask=round(mid + 0.05, 2),
        bid_size=random.randrange(1, 200),
        ask_size=random.randrange(1, 200),
        source=_SOURCE,
        bid_exchange=random.choice(_VENUES),
        ask_exchange=random.choice(_VENUES),
        recv_ts=ts + _TRANSIT_NS,
    )
    return "options.quotes", underlying, ts, encode(quote)


def _print(
    underlying: str, contract: str, ts: int, price: float, size: int, seq: int, random: Random
) -> tuple[str, str, int, bytes]:
    report = OptionPrint(
        id=f"{_SOURCE}:options.prints:{contract}:{ts}:{seq}-{random.getrandbits(48):012x}",
        ts=ts,
        contract=contract,
        price=price,
        size=size,
        exchange=random.choice(_VENUES),
        conditions=("S",) if random.random() < 0.2 else ("I",),
        source=_SOURCE,
        recv_ts=ts + _TRANSIT_NS,
        seq=seq,
    )
    return "options.prints", underlying, ts, encode(report)
