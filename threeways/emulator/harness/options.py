"""What a harness takes beside its handler and the properties of an event, and what follows from it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from threeways.emulator.faults import Schedule
from threeways.emulator.function.config import FunctionConfig
from threeways.emulator.harness.destinations import DestinationKind
from threeways.emulator.mapping import ReadLimits
from threeways.emulator.schedule import Kind
from threeways.emulator.server import Emulator
from threeways.emulator.triggers import queue_url_of
from threeways.errors import LocalError

QUEUE_ATTRIBUTES = frozenset(
    {
        "ContentBasedDeduplication", "DeduplicationScope", "DelaySeconds", "FifoQueue", "FifoThroughputLimit",
        "KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId", "MaximumMessageSize", "MessageRetentionPeriod",
        "Policy",
        "ReceiveMessageWaitTimeSeconds", "RedriveAllowPolicy", "RedrivePolicy", "SqsManagedSseEnabled",
        "VisibilityTimeout",
    }
)  # fmt: skip
"""docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html"""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of a Harness in addition to its handler and the event's properties.

    root: the folder of a handler that is given by name. stream: an existing stream, or None for a new one
    with so many `shards`. table: an existing table, whose stream is read instead. queue: instead of a stream,
    an existing queue's name, or the attributes of a new one (`{"VisibilityTimeout": "5"}`, or `{}`).
    schedule: instead of any of them, the type of a schedule's event. on_failure: the kind of failure
    destination to create, for a stream. environment, timeout (seconds), memory (MB), concurrency: the
    function's. clock: epoch seconds. backoff: as for EventSourceMapping; by default 10 ms. faults: the
    schedule of faults in AWS calls of a function that runs in its own processes, and of any other client at
    `Harness.proxy.endpoint_url`; a kill kills the function. limits: of reads from the stream, those of other
    harnesses that it shares.
    """

    root: Path | None = None
    stream: str | None = None
    table: str | None = None
    queue: str | Mapping[str, str] | None = None
    schedule: Kind | None = None
    shards: int = 1
    on_failure: DestinationKind | None = None
    environment: Mapping[str, str] | None = None
    timeout: float = 3.0
    memory: int = 512
    concurrency: int | None = None
    clock: Callable[[], float] = time.time
    backoff: Callable[[int], float] = lambda _: 0.01
    faults: Schedule | None = None
    limits: ReadLimits | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("stream", "table", "queue", "schedule") if getattr(self, name) is not None]
        if len(given) > 1:
            raise LocalError(f"a harness has one source, not {' and '.join(given)}: make one for each")
        if self.on_failure and given[:1] in (["queue"], ["schedule"]):
            raise LocalError(
                f"on_failure is for streams: a {given[0]} keeps what fails"
                f" {'in the queue of its RedrivePolicy' if self.queue is not None else 'nowhere here'}"
            )
        of_streams = {"shards": self.shards != 1, "limits": self.limits is not None}
        ignored = [name for name, is_given in of_streams.items() if is_given]
        if ignored and given[:1] in (["table"], ["queue"], ["schedule"]):
            raise LocalError(
                f"{' and '.join(ignored)}: that is for Kinesis streams, and the source is a {given[0]}; "
                "leave it out"
            )
        unknown = sorted(set(self.queue) - QUEUE_ATTRIBUTES) if isinstance(self.queue, Mapping) else []
        if unknown:
            raise LocalError(
                f"a queue has no attribute {', '.join(unknown)}; it has {', '.join(sorted(QUEUE_ATTRIBUTES))}"
            )


OPTIONS = frozenset(one.name for one in fields(Options))


def function_config(handler: str, options: Options) -> FunctionConfig:
    """Return the config of a function that is given by name. Raises LocalError without its folder."""
    if options.root is None:
        raise LocalError(f"the handler {handler} is a name: give the folder that it is in with `root=`")
    return FunctionConfig(
        logical_id="Harness",
        name="harness",
        handler=handler,
        timeout=options.timeout,
        memory=options.memory,
        environment=dict(options.environment or {}),
        root=options.root,
        arn="arn:aws:lambda:us-east-1:123456789012:function:harness",
    )


def queue_of(emulator: Emulator, given: str | Mapping[str, str], name: str) -> str:
    """Return the URL of a queue: an existing one by its name, or a new one with these attributes."""
    if isinstance(given, str):
        return queue_url_of(emulator, given)
    return str(emulator.client("sqs").create_queue(QueueName=name, Attributes=dict(given))["QueueUrl"])
