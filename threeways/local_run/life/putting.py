"""Put events, and their labels once they are known by the events' own clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from threeways.local_run.events import Workload
from threeways.local_run.life.declared import LifeEvents
from threeways.local_run.producer import BACKOFF, CALL, Outgoing, Producer

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

MOST_ON_THEIR_WAY = 1_500
"""Events without a prediction, beyond which no more are put."""


class LifeProducer(Producer):
    """Puts events at a rate that may change, and each one's label when the events' clock has passed its end.

    back: how many events have their prediction. before: is told each event, before it is put. labels_stream:
    where labels go. put: how many events are put.
    """

    def __init__(
        self,
        client: KinesisClient,
        streams: tuple[str, str],
        workload: Workload,
        life: LifeEvents,
        rate: float,
        back: Callable[[], int],
        before: Callable[[int, bytes], None],
    ) -> None:
        super().__init__(client, streams[0], workload.outgoing(), rate)
        self.rate, self.put = rate, 0
        self._labels_stream, self._life, self._back, self._before = streams[1], life, back, before
        self._labels = list(life.labels())
        self._order = np.argsort(life.known, kind="stable")
        self._next = 0
        self._at: float | None = None
        self._budget = 0.0

    def work(self) -> None:
        """Put all, and at the end the labels of what was put, for time goes on."""
        super().work()
        self._put_labels(None)

    def _room(self, started: float) -> int:  # noqa: ARG002 - the rate may have changed since
        now = time.monotonic()
        self._budget = min(CALL, self._budget + (now - (self._at or now)) * self.rate)
        self._at = now
        room = min(int(self._budget), MOST_ON_THEIR_WAY - (len(self.sent) - self._back()))
        if room <= 0:
            self._stopping.wait(0.05)
            return 0
        self._budget -= room
        return room

    def _put(self, batch: list[Outgoing]) -> None:
        for record in batch:
            if record.index is not None:
                self._before(record.index, record.data)
        super()._put(batch)
        self.put += len(batch)
        self._put_labels(self._life.times[self.put - 1])

    def _put_labels(self, now: Any) -> None:
        """Put the labels that are known by now; None: of all that was put."""
        due: list[int] = []
        while self._next < len(self._order):
            place = int(self._order[self._next])
            if now is not None and (self._life.known[place] > now or place >= self.put):
                break
            self._next += 1
            if place < self.put:
                due.append(place)
        for start in range(0, len(due), CALL):
            self._put_all(due[start : start + CALL])

    def _put_all(self, places: list[int]) -> None:
        failures = 0
        while places:
            answer = self._client.put_records(
                StreamName=self._labels_stream,
                Records=[{"Data": self._labels[one], "PartitionKey": str(one)} for one in places],
            )
            places = [
                one
                for one, told in zip(places, answer["Records"], strict=True)
                if "SequenceNumber" not in told
            ]
            if places:
                failures += 1
                self._stopping.wait(BACKOFF.after(failures))
