"""Waiting for Kafka: how long counts as waiting, when a consumer begins anew, and when there is nothing to wait for.

A client that gets no processor hears nothing either, so only the time in which this process did listen counts. A
consumer that hears nothing for long, while the log holds what it waits for, is replaced, at ever longer distances:
whatever state of the library's stood in the way is gone with it, and a broker that is merely slow is not asked more
and more.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from confluent_kafka import KafkaError

from connectors.bus.base import BusError
from connectors.bus.kafka_client import Client, in_words

#: Silence before a consumer begins anew, at first; doubled each time. A quarter of the patience where that is less.
_FIRST_S = 5.0
#: A look for records ends within a fraction of this; what it took longer, the process did not run or was stopped.
_LISTENED_S = 1.0
_log = logging.getLogger("undertow.kafka")


class Moved(Exception):
    """The log does not hold what was to be read next; who reads it must look again where it begins and ends."""


class Listening:
    """One wait for records of a partition, or of the first of several."""

    def __init__(self, client: Client, now: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._now = now
        self._said = ""
        self._renewed = 0
        self.heard()

    def heard(self) -> None:
        """Notes that something came."""
        self._at_s = self._now()
        #: How long it has listened and heard nothing.
        self.silent_s = 0.0
        self._renew_s = self._gap_s = min(_FIRST_S, self._client.patience_s / 4)

    def told(self, error: KafkaError) -> None:
        """Notes an error that may pass, for the case that nothing else comes."""
        self._said = in_words(error)

    def renews(self, name: str, partition: int, offset: int) -> bool:
        """Counts a look that brought nothing; says whether the consumer must begin anew.

        Raises Moved where the log does not hold Kafka's offset; BusError where it does and patience is at its end, or
        where no broker answers.
        """
        now_s = self._now()
        self.silent_s += min(now_s - self._at_s, _LISTENED_S)
        self._at_s = now_s
        if self.silent_s < self._renew_s:
            return False
        start, end = self._client.span(name, partition)
        # Asking waits for brokers that are away, which is not silence of theirs.
        self._at_s = self._now()
        if not start <= offset < end:
            raise Moved
        if self.silent_s >= self._client.patience_s:
            said = f"; it last said: {self._said}" if self._said else ""
            raise BusError(
                f"{name}/{partition}: Kafka answers and holds the offsets {start} to {end - 1}, but has not sent "
                f"{offset} in {self.silent_s:.0f} s, asked by {self._renewed + 1} consumers{said}"
            )
        self._renewed += 1
        self._gap_s *= 2
        self._renew_s = min(self.silent_s + self._gap_s, self._client.patience_s)
        _log.warning(
            "%s/%d: offset %d of %d to %d has not come in %.1f s: a new consumer asks for it",
            name, partition, offset, start, end - 1, self.silent_s,
        )  # fmt: skip
        return True
