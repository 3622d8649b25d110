"""Structures: parents of one underlying that are consistent with one order, by time, size, side and condition.

A complex order's conditions tie its legs surely, one instant at one venue less so, nearness in time and equal sizes
least: strangers in neighbouring strikes are not a spread. Pure: the caller holds the recent packets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import gcd
from typing import Literal

from events.contracts import Contract, parse_contract
from events.derived import FlowPacket, Parent
from events.ids import structure_id
from events.settings import Rules
from events.types import NS_PER_MS, NS_PER_S, Style
from events.verdicts import Leg, Structure, StructureKind
from operators.parents import parents_of
from operators.structure_kinds import LegShape, Shape, resolve
from operators.units import dollars, micro, six

#: An equity print under condition 7 (qualified contingent trade): time (ns), shares, price.
StockPrint = tuple[int, float, float]
Evidence = Literal["conditions", "instant", "timing"]

_COMPLEX = ("complex", "stock_tied")
_LARGEST_RATIO = 3
#: Candidates that are tried beside one parent, nearest in time first.
_POOL = 10
_MORE_LEGS = 0.05
#: A size that people type without thinking says little when two orders share it.
_TELLING_SIZE = 100
#: Positions are moved in their last weeks: further out, a calendar is the likelier reading.
_ROLL_MAX_DAYS = 21
_IN_THE_MONEY = 0.02
#: Shares within these shares of what would hedge a leg: all of it, or its delta.
_FULL_HEDGE, _DELTA_HEDGE = 0.02, 0.15
_STOCK_BEFORE_NS = NS_PER_S


@dataclass(frozen=True, slots=True)
class StructureConfig:
    """What finding structures reads of the settings."""

    window_ns: int
    leg_gap_ns: int
    min_confidence: float


def config_of(rules: Rules) -> StructureConfig:
    """Returns the settings as this module reads them."""
    return StructureConfig(
        rules.structure_window_ms * NS_PER_MS, rules.structure_leg_gap_ms * NS_PER_MS, rules.structure_min_confidence
    )


@dataclass(slots=True)
class _Candidate:
    parent: Parent
    packet: FlowPacket
    contract: Contract

    @property
    def sign(self) -> int:
        return {"buy": 1, "sell": -1, "none": 0}[self.parent.side]

    @property
    def order(self) -> tuple[int, float, str, str]:
        return self.contract.expiry.toordinal(), self.contract.strike, self.contract.right, self.parent.id


@dataclass(slots=True)
class _Found:
    confidence: float
    evidence: Evidence
    legs: tuple[_Candidate, ...]
    ratios: tuple[int, ...]
    shape: Shape


def structures_with(
    packet: FlowPacket, others: Sequence[FlowPacket], stock: Sequence[StockPrint], ts: int, config: StructureConfig
) -> list[Structure]:
    """Returns the structures that the packet's parents make with each other packets' parents, none sharing a leg.

    `others` are packets of the same underlying that no structure has taken; `ts` is when this becomes known, ns.
    """
    own = _candidates([packet])
    free = {each.parent.id: each for each in (*own, *_candidates(others))}
    found: list[Structure] = []
    for each in sorted(own, key=lambda c: (-(c.parent.premium or 0.0), c.parent.id)):
        if each.parent.id not in free:
            continue
        best = _best(each, [c for c in free.values() if c.contract.id != each.contract.id], config)
        if best is None:
            best = _alone(each, stock)
        if best is not None:
            found.append(_structure(best, stock, ts))
            for leg in best.legs:
                free.pop(leg.parent.id)
    return found


def revised(structure: Structure, packets: Mapping[str, FlowPacket], ts: int) -> Structure:
    """Returns the next revision of a structure, some of whose packets lost a print (contract 19).

    `packets` are those that changed, as they stand now; legs in other packets stay as they are. The kind stays while
    sizes still stand in a ratio, else it is unnamed; a leg that lost all of its size is gone.
    """
    now: dict[str, _Candidate] = {}
    for packet in packets.values():
        now.update({c.parent.id: c for c in _candidates([packet])})
    legs = tuple(
        _leg(now[leg.parent_id], leg.ratio, _SIGNS[leg.side]) if leg.packet_id in packets else leg
        for leg in structure.legs
        if leg.packet_id not in packets or leg.parent_id in now
    )
    whole = len(legs) == len(structure.legs) and _ratios([leg.size for leg in legs]) == tuple(g.ratio for g in legs)
    changed = _with_sums(
        legs,
        id=structure.id, revision=structure.revision + 1, ts=ts, underlying=structure.underlying,
        kind=structure.kind if whole else "unnamed", name=structure.name if whole else "what is left of a structure",
        direction=structure.direction if whole else "neutral", style=structure.style if whole else "unclear",
        confidence=structure.confidence if whole else 0.0, evidence=structure.evidence,
        stock_tied=structure.stock_tied, halted=structure.halted, limit_state=structure.limit_state,
        suspected_complex=structure.suspected_complex,
        start_ts=structure.start_ts, end_ts=structure.end_ts,
    )  # fmt: skip
    return changed


_SIGNS = {"buy": 1, "sell": -1, "none": 0}


def _candidates(packets: Sequence[FlowPacket]) -> list[_Candidate]:
    return [
        _Candidate(parent, packet, parse_contract(packet.contract))
        for packet in packets
        for parent in parents_of(packet)
        if parent.size
    ]


def _best(own: _Candidate, others: Sequence[_Candidate], config: StructureConfig) -> _Found | None:
    """Tries every set of up to three others whose time, flag and size fit; more legs win among equals."""
    fitting = [other for other in others if _fits(own, other, config)]
    fitting.sort(key=lambda c: (abs(c.parent.start_ts - own.parent.start_ts), c.parent.id))
    best: tuple[float, _Found] | None = None
    for count in (3, 2, 1):
        for chosen in combinations(fitting[:_POOL], count):
            found = _judge(sorted((own, *chosen), key=lambda c: c.order), config)
            if found is not None:
                value = found.confidence + _MORE_LEGS * count
                if best is None or value > best[0] + 1e-9:
                    best = (value, found)
    return best[1] if best else None


def _fits(own: _Candidate, other: _Candidate, config: StructureConfig) -> bool:
    if other.packet.flag != own.packet.flag:
        return False
    limit = config.leg_gap_ns if own.packet.flag in _COMPLEX else config.window_ns
    if abs(other.parent.start_ts - own.parent.start_ts) > limit:
        return False
    return _ratios([own.parent.size, other.parent.size]) is not None


def _ratios(sizes: Sequence[int]) -> tuple[int, ...] | None:
    unit = gcd(*sizes) if sizes else 0
    if not unit or max(sizes) > _LARGEST_RATIO * unit:
        return None
    return tuple(size // unit for size in sizes)


def _judge(legs: Sequence[_Candidate], config: StructureConfig) -> _Found | None:
    if len({leg.contract.id for leg in legs}) != len(legs):
        return None
    ratios = _ratios([leg.parent.size for leg in legs])
    if ratios is None:
        return None
    evidence = _evidence(legs, config)
    if evidence is None or (evidence == "timing" and not all(leg.sign for leg in legs)):
        return None
    shape = resolve(
        [
            LegShape(leg.contract.right, leg.contract.strike, leg.contract.expiry.toordinal(), leg.sign, ratio)
            for leg, ratio in zip(legs, ratios, strict=True)
        ],
        [float(leg.parent.covered_size) for leg in legs],
    )
    if shape is None or (evidence == "timing" and shape.agreement < 1):
        return None
    confidence = _confidence(legs, ratios, evidence, shape, config)
    if confidence < config.min_confidence:
        return None
    return _Found(confidence, evidence, tuple(legs), ratios, _rolled(legs, shape))


def _evidence(legs: Sequence[_Candidate], config: StructureConfig) -> Evidence | None:
    starts = [leg.parent.start_ts for leg in legs]
    span = max(starts) - min(starts)
    if legs[0].packet.flag in _COMPLEX:
        return "conditions" if span <= config.leg_gap_ns else None
    if span > config.window_ns:
        return None
    shared = [venue for venue in legs[0].parent.venues if all(venue in leg.parent.venues for leg in legs)]
    return "instant" if span == 0 and shared else "timing"


def _confidence(
    legs: Sequence[_Candidate], ratios: Sequence[int], evidence: Evidence, shape: Shape, config: StructureConfig
) -> float:
    """Conditions weigh most; nearness, telling sizes and agreeing sides add to what timing alone can say."""
    if evidence == "conditions":
        return six(0.95 - 0.15 * (1 - shape.agreement))
    sizes = [leg.parent.size for leg in legs]
    telling = min(sizes) >= _TELLING_SIZE or (min(sizes) > 10 and all(size % 5 for size in sizes))
    if evidence == "instant":
        return six(0.62 + 0.1 * telling - 0.15 * (1 - shape.agreement))
    starts = [leg.parent.start_ts for leg in legs]
    near = 1 - (max(starts) - min(starts)) / max(config.window_ns, 1)
    return six(0.35 + 0.25 * near + 0.15 * telling - 0.1 * (max(ratios) > 1))


def _rolled(legs: Sequence[_Candidate], shape: Shape) -> Shape:
    """Two legs of one right are a roll where open interest lets the old one be closed.

    To a later expiry from one that is near it is the likelier reading, though a new calendar prints alike; within an
    expiry only where the other leg can be nothing but new.
    """
    if shape.kind not in ("vertical", "calendar", "diagonal") or len(legs) != 2:
        return shape
    for old, new in ((legs[0], legs[1]), (legs[1], legs[0])):
        if _closes(old) and _moves_on(old, new):
            kind, name = _roll_name(old.contract, new.contract)
            return Shape(kind, name, "neutral", "unclear", shape.signs, shape.agreement)
    return shape


def _closes(leg: _Candidate) -> bool:
    interest = leg.packet.open_interest
    return interest is not None and interest >= leg.parent.size


def _opens(leg: _Candidate) -> bool:
    interest = leg.packet.open_interest
    return interest is not None and interest < leg.parent.size


def _moves_on(old: _Candidate, new: _Candidate) -> bool:
    """To a later expiry from one that is near; within an expiry only from a leg well in the money to a new one."""
    if old.contract.expiry < new.contract.expiry:
        days = (old.packet.expiry_s or 0) / 86_400
        return days <= _ROLL_MAX_DAYS
    if old.contract.expiry > new.contract.expiry or old.packet.moneyness is None or not _opens(new):
        return False
    inside = -old.packet.moneyness if old.contract.right == "C" else old.packet.moneyness
    return inside >= _IN_THE_MONEY


def _roll_name(old: Contract, new: Contract) -> tuple[StructureKind, str]:
    later = new.expiry > old.expiry
    if new.strike == old.strike:
        return "roll_out", "roll out"
    kind: StructureKind = "roll_up" if new.strike > old.strike else "roll_down"
    return kind, kind.replace("_", " ") + (" and out" if later else "")


def _alone(own: _Candidate, stock: Sequence[StockPrint]) -> _Found | None:
    """One option leg and stock: by its condition, or by an equity trade of exactly its shares at its instant."""
    flagged = own.packet.flag == "stock_tied"
    if not flagged and not _hedged(own, stock, full_only=True):
        return None
    name, style = _stock_name(own)
    shape = Shape("stock_tied", name, "neutral", style, (own.sign,))
    return _Found(0.9 if flagged else 0.7, "conditions" if flagged else "timing", (own,), (1,), shape)


def _stock_name(own: _Candidate) -> tuple[str, Style]:
    if own.sign < 0 and own.contract.right == "C":
        return "call sold against stock", "income"
    if own.sign > 0 and own.contract.right == "P":
        return "put bought with stock", "hedging"
    return f"{'call' if own.contract.right == 'C' else 'put'} tied to stock", "unclear"


def _hedged(leg: _Candidate, stock: Sequence[StockPrint], full_only: bool) -> bool:
    """Tells whether an equity trade has this leg's shares: all of them, or (unless `full_only`) those of its delta."""
    shares = leg.parent.size * (leg.contract.multiplier or 0.0)
    delta = abs(leg.packet.delta) if leg.packet.delta is not None else None
    for ts, size, _ in stock:
        near = -_STOCK_BEFORE_NS <= ts - leg.parent.start_ts <= _STOCK_BEFORE_NS
        if not shares or (full_only and not near):
            continue
        if abs(size - shares) <= _FULL_HEDGE * shares:
            return True
        if not full_only and delta and abs(size - delta * shares) <= _DELTA_HEDGE * delta * shares:
            return True
    return False


