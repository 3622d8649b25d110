"""State of the step by partition: every type that its snapshots hold, and nothing that does anything (contract 10).

These types are read back by their annotations, so they stand apart from what is compiled (docs/performance.md).
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from events.derived import Flag, SpotSource
from events.types import Book, Placement
from events.verdicts import Structure

#: By contract: its newest open interests with their trading dates (YYYY-MM-DD), oldest first.
Interests = dict[str, list[tuple[str, int]]]


class Instrument(Struct, gc=False, array_like=True):
    """What the mark remembers of one contract: its last quote, its last price, its terms, its day."""

    bid: float | None = None
    ask: float | None = None
    bid_size: int | None = None
    ask_size: int | None = None
    #: Time of the last quote, ns; 0 when there was none.
    quote_ts: int = 0
    firm: bool = True
    #: The feed delivers every change, so that the quote stands until it is replaced.
    stands: bool = False
    book: Book = "national"
    last_price: float | None = None
    #: Sign of the last price change.
    tick: int = 0
    #: Shares per contract, from a definition, else the standard root's; None when nobody knows.
    multiplier: int | float | None = None
    underlying: str = ""
    #: Order time of the last print, to find ties.
    print_order_ts: int = 0
    strike: float = 0.0
    call: bool = True
    #: The settlement instant, ns.
    settles: int = 0
    #: The trade date in force, ns from and until, contracts traded on it and open on the date before it.
    day_from: int = 0
    day_until: int = 0
    volume: int = 0
    open_interest: int | None = None
    #: Its deliverable is not `multiplier` shares of the underlying (OCC's adjusted and mini series).
    adjusted: bool = False


class Underlying(Struct, gc=False, array_like=True):
    """What the step by partition remembers of one underlying: its last quote, what halts it, its forwards."""

    bid: float | None = None
    ask: float | None = None
    #: Time of the last quote, ns; 0 when there was none.
    quote_ts: int = 0
    firm: bool = True
    #: The feed delivers every change, so that the quote stands until it is replaced.
    stands: bool = False
    book: Book = "national"
    #: No rule fires before, ns: always while a halt is in force, else until the quiet behind the last is over.
    quiet_until: int = 0
    #: Its last quote says that it is halted.
    halted: bool = False
    #: By root and expiry: when the forward was found, ns, and it in dollars; 0 where nothing implied one.
    forwards: dict[str, tuple[int, float]] = {}
    #: Halts told as facts and not yet ended, ns, by whose they are: the underlying's or one of its contracts'.
    halts_told: dict[str, int] = {}
    #: Until when the quiet behind the halts that are over lasts, ns.
    quiet_after: int = 0
    #: The same four of limit states.
    limit_until: int = 0
    in_limit_state: bool = False
    limits_told: dict[str, int] = {}
    limit_after: int = 0
    #: Options whose last quote, of the newest trade date on which one did, says that they are halted.
    options_halted: dict[str, bool] = {}
    #: The end of that trade date, ns.
    options_until: int = 0


class UnderlyingsState(Struct):
    """All that is remembered of a partition's underlyings."""

    by_symbol: dict[str, Underlying] = {}
    interests: Interests = {}
    #: The newest trading date whose open interest is known, and the one before; empty when there is none.
    newest_date: str = ""
    date_before: str = ""
    #: Sources whose equity quotes stand until replaced, by name.
    quotes_stand: dict[str, bool] = {}


class UnderlyingsChanges(Struct):
    """What has changed: all but the two maps, whose changed and deleted keys stand beside it."""

    rest: UnderlyingsState
    by_symbol: dict[str, Underlying]
    interests: Interests
    gone: list[str] = []


class PacketPrint(Struct, gc=False, array_like=True):
    """What a packet keeps of a print, to be summed up and summed up again without it; most fields are its mark's.

    Packets are held for minutes, for cancels (contract 19), by the million: so it is flat, holds no more than a packet
    is made of, and is its own form in a snapshot.
    """

    id: str
    ts: int
    order_ts: int
    price: float
    size: int
    premium: float | None
    exchange: str | None
    intermarket_sweep: bool
    placement: Placement
    #: It has a placement against a usable quote, rather than the fault that took one from it.
    covered: bool
    #: 1 where it counts as a buy, -1 as a sell, 0 as neither.
    sign: int
    bid: float | None
    ask: float | None
    bid_size: int | None
    ask_size: int | None
    #: A side may be told: it is neither late nor under a condition that hides it.
    sided: bool
    #: Its quote was one venue's.
    venue_book: bool
    halted: bool
    volume: int
    delta_notional: float | None
    open_interest: int | None
    expiry_s: int | None
    spot: float | None
    spot_source: SpotSource | None
    moneyness: float | None
    iv: float | None
    delta: float | None
    limit_state: bool = False


