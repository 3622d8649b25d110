"""The OPRA sale conditions as data: code, mnemonic, meaning and how each part treats a print (domain 1.2)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from events.derived import Flag


@dataclass(frozen=True, slots=True)
class Condition:
    """One OPRA sale condition."""

    code: str
    mnemonic: str
    meaning: str
    flag: Flag
    intermarket_sweep: bool = False
    reported_late: bool = False
    #: Can the side be estimated from the quote at all; not for crosses, floor trades and late reports.
    sided: bool = True


_NO_SIDE = frozenset("BDFHACEGOcdehimopstu")


def _table() -> dict[str, Condition]:
    rows: list[Condition] = [
        Condition("A", "CANC", "cancel of a trade that was neither last nor opening", "cancel"),
        Condition("B", "OSEQ", "late, out of sequence", "late", reported_late=True),
        Condition("C", "CNCL", "cancel of the last reported trade", "cancel"),
        Condition("D", "LATE", "late but in sequence", "late", reported_late=True),
        Condition("E", "CNCO", "cancel of the opening trade", "cancel"),
        Condition("F", "OPEN", "late report of the opening trade, out of sequence", "late", reported_late=True),
        Condition("G", "CNOL", "cancel of the only trade of the day", "cancel"),
        Condition("H", "OPNL", "late report of the opening trade, in sequence", "late", reported_late=True),
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
        "O": ("CSTP", "cancel of a stopped trade", "cancel"),
        "P": ("BWRT", "buy-write", "stock_tied"),
        "Q": ("CMBO", "combination", "complex"),
        "R": ("SPIM", "stopped at premium", "regular"),
        "T": ("BNMT", "benchmark", "regular"),
        "X": ("XMPT", "trade-through exempt", "regular"),
    }
    for code, (mnemonic, meaning, flag) in legacy.items():
        rows.append(Condition(code, mnemonic, f"{meaning} (legacy code)", flag))  # type: ignore[arg-type]
    return {row.code: replace(row, sided=row.code not in _NO_SIDE) for row in rows}


OPTION_CONDITIONS: dict[str, Condition] = _table()
#: Quote conditions under which a quote is not firm: F non-firm, I indicative, R rotation, T halted, X and Y one side.
NOT_FIRM_QUOTES = frozenset("FIRTXY")
#: When a print carries several conditions the strictest decides.
_STRICTNESS: tuple[Flag, ...] = (
    "cancel", "volume_only", "late", "stock_tied", "complex", "cross", "floor", "auction", "extended", "regular",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Treatment:
    """How the conditions of one print, taken together, let it be used."""

    flag: Flag
    intermarket_sweep: bool
    reported_late: bool
    sided: bool
    #: Does its price become the last price, for the tick rule.
    sets_price: bool


@lru_cache(maxsize=4096)
def treatment(conditions: tuple[str, ...]) -> Treatment:
    """Returns how a print with these conditions is used; codes that the table does not know count as regular."""
    known = [OPTION_CONDITIONS[code] for code in conditions if code in OPTION_CONDITIONS]
    flags = {condition.flag for condition in known}
    flag: Flag = next((flag for flag in _STRICTNESS if flag in flags), "regular")
    return Treatment(
        flag=flag,
        intermarket_sweep=any(condition.intermarket_sweep for condition in known),
        reported_late=any(condition.reported_late for condition in known),
        sided=all(condition.sided for condition in known),
        sets_price=flag in ("regular", "auction"),
    )
