"""What became of records, read back from the output stream and from quarantine."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import chain

import msgspec

from threeways.aws.kinesis import ShardReader, list_shards
from threeways.aws.s3 import objects
from threeways.errors import UndecodableEvent
from threeways.ops.replay.target import Outputs
from threeways.scoring.messages import event_of
from threeways.stream.aggregation import data_of
from threeways.stream.quarantine import QuarantineEntry, split_location

PATIENCE_SECONDS = 10.0
"""How long something may be missing after everything that is there was read."""
LOOK_SECONDS = 0.5
SKEW = timedelta(minutes=5)
"""How far the function's clock may be from AWS's."""
HOUR = timedelta(hours=1)
SLACK = timedelta(seconds=2)
"""How far the server's time may be off: it is told to the second."""


class _Prediction(msgspec.Struct):
    source_event_id: str
    version: str | None = None
    messages: int = 1


@dataclass
class Found:
    """What was read back.

    By event id: its messages' bytes as they are on the output stream, a line each and all of them; the new
    entry in quarantine.
    objects: the quarantine's objects that hold those entries, `s3://bucket/key`.
    """

    predicted: dict[str, bytes] = field(default_factory=dict)
    quarantined: dict[str, QuarantineEntry] = field(default_factory=dict)
    objects: set[str] = field(default_factory=set)


type Keep = Callable[[Found], None]
"""Keeps what was read back, for when the place that it was found in is gone."""


class Proof:
    """Looks for what the invocations after its making have brought about.

    hours: of the records' arrival, in UTC; quarantine's objects lie by the hour, of the arrival or of the
    quarantining.
    """

    def __init__(
        self, outputs: Outputs, hours: Collection[datetime], patience: float = PATIENCE_SECONDS
    ) -> None:
        self._kinesis, self._s3, self._stream = outputs.kinesis, outputs.s3, outputs.output_stream
        self._quarantine = split_location(outputs.quarantine) if outputs.quarantine else None
        self._version = outputs.version
        self._patience = patience
        listed = self._kinesis.list_shards(StreamName=self._stream)
        # The server's own clock, to the second: ours may be wrong.
        self._server = parsedate_to_datetime(listed["ResponseMetadata"]["HTTPHeaders"]["date"])
        self._asked = time.monotonic()
        self._since = self._server - SLACK
        self._hours = set(hours)
        self._seen = dict(self._objects())

    def find(self, ids: Collection[str]) -> Found:
        """Where each of the events is now; what is in neither is missing from both. Raises boto's errors."""
        found = Found()
        missing = set(ids)
        ends = 0.0
        while True:
            self._look_in_quarantine(missing, found)
            missing -= found.quarantined.keys()
            if missing:
                self._look_on_stream(missing, found)
                missing -= found.predicted.keys()
            ends = ends or time.monotonic() + self._patience
            if not missing or time.monotonic() >= ends:
                return found
            time.sleep(LOOK_SECONDS)

    def _look_in_quarantine(self, ids: set[str], found: Found) -> None:
        decoder = msgspec.json.Decoder(QuarantineEntry)
        for key, tag in self._objects():
            if self._seen.get(key) == tag or self._quarantine is None:
                continue
            self._seen[key] = tag
            body = self._s3.get_object(Bucket=self._quarantine[0], Key=key)["Body"].read()
            entries = {entry.source_event_id: entry for entry in decoder.decode_lines(body)}
            if not ids.isdisjoint(entries):
                found.objects.add(f"s3://{self._quarantine[0]}/{key}")
                found.quarantined |= {event_id: entries[event_id] for event_id in ids & entries.keys()}

    def _objects(self) -> Iterator[tuple[str, str]]:
        """Key and entity tag of the objects in quarantine that lie by the hours in question."""
        if self._quarantine is None:
            return
        bucket, prefix = self._quarantine
        hour = (self._server - SKEW).replace(minute=0, second=0)
        last = self._now() + SKEW
        passed = (hour + number * HOUR for number in range(1 + int((last - hour) / HOUR)))
        for one in sorted(self._hours | set(passed)):
            for found in objects(self._s3, bucket, f"{prefix}{one:%Y/%m/%d/%H}/"):
                yield found.key, found.etag

    def _look_on_stream(self, ids: set[str], found: Found) -> None:
        """Read each shard from the beginning of it all to its end, or to what arrived after this look began.

        The predictions were acknowledged before; a stream that others write to may have no end.
        """
        began = self._now()
        decode = msgspec.json.Decoder(_Prediction).decode
        parts: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
        start = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": self._since}
        for shard in list_shards(self._kinesis, self._stream):
            reader = ShardReader(self._kinesis, shard.id, {"StreamName": self._stream}, start)
            for page in reader.pages():
                for data in chain.from_iterable(_messages(record["Data"]) for record in page):
                    try:
                        told = decode(data)
                    except msgspec.DecodeError:
                        continue  # another producer's
                    event_id = event_of(told.source_event_id)
                    if event_id in ids and self._version in (None, told.version):
                        of_event = parts[event_id]
                        of_event.setdefault(told.source_event_id, data)
                        if len(of_event) >= told.messages:
                            found.predicted.setdefault(event_id, b"\n".join(of_event.values()))
                if page and page[-1]["ApproximateArrivalTimestamp"] > began + SLACK:
                    break

    def _now(self) -> datetime:
        """Return the server's time."""
        return self._server + timedelta(seconds=time.monotonic() - self._asked)


def _messages(data: bytes) -> list[bytes]:
    """Return the messages in a record's data; none if its aggregation is broken, as others' may be."""
    try:
        return data_of(data)
    except UndecodableEvent:
        return []
