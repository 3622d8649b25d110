"""Where the partitions of a data set's topics stand on Kafka: which topics there are, their beginnings and ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from connectors.bus.base import BusError, Head, LeaseLost
from connectors.bus.kafka_client import Client
from connectors.bus.kafka_log import Settled, Stamp, State, parse, stamp_of
from connectors.bus.kafka_reader import Looker, TopicReader
from connectors.bus.kafka_waiting import Moved

#: How far behind a partition's end a stream may be to be read up to it, rather than to look at the last record.
_NEAR = 5000


class Partitions:
    """What one bus knows of its topics; `states` is as of the last `know` or append."""

    def __init__(self, client: Client, prefix: str, count: int, readers: Mapping[str, TopicReader]) -> None:
        self.count = count
        self.look = Looker(client)
        self.states: dict[tuple[str, int], State] = {}
        self._begins: dict[tuple[str, int], State] = {}
        self._client = client
        self._prefix = prefix
        self._readers = readers
        self._made: set[str] = set()
        #: Kafka's ends at the last look but one and at the last.
        self._ends: dict[str, tuple[list[int], list[int]]] = {}
        self._torn: dict[tuple[str, int], Stamp] = {}

    def name(self, topic: str) -> str:
        """Returns a topic's name on the cluster."""
        return self._prefix + topic

    def topics(self) -> list[str]:
        """Returns the topics that exist."""
        return sorted(
            name.removeprefix(self._prefix) for name in self._client.topics() if name.startswith(self._prefix)
        )

    def ensure(self, topics: Iterable[str]) -> None:
        """Makes the topics that are missing; raises BusError where that is not allowed."""
        there = set(self.topics())
        for topic in topics:
            if topic not in there or not self.exists(topic):
                self.make(topic)

    def exists(self, topic: str) -> bool:
        """Says whether there is a topic; raises BusError when it has another number of partitions."""
        if topic not in self._made:
            found = self._client.topic(self.name(topic))
            if found is None:
                return False
            if found != self.count:
                raise BusError(
                    f"topic {self.name(topic)} has {found} partitions, the data set has {self.count}: "
                    "use another KAFKA_TOPIC_PREFIX, or make the topic anew"
                )
            self._made.add(topic)
        return True

    def make(self, topic: str) -> None:
        """Makes a missing topic."""
        if not self._client.settings.kafka_create_topics:
            raise BusError(
                f"topic {self.name(topic)} is missing and KAFKA_CREATE_TOPICS is false: "
                f"make it with {self.count} partitions and retention.ms=-1"
            )
        self._client.create(self.name(topic), self.count)
        if not self.exists(topic):
            raise BusError(f"topic {self.name(topic)} was made but no broker leads it yet")

    def check(self, topic: str, part: int) -> None:
        """Raises BusError for a partition that does not exist."""
        if not 0 <= part < self.count:
            raise BusError(f"{topic} has no partition {part}: the data set was made with {self.count}")

    def refuse_older(self, topic: str, part: int, epoch: int) -> None:
        """Raises LeaseLost for a lease epoch below the newest that the partition is known to have seen."""
        newest = self.states[topic, part].epoch
        if epoch < newest:
            raise LeaseLost(f"lease epoch {epoch} of {topic}/{part} is over: {newest} holds it now")

    def heads(self, topic: str) -> list[Head]:
        """Returns the head of every partition as of now."""
        if not self.exists(topic):
            return [Head()] * self.count
        self.know([topic])
        states = [self.states[topic, part] for part in range(self.count)]
        return [
            Head(begin.next, state.next, state.promise, state.epoch)
            for begin, state in zip(self._find_begins(topic), states, strict=True)
        ]

    def copies(self, topic: str) -> list[State]:
        """Returns the state of every partition as last known."""
        return [self.states.get((topic, part), State()).copy() for part in range(self.count)]

    def ask_ends(self, topics: Sequence[str]) -> dict[str, list[int]]:
        """Returns Kafka's end of every partition of existing topics as of now."""
        names = [self.name(topic) for topic in topics]
        ends = self._client.ends(names, self.count)
        for topic, name in zip(topics, names, strict=True):
            self._ends[topic] = self._ends.get(topic, (ends[name], ends[name]))[1], ends[name]
        return {topic: ends[self.name(topic)] for topic in topics}

    def settled(self, topic: str, part: int) -> Settled:
        """Returns how to tell of an append at the end of a partition whether its other parts are there.

        They are if the last look but one at the ends was behind them, and the last one found nothing behind the append
        here: whoever voids it marks every partition before appending to any. Where the part here is cut short, as by
        messages that ran out of time, the append is not there.
        """

        def told(stamp: Stamp, end: int, complete: bool) -> bool:
            before, now = self._ends.get(topic, ([0] * self.count,) * 2)
            return complete and now[part] == end and all(before[other] >= behind for other, _, behind in stamp.others())

        return told

    def know(self, topics: Sequence[str]) -> None:
        """Brings the states of existing topics to their ends as of now, appends that are not whole left out."""
        behind: dict[tuple[str, int], int] = {}
        for topic, ends in self.ask_ends(topics).items():
            for part, end in enumerate(ends):
                state = self.states.setdefault((topic, part), State())
                if state.position > end:
                    # Made anew by somebody else: what was known of it is void.
                    state = self.states[topic, part] = State()
                    self._begins.pop((topic, part), None)
                    if topic in self._readers:
                        self._readers[topic].drop(part)
                if state.position < end and not self._known_to_stream(topic, part, end):
                    behind[topic, part] = end
        if any(self._holds(topic, part) for topic, part in behind):
            self.ask_ends(sorted({topic for topic, _ in behind}))
            behind = {place: end for place, end in behind.items() if not self._known_to_stream(*place, end)}
        self._look_at_ends(behind)

    def _holds(self, topic: str, part: int) -> bool:
        reader = self._readers.get(topic)
        return reader is not None and part in reader.streams and reader.streams[part].held

    def _known_to_stream(self, topic: str, part: int, end: int) -> bool:
        """Takes the state from a stream that is near the end, if that has been fetched already."""
        reader = self._readers.get(topic)
        stream = None if reader is None else reader.streams.get(part)
        if reader is None or stream is None or end - stream.fetched > _NEAR:
            return False
        stream.end = max(stream.end, end)
        with suppress(Moved):
            if stream.fetched < end:
                reader.pull_waiting()
            stream.fold()
            if stream.at_end and stream.fetched >= end:
                self.states[topic, part] = stream.state.copy()
                return True
        return False

    def _look_at_ends(self, behind: Mapping[tuple[str, int], int]) -> None:
        wanted = {(self.name(topic), part): end - 1 for (topic, part), end in behind.items()}
        found = self.look.records(wanted)
        last = {(topic, part): parse(stamp_of(found[self.name(topic), part])) for topic, part in behind}
        if wanted and any(stamp.parts for stamp in last.values()):
            self.ask_ends(sorted({topic for topic, _ in behind}))
        self._torn = {}
        for (topic, part), end in behind.items():
            stamp = last[topic, part]

            def whole(of: Stamp, end: int, complete: bool, topic: str = topic, part: int = part) -> bool:
                return self._whole(topic, part, of, end, complete)

            state = stamp.behind(end - 1)
            if state is None or stamp.parts and not whole(stamp, end, True):
                state = self._before(topic, part, stamp)
                self.fold_to(topic, part, state, end, whole)
            if state.position < end:
                self._torn[topic, part] = stamp
            self.states[topic, part] = state

    def _before(self, topic: str, part: int, stamp: Stamp) -> State:
        """Returns the partition at an append's base, should nobody see the append.

        Its own stamp does not tell: the promise there is the one that the append brings.
        """
        start = self._starts(topic)[part]
        if stamp.base <= start:
            state = stamp.known() if stamp.base > 0 else State()
            state.position = max(state.position, start)
            return state
        place = self.name(topic), part
        last = parse(stamp_of(self.look.records({place: stamp.base - 1})[place]))
        before = last.behind(stamp.base - 1)
        if before is None:
            before = last.known() if last.base >= 0 else State()
            before.position = max(before.position, start)
            self.fold_to(topic, part, before, stamp.base)
        return before

    def _whole(self, topic: str, part: int, stamp: Stamp, end: int, complete: bool) -> bool:
        """Tells as `settled` does; where something else came behind the append since, that tells.

        More of the append itself, which its writer sends bit by bit, tells nothing yet.
        """
        if self._ends[topic][1][part] <= end:
            return self.settled(topic, part)(stamp, end, complete)
        place = self.name(topic), part
        behind = parse(stamp_of(self.look.records({place: end})[place]))
        return not stamp.voided_by(behind, complete) and (complete or not behind.of_same_append(stamp))

    def torn(self, topic: str) -> dict[int, Stamp]:
        """Returns, by partition, the last append where it is not whole, as of the last `know`."""
        return {part: stamp for (of, part), stamp in self._torn.items() if of == topic}

    def ends_with(self, topic: str, part: int, stamp: Stamp) -> bool:
        """Says whether all of an append's records in a partition stand at its end, as of the last look."""
        return self._ends[topic][1][part] == stamp.base + stamp.records

    def fold_to(self, topic: str, part: int, state: State, end: int, settled: Settled = lambda *_: True) -> None:
        """Moves a state on to Kafka's offset `end`."""
        self.look.span(self.name(topic), part, state, end, lambda _: False, settled)

    def _starts(self, topic: str) -> list[int]:
        name = self.name(topic)
        return self._client.starts([name], self.count)[name]

    def begin(self, topic: str, part: int) -> State:
        """Returns a partition before its first kept record, as of the last `heads`."""
        return self._begins[topic, part]

    def _find_begins(self, topic: str) -> list[State]:
        starts = self._starts(topic)
        wanted = {}
        for part, start in enumerate(starts):
            known = self._begins.get((topic, part))
            if start == 0:
                self._begins[topic, part] = State()
            elif known is None or known.position != start:
                wanted[self.name(topic), part] = start
        for (_, part), message in self.look.records(wanted).items():
            stamp = parse(stamp_of(message))
            state = stamp.known()
            if stamp.mark == "clear":
                state.next = state.promise = 0
            state.next += starts[part] - state.position
            state.position = starts[part]
            self._begins[topic, part] = state
        return [self._begins[topic, part] for part in range(self.count)]

    def checkpoint(self, topic: str, part: int, offset: int) -> State:
        """Returns the partition as it was at or shortly before our `offset`, which `heads` just told to be there."""
        state, begin = self.states[topic, part], self._begins[topic, part]
        if offset >= state.next:
            return state.copy()
        if offset <= begin.next:
            return begin.copy()
        # At least as many of Kafka's offsets as of ours lie between two records.
        guess = begin.position + offset - begin.next
        message = self.look.records({(self.name(topic), part): guess})[self.name(topic), part]
        known = parse(stamp_of(message)).known()
        return known if known.position > begin.position else begin.copy()

    def append_start(self, topic: str, part: int, offset: int) -> int:
        """Returns where in Kafka's log the last append begins that begins at or before our `offset`.

        One whose writer did not know that others wrote before it does not count: its stamp alone does not tell what
        stands before it, and what does is about to be dropped.
        """
        state, end = self.checkpoint(topic, part, offset), self.states[topic, part].position
        cut = state.position
        while state.next <= offset and state.position < end:
            message = self.look.records({(self.name(topic), part): state.position})[self.name(topic), part]
            stamp = parse(stamp_of(message))
            if stamp.base == state.position and stamp.first == state.next:
                cut = state.position
            self.fold_to(topic, part, state, state.position + max(stamp.records, 1))
        return cut
