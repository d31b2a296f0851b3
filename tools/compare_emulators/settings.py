"""What a mapping's settings do: defaults, pausing, updates, aliases, a stack's resource, metrics."""

from __future__ import annotations

import json
import time
from typing import Any

from .case import Case, batches, data, items, verdict
from .replies import documents
from .rows import row

_DEFAULTS = {
    "BatchSize": 100, "MaximumBatchingWindowInSeconds": 0, "ParallelizationFactor": 1,
    "MaximumRetryAttempts": -1, "MaximumRecordAgeInSeconds": -1, "BisectBatchOnFunctionError": False,
    "FunctionResponseTypes": [],
}  # fmt: skip


@row("[parameters][p]: defaults")
def defaults(case: Case) -> str:
    mapping = case.map(case.stream(), case.function())
    told = case.client("lambda").get_event_source_mapping(UUID=mapping)
    odd = [f"{name} {told.get(name, 'missing')}" for name, one in _DEFAULTS.items() if told.get(name) != one]
    return verdict(not odd, ", ".join(odd))


@row("[parameters][p]: unknown and unsupported settings")
def unsupported(case: Case) -> str:
    stream, function = case.stream(), case.function()
    given = {"TumblingWindowInSeconds": 5, "BatchSize": 10_001}
    taken = []
    for name, value in given.items():
        if not case.refused(case.map, stream, function, **{name: value}):
            taken.append(f"{name}={value}")
    case.put(stream, [1])
    case.until(lambda: function.invocations)
    used = any("window" in one.event for one in function.invocations)
    return verdict(
        not taken, f"taken: {', '.join(taken)}; events {'with' if used else 'without'} a tumbling window"
    )


@row("[parameters][p]: `Enabled`")
def enabled(case: Case) -> str:
    stream, function = case.stream(), case.function()
    case.map(stream, function, Enabled=False)
    case.put(stream, [1])
    return verdict(not case.until(lambda: function.invocations, 6), "one that is not is sent records")


@row("[update][u]: disabled and enabled again it goes on from its checkpoint")
def paused(case: Case) -> str:
    stream, function = case.stream(), case.function()
    mapping = case.map(stream, function)
    case.put(stream, [1])
    case.until(lambda: function.invocations)
    case.update(mapping, Enabled=False)
    case.put(stream, [2])
    time.sleep(4)
    while_paused = items(function)
    case.update(mapping, Enabled=True)
    case.until(lambda: 2 in items(function))
    time.sleep(2)
    return verdict(
        while_paused == [1] and items(function) == [1, 2],
        f"while it is disabled {while_paused[1:]} is sent, and then {items(function)[len(while_paused) :]}",
    )


@row("[update][u]: a changed batch size or filter takes effect; the starting position cannot change")
def updated(case: Case) -> str:
    stream, function = case.stream(), case.function()
    mapping = case.map(stream, function, BatchSize=100)
    case.update(mapping, BatchSize=2)
    case.put(stream, [{"n": number} for number in range(6)], "k")
    case.until(lambda: len(items(function)) >= 6)
    sizes = sorted({len(one) for one in batches(function)})
    repeated = len(items(function)) - 6
    case.update(mapping, FilterCriteria={"Filters": [{"Pattern": '{"data": {"n": [8]}}'}]})
    case.put(stream, [{"n": number} for number in (7, 8, 9)], "k")
    case.until(lambda: {"n": 8} in items(function))
    time.sleep(2)
    late = [one["n"] for one in items(function)[6 + repeated :]]
    return verdict(
        sizes == [2] and late == [8],
        f"with a BatchSize of 2 batches of {sizes}; with a filter for 8, of 7, 8 and 9 came {late}",
    )


@row("[API][a]: deleted and made again, it begins anew")
def made_again(case: Case) -> str:
    stream, function = case.stream(), case.function()
    mapping = case.map(stream, function)
    case.put(stream, [1])
    case.until(lambda: function.invocations)
    case.client("lambda").delete_event_source_mapping(UUID=mapping)
    case.until(lambda: not case.state(mapping), 10)
    time.sleep(2)
    case.put(stream, [2])
    time.sleep(3)
    deleted = items(function)
    case.map(stream, function)
    case.until(lambda: len(items(function)) >= len(deleted) + 2)
    again = items(function)[len(deleted) :]
    return verdict(
        deleted == [1] and again == [1, 2], f"deleted, it is sent {deleted[1:]}; made again, it reads {again}"
    )


@row("[context][c]: `invoked_function_arn` is the alias's; [failures][f]: so is `functionArn`")
def alias(case: Case) -> str:
    stream, function = case.stream(), case.function(_fail)
    lambda_ = case.client("lambda")
    version = lambda_.publish_version(FunctionName=function.name)["Version"]
    made = lambda_.create_alias(FunctionName=function.name, Name="live", FunctionVersion=version)["AliasArn"]
    url, queue = case.queue()
    case.map(
        stream,
        function,
        to=made,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": queue}},
    )
    case.put(stream, [1])
    case.until(lambda: function.invocations)
    told = function.invocations[0].arn if function.invocations else "nothing"
    failed = [one["requestContext"]["functionArn"] for one in documents(case, url)]
    return verdict(
        told == made and failed == [made],
        f"invoked as {told[-30:]}, in the document {[one[-30:] for one in failed]}",
    )


def _fail(_event: dict[str, Any]) -> None:
    raise ValueError("always")


@row("[CloudFormation][n]: a mapping that is a resource of its own")
def resource(case: Case) -> str:
    stream, function, stack = case.stream(), case.function(), case.new_name()
    properties = {"EventSourceArn": stream, "FunctionName": function.name, "StartingPosition": "TRIM_HORIZON"}
    kind = "AWS::Lambda::EventSourceMapping"
    template = {"Resources": {"Mapping": {"Type": kind, "Properties": properties}}}
    formation = case.client("cloudformation")
    formation.create_stack(StackName=stack, TemplateBody=json.dumps(template))
    formation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    case.put(stream, [1])
    case.until(lambda: function.invocations)
    formation.delete_stack(StackName=stack)
    return verdict(function.invocations, "nothing is sent")


def metrics(case: Case) -> set[str]:
    """Return the names of the metrics that there are for a function after it was invoked and failed."""
    stream = case.stream()
    function = case.function(lambda event: _fail(event) if data(event["Records"][0]) == "bad" else None)
    case.map(stream, function, MaximumRetryAttempts=0, BatchSize=1, MetricsConfig={"Metrics": ["EventCount"]})
    case.put(stream, ["good", "bad", "good"], "k")
    case.until(lambda: len(items(function)) >= 3)
    watch = case.client("cloudwatch")

    def listed() -> set[str]:
        found = watch.list_metrics(Namespace="AWS/Lambda", Dimensions=[{"Name": "FunctionName"}])["Metrics"]
        mine = [one for one in found if any(function.name == each["Value"] for each in one["Dimensions"])]
        return {one["MetricName"] for one in mine}

    case.until(lambda: "IteratorAge" in listed(), 10)
    return listed()


@row("[metrics][m]: event counts")
def event_counts(case: Case) -> str:
    found = metrics(case)
    return verdict(
        {"PolledEventCount", "InvokedEventCount"} <= found,
        f"the function has {', '.join(sorted(found)) or 'none'}",
    )


@row("[metrics][m]: `IteratorAge`")
def iterator_age(case: Case) -> str:
    found = metrics(case)
    return verdict("IteratorAge" in found, f"the function has {', '.join(sorted(found)) or 'none'}")
