"""Rules on the function of a mapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, override

from cfnlint.data import AdditionalSpecs
from cfnlint.helpers import load_resource

from threeways.ops.doctor import rule
from threeways.ops.doctor.stack import FUNCTIONS, Consumer, Resource, Stack

POLLED = {"Kinesis", "DynamoDB", "SQS", "MSK", "MQ", "SelfManagedKafka", "DocumentDB"}
ASYNC_ONLY = ("DeadLetterQueue", "DeadLetterConfig", "EventInvokeConfig")


class AsyncOnlySettings(rule.KinesisRule):
    """These settings apply to asynchronous invocations, and a stream's are synchronous."""

    id = "E9721"
    shortdesc = "A dead-letter queue or EventInvokeConfig on a function that only a stream calls"
    source_url = "https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"
    fix = (
        "the mapping's own DestinationConfig, MaximumRetryAttempts and MaximumRecordAgeInSeconds; take "
        "these out."
    )

    @override
    def faults(self, stack: Stack) -> Iterator[rule.Fault]:
        """Yield the settings of functions that nothing invokes asynchronously."""
        for function in _functions(stack):
            if _called_otherwise(function, stack):
                continue
            for name in ASYNC_ONLY:
                if name in function.properties:
                    yield [*function.path, name], self._what(name, function)
            for config in stack.of_kind("AWS::Lambda::EventInvokeConfig"):
                if stack.function(config.properties.get("FunctionName")) is function:
                    yield config.path, self._what("EventInvokeConfig", function)

    def _what(self, name: str, function: Resource) -> str:
        return (
            f"{name} does not apply to a stream: when {function.logical_id} fails, its batch is retried by "
            "the mapping's "
            "settings, and the queue or destination named here stays empty."
        )


class TimeoutAgainstWindow(rule.KinesisRule):
    """A full batch may not finish within the timeout, and is retried."""

    id = "W9722"
    shortdesc = "The function's timeout is short against the batch window"
    source_url = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html"
    fix = "a Timeout of some times what a full batch takes, and above MaximumBatchingWindowInSeconds."

    @override
    def faults(self, stack: Stack) -> Iterator[rule.Fault]:
        """Yield functions whose timeout is missing or not above the batch window."""
        for consumer in stack.consumers:
            if consumer.function is None:
                continue
            timeout = consumer.function.number("Timeout", 3)
            window = consumer.number("MaximumBatchingWindowInSeconds", 0)
            batch = consumer.number("BatchSize", 100)
            given = "Timeout" in consumer.function.properties
            if timeout is None or window is None or (given and timeout > window):
                continue
            has = f"{timeout} s" if given else "Lambda's default of 3 s"
            collected = f" over up to {window} s" if window else ""
            yield (
                [*consumer.function.path, "Timeout"] if given else consumer.function.path,
                (
                    f"{consumer.logical_id} collects up to {batch or 'BatchSize'} records{collected}, "
                    "and the function has "
                    f"{has} for them: a full batch is killed half-way, and comes again to be killed again."
                ),
            )


class OldRuntime(rule.KinesisRule):
    """The runtime gets no security patches, and at some point the function cannot be updated."""

    id = "W9723"
    shortdesc = "The runtime is deprecated"
    source_url = "https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html"
    fix = "a supported runtime; the page lists them with their dates."

    def __init__(self) -> None:
        super().__init__()
        self._lives: Mapping[str, Mapping[str, str]] = load_resource(
            AdditionalSpecs, "LmbdRuntimeLifecycle.json"
        )

    @override
    def faults(self, stack: Stack) -> Iterator[rule.Fault]:
        """Yield functions with a deprecated runtime."""
        today = datetime.now(UTC).date().isoformat()
        for function in _functions(stack):
            runtime = function.properties.get("Runtime")
            life = self._lives.get(runtime) if isinstance(runtime, str) else None
            if life and life["deprecated"] <= today:
                yield (
                    [*function.path, "Runtime"],
                    (
                        f"{runtime} has had no security patches since {life['deprecated']}; from "
                        f"{life['update-block']} on "
                        f"the function cannot be updated, not even to fix it. {life['successor']} "
                        "follows it."
                    ),
                )


class TooLittleConcurrency(rule.KinesisRule):
    """Shards wait for each other, and their records grow old."""

    id = "E9724"
    shortdesc = "Reserved concurrency below shards times ParallelizationFactor"
    source_url = "https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html"
    fix = "ReservedConcurrentExecutions of shards times ParallelizationFactor at the least, or none."

    @override
    def faults(self, stack: Stack) -> Iterator[rule.Fault]:
        """Yield functions whose reserved concurrency is below the mapping's concurrent batches."""
        for consumer in stack.consumers:
            function, stream = consumer.function, consumer.stream
            if function is None or "ReservedConcurrentExecutions" not in function.properties:
                continue
            reserved = function.number("ReservedConcurrentExecutions", 0)
            shards = stream.number("ShardCount", 1) if stream else 1
            factor = consumer.number("ParallelizationFactor", 1)
            if reserved is None or shards is None or factor is None or reserved >= shards * factor:
                continue
            yield (
                [*function.path, "ReservedConcurrentExecutions"],
                (
                    f"{shards} shards with {factor} batches each at once need {shards * factor}, and "
                    f"{reserved} are "
                    "reserved: the others are throttled, their shards stand still and their records grow old."
                ),
            )


def _functions(stack: Stack) -> list[Resource]:
    """Return the functions that read a stream, each once."""
    consumers: list[Consumer] = stack.consumers
    found = {c.function.logical_id: c.function for c in consumers if c.function}
    return [function for function in found.values() if function.kind in FUNCTIONS]


def _called_otherwise(function: Resource, stack: Stack) -> bool:
    """Return whether anything but polled sources may invoke it, for which async settings may be meant."""
    events: Any = function.properties.get("Events")
    kinds = (
        {str(event.get("Type")) for event in events.values() if isinstance(event, dict)}
        if isinstance(events, dict)
        else set()
    )
    allowed = any(
        stack.function(permission.properties.get("FunctionName")) is function
        for permission in stack.of_kind("AWS::Lambda::Permission")
    )
    return allowed or bool(kinds - POLLED)
