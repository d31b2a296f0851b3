"""Read a join's streams as anybody would: all verdicts by their consumer, decisions through event filters."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from threeways.emulator.function.in_process import InProcessFunction
from threeways.emulator.mapping import EventSourceMapping, MappingSettings
from threeways.emulator.mapping.settings import from_event
from threeways.join.join import Key
from threeways.local_run.collector import Collector, StreamReader
from threeways.local_run.system.account import Told
from threeways.scoring.task import Task
from threeways.stream.aggregation import data_of

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient


class _Verdict(msgspec.Struct):
    model: str
    source_event_id: str
    prediction: dict[str, Any]


class VerdictReader(StreamReader):
    """Keeps the verdicts of a stream: for each consumer a `Collector` that takes its own.

    records: how many there are. by_source: model -> its collector. verdicts: (source, id) -> the event ids of
    its records. predictions: by source, key -> the first prediction.
    """

    idle_seconds = 0.4

    def __init__(self, client: KinesisClient, stream: str, of: Sequence[Task[Any]]) -> None:
        super().__init__(client, stream)
        self.by_source = {task.model_name: Collector(client, stream, task) for task in of}
        self._ids = {task.model_name: task.id_name for task in of}
        self.records = 0
        self.verdicts: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self.predictions: defaultdict[str, dict[Key, Mapping[str, Any]]] = defaultdict(dict)
        self._decode = msgspec.json.Decoder(_Verdict).decode

    def take(self, shard: str, record: Mapping[str, Any]) -> None:
        """Keep what a record brings."""
        self.records += 1
        for data in data_of(record["Data"]):
            read = self._decode(data)
            self.verdicts[read.model, read.source_event_id].add(f"{shard}:{record['SequenceNumber']}")
            collector = self.by_source.get(read.model)
            if collector is not None:
                self.predictions[read.model].setdefault(
                    read.prediction[self._ids[read.model]], read.prediction
                )
                collector.take(shard, {**record, "Data": data})


class Decisions:
    """Collects a decisions stream's messages, each kind by an event source mapping with a filter of its own.

    A context manager. kinds: the first one is told of each decision. key_name: the field with the key. told:
    all messages in order of arrival. recent: the last decisions. outcomes: each key's last decision by
    outcome, where it tells one.
    """

    def __init__(self, kinesis: KinesisClient, stream: str, kinds: Sequence[str], key_name: str) -> None:
        self._key_name = key_name
        self._lock = threading.Lock()
        self.told: list[Told] = []
        self.recent: deque[Mapping[str, Any]] = deque(maxlen=50)
        self.ids: defaultdict[str, set[str]] = defaultdict(set)
        self.decided: dict[Key, float] = {}
        self._last: dict[Key, tuple[int, str]] = {}
        self.outcomes: Counter[str] = Counter()
        self.revisions = 0
        self._first = kinds[0]
        self.mappings = {
            kind: EventSourceMapping(
                kinesis, stream, InProcessFunction(self._take, timeout=30).invoke, _filtered(kind)
            )
            for kind in kinds
        }

    def start(self) -> None:
        """Begin to read."""
        for mapping in self.mappings.values():
            mapping.start()

    def _take(self, event: Any, _context: object) -> None:
        with self._lock:
            for record in event["Records"]:
                data = base64.b64decode(record["kinesis"]["data"])
                self._keep(data, record["kinesis"]["approximateArrivalTimestamp"])

    def _keep(self, data: bytes, at: float) -> None:
        message = json.loads(data)
        one = Told(
            message["message"], message["id"], message["decision"], message["revision"],
            message[self._key_name], at, data,
        )  # fmt: skip
        self.told.append(one)
        if one.kind == self._first and one.id not in self.ids[one.kind]:
            self.recent.append(message)
            self.revisions += one.revision > 1
            self.decided.setdefault(one.key, at)
            self._keep_outcome(one, str(message.get("outcome", "decided")))
        self.ids[one.kind].add(one.id)

    def _keep_outcome(self, one: Told, outcome: str) -> None:
        """Count a key by its last revision, in whatever order revisions come."""
        revision, before = self._last.get(one.key, (0, ""))
        if one.revision > revision:
            self._last[one.key] = one.revision, outcome
            self.outcomes = self.outcomes + Counter([outcome]) - Counter([before] if before else [])

    def drained(self) -> bool:
        """Whether everything on the stream is read."""
        return all(mapping.drained() for mapping in self.mappings.values())

    def stop(self) -> None:
        """Read to the end, and stop."""
        until = time.monotonic() + 30
        while not self.drained() and time.monotonic() < until:
            time.sleep(0.05)
        for mapping in self.mappings.values():
            mapping.stop()


def _filtered(kind: str) -> MappingSettings:
    pattern = json.dumps({"data": {"message": [kind]}})
    return from_event(
        {
            "Stream": "decisions",
            "StartingPosition": "TRIM_HORIZON",
            "BatchSize": 500,
            "FilterCriteria": {"Filters": [{"Pattern": pattern}]},
        }
    )
