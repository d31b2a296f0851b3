"""The network and what lies behind it: they store what they acknowledge, and what a fault says besides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import faults as f
from botocore.exceptions import ClientError, ConnectionClosedError
from faults import Fault, Point, Strikes
from simulated import Clock, Killed
from watcher import Watcher

from threeways.errors import DeadlineNear
from threeways.stream.aggregation import data_of

THROTTLES = {
    Strikes.PUT_RECORDS: ("ProvisionedThroughputExceededException", 400),
    Strikes.PUT_OBJECT: ("SlowDown", 503),
    Strikes.DESTINATION: ("SlowDown", 503),
}
"""docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html and
docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""


class Network:
    """Strikes as a schedule says. points: every place where a fault could strike so far, in order.

    call_seconds: what each of the function's calls takes.
    """

    def __init__(self, schedule: Mapping[tuple[Strikes, int], Fault], clock: Clock) -> None:
        self.schedule = schedule
        self.clock = clock
        self.call_seconds = 0.0
        self.points: list[Point] = []
        self.counts: Counter[Strikes] = Counter()
        self._late: dict[Strikes, list[Callable[[], None]]] = {}

    def strike(self, where: Strikes, size: int = 1) -> Fault:
        """The fault at this point, "" for none."""
        number = self.counts[where]
        self.counts[where] = number + 1
        self.points.append(Point(where, number, size))
        return self.schedule.get((where, number), "")

    def call(self, where: Strikes, size: int, store: Callable[[frozenset[int]], None]) -> frozenset[int]:
        """One call to AWS; the entries that failed in an answer that came. Raises what its client raises.

        store: puts all entries but those where they are to go.
        """
        if where in f.CALLS and self.call_seconds:
            self.clock.sleep(self.call_seconds)
            if self.clock.timed_out:
                raise Killed
        fault = self.strike(where, size)
        failed = f.positions(fault, f.FAILED)
        late = self._late.pop(where, [])
        if failed or fault in f.STORES:
            store(failed)
        for arrives in late:
            arrives()
        if fault == f.SLOW_LATE:
            self._late[where] = [lambda: store(frozenset())]
        if fault and not failed:
            self._fail(where, fault)
        return failed

    def _fail(self, where: Strikes, fault: Fault) -> None:
        if fault in f.ANSWERED_LATE or fault == f.CLOCK:
            self.clock.pass_deadline()
        if fault in f.ANSWERED_LATE:
            raise DeadlineNear("the call did not answer in time")  # as calls.call does, who leaves it behind
        if fault in {f.KILLED_BEFORE, f.KILLED_AFTER}:
            raise Killed
        if fault in {f.RESET_BEFORE, f.RESET_AFTER}:
            raise ConnectionClosedError(endpoint_url=where)
        if fault in {f.THROTTLED, f.HTTP_500, f.DENIED}:
            others = {f.HTTP_500: ("InternalFailure", 500), f.DENIED: ("AccessDeniedException", 400)}
            code, status = others.get(fault) or THROTTLES[where]
            answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
            raise ClientError(answer, where)

    def settle(self) -> None:
        """All calls that are still on their way arrive."""
        for arrives in [late for lates in self._late.values() for late in lates]:
            arrives()
        self._late.clear()


class OutputStream:
    """A Kinesis client for one stream of predictions. aggregates: they come by the input's partition key."""

    def __init__(self, network: Network, watcher: Watcher, *, aggregates: bool = False) -> None:
        self._network = network
        self._watcher = watcher
        self._aggregates = aggregates

    def _ids(self, data: bytes, partition_key: str) -> list[str]:
        """The event ids of the predictions in a record."""
        if not self._aggregates:
            return [self._watcher.prediction(data, partition_key)]
        return [self._watcher.prediction_of_key(one, partition_key) for one in data_of(data)]

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's names
        ids = [self._ids(record["Data"], record["PartitionKey"]) for record in Records]

        def store(failed: frozenset[int]) -> None:
            for position, event_ids in enumerate(ids):
                if position not in failed:
                    for event_id in event_ids:
                        self._watcher.delivered(event_id)

        failed = self._network.call(Strikes.PUT_RECORDS, len(ids), store)
        for position, event_ids in enumerate(ids):
            if position not in failed:
                self._watcher.acknowledged(event_ids)
        code, _ = THROTTLES[Strikes.PUT_RECORDS]
        answers = [
            {"ErrorCode": code, "ErrorMessage": "slow down"}
            if position in failed
            else {"SequenceNumber": "1", "ShardId": "shard-0"}
            for position in range(len(ids))
        ]
        return {"FailedRecordCount": len(failed), "Records": answers}


class QuarantineBucket:
    """An S3 client for quarantine: an object replaces the one of its name."""

    def __init__(self, network: Network, watcher: Watcher) -> None:
        self._network = network
        self._watcher = watcher

    def put_object(self, *, Key: str, Body: bytes, **_: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        ids = self._watcher.quarantine_entries(Body)
        self._network.call(Strikes.PUT_OBJECT, 1, lambda _: self._watcher.quarantined(Key, ids))
        self._watcher.acknowledged(ids)
        return {}


class DestinationBucket:
    """An S3 client for the mapping's failure destination."""

    def __init__(self, network: Network, watcher: Watcher) -> None:
        self._network = network
        self._watcher = watcher

    def put_object(self, *, Body: bytes, **_: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        self._network.call(Strikes.DESTINATION, 1, lambda _: self._watcher.given_up(Body))
        return {}
