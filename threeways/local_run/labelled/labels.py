"""Put labels when their events have lasted, and read the outcomes that the join makes of them."""

from __future__ import annotations

import heapq
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from math import inf
from typing import TYPE_CHECKING, Any

import msgspec

from threeways.join.join import Key
from threeways.join.labels import LABEL, UNMATCHED
from threeways.lifecycle.cohorts import Cohort
from threeways.lifecycle.live import Live
from threeways.local_run.background import BackgroundThread
from threeways.local_run.collector import StreamReader
from threeways.local_run.producer import CALL, Producer
from threeways.local_run.system.reading import VerdictReader
from threeways.stream.aggregation import data_of

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

LOOK_SECONDS = 0.05

type LabelOf = Callable[[int], tuple[Key, Mapping[str, Any], float] | None]
"""An event's position -> its key, the event that says what happened, and after how many seconds of the run it
is put; None: it never is."""


class LabelProducer(BackgroundThread):
    """Puts what happened of each event that a producer has put, so long after it as it lasts.

    put: the keys whose label the stream acknowledged, with how many of each.
    """

    def __init__(self, client: KinesisClient, stream: str, events: Producer, label_of: LabelOf) -> None:
        super().__init__()
        self._client, self._stream, self._events, self._label_of = client, stream, events, label_of
        self._due: list[tuple[float, int, Key, bytes]] = []
        self._seen = 0
        self.put: Counter[Key] = Counter()

    @property
    def done(self) -> bool:
        """Whether the labels of all that is put are put, and no more events come."""
        return not (self._events.is_alive() or self._due or self._seen < len(self._events.sent))

    def work(self) -> None:
        """Put labels until it is stopped; those that are not due yet then never are."""
        while not self._stopping.is_set():
            self._look()
            now = time.time()
            batch: list[tuple[float, int, Key, bytes]] = []
            while self._due and self._due[0][0] <= now and len(batch) < CALL:
                batch.append(heapq.heappop(self._due))
            if batch:
                self._put(batch)
            else:
                self._stopping.wait(LOOK_SECONDS)

    def _look(self) -> None:
        new = list(self._events.sent.values())[self._seen :]
        for one in new:
            made = None if one.index is None else self._label_of(one.index)
            if made is not None:
                key, event, seconds = made
                entry = (one.at + seconds, self._seen, key, msgspec.json.encode(event))
                heapq.heappush(self._due, entry)
            self._seen += 1

    def _put(self, batch: list[tuple[float, int, Key, bytes]]) -> None:
        answer = self._client.put_records(
            StreamName=self._stream,
            Records=[{"Data": data, "PartitionKey": str(key)} for _, _, key, data in batch],
        )
        for one, result in zip(batch, answer["Records"], strict=True):
            if "SequenceNumber" in result:
                self.put[one[2]] += 1
            else:
                heapq.heappush(self._due, one)


class VersionReader(VerdictReader):
    """Keeps predictions, and of which versions there are some. versions: (key, version) of each."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.versions: set[tuple[Key, str]] = set()
        self._version = msgspec.json.Decoder(_Versioned)

    def take(self, shard: str, record: Mapping[str, Any]) -> None:
        """Keep what a record brings."""
        super().take(shard, record)
        for data in data_of(record["Data"]):
            read = self._version.decode(data)
            self.versions.add((read.prediction[self._ids[read.model]], read.version or ""))


class _Versioned(msgspec.Struct):
    model: str
    prediction: dict[str, Any]
    version: str | None = None


class OutcomeReader(StreamReader):
    """Reads outcomes into live error, for others to look at meanwhile.

    told: (key, version) -> the last revision's kind; version None of a label that nobody predicted.
    sides: how many such unmatched ones there are by side. duplicates: messages that repeat an id. twice: what
    was told of a version and revision under two ids, which must not be.
    """

    idle_seconds = 0.2

    def __init__(self, client: KinesisClient, stream: str, live: Live) -> None:
        super().__init__(client, stream)
        self._live = live
        self._lock = threading.Lock()
        self._ids: defaultdict[tuple[Key, str | None, int], set[str]] = defaultdict(set)
        self._revisions: dict[tuple[Key, str | None], int] = {}
        self._closed: list[Cohort] = []
        self.told: dict[tuple[Key, str | None], str] = {}
        self.duplicates = 0

    def take(self, shard: str, record: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Keep what a record brings."""
        outcome = msgspec.json.decode(record["Data"])
        if outcome["message"] not in (LABEL, UNMATCHED):
            return
        key, version, revision = outcome[self._live.id_name], outcome.get("version"), outcome["revision"]
        with self._lock:
            known = self._ids[key, version, revision]
            self.duplicates += outcome["id"] in known
            known.add(outcome["id"])
            if revision > self._revisions.get((key, version), 0):
                self._revisions[key, version] = revision
                self.told[key, version] = outcome.get("side", LABEL)
            self._live.add(outcome)

    @property
    def twice(self) -> list[tuple[Key, str | None, int]]:
        """What has two ids."""
        with self._lock:
            return [one for one, ids in self._ids.items() if len(ids) > 1]

    def now(self) -> list[Cohort]:
        """Return all cohorts as they stand: the closed ones, and what is there of the others."""
        with self._lock:
            return [*self._closed, *self._live.now()]

    def close(self, now: float = inf) -> list[Cohort]:
        """Return the cohorts that are closed by now, of the events' clock, and were not before."""
        with self._lock:
            closed = self._live.close(now)
            self._closed += closed
            return closed
