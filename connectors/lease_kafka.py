"""Leases on a compacted topic: they mean something to every process that reaches the brokers, on any machine.

Who wants leases reads the topic to its end, finds them free, and writes a claim that says how far it read. A claim
stands unless another one that stands on the same lease came in between; so everybody who reads the topic agrees, and
nobody needs a lock. Its number is Kafka's offset of the claim, or more where the leases or the log had a higher one.

Whether a holder lives is judged by what is seen of it, never by comparing clocks of machines: it renews three times
within its time to live, and who has followed the topic that long without seeing it may claim. On one machine its
process tells sooner. A holder that wakes late finds another claim and stops; what it wrote meanwhile the bus fences.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

import msgspec

from connectors.bus.base import BusError
from connectors.bus.kafka_notes import Note, NotesTopic
from connectors.lease import Holder, LeaseHeld, Leases, told

_CLAIM, _ALIVE = "claim/", "alive/"
_RELEASED = b"released"
_POLL_S = 0.05
#: How far clocks may be apart where a look, which decides nothing, goes by them.
_SKEW_S = 5.0


class _Claim(msgspec.Struct, frozen=True):
    """What a claim's record says."""

    names: tuple[str, ...]
    #: Kafka's offset behind everything its writer knew.
    knew: int
    #: The highest number that the leases, or the log they guard, had.
    above: int
    ttl_s: float
    pid: int
    started: str
    host: str
    machine: str


@dataclass(frozen=True, slots=True)
class _Standing:
    """A claim and its place in the topic."""

    key: str
    offset: int
    claim: _Claim
    note: Note

    @property
    def epoch(self) -> int:
        return max(self.offset, self.claim.above) + 1

    def holder(self) -> Holder:
        of = self.claim
        return Holder(self.epoch, of.pid, of.started, of.host, of.machine)


_claims = msgspec.json.Decoder(_Claim)


class KafkaLeases(Leases):
    """The leases of one data set's cluster."""

    def __init__(self, topic: NotesTopic) -> None:
        self._topic = topic

    def grant(self, names: Sequence[str], ttl_s: float, above: int) -> _KafkaGrant:
        """Claims leases once their holders, if any, are known to be gone; a living one is known by its renewal."""
        first: dict[str, int] = {}
        while True:
            with self._topic.turn:
                notes = self._topic.read()
                found = _standing(notes)
                held = {name: found[name] for name in names if name in found and not self._is_over(found[name], notes)}
                if not held:
                    granted = self._claim(names, ttl_s, above, found)
                    if granted is not None:
                        return granted
                    continue
                # What was there at the first look may be old: who lives renews while we wait.
                signs = {each.key: _newest(each, notes).offset for each in held.values()}
                first = signs | first
                lives = any(signs[key] > first[key] for key in signs)
            if lives or any(_was_just_here(each, notes) for each in held.values()):
                raise LeaseHeld(told({name: each.holder() for name, each in held.items()}))
            time.sleep(_POLL_S)

    def _claim(
        self, names: Sequence[str], ttl_s: float, above: int, found: Mapping[str, _Standing]
    ) -> _KafkaGrant | None:
        """Writes a claim; None where another one came in between."""
        us = Holder.this_process(0)
        floor = max([above, *(found[name].epoch for name in names if name in found)])
        claim = _Claim(tuple(names), self._topic.next, floor, ttl_s, us.pid, us.started, us.host, us.machine)
        key = uuid4().hex
        offset = self._topic.put({f"{_CLAIM}{key}": msgspec.json.encode(claim)})
        notes = self._topic.read()
        now = _standing(notes)
        if any(now[name].key != key for name in names):
            self._topic.put({f"{_CLAIM}{key}": None})
            return None
        self._clean(now, notes)
        return _KafkaGrant(self._topic, key, names, max(offset, floor) + 1, ttl_s)

    def _clean(self, standing: Mapping[str, _Standing], notes: Mapping[str, Note]) -> None:
        """Ends the records of claims that stand for nothing any more, the latest first.

        One that never stood must be gone before the one it came too late for. Only what was known as it was found what
        stands is judged: a claim that came since may stand.
        """
        keys = {each.key for each in standing.values()}
        over = [each for each in reversed(_in_order(notes)) if each.key not in keys]
        ended = {f"{kind}{each.key}": None for each in over for kind in (_CLAIM, _ALIVE)}
        if ended:
            self._topic.put(ended)

    def holders(self, names: Sequence[str]) -> dict[str, Holder]:
        """Returns who holds leases now; who was silent for long by the clocks is left out too."""
        with self._topic.turn:
            notes = self._topic.read()
            found = _standing(notes)
            return {
                name: found[name].holder()
                for name in names
                if name in found and not self._is_over(found[name], notes) and not _is_late(found[name], notes)
            }

    def _is_over(self, each: _Standing, notes: Mapping[str, Note]) -> bool:
        """Says whether a claim's holder gave it back, is dead on this machine, or was watched silent for its time."""
        newest = _newest(each, notes)
        silent_s = time.monotonic() - max(newest.seen_s, self._topic.watched_since_s)
        return newest.value == _RELEASED or each.holder().is_dead() or silent_s > each.claim.ttl_s

    def close(self) -> None:
        """Follows the topic no more."""
        self._topic.close()


