"""Gathering: what the step by partition does with marks: packets, decisions, revisions, looks (contract 7, 10, 19).

Everything it keeps is per underlying. Timers fire by event time alone, in (due time, id) order: packets close, then it
is decided on what waited for them, then it is looked at what is followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Any, Final

from events.derived import Flag, FlowPacket, MarkedPrint
from events.sessions import TradeDate, trade_date
from events.settings import Rules
from events.types import NS_PER_MS
from operators.changes import put_back
from operators.contract_memory import Known
from operators.following import READ_ALONE, Lead, check, closes_at, first_leg, follow, look, see, trade
from operators.neighbours import NeighbourConfig, close, closed, decide, is_taken
from operators.packet import PacketConfig, joins, key_of, new_burst
from operators.packing import PACK, Packs
from operators.partition_state import (
    Burst,
    Followed,
    GatheringChanges,
    GatheringState,
    Instrument,
    PacketPrint,
    Timer,
    Underlying,
    Vicinity,
)
from operators.striking import Strike, strike
from operators.structure import config_of
from operators.suspects import suspect
from operators.units import six, total
from operators.vicinity import take_loose, take_stock
from operators.work import Decision, Work

_CLOSE: Final = 0
_DECIDE: Final = 1
_LOOK: Final = 2
#: After every time.
_NEVER: Final = 2**62 - 1


def gathered_with(state: GatheringState, changes: GatheringChanges) -> GatheringState:
    """Returns the state as it was when the changes were noted."""
    state.timers, state.looks = changes.timers, changes.looks
    state.vicinities.update(changes.vicinities)
    state.followed.update(changes.followed)
    put_back(state.packs, changes.packs, changes.packs_gone)
    return state


class Gathering:
    """The packets of one partition over their state; `use` says by which settings."""

    rules: Rules

    def __init__(
        self, state: GatheringState, instruments: dict[str, Instrument], underlyings: dict[str, Underlying]
    ) -> None:
        self.state = state
        self._instruments = instruments
        self._underlyings = underlyings
        self._packs = Packs(state.packs)
        self._waiting: dict[str, FlowPacket] = {}
        #: The trade date in force, found again when it is needed.
        self._days: dict[str, TradeDate] = {}
        #: Underlyings whose vicinity, or what is followed of them, changed.
        self._touched: dict[str, None] = {}
        self._moved: dict[str, None] = {}
        #: Before it nothing is due, ns; when the first closing or decision is, and the first look.
        self.next_due = _NEVER
        self._timer_ts: int = _NEVER
        self._look_ts: int = _NEVER
        #: Timers at the front that were done since they were last taken away.
        self._done = 0
        # A snapshot of before may hold them as a heap.
        state.timers.sort()
        self._see_heads()

    def use(self, rules: Rules) -> None:
        """Puts settings in force."""
        self.rules = rules
        window_ns, structure_ns = rules.cluster_window_ms * NS_PER_MS, rules.structure_window_ms * NS_PER_MS
        self._horizon_ns = rules.cancel_horizon_ms * NS_PER_MS
        self._recent_ns = 2 * structure_ns + window_ns
        self._packet = PacketConfig(window_ns, rules.parent_max_gap_ms * NS_PER_MS, rules.parent_min_side_share)
        self._neighbours = NeighbourConfig(
            self._packet, config_of(rules), structure_ns, rules.structure_min_premium, self._horizon_ns
        )
        self._look_premium = rules.alert_look_min_premium
        # What waits is decided on by the settings in force then, as it would be after a restart.
        self._waiting.clear()

    @property
    def pending(self) -> int:
        """How much has changed since `changes` was last asked for."""
        return len(self._touched) + len(self._moved) + len(self._packs.changes.changed)

    def changes(self) -> GatheringChanges:
        """Returns what has changed since it was last forgotten."""
        state, packs = self.state, self._packs.changes
        return GatheringChanges(
            state.timers,
            state.looks,
            {name: state.vicinities[name] for name in self._touched},
            {name: state.followed[name] for name in self._moved},
            {name: state.packs[name] for name in packs.changed},
            list(packs.gone),
        )

    def forget_changes(self) -> None:
        """Says that what has changed is written down."""
        self._touched.clear()
        self._moved.clear()
        self._packs.changes.clear()

    def take(self, known: Known, marked: MarkedPrint, kept: PacketPrint, flag: Flag, conditions_known: bool) -> None:
        """Adds a print to the open packet of its contract and flag, or opens one; some prints join none.

        `kept` is what a packet keeps of it.
        """
        contract, underlying = known.contract, known.underlying
        self._touched[underlying] = None
        vicinity = known.vicinity
        if vicinity is None:
            vicinity = known.vicinity = self._vicinity(underlying)
        if marked.arrived_late or (flag != "regular" and not joins(marked)):
            take_loose(vicinity, marked, kept)
            self._pack(vicinity, underlying, kept.order_ts)
            return
        key = contract if flag == "regular" else key_of(marked)
        burst = vicinity.open.get(key)
        if burst is None:
            burst = vicinity.open[key] = new_burst(contract, underlying, flag, kept, self._packet.window_ns)
            self._set_timer((burst.due_ts, _CLOSE, burst.id, key, underlying))
        else:
            burst.marks.append(kept)
        if not conditions_known:
            burst.conditions_known = False
            if flag == "regular":
                suspect(vicinity, marked)

    def take_stock(self, symbol: str, ts: int, shares: float, price: float) -> None:
        """Remembers an equity print that was tied to options."""
        take_stock(self._vicinity(symbol), ts, shares, price)

    def strike(self, by: Strike, out: list[Work]) -> PacketPrint | None:
        """Strikes out the print that a cancel or correction means and returns it; None when it is not remembered."""
        vicinity = self._vicinity(by.event.underlying)
        struck = strike(vicinity, self._packs, by, self._horizon_ns, self._packet)
        if struck is None:
            return None
        if struck.revised is not None:
            out.append(struck.revised)
        return struck.mark

    def fire(self, before_ts: int, out: list[Work]) -> None:
        """Does all that is due strictly before a time, in (due time, what, id) order (contract 7)."""
        while self.next_due < before_ts:
            if self._timer_ts == self._look_ts == _NEVER:
                break
            # Of one instant, looks come last.
            if self._look_ts < self._timer_ts:
                due_ts, what, ident, key, underlying = heappop(self.state.looks)
            else:
                due_ts, what, ident, key, underlying = self.state.timers[self._done]
                self._done += 1
            self._see_heads()
            if what == _CLOSE:
                self._close(due_ts, ident, key, underlying, out)
            elif what == _DECIDE:
                self._touched[underlying] = None
                decision = decide(self.state.vicinities[underlying], ident, due_ts, self._neighbours, self._waiting)
                if decision is not None:
                    out.append(decision)
                    self._follow_decision(decision)
            else:
                self._look(due_ts, ident, underlying, out)

    def settle(self) -> None:
        """Takes timers that were done away: the state is what it says again."""
        if self._done:
            del self.state.timers[: self._done]
            self._done = 0

    def _see_heads(self) -> None:
        """Sees when the first of what waits is due: asked for with every event, it is kept."""
        timers: list[Any] = self.state.timers
        looks: list[Any] = self.state.looks
        self._timer_ts = timers[self._done][0] if self._done < len(timers) else _NEVER
        self._look_ts = looks[0][0] if looks else _NEVER
        self.next_due = min(self._timer_ts, self._look_ts)

    def _set_timer(self, timer: Timer) -> None:
        """Puts a timer in its place: packets close in the order in which they open, so it is the last or nearly so."""
        timers: list[Any] = self.state.timers
        place, due_ts = len(timers), timer[0]
        while place > self._done:
            before: Any = timers[place - 1]
            before_ts: int = before[0]
            if before_ts < due_ts or (before_ts == due_ts and before < timer):
                break
            place -= 1
        if place == len(timers):
            timers.append(timer)
        else:
            timers.insert(place, timer)
        self._timer_ts = min(self._timer_ts, due_ts)
        self.next_due = min(self.next_due, due_ts)

    def _set_look(self, timer: Timer) -> None:
        heappush(self.state.looks, timer)
        self._look_ts = min(self._look_ts, timer[0])
        self.next_due = min(self.next_due, timer[0])

    def _close(self, due_ts: int, ident: str, key: str, underlying: str, out: list[Work]) -> None:
        self._touched[underlying] = None
        vicinity = self.state.vicinities[underlying]
        burst = vicinity.open.get(key)
        if burst is None or burst.id != ident:
            # All its prints were struck out while it was open.
            return
        del vicinity.open[key]
        vicinity.closed.append(burst)
        self._pack(vicinity, underlying, due_ts)
        decision = close(vicinity, burst, self._neighbours, self._waiting, out)
        if burst.until:
            self._set_timer((burst.until, _DECIDE, ident, "", underlying))
        elif decision is not None:
            self._follow_decision(decision)
        else:
            packet = out[-1]
            if isinstance(packet, FlowPacket) and self._is_read(burst, packet.premium or 0.0):
                self._follow([_lead(packet)], underlying, due_ts)

    def _pack(self, vicinity: Vicinity, underlying: str, ts: int) -> None:
        if len(vicinity.closed) >= PACK:
            self._packs.keep(vicinity, underlying, ts - self._recent_ns, ts - self._horizon_ns)

    def _follow_decision(self, decision: Decision) -> None:
        """Follows packets of interest, and of each structure the leg that stands for it."""
        vicinity = self.state.vicinities[decision.underlying]
        wholes: dict[str, float] = {}
        for structure in decision.structures:
            ident = first_leg(structure).packet_id
            wholes[ident] = max(structure.gross_premium or 0.0, wholes.get(ident, 0.0))
        leads: dict[str, Lead] = {}
        for ident in (*decision.packets, *wholes):
            burst = closed(vicinity, ident)
            premium = total([mark.premium or 0.0 for mark in burst.marks])
            if burst.marks and (ident in wholes or self._is_read(burst, premium)):
                premium = max(premium, wholes.get(ident, 0.0))
                leads[ident] = Lead(ident, burst.contract, premium, burst.marks[-1].spot, burst.marks[0].ts)
        self._follow(list(leads.values()), decision.underlying, decision.ts)

    def _is_read(self, burst: Burst, premium: float) -> bool:
        """Tells whether a rule may fire on a packet by itself, so that there may be an alert to follow."""
        return premium >= self._look_premium and burst.flag in READ_ALONE and not is_taken(burst, self._packet)

    def _follow(self, leads: Sequence[Lead], underlying: str, ts: int) -> None:
        if not leads:
            return
        followed = self.state.followed.get(underlying)
        if followed is None:
            followed = self.state.followed[underlying] = Followed()
        self._moved[underlying] = None
        for lead in leads:
            # The trade date is its prints': a decision may fall behind its end.
            day = self._days.get(underlying)
            if day is None or not day.from_ns <= lead.start_ts < day.until_ns:
                day = self._days[underlying] = trade_date(lead.start_ts, underlying)
            memory = self._instruments[lead.contract]
            close_ts = closes_at(day.day, underlying, memory.settles)
            due_ts = follow(followed, lead, close_ts, ts, _mid(memory))
            if due_ts:
                self._set_look((due_ts, _LOOK, lead.id, "", underlying))
            trade(followed, lead.contract, day.day, memory.open_interest)

    def _look(self, due_ts: int, ident: str, underlying: str, out: list[Work]) -> None:
        self._moved[underlying] = None
        found = look(self.state.followed[underlying], ident, underlying, due_ts)
        if found is not None:
            under = self._underlyings.get(underlying)
            if under is not None:
                found[0].halted, found[0].limit_state = due_ts < under.quiet_until, due_ts < under.limit_until
            out.append(found[0])
            if found[1]:
                self._set_look((found[1], _LOOK, ident, "", underlying))

    def see_quote(self, contract: str, memory: Instrument) -> None:
        """Takes what a contract that is followed is quoted at."""
        course, mid = self.state.followed[memory.underlying].marks[contract], _mid(memory)
        if mid is not None and mid != course.now:
            self._moved[memory.underlying] = None
            see(course, mid)

    def see_underlying(self, symbol: str, under: Underlying) -> None:
        """Takes what an underlying is quoted at."""
        if symbol in self.state.followed:
            bid, ask = under.bid, under.ask
            if bid is not None and ask is not None and 0 < bid < ask and under.firm:
                self.see_spot(symbol, six((bid + ask) / 2))

    def see_spot(self, symbol: str, spot: float) -> None:
        """Takes what an underlying is worth."""
        followed = self.state.followed.get(symbol)
        if followed is not None and spot != followed.spot.now:
            self._moved[symbol] = None
            see(followed.spot, spot)

    def check(self, contract: str, underlying: str, date: str, interest: int, ts: int, out: list[Work]) -> None:
        """Hands on a new open interest of a contract that packets of interest traded on its date."""
        followed = self.state.followed.get(underlying)
        if followed is not None:
            self._moved[underlying] = None
            found = check(followed, contract, underlying, date, interest, ts)
            if found is not None:
                out.append(found)

    def _vicinity(self, underlying: str) -> Vicinity:
        """Returns what is remembered of an underlying; whoever asks may change it."""
        self._touched[underlying] = None
        vicinity = self.state.vicinities.get(underlying)
        if vicinity is None:
            vicinity = self.state.vicinities[underlying] = Vicinity()
        return vicinity


def _lead(packet: FlowPacket) -> Lead:
    return Lead(packet.id, packet.contract, packet.premium or 0.0, packet.spot, packet.start_ts)


def _mid(memory: Instrument) -> float | None:
    """Returns the mid of a contract's last quote, None where it has two sides no more."""
    bid, ask = memory.bid, memory.ask
    if bid is None or ask is None or bid >= ask or not memory.firm:
        return None
    return six((bid + ask) / 2)
