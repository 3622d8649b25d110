"""Subject: what a rule reads: an order in one contract, a packet as a whole, a structure, a look at an alert later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec import Struct

from events.contracts import Contract, parse_contract
from events.derived import FlowPacket, Parent
from events.settings import Rules
from events.types import Direction, Side
from events.verdicts import Structure
from operators.memory import Order
from operators.newyork import day_of, since_open_s
from operators.parents import as_one, parents_of
from operators.units import ratio
from operators.work import Look


class Subject(Struct, gc=False):
    """One order: the parents of one side of a packet, and what rules ask of it. All money is dollars."""

    packet: FlowPacket
    #: The parents as one; of the whole packet, the packet itself.
    parent: Parent
    contract: Contract
    rules: Rules
    #: What a hit on it is about: the packet when it is all of it, else its first parent.
    about: str
    #: It is the whole packet, strangers and all, for rules that ask for no one order.
    whole: bool = False
    #: Orders of its expiry and right within the windows of the rules that look across packets, oldest first.
    recent: Sequence[Order] = ()
    #: It is what structures left of the packet.
    left_over: bool = False

    @property
    def premium(self) -> float | None:
        """Dollars, multiplier included."""
        return self.parent.premium

    @property
    def premium_z(self) -> float | None:
        """How unusual its packet's premium is; of a packet of which structures took a part it says nothing."""
        return None if self.left_over else self.packet.premium_z

    @property
    def size_z(self) -> float | None:
        """How unusual its packet's size is, likewise."""
        return None if self.left_over else self.packet.size_z

    @property
    def side(self) -> Side:
        """The side of most of its size; none where nobody can tell."""
        return self.parent.side

    @property
    def bought(self) -> float:
        """Bought share of the size with a quote."""
        return ratio(self.parent.buy_size, self.parent.covered_size)

    @property
    def sold(self) -> float:
        """Sold share of the size with a quote."""
        return ratio(self.parent.sell_size, self.parent.covered_size)

    @property
    def coverage(self) -> float:
        """Share of its size whose prints have a placement."""
        return ratio(self.parent.covered_size, self.parent.size)

    @property
    def days(self) -> int:
        """Calendar days to expiry, in New York."""
        return self.contract.expiry.toordinal() - day_of(self.packet.start_ts)

    @property
    def since_open_s(self) -> int:
        """Seconds since 9:30 New York."""
        return since_open_s(self.packet.start_ts)

    @property
    def out(self) -> float | None:
        """How far out of the money, a share of spot; negative inside, None without a spot."""
        moneyness = self.packet.moneyness
        if moneyness is None:
            return None
        return moneyness if self.contract.right == "C" else -moneyness

    @property
    def spread_share(self) -> float | None:
        """Spread as a share of the mean price; None without a usable quote."""
        spread, price = self.packet.spread, self.parent.vwap
        return None if spread is None or price <= 0 else ratio(spread, price)

    @property
    def held_share(self) -> float | None:
        """Its size as a share of open interest; None when that is unknown, size itself when it is 0."""
        held = self.packet.open_interest
        return None if held is None else ratio(self.parent.size, max(held, 1))

    def floor(self, setting: float) -> float:
        """Returns the larger of a setting and the underlying's own quantile of packet premium."""
        return _larger(setting, self.packet.premium_floor)

    @property
    def leaning(self) -> Direction:
        """What a bought contract gains from."""
        return "bullish" if self.contract.right == "C" else "bearish"


@dataclass(slots=True)
class StructureSubject:
    """A structure and the settings."""

    structure: Structure
    rules: Rules

    @property
    def premium(self) -> float | None:
        """Premium of all legs, each counted once, dollars."""
        return self.structure.gross_premium

    def floor(self, setting: float) -> float:
        """Returns the larger of a setting and the underlying's own quantile of packet premium."""
        return _larger(setting, self.structure.premium_floor)


@dataclass(slots=True)
class LookSubject:
    """A look at an alert's contract and underlying, beside what the alert claimed."""

    look: Look
    direction: Direction
    premium: float | None
    #: Implied volatility of the packet then; None when it was unknown.
    iv: float | None
    rules: Rules

    def floor(self, setting: float) -> float:
        """Returns the larger of a setting and the underlying's own quantile of packet premium."""
        return _larger(setting, self.look.premium_floor)


def _larger(setting: float, own: float | None) -> float:
    return setting if own is None or own < setting else own


def orders_of(
    packet: FlowPacket, taken: frozenset[str], rules: Rules, recent: Sequence[Order] = (), names: Mapping[str, str] = {}
) -> list[Subject]:
    """Returns the orders of a packet as rules judge them: its parents that no structure has taken, by side.

    Parents of one side within a packet's window are read as one order worked in pieces. `names` are those under which
    orders of a side were spoken of before a print was struck out: they stay theirs.
    """
    contract = parse_contract(packet.contract)
    parents = parents_of(packet)
    free = [parent for parent in parents if parent.id not in taken]
    if len(free) == len(parents) == 1:
        return [Subject(packet, free[0], contract, rules, names.get(free[0].side, packet.id), False, recent)]
    found = []
    for side in ("buy", "sell", "none"):
        of_side = [parent for parent in free if parent.side == side]
        if of_side:
            parent = _joined(of_side)
            about = names.get(side) or (packet.id if len(of_side) == len(parents) else of_side[0].id)
            found.append(Subject(packet, parent, contract, rules, about, False, recent, len(free) < len(parents)))
    return sorted(found, key=lambda subject: (-(subject.premium or 0.0), subject.about))


def _joined(parents: Sequence[Parent]) -> Parent:
    """Returns parents as one; of several that have no side none is found in their sum."""
    if len(parents) == 1:
        return parents[0]
    joined = as_one(parents)
    if all(parent.side == "none" for parent in parents):
        joined.side = "none"
    return joined


def whole_of(packet: FlowPacket, taken: frozenset[str], rules: Rules) -> Subject | None:
    """Returns the packet as a whole, less what structures have taken; None where nothing is left."""
    contract = parse_contract(packet.contract)
    parents = parents_of(packet)
    free = [parent for parent in parents if parent.id not in taken]
    if not free:
        return None
    return Subject(packet, _joined(free), contract, rules, packet.id, True, (), len(free) < len(parents))
