"""From columns to events: each print is priced from the quote in force when its turn comes, then both get their bytes.

So a print never contradicts the quotes that stand before it in the log, whatever drew them.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from msgspec.json import Encoder

from connectors.feeds.synthetic.rows import (
    ABOVE,
    ASK,
    AT_QUOTE,
    BELOW,
    BID,
    CANCEL,
    CENT,
    DOLLAR,
    DOOMED,
    EQUITY_CONDITIONS,
    HALTED,
    LIMITED,
    MID,
    NOISE,
    OPTION_CONDITIONS,
    SUBPENNY,
    VENUES,
    PrintRows,
    QuoteRows,
)
from events.ids import IdMaker
from events.raw import EquityPrint, EquityQuote, OptionPrint, OptionQuote

SOURCE = "synthetic"
TOPICS = ("options.prints", "options.quotes", "equities.prints", "equities.quotes", "reference")
OPTION_PRINT, OPTION_QUOTE, EQUITY_PRINT, EQUITY_QUOTE, REFERENCE = range(5)
#: One event: its time, topic number, underlying, id and bytes.
Item = tuple[int, int, str, str, bytes]


class Noted(NamedTuple):
    """A print that is known: a planted order's, or a large one of the background."""

    #: Number of the order among those under way, else as in `rows.PrintRows.plant`.
    plant: int
    instrument: int
    ident: str
    ts: int
    is_cancel: bool
    size: int
    #: As in `rows.PrintRows`.
    place: int
    condition: int


#: A print that will be cancelled: instrument, size, price in dollars, venue, what it does to open interest.
Doomed = tuple[int, int, float, str, int]

_OPTION_CONDITIONS = tuple((letter,) for letter in OPTION_CONDITIONS)
_EQUITY_CONDITIONS = {
    tape: tuple((" " if tape in "AB" else "@", *letters) for letters in EQUITY_CONDITIONS) for tape in "ABC"
}
_THREE_DOLLARS = 3 * DOLLAR
#: Quote condition of a stock that is halted: news is pending (CQS).
_NEWS_PENDING = "P"
_encode = Encoder().encode


class Book:
    """The quote in force of every instrument; prices in units, 0 ask where there was none yet."""

    def __init__(self, instruments: int) -> None:
        self.bid = array("i", bytes(4 * instruments))
        self.ask = array("i", bytes(4 * instruments))
        self.bid_venue = array("i", bytes(4 * instruments))
        self.ask_venue = array("i", bytes(4 * instruments))

    def dump(self) -> list[bytes]:
        """Returns the book as bytes, for a checkpoint."""
        return [column.tobytes() for column in (self.bid, self.ask, self.bid_venue, self.ask_venue)]

    def load(self, columns: list[bytes]) -> None:
        """Takes the book from a checkpoint."""
        for column, data in zip((self.bid, self.ask, self.bid_venue, self.ask_venue), columns, strict=True):
            column[:] = array("i", data)


