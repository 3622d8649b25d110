"""The market: a pure machine that turns (seed, start, rates) into one sequence of events, a second at a time.

Every second draws from streams of its own, keyed by (seed, day, second, purpose); what crosses seconds is the state:
prices, the quotes in force, planted orders still under way. So a run from a checkpoint equals an undisturbed one.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import numpy as np
from msgspec import Struct, field

from connectors.feeds.synthetic import drifting, equity_flow, interest, options_flow, planting, prices, quoting
from connectors.feeds.synthetic.calendar import LATE_S, Session, next_session, session_at, session_from
from connectors.feeds.synthetic.emitting import Book, Doomed, Emitter, Item, Noted
from connectors.feeds.synthetic.planting import Doings, Running
from connectors.feeds.synthetic.reference import facts
from connectors.feeds.synthetic.rows import (
    NS_PER_US,
    Bools,
    Floats,
    Ints,
    PrintRows,
    QuoteRows,
    chosen,
    cumulative,
    joined,
)
from connectors.feeds.synthetic.scenarios.base import Drift, Halt, Stage
from connectors.feeds.synthetic.scenarios.labels import Planted
from connectors.feeds.synthetic.surface import Moment, equity_quotes, option_quotes
from connectors.feeds.synthetic.universe import INDEX, Chains, chains, late, underlyings
from events.types import NS_PER_MS, NS_PER_S

#: Bumped when the same seed comes to mean another market.
MODEL_VERSION = 8
#: The day's definitions stand this long before its open.
REFERENCE_AHEAD_NS = 1800 * NS_PER_S
#: Nothing is planted in a stock for so long after it resumed, but for what its halt is about.
_SHUT_NS = 600 * NS_PER_S
#: Activity after the close relative to a session's mean.
_LATE_ACTIVITY = 0.1
_PATH, _OPTIONS, _EQUITIES, _QUOTES, _PLANTS, _NIGHT, _CHAINS = range(7)


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What the market is a function of."""

    seed: int
    #: Event time at which it begins, ns.
    start: int
    #: Background option prints a second, the mean over a session.
    rate: float = 50.0
    #: Mean time between prints of a liquid stock, ms.
    emit_interval_ms: int = 1000
    planted_per_hour: float = 120.0
    #: Least spacing of prints, ms; 0 for none. Nothing is planted where prints are thinned.
    throttle_ms: int = 0
    #: Scenarios that are planted; all when empty.
    only: tuple[str, ...] = ()
    #: Every kind and strength as often as any other, for tapes on which rules are judged.
    evenly: bool = False


class State(Struct, kw_only=True):
    """What a checkpoint holds of the market: all that crosses a second."""

    day: str
    #: Second of the session to come; -1 is the day's reference.
    block: int
    #: Second after the reference: not 0 where the market began within a session.
    first_block: int
    log_spots: bytes
    #: Log prices at the beginning of the day: chains and the level of volatility stand on them.
    log_opens: bytes
    book: list[bytes] = field(default_factory=list)
    running: list[Running] = field(default_factory=list)
    last_print_ts: int = 0
    #: Open interest of the day's contracts, and what its prints have done to it.
    interest: bytes = b""
    opened: bytes = b""
    doomed: list[Doomed] = field(default_factory=list)
    drifts: list[Drift] = field(default_factory=list)
    #: Halts that go on or ended a short time ago.
    halts: list[Halt] = field(default_factory=list)
    #: Log volatility over its calm level, by underlying.
    moods: bytes = b""


