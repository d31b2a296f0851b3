"""The S3 on-failure destination: docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html.

AWS gives a delivery up when the bucket refuses it; here the caller tries again until it is acknowledged.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from threeways.local.invocation import InvocationResult
from threeways.local.mapping.decisions import Condition
from threeways.local.mapping.records import Origin, StreamRecord, event_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Records that are discarded. result: their last invocation, or None where there was none."""

    records: Sequence[StreamRecord]
    condition: Condition
    invocations: int
    result: InvocationResult | None


class S3Destination:
    """One object for each batch that is given up, under the mapping's uuid and the shard's id."""

    def __init__(self, s3: S3Client, bucket: str, mapping_uuid: str, function_arn: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._uuid = mapping_uuid
        self._function_arn = function_arn

    def send(self, given_up: GivenUp, origin: Origin, now: float) -> str:
        """The object's key, once it is acknowledged. now: epoch seconds. Raises boto's errors."""
        moment = datetime.fromtimestamp(now, UTC)
        key = (
            f"aws/lambda/{self._uuid}/{origin.shard_id}/"
            f"{moment:%Y/%m/%d}/{moment:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
        )
        body = json.dumps(self._document(given_up, origin, now)).encode()
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/json")
        return key

    def _document(self, given_up: GivenUp, origin: Origin, now: float) -> dict[str, object]:
        records, result = given_up.records, given_up.result
        document: dict[str, object] = {
            "requestContext": {
                "requestId": result.request_id if result else str(uuid.uuid4()),
                "functionArn": self._function_arn,
                "condition": str(given_up.condition),
                "approximateInvokeCount": given_up.invocations,
            },
            "version": "1.0",
            "timestamp": _iso(now),
            "KinesisBatchInfo": {
                "shardId": origin.shard_id,
                "startSequenceNumber": records[0].sequence_number,
                "endSequenceNumber": records[-1].sequence_number,
                "approximateArrivalOfFirstRecord": _iso(records[0].arrived),
                "approximateArrivalOfLastRecord": _iso(records[-1].arrived),
                "batchSize": len(records),
                "streamArn": origin.stream_arn,
            },
            "payload": event_of(records).decode(),
        }
        if result is not None:
            failed = {"functionError": "Unhandled"} if result.error else {}
            document["responseContext"] = {"statusCode": 200, "executedVersion": "$LATEST", **failed}
        return document


def _iso(moment: float) -> str:
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
