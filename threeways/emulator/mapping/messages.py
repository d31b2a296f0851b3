"""SQS messages as in a Lambda event: docs.aws.amazon.com/lambda/latest/dg/with-sqs.html."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from threeways.aws import kinesis_event
from threeways.aws.kinesis_event import COMMA


@dataclass(frozen=True, slots=True)
class Message:
    """A received message. encoded: its JSON in an event's `Records`. received: monotonic seconds."""

    id: str
    receipt: str
    encoded: bytes
    received: float

    @property
    def size(self) -> int:
        """Its size in an event in bytes, the comma before the next one included."""
        return len(self.encoded) + len(COMMA)


def event_of(messages: Iterable[Message]) -> bytes:
    """Return a batch's event as JSON."""
    return kinesis_event.event_of(message.encoded for message in messages)


def encode(raw: Mapping[str, Any], queue_arn: str, received: float) -> Message:
    """Encode one of ReceiveMessage's messages for events."""
    member = {
        "messageId": raw["MessageId"],
        "receiptHandle": raw["ReceiptHandle"],
        "body": raw["Body"],
        "attributes": raw.get("Attributes", {}),
        "messageAttributes": {
            name: _attribute(value) for name, value in raw.get("MessageAttributes", {}).items()
        },
        "md5OfBody": raw["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }
    if "MD5OfMessageAttributes" in raw:
        member["md5OfMessageAttributes"] = raw["MD5OfMessageAttributes"]
    return Message(raw["MessageId"], raw["ReceiptHandle"], msgspec.json.encode(member), received)


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return an attribute as events have it: bytes become base64."""
    kinds = {"StringValue": "stringValue", "BinaryValue": "binaryValue"}
    found = {name: value[kind] for kind, name in kinds.items() if kind in value}
    return {**found, "stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
