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
from typing import Any

from threeways.emulator.mapping.document import DiscardedRecords, metadata, with_payload
from threeways.emulator.mapping.records import Origin
from threeways.errors import LocalError


@dataclass(frozen=True, slots=True)
class Clients:
    """The boto3 clients for the destinations in use."""

    s3: Any = None
    sqs: Any = None
    sns: Any = None


NO_CLIENTS = Clients()


@dataclass(frozen=True, slots=True)
class Destination:
    """Where discarded records, or their metadata, go. Raises LocalError if its client is missing.

    name: as `MappingSettings.destination`: a bucket's name, or the ARN of a queue or topic. mapping_uuid:
    part of the objects' names.
    """

    name: str
    clients: Clients
    mapping_uuid: str
    function_arn: str

    def __post_init__(self) -> None:
        if getattr(self.clients, self._service, None) is None:
            raise LocalError(
                "the settings name a failure destination: give the mapping an "
                f"{self._service.upper()} client with `{self._service}=` of its `clients`"
            )

    @property
    def _service(self) -> str:
        return self.name.split(":")[2] if self.name.startswith("arn:") else "s3"

    def send(self, discarded: DiscardedRecords, origin: Origin, now: float) -> str:
        """Send; return where it was stored, once acknowledged. now: epoch seconds. Raises boto's errors."""
        document = metadata(discarded, origin, self.function_arn, now)
        if self._service == "s3":
            return self._put(with_payload(document, discarded), origin, now)
        account, name = self.name.split(":")[4:6]
        if self._service == "sns":
            answer = self.clients.sns.publish(TopicArn=self.name, Message=json.dumps(document))
            return f"message {answer['MessageId']} of topic {name}"
        sqs = self.clients.sqs
        url = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
        answer = sqs.send_message(QueueUrl=url, MessageBody=json.dumps(document))
        return f"message {answer['MessageId']} of queue {name}"

    def _put(self, document: dict[str, object], origin: Origin, now: float) -> str:
        """Write one object for the batch, under the mapping's uuid and the shard's id; return its key."""
        moment = datetime.fromtimestamp(now, UTC)
        key = (
            f"aws/lambda/{self.mapping_uuid}/{origin.shard_id}/"
            f"{moment:%Y/%m/%d}/{moment:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
        )
        body = json.dumps(document).encode()
        self.clients.s3.put_object(Bucket=self.name, Key=key, Body=body, ContentType="application/json")
        return key