def _structure(found: _Found, stock: Sequence[StockPrint], ts: int) -> Structure:
    legs, shape = found.legs, found.shape
    tied = any(leg.packet.flag == "stock_tied" for leg in legs) or any(_hedged(leg, stock, False) for leg in legs)
    first = min(legs, key=lambda c: (c.parent.start_ts, c.parent.id))
    if tied:
        shape = _with_stock(shape)
    return _with_sums(
        tuple(_leg(leg, ratio, sign) for leg, ratio, sign in zip(legs, found.ratios, shape.signs, strict=True)),
        id=structure_id(first.parent.id), revision=0, ts=ts, underlying=first.packet.underlying,
        kind=shape.kind, name=shape.name, direction=shape.direction, style=shape.style, confidence=found.confidence,
        evidence=found.evidence, stock_tied=tied, halted=any(leg.packet.halted for leg in legs),
        limit_state=any(leg.packet.limit_state for leg in legs),
        suspected_complex=any(leg.packet.suspected_complex for leg in legs),
        start_ts=min(leg.parent.start_ts for leg in legs), end_ts=max(leg.parent.end_ts for leg in legs),
    )  # fmt: skip


def _with_stock(shape: Shape) -> Shape:
    """Stock beside a bought put and a sold call makes a collar; beside a synthetic, a reversal or a conversion."""
    if shape.kind != "risk_reversal":
        return shape
    if "synthetic" in shape.name:
        name = "reversal" if shape.direction == "bullish" else "conversion"
        return Shape("reversal_conversion", name, "neutral", "arbitrage", shape.signs, shape.agreement)
    if shape.direction == "bearish":
        return Shape("collar", "collar", "neutral", "hedging", shape.signs, shape.agreement)
    return shape