class Emitter:
    """Turns the rows of a second into events, in order; `instruments` are the day's, underlyings first."""

    def __init__(
        self, instruments: list[str], under: list[str], tapes: list[str], ticks: tuple[list[int], list[int]],
        book: Book, throttle_ns: int, last_print_ts: int,
    ) -> None:  # fmt: skip
        self._names = instruments
        self._under = under
        self._tapes = tapes
        self._equities = len(tapes)
        self._tick_low, self._tick_high = ticks
        self.book = book
        self._throttle_ns = throttle_ns
        self.last_print_ts = last_print_ts
        #: Planted prints whose cancel is to come, across seconds; those of the background end within theirs.
        self.doomed: list[Doomed] = []
        self._doomed_here: list[Doomed] = []
        #: What the day's prints have done to the open interest of each contract.
        self.opened = array("i", bytes(4 * (len(instruments) - len(tapes))))
        self._ids = [IdMaker(topic, "symbol" if topic.startswith("equities") else "contract") for topic in TOPICS[:4]]
        self._trades = 0

    def second(self, block: int, prints: PrintRows, quotes: QuoteRows, note: Callable[[Noted], None]) -> Iterator[Item]:
        """Yields the second's events in order of time; tells `note` of each print that is known.

        At one instant prints come before quotes, as the tape ranks them.
        """
        count = len(prints.ts)
        ts = np.concatenate([prints.ts, quotes.ts])
        order = np.lexsort((np.arange(len(ts)) >= count, ts)).tolist()
        print_rows = _by_row(prints)
        quote_rows = _by_row(quotes)
        self._doomed_here = []
        self._trades = block * 1_000_000
        for place in order:
            if place >= count:
                item = self._quote(*quote_rows[place - count])
            else:
                row = print_rows[place]
                item = self._print(*row)
                if item is not None and row[-2] != NOISE:
                    note(Noted(row[-2], row[1], item[3], item[0], row[8] == CANCEL, int(row[2]), row[3], row[5]))
            if item is not None:
                yield item

    def _quote(
        self, ts: int, instrument: int, bid: int, ask: int, bid_size: int, ask_size: int, bid_venue: int,
        ask_venue: int, forced: bool, lift: int, widen: int, halt: int,
    ) -> Item | None:  # fmt: skip
        book = self.book
        if lift or widen:
            if not book.ask[instrument]:
                return None
            tick = self._tick(instrument)
            bid = max(book.bid[instrument] + (lift - widen) * tick, 0)
            ask = max(book.ask[instrument] + (lift + widen) * tick, bid + tick)
            bid_size = ask_size = 10 + 7 * abs(lift)
            bid_venue, ask_venue = book.bid_venue[instrument], book.ask_venue[instrument]
        elif halt:
            bid, ask = book.bid[instrument], book.ask[instrument]
            if not ask:
                return None
            bid_size = ask_size = 100
            bid_venue, ask_venue = book.bid_venue[instrument], book.ask_venue[instrument]
        elif not forced and bid == book.bid[instrument] and ask == book.ask[instrument]:
            return None
        book.bid[instrument], book.ask[instrument] = bid, ask
        book.bid_venue[instrument], book.ask_venue[instrument] = bid_venue, ask_venue
        name = self._names[instrument]
        event: OptionQuote | EquityQuote
        if instrument >= self._equities:
            # An empty bid has no venue and no size.
            event = OptionQuote(
                ts=ts, contract=name, bid=bid / DOLLAR, ask=ask / DOLLAR, bid_size=bid_size if bid else 0,
                ask_size=ask_size, source=SOURCE, bid_exchange=VENUES[bid_venue] if bid else None,
                ask_exchange=VENUES[ask_venue],
            )  # fmt: skip
            topic = OPTION_QUOTE
        else:
            event = EquityQuote(
                ts=ts, symbol=name, bid=bid / DOLLAR, ask=ask / DOLLAR, bid_size=float(bid_size),
                ask_size=float(ask_size), source=SOURCE, bid_exchange=VENUES[bid_venue],
                ask_exchange=VENUES[ask_venue], tape=self._tapes[instrument],
                condition=_NEWS_PENDING if halt == HALTED else None,
                limit_state=True if halt == LIMITED else None,
            )  # fmt: skip
            topic = EQUITY_QUOTE
        event.id = self._ids[topic].id_of(event)
        return ts, topic, self._under[instrument], event.id, _encode(event)

    def _print(
        self, ts: int, instrument: int, size: float, place: int, position: float, condition: int, venue: int,
        delay: int, kind: int, plant: int, opens: int,
    ) -> Item | None:  # fmt: skip
        bid, ask = self.book.bid[instrument], self.book.ask[instrument]
        if not ask or (self._throttle_ns and ts < self.last_print_ts + self._throttle_ns):
            return None
        if kind == CANCEL:
            return self._cancel(ts, instrument, int(size), condition, plant)
        self.last_print_ts = ts
        self._trades += 1
        name = self._names[instrument]
        if instrument < self._equities:
            return self._equity_print(ts, instrument, size, place, position, condition, venue, delay, bid, ask)
        units = self._option_price(instrument, place, position, bid, ask)
        letter = VENUES[venue] if venue != AT_QUOTE else self._venue_at(instrument, place)
        self.opened[instrument - self._equities] += opens * int(size)
        if kind == DOOMED:
            waiting = self.doomed if plant >= 0 else self._doomed_here
            waiting.append((instrument, int(size), units / DOLLAR, letter, opens))
        event = OptionPrint(
            ts=ts, contract=name, price=units / DOLLAR, size=int(size), exchange=letter,
            conditions=_OPTION_CONDITIONS[condition], source=SOURCE, exec_ts=ts - delay if delay else None,
            trade_id=str(self._trades),
        )  # fmt: skip
        event.id = self._ids[OPTION_PRINT].id_of(event)
        return ts, OPTION_PRINT, self._under[instrument], event.id, _encode(event)

    def _cancel(self, ts: int, instrument: int, size: int, condition: int, plant: int) -> Item | None:
        waiting = self.doomed if plant >= 0 else self._doomed_here
        found = next((doomed for doomed in waiting if doomed[:2] == (instrument, size)), None)
        if found is None:
            return None
        waiting.remove(found)
        _, _, price, letter, opens = found
        self.opened[instrument - self._equities] -= opens * size
        event = OptionPrint(
            ts=ts, contract=self._names[instrument], price=price, size=size, exchange=letter,
            conditions=_OPTION_CONDITIONS[condition], source=SOURCE, kind="cancel",
        )  # fmt: skip
        event.id = self._ids[OPTION_PRINT].id_of(event)
        return ts, OPTION_PRINT, self._under[instrument], event.id, _encode(event)

    def _equity_print(
        self, ts: int, instrument: int, size: float, place: int, position: float, condition: int, venue: int,
        delay: int, bid: int, ask: int,
    ) -> Item:  # fmt: skip
        if place == MID:
            units = (bid + ask) // 2
        elif place == SUBPENNY:
            # Improved by fractions of a cent on the side that is nearer by chance, never past the mid.
            improved = min(int(position), (ask - bid) // 2)
            units = ask - improved if int(position) % 2 else bid + improved
        else:
            units = ask if place == ASK else bid
        tape = self._tapes[instrument]
        event = EquityPrint(
            ts=ts, symbol=self._names[instrument], price=units / DOLLAR, size=size,
            exchange=VENUES[venue] if venue != AT_QUOTE else self._venue_at(instrument, place),
            conditions=_EQUITY_CONDITIONS[tape][condition], tape=tape, source=SOURCE,
            exec_ts=ts - delay if delay else None, trade_id=str(self._trades),
        )  # fmt: skip
        event.id = self._ids[EQUITY_PRINT].id_of(event)
        return ts, EQUITY_PRINT, self._under[instrument], event.id, _encode(event)

    def _option_price(self, instrument: int, place: int, position: float, bid: int, ask: int) -> int:
        """Returns the price in units; a bid of nothing is no price, so such a print takes the offer."""
        if place == ASK or bid == 0 and place != ABOVE:
            return ask
        if place == BID:
            return bid
        if place == ABOVE:
            return ask + int(position) * self._tick(instrument)
        if place == BELOW:
            return max(bid - int(position) * self._tick(instrument), CENT)
        cents = (ask - bid) // CENT
        if cents < 2:
            return ask if position >= 0.5 else bid
        steps = cents // 2 if place == MID else min(max(round(position * cents), 1), cents - 1)
        return bid + steps * CENT

    def _venue_at(self, instrument: int, place: int) -> str:
        at = self.book.bid_venue if place == BID else self.book.ask_venue
        return VENUES[at[instrument]]

    def _tick(self, instrument: int) -> int:
        contract = instrument - self._equities
        low = self.book.ask[instrument] < _THREE_DOLLARS
        return self._tick_low[contract] if low else self._tick_high[contract]


def _by_row(rows: PrintRows | QuoteRows) -> list[tuple[int, ...]]:
    """Returns one tuple of plain numbers per row."""
    return list(zip(*(getattr(rows, name).tolist() for name in rows.__slots__), strict=True))