class Market:
    """One market from its start or a checkpoint on; `block` is the only way forward."""

    def __init__(self, config: ModelConfig, state: State | None = None) -> None:
        self.config = config
        self._names = underlyings()
        self._index = self._names.number(INDEX)
        self._equity_shares = cumulative(self._names.equity_rate)
        #: Labels of planted orders that ended since they were last taken.
        self.finished: list[Planted] = []
        if state is None:
            session = session_at(config.start)
            offset = max(config.start - session.open_ns, 0) // NS_PER_S
            opens = prices.tied(np.log(self._names.level), self._names)
            self._moods = np.zeros(len(self._names.symbols))
            self._begin(session, offset, opens, None)
        else:
            self._restore(state)

    def _begin(
        self, session: Session, first_block: int, opens: Floats, before: tuple[Chains, array[int]] | None
    ) -> None:
        """Begins a day at the given prices; `before` is the last day's chains and what it did to their interest."""
        self._session, self._block, self._first_block = session, -1, first_block
        self._log_spots, self._log_opens = opens, opens
        self._running: list[Running] = []
        self._drifts: list[Drift] = []
        self._halts: list[Halt] = []
        self._chains: Chains
        self._set_up(0)
        if before is not None:
            self._chains = interest.standing(self._chains, interest.over_night(*before, self._chains))

    def _set_up(self, last_print_ts: int) -> None:
        """Makes what follows from the day and its opening prices."""
        names, session = self._names, self._session
        self._chains = chains(session.day, np.exp(self._log_opens), self._rng(0, _CHAINS))
        symbols = names.symbols
        under = symbols + [symbols[number] for number in self._chains.under.tolist()]
        book = Book(len(under))
        ticks = (self._chains.tick_low.tolist(), self._chains.tick_high.tolist())
        throttle = self.config.throttle_ms * NS_PER_MS
        self._emitter = Emitter(symbols + self._chains.ids, under, names.tapes, ticks, book, throttle, last_print_ts)
        opening = Moment(session.open_ns, np.exp(self._log_opens)[None, :], NS_PER_S, 1.0, 1.0)
        every = np.arange(len(self._chains.ids), dtype=np.int64)
        at = np.full(len(every), session.open_ns, dtype=np.int64)
        #: What each contract costs at the open, dollars: dear ones trade in smaller sizes.
        self._worth = option_quotes(opening, names, self._chains, every, at, self._index)[1] / 10_000
        config = self.config
        rng = self._rng(0, _PLANTS)
        self._plan = planting.plan(rng, session, self._planted_per_hour(), config.only, config.evenly)

    def _planted_per_hour(self) -> float:
        return 0.0 if self.config.throttle_ms else self.config.planted_per_hour

    def _rng(self, block: int, purpose: int) -> np.random.Generator:
        key = (self.config.seed, self._session.day.toordinal(), block, purpose)
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))

    @property
    def session(self) -> Session:
        """The session that the next block belongs to."""
        return self._session

    @property
    def now(self) -> int:
        """Event time at which the next block begins, ns: every event to come is at or after it."""
        if self._block < 0:
            return self._session.open_ns - REFERENCE_AHEAD_NS
        return self._session.open_ns + self._block * NS_PER_S

    @property
    def trades_from(self) -> int:
        """Event time at which trading goes on: `now`, or behind a day's reference its first second, ns."""
        return self._session.open_ns + max(self._block, self._first_block) * NS_PER_S

    @property
    def is_reference(self) -> bool:
        """Tells whether the next block is a day's reference."""
        return self._block < 0

    def block(self) -> Iterator[Item]:
        """Yields the events of the next block in order of time; when it is exhausted the market has moved on."""
        if self._block < 0:
            before = self._session.open_ns - REFERENCE_AHEAD_NS
            yield from facts(self._chains, self._names, self._session.day, before)
            self._block = self._first_block
            return
        second = self._block - self._session.seconds
        draw = self._second() if second < 0 else self._closing() if second == 0 else self._late()
        yield from self._emitter.second(self._block, *draw, note=self._note)
        self._end_plants()
        self._block += 1
        if self._block > self._session.seconds + LATE_S:
            night = self._rng(0, _NIGHT)
            opens = prices.over_night(self._log_spots, self._names, night)
            self._begin(next_session(self._session), 0, opens, (self._chains, self._emitter.opened))

    def _second(self) -> tuple[PrintRows, QuoteRows]:
        """Draws prints and candidates for quotes of one second of trading, and moves the prices."""
        block, names, config, start = self._block, self._names, self.config, self.now
        activity = prices.shape(block, self._session.seconds)
        moment = self._moved(activity)
        options = options_flow.background(
            config.rate * activity, start, self._chains, len(names.symbols), self._worth, self._rng(block, _OPTIONS)
        )
        rng = self._rng(block, _EQUITIES)
        equities = equity_flow.background(1000.0 / config.emit_interval_ms * activity, start, names, rng)
        if block == 0:
            equities = joined([equities, equity_flow.auction(start, names, False, rng)])
        self._begin_plants(moment)
        options, equities = self._traded(options), self._traded(equities)
        planted = planting.rows(self._running, start, len(names.symbols))
        quotes = self._quotes(moment, options, equities, planted, self._chains.cumulated)
        return joined([options, equities, planted.prints]), quotes

    def _traded(self, prints: PrintRows) -> PrintRows:
        """Returns the background's prints but for those of halted stocks and their options."""
        return chosen(prints, ~self._is_halted(prints.instrument, prints.ts)) if self._halts else prints

    def _is_halted(self, instrument: Ints, ts: Ints) -> Bools:
        own = len(self._names.symbols)
        under = np.where(instrument < own, instrument, self._chains.under[np.maximum(instrument - own, 0)])
        halted = np.zeros(len(ts), dtype=np.bool_)
        for halt in self._halts:
            halted |= (under == halt.number) & (ts >= halt.start_ts - NS_PER_US) & (ts < halt.end_ts)
        return halted

    def _moved(self, activity: float) -> Moment:
        """Moves prices and volatility through the next second; returns what decides its quotes."""
        path = prices.path(self._log_spots, self._names, activity, self._rng(self._block, _PATH))
        if self._drifts:
            drifting.move(path, self._drifts, self.now)
            prices.tied(path, self._names)
            self._drifts = drifting.still(self._drifts, self.now)
        self._moods = drifting.stir(self._moods, self._drifts, self.now)
        self._log_spots = path[-1]
        fallen = path[-1, self._index] - self._log_opens[self._index]
        width = 1.0 + 1.2 * float(np.exp(-self._block / 240.0))
        fear, mood = float(np.exp(-4.0 * fallen)), np.exp(self._moods)
        return Moment(self.now, np.exp(path), NS_PER_S // prices.STEPS, width, fear, mood)

    def _closing(self) -> tuple[PrintRows, QuoteRows]:
        """Draws the closing auction, in the second after the close; options are over."""
        rows = equity_flow.auction(self.now, self._names, True, self._rng(self._block, _EQUITIES))
        moment = Moment(self.now, np.exp(self._log_spots)[None, :], NS_PER_S, 1.0, 1.0)
        none = planting.rows([], self.now, len(self._names.symbols))
        return rows, self._quotes(moment, none.prints, rows, none, self._chains.cumulated)

    def _late(self) -> tuple[PrintRows, QuoteRows]:
        """Draws a second after the close: options on the index and its funds trade on, and the funds a little."""
        moment, start, own = self._moved(_LATE_ACTIVITY), self.now, len(self._names.symbols)
        listed = replace(self._chains, cumulated=late(self._chains))
        rate = self.config.rate * _LATE_ACTIVITY
        options = options_flow.background(rate, start, listed, own, self._worth, self._rng(self._block, _OPTIONS))
        # A second leg may lie in the expiry beside its first: where that has expired it does not trade.
        options = chosen(options, self._chains.dte[options.instrument - own] > 0)
        rate = 1000.0 / self.config.emit_interval_ms * _LATE_ACTIVITY
        equities = equity_flow.extended(rate, start, self._names, self._rng(self._block, _EQUITIES))
        none = planting.rows([], start, own)
        quotes = self._quotes(moment, options, equities, none, listed.cumulated)
        return joined([options, equities]), quotes

    def _quotes(
        self, moment: Moment, options: PrintRows, equities: PrintRows, planted: Doings, listed: Floats
    ) -> QuoteRows:
        names, own = self._names, len(self._names.symbols)
        rng = self._rng(self._block, _QUOTES)
        # A planted order's own quotes move with it: only its first print is preceded by the market's.
        of_stock = planted.looked_at < own
        print_ts = np.concatenate([options.ts, planted.look_ts[~of_stock]])
        traded = np.concatenate([options.instrument, planted.looked_at[~of_stock]]) - own
        idle = quoting.idle_options(len(print_ts), listed, rng)
        ts, contract, forced = quoting.times(print_ts, traded, idle, moment.start_ns, rng)
        of_options = quoting.option_candidates(
            ts, contract, forced, self._chains.tier[contract], own, lambda c, t: self._option_quotes(moment, c, t), rng
        )
        idle = quoting.idle_equities(len(equities.ts), self._equity_shares, rng)
        print_ts = np.concatenate([equities.ts, planted.look_ts[of_stock]])
        traded = np.concatenate([equities.instrument, planted.looked_at[of_stock]])
        ts, number, forced = quoting.times(print_ts, traded, idle, moment.start_ns, rng)
        of_equities = quoting.equity_candidates(
            ts, number, forced, names.tier[number], lambda n, t: equity_quotes(moment, names, n, t), rng
        )
        if self._halts:
            # A quote of its own would say that the stock trades.
            of_equities = chosen(of_equities, ~self._is_halted(of_equities.instrument, of_equities.ts))
        return joined([of_options, of_equities, planted.shifts])

    def _option_quotes(self, moment: Moment, contract: Ints, ts: Ints) -> tuple[Ints, Ints]:
        return option_quotes(moment, self._names, self._chains, contract, ts, self._index)

    def _option_quotes_at(self, moment: Moment, ts: int, contract: Ints) -> tuple[Ints, Ints]:
        return self._option_quotes(moment, contract, np.full(len(contract), ts, dtype=np.int64))

    def _begin_plants(self, moment: Moment) -> None:
        """Begins the orders due in this second."""
        self._halts = [halt for halt in self._halts if halt.end_ts + _SHUT_NS > self.now]
        for number in planting.due(self._plan, self.now):
            due = self._plan[number]
            stage = Stage(
                self._rng(number, _PLANTS + 100), self._names, self._chains, due.ts, due.strength,
                partial(self._option_quotes_at, moment, due.ts), moment.spots[0],
                tuple(halt.number for halt in self._halts), self._busy(),
            )  # fmt: skip
            began = planting.begin(due, stage, self.config.seed)
            # An order that the close would cut off has no place in this day.
            if began is not None and began[0].children[-1].ts < self._session.close_ns:
                self._running.append(began[0])
                self._drifts += began[1].drifts
                self._halts += began[1].halts

    def _busy(self) -> tuple[int, ...]:
        """Returns the underlyings in which an order is under way, or moves the price."""
        own = [
            -1 - child.contract if child.contract < 0 else int(self._chains.under[child.contract])
            for order in self._running
            for child in order.children
        ]
        return tuple(dict.fromkeys([*own, *(drift.number for drift in self._drifts)]))

    def _note(self, noted: Noted) -> None:
        """Remembers a print that is known: in its order, or as a label of its own."""
        if noted.plant >= 0:
            self._running[noted.plant].note(noted)
            return
        contract = noted.instrument - len(self._names.symbols)
        number = int(self._chains.under[contract])
        spot, price = float(np.exp(self._log_spots[number])), float(self._worth[contract])
        truth = planting.background_truth(noted, self._chains, contract, spot, price)
        label = planting.background_label(
            noted, self._chains.ids[contract], self._names.symbols[number], truth, self.config.seed
        )
        self.finished.append(label)

    def _end_plants(self) -> None:
        self.finished += [plant.label() for plant in self._running if not plant.children and plant.ids]
        self._running = [plant for plant in self._running if plant.children]

    def state(self) -> State:
        """Returns the checkpoint; only between blocks."""
        return State(
            day=self._session.day.isoformat(), block=self._block, first_block=self._first_block,
            log_spots=self._log_spots.tobytes(), log_opens=self._log_opens.tobytes(),
            book=self._emitter.book.dump(), running=self._running, last_print_ts=self._emitter.last_print_ts,
            interest=self._chains.open_interest.tobytes(), opened=self._emitter.opened.tobytes(),
            doomed=self._emitter.doomed, drifts=self._drifts, halts=self._halts, moods=self._moods.tobytes(),
        )  # fmt: skip

    def _restore(self, state: State) -> None:
        self._session = session_from(date.fromisoformat(state.day))
        self._block, self._first_block = state.block, state.first_block
        self._log_spots, self._log_opens = np.frombuffer(state.log_spots), np.frombuffer(state.log_opens)
        self._running, self._drifts, self._halts = list(state.running), list(state.drifts), list(state.halts)
        self._moods = np.frombuffer(state.moods)
        self._set_up(state.last_print_ts)
        self._chains = interest.standing(self._chains, np.frombuffer(state.interest, dtype=np.int64))
        self._emitter.book.load(state.book)
        self._emitter.opened[:] = array("i", state.opened)
        self._emitter.doomed[:] = state.doomed
