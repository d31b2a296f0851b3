"""Rules on what a function reads beside Kinesis: a queue, a table's stream; and on this project's joins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from threeways.aws.cloudformation.values import as_text
from threeways.errors import SettingsError
from threeways.join import finding
from threeways.join.join import Join
from threeways.ops.doctor.rule import Fault, of_consumer, of_stack
from threeways.ops.doctor.stack import FUNCTIONS, Consumer, Properties, Resource, Stack

TRIES = 6
"""How many times the function's timeout AWS would have a message hidden."""
QUEUE, TABLE = "AWS::SQS::Queue", "AWS::DynamoDB::Table"
PUBLISHES = ".publish"


class Read(NamedTuple):
    """What a function reads. settings: of the event or mapping. source: the queue or table."""

    settings: Properties
    function: Resource
    source: Resource


@of_stack(
    "W9751",
    "The queue's visibility timeout is under six times the function's timeout",
    page="lambda/latest/dg/services-sqs-configure.html",
    fix="a VisibilityTimeout of six times the function's Timeout, and the batch window on top.",
)
def shown_too_soon(stack: Stack) -> Iterator[Fault]:
    """A message is shown, and worked on, again while its first try is still retried or throttled."""
    for read in _read(stack, QUEUE):
        hidden = read.source.number("VisibilityTimeout", 30)
        timeout = read.function.number("Timeout", 3)
        window = read.settings.number("MaximumBatchingWindowInSeconds", 0)
        if hidden is None or timeout is None or window is None or hidden >= TRIES * timeout + window:
            continue
        yield Fault(
            read.source.at("VisibilityTimeout"),
            f"{read.source.logical_id} hides a message for {hidden} s, and {read.function.logical_id} has "
            f"{timeout} s for a try: a throttled or slow one has the message shown, and worked on, a second "
            "time, and given up early.",
        )


@of_stack(
    "W9752",
    "No dead-letter queue for a queue that a function reads",
    page="AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
    fix="RedrivePolicy: {deadLetterTargetArn: another queue's ARN, maxReceiveCount: 5 or more}.",
)
def no_dead_letters(stack: Stack) -> Iterator[Fault]:
    """A message that always fails comes again until it expires, and then is gone."""
    for read in _read(stack, QUEUE):
        if "RedrivePolicy" not in read.source.properties:
            yield Fault(
                read.source.path,
                f"A message that {read.function.logical_id} can't work on comes again until it expires from "
                f"{read.source.logical_id}, in four days by default, and nothing keeps it.",
            )


@of_stack(
    "W9753",
    "A join's publisher has no filter",
    page="lambda/latest/dg/with-ddb-filtering.html",
    fix=("FilterCriteria with the pattern of join.yaml, which lets through what has an `outbox`."),
)
def publisher_without_filter(stack: Stack) -> Iterator[Fault]:
    """Each verdict that is written invokes the publisher, which has nothing to do."""
    for read in _read(stack, TABLE):
        filtered = read.settings.mapping("FilterCriteria").get("Filters")
        if _command(read.function).endswith(PUBLISHES) and not filtered:
            yield Fault(
                read.settings.path,
                f"{read.function.logical_id} is invoked, and paid, for every verdict that is written to "
                f"{read.source.logical_id}, and not for decisions alone.",
            )


@of_stack(
    "E9754",
    "A join without a sweeper that runs each minute",
    page="AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html",
    fix="threeways.join.functions.sweep on a Schedule of rate(1 minute) that is on, as in join.yaml.",
)
def no_sweeper(stack: Stack) -> Iterator[Fault]:
    """A key whose message the queue lost is never decided."""
    joiners = [function for function in stack.of_kind(*FUNCTIONS) if _join_name(function) is not None]
    if joiners and not any(_is_on(event) for function in joiners for event in _schedules(function, stack)):
        yield Fault(
            joiners[0].path,
            "Nothing that is on calls the sweeper: a key whose message was not sent, or was lost, stays "
            "undecided past its deadline, and a decision's messages that could not be put are never put.",
        )


