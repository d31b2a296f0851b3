"""Disturb what is on its way from one stream to another: repeated, out of order, late."""

from __future__ import annotations

import heapq
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from threeways.local_run.collector import StreamReader
from threeways.local_run.producer import CALL

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

LOOK_SECONDS = 0.05
QUIET_SECONDS = 1.5
"""After so long without a record there are no more: a reader looks ten times a second."""


type _Held = tuple[float, int, str, bytes]
"""When a record is to be put, its number, partition key and data."""


@dataclass(frozen=True)
class Disturbance:
    """Chances a record.

    duplicate: it comes again, up to `spread` seconds later. reorder: it is held for up to `spread` seconds.
    late: it is held for `late_seconds` and up to `spread` more.
    """

    duplicate: float
    reorder: float
    late: float
    spread: float
    late_seconds: float


class Relay(StreamReader):
    """Puts each record of a stream onto another, at least once. counts: what befell them, by kind."""

    def __init__(
        self, client: KinesisClient, source: str, target: str, disturbance: Disturbance, seed: int
    ) -> None:
        super().__init__(client, source)
        self._target, self._chances = target, disturbance
        self._dice = random.Random(f"{seed} relay")  # noqa: S311 - a schedule, not a secret
        self._held: list[_Held] = []
        self._lock = threading.Lock()
        self._numbers = 0
        self._putting = False
        self._taken = time.monotonic()
        self._sender = threading.Thread(target=self._send, name="relay-sender", daemon=True)
        self.counts: Counter[str] = Counter()

    def start(self) -> None:
        """Begin to read, and to put."""
        super().start()
        self._sender.start()

    def take(self, shard: str, record: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Hold a record until it is to be put."""
        chances, dice, now = self._chances, self._dice, time.monotonic()
        drawn, wait = dice.random(), 0.0
        if drawn < chances.late:
            wait = chances.late_seconds + dice.uniform(0, chances.spread)
            self.counts["verdicts late"] += 1
        elif drawn < chances.late + chances.reorder:
            wait = dice.uniform(0, chances.spread)
            self.counts["verdicts reordered"] += 1
        times = [now + wait]
        if dice.random() < chances.duplicate:
            times.append(now + wait + dice.uniform(0, chances.spread))
            self.counts["verdicts duplicated"] += 1
        with self._lock:
            self._taken = now
            for at in times:
                self._numbers += 1
                heapq.heappush(self._held, (at, self._numbers, record["PartitionKey"], record["Data"]))

    def idle(self) -> bool:
        """Whether nothing is held, and nothing has come for a while."""
        with self._lock:
            quiet = time.monotonic() - self._taken > QUIET_SECONDS
            return quiet and not self._held and not self._putting

    def _due(self) -> list[_Held]:
        with self._lock:
            due: list[_Held] = []
            while self._held and len(due) < CALL and self._held[0][0] <= time.monotonic():
                due.append(heapq.heappop(self._held))
            self._putting = bool(due)
            return due

    def _send(self) -> None:
        try:
            while not self._stopping.wait(LOOK_SECONDS):
                while due := self._due():
                    self._put(due)
        except Exception as error:  # noqa: BLE001 - raised by stop()
            self.error = error

    def _put(self, due: list[_Held]) -> None:
        answer = self._client.put_records(
            StreamName=self._target,
            Records=[{"Data": data, "PartitionKey": key} for _, _, key, data in due],
        )
        failed = [
            one for one, told in zip(due, answer["Records"], strict=True) if "SequenceNumber" not in told
        ]
        with self._lock:
            for one in failed:
                heapq.heappush(self._held, one)
        if failed:  # the stream takes no more for now
            self._stopping.wait(LOOK_SECONDS)