class _KafkaGrant:
    """Leases that a claim of this process stands for."""

    def __init__(self, topic: NotesTopic, key: str, names: Sequence[str], epoch: int, ttl_s: float) -> None:
        self.epoch = epoch
        self.patience_s = max(ttl_s, topic.patience_s)
        self._topic, self._key, self._names, self._ttl_s = topic, key, tuple(names), ttl_s

    def renew(self) -> bool | None:
        """Says that this process lives; False where the claim stands no more, None where brokers are away."""
        try:
            with self._topic.turn:
                self._topic.put({f"{_ALIVE}{self._key}": b"renewed"}, self._ttl_s / 3)
                if self._stands():
                    return True
                self._topic.put({f"{_ALIVE}{self._key}": None}, self._ttl_s / 3)
                return False
        except BusError:
            return None

    def release(self) -> None:
        """Gives back what is not another's by now; brokers that are away learn it from silence."""
        try:
            with self._topic.turn:
                if self._stands():
                    self._topic.put({f"{_ALIVE}{self._key}": _RELEASED}, self._ttl_s)
        except BusError:
            pass

    def _stands(self) -> bool:
        found = _standing(self._topic.read())
        return all(name in found and found[name].key == self._key for name in self._names)


def _in_order(notes: Mapping[str, Note]) -> list[_Standing]:
    claims = [
        _Standing(key.removeprefix(_CLAIM), note.offset, _claims.decode(note.value), note)
        for key, note in notes.items()
        if key.startswith(_CLAIM)
    ]
    return sorted(claims, key=lambda each: each.offset)


def _standing(notes: Mapping[str, Note]) -> dict[str, _Standing]:
    """Returns the claim that stands for each lease: the last one whose writer knew of the one before."""
    found: dict[str, _Standing] = {}
    for each in _in_order(notes):
        if all(name not in found or found[name].offset < each.claim.knew for name in each.claim.names):
            found.update(dict.fromkeys(each.claim.names, each))
    return found


def _newest(each: _Standing, notes: Mapping[str, Note]) -> Note:
    """Returns the last sign of life."""
    return notes.get(f"{_ALIVE}{each.key}", each.note)


def _is_late(each: _Standing, notes: Mapping[str, Note]) -> bool:
    """Says whether, by the clocks, a holder has been silent for its time; on one machine there is one clock."""
    here = each.claim.machine == Holder.this_process(0).machine
    return time.time() - _newest(each, notes).written_s > each.claim.ttl_s + (0.0 if here else _SKEW_S)


def _was_just_here(each: _Standing, notes: Mapping[str, Note]) -> bool:
    """Says whether a holder on this machine gave a sign of life within its time: there is one clock."""
    here = each.claim.machine == Holder.this_process(0).machine
    return here and 0 <= time.time() - _newest(each, notes).written_s <= each.claim.ttl_s
