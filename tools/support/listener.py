"""A WebSocket client that never stops: what it saw of some topics, and what it should have seen."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

import support  # noqa: F401

#: What is listened to: prints as they come in, and what is concluded of them.
TOPICS = ("options.prints", "flow.packets", "flow.alerts")
Seen = dict[str, Counter[bytes]]


def fingerprint(event: bytes) -> bytes:
    """Returns what stands for an event: its bytes with the fields in order, digested."""
    return sha256(orjson.dumps(orjson.loads(event), option=orjson.OPT_SORT_KEYS)).digest()[:16]


class Listener:
    """Reads until cancelled and takes a lost connection up again at its cursors."""

    def __init__(self, url: Callable[[], str], partitions: int) -> None:
        self._url = url
        self.seen: Seen = {topic: Counter() for topic in TOPICS}
        self.cursors = {topic: {str(partition): 0 for partition in range(partitions)} for topic in TOPICS}
        #: Frames that told of events which could not be had, and the connections that it took.
        self.told_lost: list[str] = []
        self.connections = 0
        self.errors: list[str] = []

    async def listen(self) -> None:
        """Listens for ever."""
        while True:
            try:
                async with connect(self._url(), max_size=None, open_timeout=10, ping_timeout=60) as link:
                    self.connections += 1
                    for topic in TOPICS:
                        ask = {"op": "subscribe", "sub": topic, "topic": topic, "from": self.cursors[topic]}
                        await link.send(json.dumps(ask))
                    async for frame in link:
                        self._take(orjson.loads(frame))
            except (OSError, WebSocketException, TimeoutError) as error:
                self.errors.append(f"{type(error).__name__}: {error}"[:200])
            except ValueError as error:
                self.errors.append(f"a frame is no JSON: {error}"[:200])
                self.told_lost.append(self.errors[-1])
            await asyncio.sleep(0.2)

    def _take(self, frame: dict[str, Any]) -> None:
        topic = frame.get("topic")
        if "events" in frame and topic in self.seen:
            for event in frame["events"]:
                # A raw topic is handed on undecoded: poison that is an object of JSON comes too, and is no event.
                if "poison" not in event:
                    self.seen[topic][fingerprint(orjson.dumps(event))] += 1
            self.cursors[topic][str(frame["partition"])] = frame["next"]
        elif "skipped" in frame or "expired" in frame:
            self.told_lost.append(json.dumps(frame)[:200])

    def reached(self, topic: str, heads: list[int]) -> bool:
        """Whether everything below these offsets has come."""
        return all(self.cursors[topic][str(partition)] >= end for partition, end in enumerate(heads))

    def against(self, expected: Seen) -> dict[str, dict[str, int]]:
        """Compares what was seen with what there is: by topic, how many of it were seen, missed, or seen twice."""
        return {
            topic: {
                "expected": expected[topic].total(),
                "seen": self.seen[topic].total(),
                "missed": (expected[topic] - self.seen[topic]).total(),
                "doubled_or_strange": (self.seen[topic] - expected[topic]).total(),
            }
            for topic in TOPICS
        }
