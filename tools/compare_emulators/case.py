"""What one behaviour is tried with: a source, a function and a mapping of its own on an emulator."""

from __future__ import annotations

import base64
import io
import json
import time
import uuid
import zipfile
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from threeways.emulator.endpoint import Endpoint, client_of

from .functions import FUNCTIONS, Function, Handler

REPORTS = ["ReportBatchItemFailures"]


def clients_of(endpoint: Endpoint) -> Callable[[str], Any]:
    """Return a function that makes an emulator's client of a service, once; it tries a call once."""
    return cache(lambda service: client_of(service, endpoint.endpoint_url, endpoint.region, attempts=1))


class Case:
    """Make sources, functions and mappings with names that no other case has, and remove the mappings.

    client: returns the client of a service. patience: how many seconds what should happen is waited for.
    """

    def __init__(self, client: Callable[[str], Any], patience: float) -> None:
        self.name = f"case-{uuid.uuid4().hex[:12]}"
        self.patience = patience
        self.client = client
        self._mappings: list[str] = []
        self._made = 0

    def new_name(self) -> str:
        """Return another name."""
        self._made += 1
        return f"{self.name}-{self._made}"

    def close(self) -> None:
        """Delete the mappings, so that nothing is polled any more."""
        for one in self._mappings:
            self.refused(self.client("lambda").delete_event_source_mapping, UUID=one)

    def function(self, handler: Handler = lambda _event: None, **settings: Any) -> Function:
        """Make a function whose invocations the handler gets."""
        lambda_, name = self.client("lambda"), self.new_name()
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("never_run.py", "")
        policy = {"Version": "2012-10-17", "Statement": []}
        role = self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(policy))
        FUNCTIONS[name] = function = Function(name, handler)
        lambda_.create_function(
            FunctionName=name, Runtime="python3.13", Role=role["Role"]["Arn"], Handler="never_run.handler",
            Code={"ZipFile": package.getvalue()}, **settings,
        )  # fmt: skip
        lambda_.get_waiter("function_active_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        return function

    def map(self, source: str, function: Function, *, to: str = "", **properties: Any) -> str:
        """Map a source onto a function, or onto its alias `to`, and wait until it polls. Return the id."""
        if source.split(":")[2] != "sqs":
            properties = {"StartingPosition": "TRIM_HORIZON"} | properties
        made = self.client("lambda").create_event_source_mapping(
            EventSourceArn=source, FunctionName=to or function.name, **properties
        )
        self._mappings.append(made["UUID"])
        self.settle(made["UUID"])
        return str(made["UUID"])

    def settle(self, mapping: str) -> None:
        """Wait until a mapping is in none of the states that end by themselves."""
        self.until(lambda: not self.state(mapping).endswith("ing"), 10)

    def state(self, mapping: str) -> str:
        """Return a mapping's state; empty where there is none."""
        try:
            return str(self.client("lambda").get_event_source_mapping(UUID=mapping)["State"])
        except ClientError:
            return ""

    def update(self, mapping: str, **properties: Any) -> None:
        """Change a mapping and wait until it is changed."""
        self.client("lambda").update_event_source_mapping(UUID=mapping, **properties)
        time.sleep(1)
        self.settle(mapping)

    def map_after(self, put: Callable[[], Any], source: str, function: Function, **properties: Any) -> str:
        """Map a source that is filled while the mapping is disabled: all is there at its first read."""
        mapping = self.map(source, function, Enabled=False, **properties)
        put()
        self.update(mapping, Enabled=True)
        return mapping

    def until(self, met: Callable[[], object], seconds: float | None = None) -> bool:
        """Wait until a condition is met; whether it was."""
        end = time.monotonic() + (self.patience if seconds is None else seconds)
        while not met():
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def refused(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> str:
        """Return the code with which a call is refused; empty where it is not."""
        try:
            call(*arguments, **named)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        except ParamValidationError:
            return "ParamValidationError"
        return ""

    def stream(self, shards: int = 1) -> str:
        """Make a Kinesis stream and return its ARN."""
        kinesis, name = self.client("kinesis"), self.new_name()
        kinesis.create_stream(StreamName=name, ShardCount=shards)
        self.active(name)
        return str(kinesis.describe_stream(StreamName=name)["StreamDescription"]["StreamARN"])

    def active(self, name: str) -> None:
        """Wait until a stream is neither created nor changed any more."""
        kinesis = self.client("kinesis")
        self.until(
            lambda: kinesis.describe_stream(StreamName=name)["StreamDescription"]["StreamStatus"] == "ACTIVE",
            30,
        )

    def table(self, view: str = "NEW_AND_OLD_IMAGES") -> tuple[str, str]:
        """Make a table with a stream and return its name and the stream's ARN."""
        dynamodb, name = self.client("dynamodb"), self.new_name()
        dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
        )
        dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
        stream = str(dynamodb.describe_table(TableName=name)["Table"]["LatestStreamArn"])
        describe = self.client("dynamodbstreams").describe_stream
        self.until(lambda: describe(StreamArn=stream)["StreamDescription"]["StreamStatus"] == "ENABLED")
        return name, stream

    def queue(self, **attributes: str) -> tuple[str, str]:
        """Make a queue and return its URL and ARN."""
        sqs = self.client("sqs")
        url = str(sqs.create_queue(QueueName=self.new_name(), Attributes=attributes)["QueueUrl"])
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, str(told["Attributes"]["QueueArn"])

    def messages(self, url: str, seconds: float | None = None) -> list[str]:
        """Return the texts at a queue: those that come until two seconds after the first."""
        found: list[str] = []

        def received() -> list[str]:
            got = self.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            found.extend(one["Body"] for one in got.get("Messages", []))
            return found

        self.until(received, seconds)
        time.sleep(2)
        return received()

    def put(self, stream: str, items: Iterable[Any], key: str | None = None) -> None:
        """Put items at once, bytes as they are, others as JSON; each with its own key, or all with one."""
        self.client("kinesis").put_records(
            StreamName=stream.rpartition("/")[2],
            Records=[
                {
                    "Data": item if isinstance(item, bytes) else json.dumps(item).encode(),
                    "PartitionKey": key or str(item),
                }
                for item in items
            ],
        )


def data(record: dict[str, Any]) -> Any:
    """Return what was put as a Kinesis record; the bytes of what is not JSON."""
    content = base64.b64decode(record["kinesis"]["data"])
    try:
        return json.loads(content)
    except ValueError:
        return content


def batches(function: Function) -> list[list[Any]]:
    """Return what was put, by the invocations of a Kinesis function."""
    return [[data(one) for one in invocation.records] for invocation in function.invocations]


def flat(lists: Iterable[Iterable[Any]]) -> list[Any]:
    """Return the items of all lists."""
    return [one for each in lists for one in each]


def items(function: Function) -> list[Any]:
    """Return all that a Kinesis function was sent, in order."""
    return flat(batches(function))


def verdict(fulfilled: object, otherwise: str) -> str:
    """Return `yes`, or what happened instead."""
    return "yes" if fulfilled else f"no: {otherwise}"
