"""Running the flow over a tape in this process: the last revision of everything it said, and the prints behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from connectors.bus.base import Bus
from connectors.sinks import Emission
from connectors.tape import Span, heads_as_ends
from events.derived import FlowPacket
from events.ids import parent_id
from events.settings import Compute, Rules
from events.verdicts import Alert, Hit, Structure
from flows.pipeline import collect


@dataclass(slots=True)
class Said:
    """What the flow said of one tape, by id, the last revision of each."""

    hits: dict[str, Hit] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    structures: dict[str, Structure] = field(default_factory=dict)
    #: Prints behind each packet and parent.
    members: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: Newest revision of each packet.
    revisions: dict[str, int] = field(default_factory=dict)
    #: Option prints from `since` on.
    option_prints: int = 0
    since: int = 0

    def take(self, emission: Emission) -> None:
        """Takes what the flow emitted, in its order."""
        for topic, _, events in emission.parts:
            for event in events:
                self._take(topic, event)

    def _take(self, topic: str, event: Any) -> None:
        match topic:
            case "options.marked":
                self.option_prints += event.ts >= self.since
            case "flow.packets":
                self._take_packet(event)
            case "flow.structures":
                self.structures[event.id] = event
            case "flow.hits":
                self.hits[event.id] = event
            case "flow.alerts":
                self.alerts[event.id] = event
            case _:
                pass

    def _take_packet(self, packet: FlowPacket) -> None:
        # A print that was struck out stays a member here: the verdict was about it.
        earlier = self.members.get(packet.id, ())
        members = tuple(dict.fromkeys((*earlier, *packet.members)))
        self.members[packet.id] = members
        self.revisions[packet.id] = packet.revision
        if members:
            self.members[parent_id(members[0])] = members
        for parent in packet.parents:
            self.members[parent.id] = parent.members

    def stands(self, hit: Hit) -> bool:
        """Tells whether a hit still holds: it belongs to the newest revision and every required check passes."""
        if hit.structure_id is not None and hit.structure_id in self.structures:
            newest = self.structures[hit.structure_id].revision
        else:
            newest = self.revisions.get(hit.packet_id, hit.revision)
        return hit.revision >= newest and all(check.passed for check in hit.checks if check.required)

    def prints(self, about: str) -> tuple[str, ...]:
        """Returns the prints behind a packet, parent or structure; none for what is not known."""
        structure = self.structures.get(about)
        if structure is None:
            return self.members.get(about, ())
        found: list[str] = []
        for leg in structure.legs:
            found += self.members.get(leg.parent_id) or self.members.get(leg.packet_id, ())
        return tuple(found)


def run(
    bus: Bus, rules: Rules, compute: Compute, since: int = 0, watch: Callable[[int], None] = lambda done: None
) -> Said:
    """Runs the flow over everything that the bus holds; `watch` is told how many option prints are done."""
    said = Said(since=since)

    def take(emission: Emission) -> None:
        said.take(emission)
        watch(said.option_prints)

    collect(bus, Span(ends=heads_as_ends(bus), supply_end=True), rules, compute, take)
    return said
