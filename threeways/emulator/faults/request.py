"""Parse requests to AWS, and build its error answers."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from threeways.emulator.faults.schedule import Kind
from threeways.emulator.shard_limits import CODE

_JSON = "application/x-amz-json-1.1"
FAILURES = {
    Kind.THROTTLED: (
        (400, CODE, "Rate exceeded"),
        (503, "SlowDown", "Please reduce your request rate."),
    ),
    Kind.ERROR: (
        (500, "InternalFailure", "The request processing has failed"),
        (500, "InternalError", "We encountered an internal error. Please try again."),
    ),
}
"""HTTP status, code and message of calls that fail as a whole: of a JSON service, and of S3."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; Content-Length is set when it is sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Request:
    """An HTTP request. path: with its query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        """AWS's name of the operation, from a JSON service's header or S3's method and query."""
        target = self.headers.get("X-Amz-Target")
        if target:
            return target.rpartition(".")[2]
        if self.method == "GET" and "list-type" in parse_qs(urlsplit(self.path).query):
            return "ListObjectsV2"
        return {"GET": "GetObject", "PUT": "PutObject", "HEAD": "HeadObject"}.get(self.method, self.method)

    @property
    def entries(self) -> int:
        """The number of records in a PutRecords; 0 for other operations."""
        return len(_records(self.body)) if self.operation == "PutRecords" else 0

    def failed(self, kind: Kind) -> Answer:
        """Return the answer of a call that fails as a whole. kind: one of FAILURES."""
        of_json, of_s3 = FAILURES[kind]
        if "X-Amz-Target" in self.headers:
            status, code, message = of_json
            body = json.dumps({"__type": code, "message": message})
            return Answer(status, {"Content-Type": _JSON, "x-amzn-ErrorType": code}, body.encode())
        status, code, message = of_s3
        document = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        body = f'<?xml version="1.0" encoding="UTF-8"?>{document}'
        return Answer(status, {"Content-Type": "application/xml"}, body.encode())

    def without(self, positions: Collection[int]) -> Request:
        """Return a PutRecords request without the entries at these positions."""
        asked = json.loads(self.body)
        asked["Records"] = [record for place, record in enumerate(asked["Records"]) if place not in positions]
        return replace(self, body=json.dumps(asked).encode())


def with_failures(answer: Answer | None, positions: Collection[int], entries: int) -> Answer:
    """Return a PutRecords answer for all entries, from the answer for the forwarded ones, if any.

    An entry has one of two error codes: docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html.
    """
    if answer is not None and answer.status != 200:
        return answer
    document: dict[str, Any] = json.loads(answer.body) if answer else {"Records": []}
    stored = iter(document["Records"])
    document["Records"] = [_failed(place) if place in positions else next(stored) for place in range(entries)]
    document["FailedRecordCount"] = sum("ErrorCode" in entry for entry in document["Records"])
    return Answer(200, answer.headers if answer else {"Content-Type": _JSON}, json.dumps(document).encode())


def failed_entries(answer: Answer) -> int:
    """Return the number of failed entries in a PutRecords answer."""
    return msgspec.json.decode(answer.body, type=_PutRecordsAnswer).FailedRecordCount


class _PutRecordsAnswer(msgspec.Struct):
    FailedRecordCount: int = 0


def _records(body: bytes) -> list[Any]:
    records: list[Any] = json.loads(body).get("Records", [])
    return records


def _failed(position: int) -> dict[str, str]:
    code = "InternalFailure" if position % 2 else CODE
    return {"ErrorCode": code, "ErrorMessage": "This entry was to fail."}
