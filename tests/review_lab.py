"""A moderation join on the emulator: its table, its verdicts stream, and what reads that as the joiner."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import pytest
from moderation_lab import prediction

from threeways.aws.calls import Deadline
from threeways.emulator.server import Emulator
from threeways.join.events import Events
from threeways.join.finding import find
from threeways.join.join import Join, Key
from threeways.join.requests import definition
from threeways.join.settling import Arrival, settle
from threeways.join.table import DynamoTable

AMPLE = Deadline(lambda: 60.0)


class Stage:
    """The table and the stream. join: whose keys they are."""

    def __init__(self, emulator: Emulator, join: Join[Any]) -> None:
        self.join = join
        self.table_name = self.stream = f"review-{uuid.uuid4().hex[:8]}"
        emulator.client("dynamodb").create_table(**definition(self.table_name))
        self.kinesis = emulator.client("kinesis")
        self.kinesis.create_stream(StreamName=self.stream, ShardCount=1)
        self.table = DynamoTable(emulator.client("dynamodb"), self.table_name, join)
        self._events = Events(join)
        self._count = 0
        self._iterator = ""

    def bring(self, *messages: Any) -> list[int]:
        """Take messages into the table, a key's in one write; decide, and note the decisions as put."""
        arrivals: dict[Key, list[Arrival]] = {}
        for message in messages:
            self._count += 1
            key, arrival = self._events.read(f"e:{self._count}", json.dumps(message).encode(), time.time())
            arrivals.setdefault(key, []).append(arrival)
        revisions = []
        for key, several in arrivals.items():
            state, _ = settle(self.join, self.table, self.table.add(key, several, AMPLE), time.time, AMPLE)
            if state.outbox is not None:
                self.table.published(state, AMPLE)
            revisions.append(state.revision)
        return revisions

    def upload(self, key: Key, title: str = "Harbour at dawn", user: str = "user-7", **scores: float) -> None:
        """Bring an upload with all of its verdicts; a score that is not given is 0.1."""
        verdicts = [
            {
                "model": source, "version": "v1", "source_event_id": f"{source}-{key}",
                "prediction": prediction(source, scores.get(source, 0.1)) | {"upload_id": key},
                "because": [{"feature": "text", "value": "knife", "contribution": 1.0}],
            }
            for source in sorted(self.join.expected)
        ]  # fmt: skip
        self.bring({"upload_id": key, "user_id": user, "title": title}, *verdicts)

    def messages(self) -> list[dict[str, Any]]:
        """What is new on the stream."""
        if not self._iterator:
            [shard] = self.kinesis.list_shards(StreamName=self.stream)["Shards"]
            self._iterator = self.kinesis.get_shard_iterator(
                StreamName=self.stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
        answer = self.kinesis.get_records(ShardIterator=self._iterator)
        self._iterator = answer["NextShardIterator"]
        return [json.loads(one["Data"]) for one in answer["Records"]]

    @contextmanager
    def joining(self) -> Iterator[None]:
        """Read the stream as the joiner does, meanwhile."""
        ending = Event()

        def read() -> None:
            while not ending.is_set():
                self.bring(*self.messages())
                ending.wait(0.02)

        thread = Thread(target=read)
        thread.start()
        try:
            yield
        finally:
            ending.set()
            thread.join()


def on(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A join on the emulator, to which the environment leads."""
    made = Stage(emulator, find("moderation"))
    where = {"JOIN": "moderation", "JOIN_TABLE_NAME": made.table_name, "VERDICTS_STREAM_NAME": made.stream}
    for name, value in (emulator.environment() | where).items():
        monkeypatch.setenv(name, value)
    return made
