"""The OPRA sale conditions as data: code, mnemonic, meaning and how each part treats a print (domain 1.2)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from events.derived import Flag

Packet = Literal["regular", "own kind", "none"]
Volume = Literal["adds", "removes"]
Bars = Literal["price", "volume", "nothing"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One OPRA sale condition and how each part treats a print that carries it."""

    code: str
    mnemonic: str
    meaning: str
    flag: Flag
    #: Took displayed quotes on several venues, or could have: evidence of a sweep.
    intermarket_sweep: bool = False
    reported_late: bool = False
    #: Can the side be estimated from the quote at all; not for crosses, floor trades and late reports.
    sided: bool = True
    #: Does its price become the last price, which the tick rule reads.
    last_price: bool = False
    #: Which packets it joins: those of regular prints, those of its own kind, or none.
    packet: Packet = "own kind"
    #: May it count as evidence of an order in this one contract.
    single_leg: bool = False
    #: Does its price belong to its instant, so that spot, implied volatility and greeks are found for it.
    priced: bool = True
    #: What it does to the contract's volume of the day.
    volume: Volume = "adds"
    #: What it does to bars of the contract (Alpaca's table).
    bars: Bars = "price"
    #: Strikes out an earlier print.
    cancels: bool = False


_LATE = {"packet": "none", "priced": False, "bars": "nothing", "reported_late": True}
#: How each part treats a kind of print; a single code may differ in `sided` and `bars`.
_BY_FLAG: dict[Flag, dict[str, Any]] = {
    "regular": {"last_price": True, "packet": "regular", "single_leg": True},
    "auction": {"last_price": True},
    "cross": {},
    "floor": {},
    "complex": {},
    "stock_tied": {},
    "extended": {"bars": "volume"},
    "late": _LATE,
    "volume_only": {"packet": "none", "priced": False, "bars": "volume"},
    "cancel": {"packet": "none", "priced": False, "volume": "removes", "bars": "nothing", "cancels": True},
}
_NO_SIDE = frozenset("BDFHACEGOcdehimopstu")


def _table() -> dict[str, Condition]:
    rows: list[Condition] = [
        Condition("A", "CANC", "cancel of a trade that was neither last nor opening", "cancel"),
        Condition("B", "OSEQ", "late, out of sequence", "late"),
        Condition("C", "CNCL", "cancel of the last reported trade", "cancel"),
        Condition("D", "LATE", "late but in sequence", "late"),
        Condition("E", "CNCO", "cancel of the opening trade", "cancel"),
        Condition("F", "OPEN", "late report of the opening trade, out of sequence", "late"),
        Condition("G", "CNOL", "cancel of the only trade of the day", "cancel"),
        Condition("H", "OPNL", "late report of the opening trade, in sequence", "late"),
        Condition("I", "AUTO", "electronic", "regular"),
        Condition("J", "REOP", "reopening", "regular"),
        Condition("S", "ISOI", "intermarket sweep order", "regular", intermarket_sweep=True),
        Condition("a", "SLAN", "single-leg auction", "auction"),
        Condition("b", "SLAI", "single-leg auction, intermarket sweep", "auction", intermarket_sweep=True),
        Condition("c", "SLCN", "single-leg cross", "cross"),
        Condition("d", "SLCI", "single-leg cross, intermarket sweep", "cross", intermarket_sweep=True),
        Condition("e", "SLFT", "single-leg floor", "floor"),
        Condition("f", "MLET", "multi-leg electronic", "complex"),
        Condition("g", "MLAT", "multi-leg auction", "complex"),
        Condition("h", "MLCT", "multi-leg cross", "complex"),
        Condition("i", "MLFT", "multi-leg floor", "complex"),
        Condition("j", "MESL", "multi-leg electronic against single-leg orders", "complex"),
        Condition("k", "TLAT", "stock-option auction", "stock_tied"),
        Condition("l", "MASL", "multi-leg auction against single-leg orders", "complex"),
        Condition("m", "MFSL", "multi-leg floor against single-leg orders", "complex"),
        Condition("n", "TLET", "stock-option electronic", "stock_tied"),
        Condition("o", "TLCT", "stock-option cross", "stock_tied"),
        Condition("p", "TLFT", "stock-option floor", "stock_tied"),
        Condition("q", "TESL", "stock-option electronic against single-leg orders", "stock_tied"),
        Condition("r", "TASL", "stock-option auction against single-leg orders", "stock_tied"),
        Condition("s", "TFSL", "stock-option floor against single-leg orders", "stock_tied"),
        Condition("t", "CBMO", "proprietary product, floor, three legs or more", "volume_only"),
        Condition("u", "MCTP", "multilateral compression", "volume_only"),
        Condition("v", "EXHT", "extended hours", "extended"),
    ]
    legacy = {
        "K": ("AJST", "adjusted terms", "regular"),
        "L": ("SPRD", "spread", "complex"),
        "M": ("STDL", "straddle", "complex"),
        "N": ("STPD", "stopped", "regular"),
        "O": ("CSTP", "cancel of a stopped trade", "regular"),
        "P": ("BWRT", "buy-write", "stock_tied"),
        "Q": ("CMBO", "combination", "complex"),
        "R": ("SPIM", "stopped at premium", "regular"),
        "T": ("BNMT", "benchmark", "regular"),
        "X": ("XMPT", "trade-through exempt", "regular"),
    }
    for code, (mnemonic, meaning, flag) in legacy.items():
        rows.append(Condition(code, mnemonic, f"{meaning} (legacy code)", flag))  # type: ignore[arg-type]
    return {row.code: _treated(row) for row in rows}


