"""The harness's failure destinations: create them, name them in the mapping's settings, read them."""

from __future__ import annotations

import json
from typing import Any, Literal

from threeways.emulator.server import ACCOUNT, Emulator

type DestinationKind = Literal["S3", "SQS", "SNS"]
"""The kind of a failure destination."""


class FailureDestination:
    """A bucket, a queue, or a topic with a subscribed queue."""

    def __init__(self, emulator: Emulator, kind: DestinationKind, name: str) -> None:
        self._emulator = emulator
        self._kind = kind
        self._name = name
        self._read: list[dict[str, Any]] = []
        if kind == "S3":
            self.arn = f"arn:aws:s3:::{name}"
            emulator.client("s3").create_bucket(Bucket=name)
            return
        queue_arn = self.arn = f"arn:aws:sqs:{emulator.region}:{ACCOUNT}:{name}"
        self._queue = emulator.client("sqs").create_queue(QueueName=name)["QueueUrl"]
        if kind == "SNS":
            sns = emulator.client("sns")
            self.arn = sns.create_topic(Name=name)["TopicArn"]
            raw = {"RawMessageDelivery": "true"}
            sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=queue_arn, Attributes=raw)

    @property
    def config(self) -> dict[str, Any]:
        """Its `DestinationConfig`, as in a template."""
        return {"OnFailure": {"Type": self._kind, "Destination": self.arn}}

    def documents(self) -> list[dict[str, Any]]:
        """Return all documents that have arrived so far."""
        return self._objects() if self._kind == "S3" else self._messages()

    def _objects(self) -> list[dict[str, Any]]:
        s3 = self._emulator.client("s3")
        listed = s3.list_objects_v2(Bucket=self._name).get("Contents", [])
        bodies = [s3.get_object(Bucket=self._name, Key=item["Key"])["Body"].read() for item in listed]
        return [json.loads(body) for body in bodies]

    def _messages(self) -> list[dict[str, Any]]:
        sqs = self._emulator.client("sqs")
        while found := sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                self._read.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return list(self._read)
