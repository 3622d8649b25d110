"""What one partition of Kafka's log means: stamps on records, and the fold that turns them into record batches.

Every record carries one header, `undertow`, by which its append says what it knew of the partition: Kafka's offset it
expected (base), our offset and the promise in force there, the lease epoch, how many records it has. So our offsets
are dense whatever else stands in Kafka's log: records of a lease epoch that is over, and marks (a fence, a clear, a
trim, a void), have a Kafka offset and none of ours. An append to several partitions names its parts in the others: it
is seen once something stands behind it or all of them are there, and never if a mark voids it, because its writer died
in the middle; nor is a part that was cut short before another holder's mark. What a reader makes of a partition is a
function of that log alone, wherever it begins: a stamp's claims hold exactly at its base, and from there on everybody
folds the same records.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, groupby, pairwise
from typing import Any, Literal, NamedTuple

from confluent_kafka import Message

from connectors.bus.base import Batch, StoredBatch
from events.types import FOREVER_NS, NS_PER_MS

HEADER = "undertow"
Mark = Literal["", "fence", "clear", "trim", "void"]
#: Says of an append with nothing behind it, by its stamp, Kafka's offset behind it, and whether all its records of this
#: partition are there, whether it is there whole.
Settled = Callable[["Stamp", int, bool], bool]
_FIELDS = ("epoch", "base", "first", "records", "promise")
_FIELD = re.compile(r"(\w+)=(\S+)")
#: Nanoseconds of this century have 19 digits, of which milliseconds are the first 13.
_TS, _TS_DIGITS, _MS_DIGITS = b'"ts":', 19, 13
_AFTER_DIGITS = b",}"
#: What stands in a stamp between what is its append's and what is its record's.
_PROMISE = b" promise="
_FOREVER_MS = FOREVER_NS // NS_PER_MS
#: A record whose time is no older than this is one whose sender a broker remembers.
_REMEMBERED_MS = 3_600_000


class Stamp(NamedTuple):
    """What a record says of its append; see the module."""

    #: Lease epoch of the append.
    epoch: int = 0
    #: Kafka's offset that the append expected for its first record; -1 where a record has no stamp.
    base: int = -1
    #: Our offset there.
    first: int = 0
    #: Records of the append; 0 for a mark.
    records: int = 1
    #: The promise in force before the record, ns.
    promise: int = 0
    #: On an append's last record: the promise behind it, if it rises there, ns.
    then: int = 0
    #: The lease epoch in force at the base, where it is not the append's own; -1 where it is.
    was: int = -1
    mark: Mark = ""
    #: Of an append to several partitions, on its first and last record: `partition:base:records` of its other parts.
    parts: str = ""
    #: The base of the append that a mark voids; -1 on all others.
    of: int = -1

    def of_same_append(self, other: Stamp) -> bool:
        """Says whether two records were sent by one append."""
        return self[:4] == other[:4]

    def voided_by(self, behind: Stamp, complete: bool) -> bool:
        """Says whether the record directly behind an append's part keeps it from being seen; `complete`: all is there.

        A mark that voids it does; so does, where an append to several partitions was cut short, any mark of a newer
        lease epoch, for behind that nothing more of it counts.
        """
        if self.base >= 0 and behind.of == self.base:
            return True
        return not complete and self.parts != "" and behind.mark != "" and behind.epoch > self.epoch

    def others(self) -> list[tuple[int, int, int]]:
        """Returns (partition, Kafka's offset of it and behind it) of the append's other parts."""
        if not self.parts:
            return []
        split = (map(int, part.split(":")) for part in self.parts.split(","))
        return [(part, base, base + records) for part, base, records in split]

    def encoded(self) -> bytes:
        """Returns the header's text."""
        pairs = [f"{name}={getattr(self, name)}" for name in _FIELDS]
        if self.then:
            pairs.append(f"then={self.then}")
        if self.was >= 0:
            pairs.append(f"was={self.was}")
        if self.mark:
            pairs.append(f"mark={self.mark}")
        if self.parts:
            pairs.append(f"parts={self.parts}")
        if self.of >= 0:
            pairs.append(f"of={self.of}")
        return " ".join(pairs).encode()

    def known(self) -> State:
        """Returns the partition at the base, as the append knew it."""
        return State(self.base, self.first, self.promise, self.epoch if self.was < 0 else self.was)

    def behind(self, offset: int) -> State | None:
        """Returns the partition behind this record at Kafka's `offset`; None where the stamp alone does not tell."""
        if self.base < 0 or offset != self.base + max(self.records, 1) - 1:
            return None
        if self.mark == "clear":
            return State(offset + 1, 0, 0, self.epoch)
        return State(offset + 1, self.first + self.records, max(self.promise, self.then), self.epoch)


@dataclass(slots=True)
class State:
    """A partition before a position of Kafka's log."""

    #: Kafka's offset of the next record.
    position: int = 0
    #: Our offset of the next record.
    next: int = 0
    #: The promise in force, ns.
    promise: int = 0
    #: The newest lease epoch seen.
    epoch: int = 0
    #: How often the partition was cleared since the state was made.
    clears: int = 0

    def copy(self) -> State:
        """Returns the same state, to be folded on its own."""
        return replace(self)


@lru_cache(4096)
def parse(header: bytes) -> Stamp:
    """Reads a stamp; one that is not ours, or broken, counts as none."""
    try:
        fields = dict(_FIELD.findall(header.decode()))
        mark, parts = fields.pop("mark", ""), fields.pop("parts", "")
        return Stamp(**{name: int(value) for name, value in fields.items()}, mark=mark, parts=parts)
    except (ValueError, TypeError, UnicodeDecodeError):
        return Stamp()


def stamp_of(message: Message) -> bytes:
    """Returns a record's stamp as bytes, empty where it has none."""
    return _stamps_of([message])[0]


def _stamps_of(messages: Sequence[Message]) -> list[bytes]:
    found: Any = map(Message.headers, messages)
    return [headers[0][1] if headers and headers[0][0] == HEADER else _among(headers) for headers in found]


def _among(headers: Any) -> bytes:
    """Looks for the stamp where another program has added headers, or none of ours wrote."""
    return next((bytes(value) for name, value in headers or () if name == HEADER and value), b"")


class Run(NamedTuple):
    """Records of an append, one behind the other, that have one stamp."""

    #: Index of the first.
    start: int
    #: The promise in force before each of them, ns.
    promise: int
    header: bytes


def runs_of(state: State, batch: Batch, epoch: int, parts: str = "") -> list[Run]:
    """Cuts an append where its records' stamp changes: where the promise rises, and at an end that says more."""
    rising = [(0, state.promise)]
    for index, promise in batch.promises:
        if promise > rising[-1][1]:
            if index == rising[-1][0]:
                rising.pop()
            rising.append((index, promise))
    then = rising.pop()[1] if rising[-1][0] >= batch.count else 0
    was = -1 if state.epoch == epoch else state.epoch
    stamp = Stamp(epoch, state.position, state.next, batch.count, state.promise, 0, was)
    in_force, last = dict(rising), batch.count - 1
    ends = {0, min(1, last), last} if parts else {last} if then else set()
    found, promise = [], state.promise
    begins, behind = _around_promise(stamp)
    for index in sorted({*in_force, *ends, 0}):
        promise = in_force.get(index, promise)
        here = parts if index in (0, last) else "", then if index == last else 0
        if any(here):
            header = stamp._replace(promise=promise, parts=here[0], then=here[1]).encoded()
        else:
            header = b"%b%d%b" % (begins, promise, behind)
        found.append(Run(index, promise, header))
    return found


def _around_promise(stamp: Stamp) -> tuple[bytes, bytes]:
    """Returns a stamp's text before and behind its promise."""
    text = stamp._replace(promise=-1).encoded()
    begins, _, behind = text.partition(b"promise=-1")
    return begins + b"promise=", behind


def order_time_of(message: Message) -> int:
    """Returns the order time of a record that was read, ms."""
    value = message.value()
    line = value.encode() if isinstance(value, str) else value or b""
    return order_times([line], [Run(0, parse(stamp_of(message)).promise, b"")])[0]


def create_times(messages: Sequence[bytes], runs: Sequence[Run], now_ms: int) -> list[int]:
    """Returns each record's CreateTime, ms: its order time, or now where that is over an hour ago.

    A broker forgets who sent a record a day after the record's own time (`producer.id.expiration.ms`); one of an old
    tape it forgets at its next start. A batch that it had taken before it was killed, and whose answer was lost, would
    then stand twice.
    """
    oldest = now_ms - _REMEMBERED_MS
    return [ms if ms > oldest else now_ms for ms in order_times(messages, runs)]


def order_times(messages: Sequence[bytes], runs: Sequence[Run]) -> list[int]:
    """Returns each record's order time, ms: its ts or the promise before it, the later one."""
    found: list[int] = []
    add = found.append
    for run, behind in pairwise([*runs, Run(len(messages), 0, b"")]):
        # Kafka takes 0 for "now"; an end promises for ever, which no index of times should hold.
        least = (run.promise // NS_PER_MS if run.promise < FOREVER_NS else 0) or 1
        for message in messages[run.start : behind.start]:
            at = message.find(_TS) + len(_TS)
            try:
                ms = int(message[at : at + _MS_DIGITS]) if message[at + _TS_DIGITS] in _AFTER_DIGITS else 0
            except (ValueError, IndexError):
                ms = 0
            add(ms if least < ms < _FOREVER_MS else least)
    return found


def fold(
    state: State, partition: int, messages: Sequence[Message], *, final: bool, settled: Settled = lambda *_: True
) -> tuple[list[StoredBatch], int]:
    """Takes records that stand behind `state`, which moves on; returns whole appends and how many records were taken.

    An append whose end is not among the records is left for later, unless they are `final`, and so is one to several
    partitions that is not `settled`. Where the partition was cleared, what stood before is left out.
    """
    headers = _stamps_of(messages)
    runs = _runs(headers)
    found: list[StoredBatch] = []
    at, end, run = 0, len(messages), 0
    while at < end:
        while runs[run] <= at:
            run += 1
        stamp = parse(headers[at])
        if stamp.mark:
            if _clears(state, stamp):
                found.clear()
            at += 1
            continue
        stop, cuts = _end_of(headers, at, stamp, runs, run)
        complete = stop - at >= stamp.records
        if stop == end:
            if not complete and not final:
                break
            if stamp.parts and not settled(stamp, (messages[stop - 1].offset() or 0) + 1, complete):
                break
        void = stop < end and stamp.voided_by(parse(headers[stop]), complete)
        if stamp.epoch >= state.epoch and not void:
            found.append(
                _batch(state, partition, messages[at:stop], [headers[cut] for cut in cuts], [cut - at for cut in cuts])
            )
        at = stop
    if at:
        last = messages[at - 1].offset()
        assert last is not None
        state.position = last + 1
    return found, at


def _clears(state: State, stamp: Stamp) -> bool:
    """Takes a mark; says whether it clears the partition."""
    if stamp.epoch < state.epoch:
        return False
    state.epoch = stamp.epoch
    if stamp.mark == "clear":
        state.next, state.promise = 0, 0
        state.clears += 1
    return stamp.mark == "clear"


def _runs(headers: Sequence[bytes]) -> list[int]:
    """Returns the index behind each run of equal stamps: an append has few, so few stamps need be looked at."""
    return list(accumulate(len(list(run)) for _, run in groupby(headers)))


def _end_of(headers: Sequence[bytes], at: int, stamp: Stamp, runs: Sequence[int], run: int) -> tuple[int, list[int]]:
    """Returns the index behind the last record at hand of the append that begins at `at`, and where its runs begin.

    `run` is the number of the run that holds `at`.
    """
    limit, cuts = min(len(headers), at + max(stamp.records, 1)), [at]
    same = headers[at].partition(_PROMISE)[0]
    while (stop := runs[run]) < limit and _is_of(headers[stop], same, stamp):
        cuts.append(stop)
        run += 1
    return min(stop, limit), cuts


def _is_of(header: bytes, same: bytes, stamp: Stamp) -> bool:
    """Says whether a stamp is of the append of another, which begins with `same`; it need not be read for that."""
    return header.startswith(same) and header[len(same) :].startswith(_PROMISE) or parse(header).of_same_append(stamp)


def _promise_of(header: bytes) -> int:
    """Returns the promise that a stamp speaks of, ns."""
    try:
        return int(header.partition(_PROMISE)[2].partition(b" ")[0])
    except ValueError:
        return parse(header).promise


def _batch(
    state: State, partition: int, messages: Sequence[Message], headers: Sequence[bytes], cuts: Sequence[int]
) -> StoredBatch:
    """Turns one append into a record batch; `headers` are the stamps of its runs, which begin at `cuts`."""
    count = len(messages)
    stamp = parse(headers[0])
    promises = [(0, max(state.promise, stamp.promise))]
    for index, header in zip(cuts[1:], headers[1:], strict=True):
        if (promise := _promise_of(header)) > promises[-1][1]:
            promises.append((index, promise))
    if (then := parse(headers[-1]).then) > promises[-1][1]:
        promises.append((count, then))
    control = messages[0].key() is None
    batch = StoredBatch(
        partition, state.next, count, control, stamp.epoch, promises,
        _joined(list(map(Message.value, messages)), b" ", stamp.base >= 0),
        b"" if control else _joined(list(map(Message.key, messages)), b"?", False),
    )  # fmt: skip
    state.next += count
    state.promise, state.epoch = promises[-1][1], stamp.epoch
    return batch


def _joined(parts: list[bytes | str | None], newline: bytes, ours: bool) -> bytes:
    """Joins by newlines; what another program wrote, which has no stamp, may be null or hold newlines itself."""
    try:
        joined = b"\n".join(parts)  # type: ignore[arg-type]
    except TypeError:
        return _joined([part.encode() if isinstance(part, str) else part or b"" for part in parts], newline, False)
    if not ours and joined.count(b"\n") >= len(parts):
        joined = b"\n".join(part.replace(b"\n", newline) for part in parts)  # type: ignore[union-attr, arg-type, misc]
    return joined
