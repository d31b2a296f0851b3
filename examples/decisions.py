"""Act on moderation decisions, each once: notify the user, take the upload offline or back.

A Lambda function on the decisions stream, which brings each message at least once, always under the same id.
Its event source mapping has the filters {"data": {"message": ["notification"]}} and {"data": {"message":
["stop_upload"]}}, and ReportBatchItemFailures. Its tables: SENT_TABLE with the key `id` (S) and TTL on
`expires_at`; UPLOADS_TABLE with the key `upload_id` (S). What sends mail reads the queue NOTIFICATIONS_QUEUE.

- A notification is claimed by a conditional write of its id, sent, and marked as sent. A message that comes
  again is skipped; one whose claim was left by a function that died is sent after CLAIM seconds. So it is
  sent once, or twice where a function dies between sending and marking: nothing avoids that with a queue.
- An order says how the upload has to be, and the one of the highest revision holds: a conditional update
  keeps the revision beside it, so that orders may come twice and in any order.
"""

from __future__ import annotations

import base64
import json
import os
import time
from functools import cache
from typing import Any

import boto3

CLAIM = int(os.environ.get("CLAIM_SECONDS", "60"))
"""Seconds after which a claim without a mark may be taken: more than the function's timeout."""
KEEP = 8 * 86_400
"""Seconds for which ids are remembered: longer than the stream keeps records (at most 7 days here)."""


@cache
def client(service: str) -> Any:
    """Make a client at its first use: an import needs no region."""
    return boto3.client(service)


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Act on a batch in order. The first message that fails, and those after it, are delivered again."""
    for record in event["Records"]:
        message = json.loads(base64.b64decode(record["kinesis"]["data"]))
        try:
            ACTIONS[message["message"]](message)
        except Exception as error:  # noqa: BLE001  (whatever it is: try again)
            print(f"{message['id']} is tried again: {error!r}")
            return {"batchItemFailures": [{"itemIdentifier": record["kinesis"]["sequenceNumber"]}]}
    return {"batchItemFailures": []}


def notify(message: dict[str, Any]) -> None:
    """Send a notification unless it was sent."""
    now = int(time.time())
    if not is_claimed(message["id"], now):
        return
    text = f"{message['title']}: {message['text']}\n\n{message['appeal']}"
    body = json.dumps({"id": message["id"], "to": message["user_id"], "text": text})
    client("sqs").send_message(QueueUrl=os.environ["NOTIFICATIONS_QUEUE"], MessageBody=body)
    write("SENT_TABLE", {"id": {"S": message["id"]}}, "SET sent=:t", {":t": {"N": str(now)}})


def is_claimed(sending: str, now: int) -> bool:
    """Claim an id. Return False if it was sent; raise while another function may be sending it."""
    condition = "attribute_not_exists(id) OR (attribute_not_exists(sent) AND claimed < :stale)"
    values = {":t": {"N": str(now)}, ":stale": {"N": str(now - CLAIM)}, ":e": {"N": str(now + KEEP)}}
    found = write("SENT_TABLE", {"id": {"S": sending}}, "SET claimed=:t, expires_at=:e", values, condition)
    if found is not None and "sent" not in found:
        raise RuntimeError("it is being sent")
    return found is None


def apply_order(message: dict[str, Any]) -> None:
    """Take an upload offline or back, unless an order of a higher revision was applied."""
    write(
        "UPLOADS_TABLE",
        {"upload_id": {"S": str(message["upload_id"])}},
        "SET stopped=:s, revision=:r",
        {":s": {"BOOL": message["stop"]}, ":r": {"N": str(message["revision"])}},
        "attribute_not_exists(revision) OR revision <= :r",
    )


def write(
    table: str, key: dict[str, Any], update: str, values: dict[str, Any], condition: str | None = None
) -> dict[str, Any] | None:
    """Update an item if it is as the condition says. Return the item as it is if it isn't."""
    conditional = {"ConditionExpression": condition} if condition else {}
    dynamodb = client("dynamodb")
    try:
        dynamodb.update_item(
            TableName=os.environ[table], Key=key, UpdateExpression=update, ExpressionAttributeValues=values,
            ReturnValuesOnConditionCheckFailure="ALL_OLD", **conditional,
        )  # fmt: skip
    except dynamodb.exceptions.ConditionalCheckFailedException as refused:
        item: dict[str, Any] = refused.response["Item"]
        return item
    return None


ACTIONS = {"notification": notify, "stop_upload": apply_order}
