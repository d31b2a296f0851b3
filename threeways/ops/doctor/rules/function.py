"""Rules on the function of a mapping."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from cfnlint.data import AdditionalSpecs
from cfnlint.helpers import load_resource

from threeways.ops.doctor.rule import Fault, of_stack
from threeways.ops.doctor.stack import FUNCTIONS, Resource, Stack

POLLED = {"Kinesis", "DynamoDB", "SQS", "MSK", "MQ", "SelfManagedKafka", "DocumentDB"}
ASYNC_ONLY = ("DeadLetterQueue", "DeadLetterConfig", "EventInvokeConfig")


@of_stack(
    "E9721",
    "A dead-letter queue or EventInvokeConfig on a function that only a stream calls",
    page="lambda/latest/dg/invocation-async-retain-records.html",
    fix=(
        "the mapping's own DestinationConfig, MaximumRetryAttempts and MaximumRecordAgeInSeconds; take these "
        "out."
    ),
)
def async_only_settings(stack: Stack) -> Iterator[Fault]:
    """These settings apply to asynchronous invocations, and a stream's are synchronous."""
    for function in _functions(stack):
        if _called_otherwise(function, stack):
            continue
        found = [([*function.path, name], name) for name in ASYNC_ONLY if name in function.properties]
        found += [
            (config.path, "EventInvokeConfig")
            for config in stack.of_kind("AWS::Lambda::EventInvokeConfig")
            if stack.function(config.properties.get("FunctionName")) is function
        ]
        for path, name in found:
            yield Fault(
                path,
                f"{name} does not apply to a stream: when {function.logical_id} fails, its batch is retried "
                "by the mapping's settings, and the queue or destination named here stays empty.",
            )


@of_stack(
    "W9722",
    "The function's timeout is short against the batch window",
    page="lambda/latest/dg/configuration-timeout.html",
    fix="a Timeout of some times what a full batch takes, and above MaximumBatchingWindowInSeconds.",
)
def timeout_against_window(stack: Stack) -> Iterator[Fault]:
    """A full batch may not finish within the timeout, and is retried."""
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
        yield Fault(
            consumer.function.at("Timeout"),
            f"{consumer.logical_id} collects up to {batch or 'BatchSize'} records{collected}, and the "
            f"function has {has} for them: a full batch is killed half-way, and comes again to be killed "
            "again.",
        )


@of_stack(
    "W9723",
    "The runtime is deprecated",
    page="lambda/latest/dg/lambda-runtimes.html",
    fix="a supported runtime; the page lists them with their dates.",
)
def old_runtime(stack: Stack) -> Iterator[Fault]:
    """The runtime gets no security patches, and at some point the function cannot be updated."""
    lives = load_resource(AdditionalSpecs, "LmbdRuntimeLifecycle.json")
    today = datetime.now(UTC).date().isoformat()
    for function in _functions(stack):
        runtime = function.properties.get("Runtime")
        life = lives.get(runtime) if isinstance(runtime, str) else None
        if life and life["deprecated"] <= today:
            yield Fault(
                function.at("Runtime"),
                f"{runtime} has had no security patches since {life['deprecated']}; from "
                f"{life['update-block']} on the function cannot be updated, not even to fix it. "
                f"{life['successor']} follows it.",
            )


@of_stack(
    "E9724",
    "Reserved concurrency below shards times ParallelizationFactor",
    page="lambda/latest/dg/lambda-concurrency.html",
    fix="ReservedConcurrentExecutions of shards times ParallelizationFactor at the least, or none.",
)
def too_little_concurrency(stack: Stack) -> Iterator[Fault]:
    """Shards wait for each other, and their records grow old."""
    for consumer in stack.consumers:
        function, stream = consumer.function, consumer.stream
        if function is None or "ReservedConcurrentExecutions" not in function.properties:
            continue
        reserved = function.number("ReservedConcurrentExecutions", 0)
        shards = stream.number("ShardCount", 1) if stream else 1
        factor = consumer.number("ParallelizationFactor", 1)
        if reserved is None or shards is None or factor is None or reserved >= shards * factor:
            continue
        yield Fault(
            function.at("ReservedConcurrentExecutions"),
            f"{shards} shards with {factor} batches each at once need {shards * factor}, and {reserved} are "
            "reserved: the others are throttled, their shards stand still and their records grow old.",
        )


def _functions(stack: Stack) -> list[Resource]:
    """Return the functions that read a stream, each once."""
    found = {c.function.logical_id: c.function for c in stack.consumers if c.function}
    return [function for function in found.values() if function.kind in FUNCTIONS]


def _called_otherwise(function: Resource, stack: Stack) -> bool:
    """Return whether anything but polled sources may invoke it, for which async settings may be meant."""
    events = function.mapping("Events").values()
    kinds = {str(event.get("Type")) for event in events if isinstance(event, dict)}
    return bool(kinds - POLLED) or any(
        stack.function(permission.properties.get("FunctionName")) is function
        for permission in stack.of_kind("AWS::Lambda::Permission")
    )