class Burst(Struct, gc=False, array_like=True):
    """The prints of one packet, while it is open and as long as a cancel may refer to one of them."""

    #: The packet's id; empty for a print that joined none.
    id: str
    contract: str
    underlying: str
    flag: Flag
    start_ts: int
    due_ts: int
    marks: list[PacketPrint]
    conditions_known: bool = True
    #: Its prints that may be legs of a complex order whose conditions the feed does not carry, each with one that fits.
    suspects: tuple[tuple[str, str], ...] = ()
    #: Sizes of its parents, contracts, as it closed.
    sizes: tuple[int, ...] = ()
    #: Parents that structures have taken as legs.
    taken: tuple[str, ...] = ()
    #: When it is decided what it is a leg of, ns; 0 while it is open and once that is known.
    until: int = 0
    revision: int = 0
    struck: int = 0
    #: The parent's id by its first print, where the print that gave the id was struck out.
    aliases: dict[str, str] = {}
    #: Of several parents the one whose prints alone are left, by the id under which structures know it.
    whole: str = ""


#: Time (ns), shares and price of an equity print under condition 7 (qualified contingent trade).
StockPrint = tuple[int, float, float]


class Block(Struct, gc=False, array_like=True):
    """Prints without conditions of one instant: (venue, contract, size, print id)."""

    ts: int = 0
    prints: list[tuple[str | None, str, int, str]] = []


class Vicinity(Struct, gc=False, array_like=True):
    """One underlying's packets, open and closed, and what else may tie legs together."""

    #: Open packets by contract (and flag, unless regular).
    open: dict[str, Burst] = {}
    #: Closed packets in the order of their closing, and prints that joined none.
    closed: list[Burst] = []
    #: Older ones, packed: (name, newest order time), oldest first.
    packed: list[tuple[str, int]] = []
    #: How many were ever packed.
    packs: int = 0
    #: Structures of packets that are still remembered, by the time they were found.
    structures: list[Structure] = []
    stock: list[StockPrint] = []
    block: Block | None = None


class Course(Struct, gc=False, array_like=True):
    """The course of one value: where it is, and its stretches, from one beginning that somebody follows to the next.

    Of each stretch: its number, the highest and lowest since it began, and how many began with it and still follow.
    Nothing is known of the only one before a first value.
    """

    now: float | None = None
    #: The number of the next stretch.
    next: int = 0
    numbers: list[int] = []
    highs: list[float | None] = []
    lows: list[float | None] = []
    begun: list[int] = []
    #: A value has come since the last began.
    touched: bool = False


class Watch(Struct, gc=False, array_like=True):
    """One packet that is followed."""

    contract: str
    premium: float
    since_ts: int
    close_ts: int
    mark_then: float | None
    spot_then: float | None
    mark_from: int
    spot_from: int


class Followed(Struct, gc=False, array_like=True):
    """What is followed of one underlying."""

    #: By how many looks were taken: by packet id, in the order of their decisions.
    watches: dict[int, dict[str, Watch]] = {}
    marks: dict[str, Course] = {}
    spot: Course = msgspec.field(default_factory=Course)
    #: By contract: the last trade dates on which packets of interest traded it, each with the open interest of the date
    #: before.
    traded: dict[str, dict[str, int | None]] = {}


#: Due time (ns), what is due, packet id, key of the open packet, underlying.
Timer = tuple[int, int, str, str, str]


class GatheringState(Struct):
    """All that is remembered of packets."""

    vicinities: dict[str, Vicinity] = {}
    #: Packets that closed some time ago, packed, by name.
    packs: dict[str, bytes] = {}
    #: Closings and decisions that are due, in order; and looks, of which there are many more, a heap.
    timers: list[Timer] = []
    looks: list[Timer] = []
    #: What is followed, by underlying.
    followed: dict[str, Followed] = {}


class GatheringChanges(Struct):
    """What has changed: what is due as it is, and of the maps the keys that changed."""

    timers: list[Timer]
    looks: list[Timer]
    vicinities: dict[str, Vicinity]
    followed: dict[str, Followed]
    packs: dict[str, bytes]
    packs_gone: list[str]


class PartitionState(Struct):
    """All that the step remembers of its partition."""

    instruments: dict[str, Instrument] = {}
    underlyings: UnderlyingsState = msgspec.field(default_factory=UnderlyingsState)
    gathered: GatheringState = msgspec.field(default_factory=GatheringState)
    #: Whether a source's prints carry sale conditions, by name, where the log says.
    conditions: dict[str, bool] = {}
    #: Sources whose quotes stand until replaced, by name; None in a gap.
    quotes_stand: dict[str, bool] = {}
    shared_sequence: bool = False
    #: Shards that ever had a packet or heard of parameters: they hold state that an anchor must gather.
    shards: dict[str, bool] = {}
    #: Rules in force, under their documented names, and the time of the record that said so, ns.
    parameters: dict[str, int | float | str | bool] = {}
    parameters_ts: int = 0
    #: The session boundary from which on the next event lets expired contracts be forgotten, ns.
    forgets_ts: int = 0


class PartitionChanges(Struct):
    """What has changed: the whole state but for the large maps, whose changed keys and deleted keys stand beside it."""

    rest: PartitionState
    instruments: dict[str, Instrument]
    underlyings: UnderlyingsChanges
    gathered: GatheringChanges
    gone: list[str] = []
