"""Doubles that behave like the real thing, with faults that can be asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from botocore.exceptions import ClientError

from threeways.artifact.mlmodel import Flavours, MLmodel
from threeways.aws.calls import Deadline

NOW = datetime(2021, 2, 1, 13, 15, tzinfo=UTC)
FOREVER = Deadline(lambda: float("inf"))


class FakeModel:
    """Predicts the trip distance (column 3) doubled, and counts its calls."""

    input_kind: Literal["block", "dicts", "frame"] = "block"
    info = MLmodel(flavors=Flavours())
    categories: Any = None
    hashes: Any = None

    def __init__(self, fails_on: Callable[[Any], bool] = lambda block: False) -> None:
        self.calls: list[int] = []
        self._fails_on = fails_on

    def predict(self, features: Any) -> Any:
        self.calls.append(len(features))
        if self._fails_on(features):
            raise ValueError("this model cannot do that")
        return features[:, 3] * 2


class IntervalModel(FakeModel):
    """A FakeModel of an artifact with a table of intervals."""

    info = MLmodel(
        flavors=Flavours(),
        metadata={
            "interval": {
                "coverage": 0.8, "edges": [10.0, 20.0], "low": [-1.0, -2.0, -30.0], "high": [1.5, 2.5, 4.0],
                "least": 0,
            }
        },
    )  # fmt: skip


class FakeKinesis:
    """Stores what it acknowledges. `script`: what the next calls do; then it acknowledges everything.

    A script's step is a set of positions that fail, an exception to raise, or a function to call first.
    """

    def __init__(self, *script: Any) -> None:
        self.script = deque(script)
        self.calls: list[list[dict[str, Any]]] = []
        self.stored: list[dict[str, Any]] = []

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert StreamName == "predictions"
        self.calls.append(Records)
        step = self.script.popleft() if self.script else set()
        if callable(step):
            step = step() or set()
        if isinstance(step, Exception):
            raise step
        answers: list[dict[str, Any]] = []
        for position, record in enumerate(Records):
            if position in step:
                answers.append(
                    {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "too fast"}
                )
            else:
                self.stored.append(record)
                answers.append({"SequenceNumber": str(len(self.stored)), "ShardId": "shardId-000000000000"})
        return {"FailedRecordCount": len(step), "Records": answers}


def client_error(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "PutRecords")


@dataclass
class FakeContext:
    """Lambda's context with a clock that the test moves."""

    milliseconds: int = 60_000
    aws_request_id: str = "00000000-0000-0000-0000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@dataclass
class Sleeps:
    """A sleep that only notes how long it was asked for."""

    asked: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)


def kinesis_event(payloads: Sequence[bytes], keys: Sequence[str] | None = None) -> dict[str, Any]:
    """Lambda's event for the payloads, sequence numbers from 1001."""
    import base64

    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": keys[position] if keys else str(position),
                    "sequenceNumber": str(1001 + position),
                    "data": base64.b64encode(payload).decode(),
                    "approximateArrivalTimestamp": NOW.timestamp(),
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"shardId-000000000000:{1001 + position}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
                "awsRegion": "us-east-1",
                "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/ride_events",
            }
            for position, payload in enumerate(payloads)
        ]
    }


def ride(ride_id: int | str = 256, distance: float = 3.66, **changes: object) -> bytes:
    """A valid ride event's bytes."""
    import json

    fields = {
        "PULocationID": 130,
        "DOLocationID": 205,
        "trip_distance": distance,
        "pickup_datetime": "2021-02-01T08:15:00",
    }
    return json.dumps({"ride_id": ride_id, "ride": fields | changes}).encode()