@of_consumer(
    "E9755",
    "The stream keeps records for longer than the join keeps its decisions",
    page="amazondynamodb/latest/developerguide/TTL.html",
    fix="a longer keep_days in the join, or a lower RetentionPeriodHours.",
)
def decided_anew(consumer: Consumer, _: Stack) -> str | None:
    """An event that comes again after its key was removed is decided anew."""
    join = _join(consumer.function)
    hours = consumer.stream.number("RetentionPeriodHours", 24) if consumer.stream else None
    if join is None or hours is None or hours < join.keep_days * 24:
        return None
    return (
        f"The stream keeps records for {hours / 24:g} days, and the join {join.name} its decisions for "
        f"{join.keep_days}: an event that is read again after that is decided anew."
    )


def _join_name(function: Resource | None) -> str | None:
    """Return the join that a function is one of; None where it is none, "" where that is not known."""
    return _variable(function, "JOIN") if _variable(function, "JOIN_TABLE_NAME") is not None else None


def _variable(function: Resource | None, name: str) -> str | None:
    """Return a variable of a function; None where it has none of this name, "" where it is not known."""
    variables = function.mapping("Environment").get("Variables") if function else None
    if not isinstance(variables, dict) or name not in variables:
        return None
    return value if isinstance(value := variables[name], str) else ""


def _join(function: Resource | None) -> Join[Any] | None:
    """Return the join of a function; None where it is none, or can't be found here."""
    name, policy = _join_name(function), _variable(function, "JOIN_POLICY")
    try:
        return finding.find(name, policy) if name else None
    except SettingsError:
        return None


def _command(function: Resource) -> str:
    """Return what an image's function runs."""
    command = function.mapping("ImageConfig").get("Command")
    return str(command[0]) if isinstance(command, list) and command else ""


def _schedules(function: Resource, stack: Stack) -> Iterator[Any]:
    """Yield the settings of the schedules that call a function, in SAM's or CloudFormation's form."""
    for event in function.mapping("Events").values():
        if isinstance(event, dict) and event.get("Type") in ("Schedule", "ScheduleV2"):
            yield event.get("Properties") or {}
    for rule in stack.of_kind("AWS::Events::Rule", "AWS::Scheduler::Schedule"):
        one = rule.kind == "AWS::Scheduler::Schedule"
        targets = [rule.mapping("Target")] if one else rule.properties.get("Targets", [])
        targets = targets if isinstance(targets, list) else []
        if any(isinstance(one, dict) and stack.function(one.get("Arn")) is function for one in targets):
            yield rule.properties


def _is_on(schedule: Any) -> bool:
    on = as_text(schedule.get("Enabled", True)) != "false" and schedule.get("State", "ENABLED") != "DISABLED"
    return isinstance(schedule, dict) and on


def _read(stack: Stack, kind: str) -> Iterator[Read]:
    """Yield what functions read of a kind, in SAM's and CloudFormation's form."""
    names = {QUEUE: ("SQS", "Queue"), TABLE: ("DynamoDB", "Stream")}
    of_type, key = names[kind]
    for function in stack.of_kind("AWS::Serverless::Function"):
        for name, event in function.mapping("Events").items():
            settings = event.get("Properties") if isinstance(event, dict) else None
            if not isinstance(settings, dict) or event.get("Type") != of_type:
                continue
            source = stack.resource(settings.get(key))
            if source is not None and source.kind == kind:
                path = [*function.path, "Events", name, "Properties"]
                yield Read(Properties(name, path, settings), function, source)
    for mapping in stack.of_kind("AWS::Lambda::EventSourceMapping"):
        source = stack.resource(mapping.properties.get("EventSourceArn"))
        called = stack.function(mapping.properties.get("FunctionName"))
        if source is not None and source.kind == kind and called is not None:
            yield Read(mapping, called, source)