def _treated(row: Condition) -> Condition:
    by_flag = dict(_BY_FLAG[row.flag])
    if row.code == "H":
        # In sequence: the size counts in bars; its price is still that of the opening.
        by_flag["bars"] = "volume"
    if row.code == "O":
        # Cancels are A, C, E and G. What became of the trade is not known: like every legacy code it is kept.
        by_flag["last_price"] = False
    return replace(row, sided=row.code not in _NO_SIDE, **by_flag)


OPTION_CONDITIONS: dict[str, Condition] = _table()
#: Quote conditions under which a quote is not firm: F non-firm, I indicative, R rotation, T halted, X and Y one side.
NOT_FIRM_QUOTES = frozenset("FIRTXY")
#: When a print carries several conditions the strictest decides.
_STRICTNESS: tuple[Flag, ...] = (
    "cancel", "volume_only", "late", "stock_tied", "complex", "cross", "floor", "auction", "extended", "regular",
)  # fmt: skip


class Treatment(NamedTuple):
    """How the conditions of one print, taken together, let it be used."""

    flag: Flag
    intermarket_sweep: bool
    reported_late: bool
    sided: bool
    #: Does its price become the last price, for the tick rule.
    sets_price: bool
    #: Does its price belong to its instant: are spot, implied volatility and greeks found for it.
    priced: bool
    #: Contracts of volume by contract printed: 1, or -1 for a cancel.
    volume: int


def treatment(conditions: tuple[str, ...]) -> Treatment:
    """Returns how a print with these conditions is used; codes that the table does not know count as regular.

    The strictest condition decides; a late report is evidence of no sweep, whatever else it carries.
    """
    known = [OPTION_CONDITIONS[code] for code in conditions if code in OPTION_CONDITIONS]
    flags = {condition.flag for condition in known}
    flag: Flag = next((flag for flag in _STRICTNESS if flag in flags), "regular")
    late = any(condition.reported_late for condition in known)
    return Treatment(
        flag=flag,
        intermarket_sweep=not late and any(condition.intermarket_sweep for condition in known),
        reported_late=late,
        sided=all(condition.sided for condition in known),
        sets_price=all(condition.last_price for condition in known),
        priced=all(condition.priced for condition in known),
        volume=-1 if flag == "cancel" else 1,
    )


_COLUMNS: tuple[tuple[str, str], ...] = (
    ("code", "code"), ("mnemonic", "mnemonic"), ("meaning", "meaning"), ("flag", "flag"), ("side", "sided"),
    ("last price, tick", "last_price"), ("sweep evidence", "intermarket_sweep"), ("packet", "packet"),
    ("single-leg evidence", "single_leg"), ("spot, volatility, greeks", "priced"), ("volume", "volume"),
    ("bars", "bars"), ("strikes out", "cancels"),
)  # fmt: skip
_HEAD = """# Sale conditions of option prints

Generated by `make conditions` from `events/conditions.py`; not to be edited.

What each OPRA sale condition means and how each part treats a print that carries it. Of several conditions the
strictest decides; a code that is not listed counts as regular. Every print is archived, whatever its condition, and
placed against its quote for the eye; a placement counts only in the packets that the print joins. "Own kind": packets
of prints with the same flag, which are never evidence of a single leg. "Bars" says what a bar of the contract may take
from the print (Alpaca's table). A feed that carries no conditions (`carries_conditions` in its declaration) says so,
and its packets have `conditions_known: false`.

"""


def page() -> str:
    """Returns docs/conditions.md."""
    head = "| " + " | ".join(title for title, _ in _COLUMNS) + " |"
    rule = "|" + " --- |" * len(_COLUMNS)
    return _HEAD + "\n".join((head, rule, *(_row(condition) for condition in OPTION_CONDITIONS.values()))) + "\n"


def _row(condition: Condition) -> str:
    values = [getattr(condition, name) for _, name in _COLUMNS]
    return "| " + " | ".join(("yes" if v else "no") if isinstance(v, bool) else str(v) for v in values) + " |"