def _leg(candidate: _Candidate, ratio: int, sign: int) -> Leg:
    parent = candidate.parent
    return Leg(
        parent_id=parent.id, packet_id=candidate.packet.id, contract=candidate.contract.id,
        side="buy" if sign > 0 else "sell" if sign < 0 else "none", size=parent.size, ratio=ratio,
        price=parent.vwap, premium=parent.premium, delta_notional=_delta_of(candidate),
    )  # fmt: skip


def _delta_of(candidate: _Candidate) -> float | None:
    """The parent's own, else its share of the packet's by size."""
    own, whole = candidate.parent.delta_notional, candidate.packet.delta_notional
    if own is not None or whole is None or not candidate.packet.size:
        return own
    return six(whole * candidate.parent.size / candidate.packet.size)


def _with_sums(legs: tuple[Leg, ...], **fields: object) -> Structure:
    """Makes a structure with what its legs add up to; sums over an unknown part are unknown."""
    signs = [_SIGNS[leg.side] for leg in legs]
    premiums = [leg.premium for leg in legs]
    gross = None if None in premiums or not legs else sum(micro(p or 0.0) for p in premiums)
    net: int | None = None
    if gross is not None and all(signs):
        net = sum(sign * micro(p or 0.0) for sign, p in zip(signs, premiums, strict=True))
    deltas = [leg.delta_notional for leg in legs]
    net_delta = None
    if legs and None not in deltas and all(signs):
        net_delta = dollars(sum(sign * micro(d or 0.0) for sign, d in zip(signs, deltas, strict=True)))
    payer = "unknown"
    if net is not None and gross:
        payer = "even" if abs(net) * 50 < gross else "debit" if net > 0 else "credit"
    return Structure(
        legs=legs, size=min((leg.size // max(leg.ratio, 1) for leg in legs), default=0),
        net_premium=None if net is None else dollars(net), gross_premium=None if gross is None else dollars(gross),
        net_delta=net_delta, payer=payer, **fields,  # type: ignore[arg-type]
    )  # fmt: skip
