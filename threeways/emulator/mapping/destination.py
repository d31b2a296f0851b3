"""On-failure destinations: docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html.

An SQS queue or SNS topic gets the metadata, an S3 bucket also the records. AWS drops them when the
destination refuses (and counts DestinationDeliveryFailures); here the caller retries until it is
acknowledged, since a local run has to account for every record.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from threeways.emulator.mapping.document import DiscardedRecords, metadata, with_payload
from threeways.emulator.mapping.records import Origin
from threeways.errors import LocalError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Destination(Protocol):
    """Where discarded records, or their metadata, go."""

    def send(self, discarded: DiscardedRecords, origin: Origin, now: float) -> str:
        """Send; return where it was stored, once acknowledged. now: epoch seconds. Raises boto's errors."""


class QueueClient(Protocol):
    """The methods used of boto3's SQS client."""

    def get_queue_url(self, *, QueueName: str, QueueOwnerAWSAccountId: str) -> Any:  # noqa: N803 - boto3's names
        """Return the URL of a queue."""

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> Any:  # noqa: N803 - boto3's names
        """Send a message to a queue."""


class TopicClient(Protocol):
    """The methods used of boto3's SNS client."""

    def publish(self, *, TopicArn: str, Message: str) -> Any:  # noqa: N803 - boto3's names
        """Publish a message."""


@dataclass(frozen=True, slots=True)
class S3Destination:
    """Writes one object for each discarded batch, under the mapping's uuid and the shard's id."""

    s3: S3Client
    bucket: str
    mapping_uuid: str
    function_arn: str

    def send(self, discarded: DiscardedRecords, origin: Origin, now: float) -> str:
        """Return the object's key, once it is acknowledged."""
        moment = datetime.fromtimestamp(now, UTC)
        key = (
            f"aws/lambda/{self.mapping_uuid}/{origin.shard_id}/"
            f"{moment:%Y/%m/%d}/{moment:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
        )
        document = with_payload(metadata(discarded, origin, self.function_arn, now), discarded)
        body = json.dumps(document).encode()
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType="application/json")
        return key


@dataclass(frozen=True, slots=True)
class QueueDestination:
    """Sends one message for each batch, with its metadata only. The queue's URL is looked up each time."""

    sqs: QueueClient
    queue_arn: str
    function_arn: str

    def send(self, discarded: DiscardedRecords, origin: Origin, now: float) -> str:
        """Return the message's id and queue, once it is acknowledged."""
        account, name = self.queue_arn.split(":")[4:6]
        url = self.sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
        body = json.dumps(metadata(discarded, origin, self.function_arn, now))
        answer = self.sqs.send_message(QueueUrl=url, MessageBody=body)
        return f"message {answer['MessageId']} of queue {name}"


@dataclass(frozen=True, slots=True)
class TopicDestination:
    """Publishes one message for each batch, with its metadata only."""

    sns: TopicClient
    topic_arn: str
    function_arn: str

    def send(self, discarded: DiscardedRecords, origin: Origin, now: float) -> str:
        """Return the message's id and topic, once it is acknowledged."""
        message = json.dumps(metadata(discarded, origin, self.function_arn, now))
        answer = self.sns.publish(TopicArn=self.topic_arn, Message=message)
        return f"message {answer['MessageId']} of topic {self.topic_arn.rpartition(':')[2]}"


@dataclass(frozen=True, slots=True)
class Clients:
    """The boto3 clients for the destinations in use."""

    s3: S3Client | None = None
    sqs: QueueClient | None = None
    sns: TopicClient | None = None


NO_CLIENTS = Clients()


def destination_for(
    name: str | None, clients: Clients, mapping_uuid: str, function_arn: str
) -> Destination | None:
    """Return the destination of `MappingSettings.destination`. Raises LocalError if its client is missing."""
    if name is None:
        return None
    if name.startswith("arn:aws:sqs:"):
        return QueueDestination(_given(clients.sqs, "SQS", "sqs"), name, function_arn)
    if name.startswith("arn:aws:sns:"):
        return TopicDestination(_given(clients.sns, "SNS", "sns"), name, function_arn)
    return S3Destination(_given(clients.s3, "S3", "s3"), name, mapping_uuid, function_arn)


def _given[T](client: T | None, service: str, keyword: str) -> T:
    if client is None:
        raise LocalError(
            "the settings name a failure destination: give the mapping an "
            f"{service} client with `{keyword}=` of its `clients`"
        )
    return client
