"""Build the documents that Lambda sends about discarded records.

docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html and
docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from threeways.aws.invocation import InvocationResult
from threeways.emulator.function.config import version_of
from threeways.emulator.mapping.decisions import Condition
from threeways.emulator.mapping.records import Origin, StreamRecord, event_of


@dataclass(frozen=True, slots=True)
class DiscardedRecords:
    """Discarded records, at least one. result: their last invocation, or None."""

    records: Sequence[StreamRecord]
    condition: Condition
    invocations: int
    result: InvocationResult | None


def metadata(discarded: DiscardedRecords, origin: Origin, function_arn: str, now: float) -> dict[str, object]:
    """Return the invocation record that all destinations get. now: epoch seconds."""
    records, result = discarded.records, discarded.result
    document: dict[str, object] = {
        "requestContext": {
            "requestId": result.request_id if result else str(uuid.uuid4()),
            "functionArn": function_arn,
            "condition": str(discarded.condition),
            "approximateInvokeCount": discarded.invocations,
        },
        "version": "1.0",
        "timestamp": _iso(now),
        "DDBStreamBatchInfo" if origin.is_table else "KinesisBatchInfo": {
            "shardId": origin.shard_id,
            "startSequenceNumber": records[0].sequence_number,
            "endSequenceNumber": records[-1].sequence_number,
            "approximateArrivalOfFirstRecord": _iso(records[0].arrived),
            "approximateArrivalOfLastRecord": _iso(records[-1].arrived),
            "batchSize": len(records),
            "streamArn": origin.stream_arn,
        },
    }
    if result is not None:
        failed = {"functionError": "Unhandled"} if result.error else {}
        document["responseContext"] = {
            "statusCode": 200,
            "executedVersion": version_of(function_arn),
            **failed,
        }
    return document


def with_payload(document: dict[str, object], discarded: DiscardedRecords) -> dict[str, object]:
    """Return the document with the whole event as a JSON string, which only S3 gets."""
    return {**document, "payload": event_of(discarded.records).decode()}


def _iso(moment: float) -> str:
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def kinesis_ids(body: bytes) -> set[str]:
    """Read the ids of the Kinesis records that a failure document on S3 holds."""
    payload = json.loads(body)["payload"]
    event = json.loads(payload) if isinstance(payload, str) else payload
    return {raw["eventID"] for raw in event["Records"]}
