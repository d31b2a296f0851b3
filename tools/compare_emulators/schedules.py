"""EventBridge rules, Scheduler's schedules and asynchronous invocations."""

from __future__ import annotations

import json
import time
from typing import Any

from .case import Case, verdict
from .functions import Function, Handler
from .rows import row

_FIELDS = {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}


def rule(case: Case, expression: str, handler: Handler = lambda _event: None) -> Function:
    """Make a rule that invokes a function of its own."""
    function, events = case.function(handler), case.client("events")
    arn = case.client("lambda").get_function(FunctionName=function.name)["Configuration"]["FunctionArn"]
    made = events.put_rule(Name=function.name, ScheduleExpression=expression)["RuleArn"]
    case.client("lambda").add_permission(
        FunctionName=function.name, StatementId="rule", Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com", SourceArn=made,
    )  # fmt: skip
    events.put_targets(Rule=function.name, Targets=[{"Id": "1", "Arn": arn}])
    return function


@row("[rules][e1]: `rate` from an interval after the start on; `cron`, wildcards included")
def rates(case: Case) -> str:
    made = time.monotonic()
    rated, timed = rule(case, "rate(1 minute)"), rule(case, "cron(* * * * ? *)")
    case.until(lambda: rated.invocations and timed.invocations, 130)
    refused = case.refused(lambda: rule(case, "cron(* * * * * *)"))
    waited = rated.invocations[0].at - made if rated.invocations else 0.0
    return verdict(
        55 <= waited <= 125 and timed.invocations and refused,
        f"within two minutes rate(1 minute) comes {f'after {waited:.0f} s' if waited else 'never'}, "
        f"cron each minute {'comes' if timed.invocations else 'never'}; "
        f"cron(* * * * * *), which AWS refuses, is {'refused' if refused else 'taken'}",
    )


@row("[rules][e2]: the event's shape")
def rule_event(case: Case) -> str:
    function = rule(case, "rate(1 minute)")
    if not case.until(lambda: function.invocations, 130):
        return "no: nothing comes"
    event = function.invocations[0].event
    odd = {str(one) for one in set(event) ^ _FIELDS}
    odd |= {"source"} if event.get("source") != "aws.events" else set()
    odd |= {"detail-type"} if event.get("detail-type") != "Scheduled Event" else set()
    return verdict(not odd, f"fields that differ: {', '.join(sorted(odd))}")


def schedule(case: Case, expression: str, **target: Any) -> Function:
    """Make a schedule of EventBridge Scheduler that invokes a function of its own."""
    function = case.function()
    told = case.client("lambda").get_function(FunctionName=function.name)["Configuration"]
    case.client("scheduler").create_schedule(
        Name=function.name,
        ScheduleExpression=expression,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": told["FunctionArn"], "RoleArn": told["Role"], **target},
    )
    return function


@row("[Scheduler][e3]: `rate` fires at once; zones where clocks change")
def scheduler(case: Case) -> str:
    function = schedule(case, "rate(1 minute)")
    return verdict(
        case.until(lambda: function.invocations, 90), "within 90 s a schedule of rate(1 minute) never fires"
    )


@row("[Scheduler][e4]: attributes within `Input`")
def attributes(case: Case) -> str:
    function = schedule(
        case, "rate(1 minute)", Input=json.dumps({"at": "<aws.scheduler.scheduled-time>", "n": 1})
    )
    if not case.until(lambda: function.invocations, 90):
        return "no: it never fires"
    at = str(function.invocations[0].event.get("at"))
    return verdict(at[:2] == "20", f"it is sent {at}")


@row("[asynchronous][e5]: errors after 1 and 2 minutes, throttles for hours")
def asynchronous(case: Case) -> str:
    def handler(_event: dict[str, Any]) -> None:
        raise ValueError("always")

    function = case.function(handler)
    case.client("lambda").invoke(FunctionName=function.name, InvocationType="Event", Payload=b"{}")
    case.until(lambda: len(function.invocations) >= 3, 240)
    times = [round(one.at - function.invocations[0].at) for one in function.invocations]
    good = len(times) == 3 and 55 <= times[1] <= 80 and 170 <= times[2] <= 220
    return verdict(good, f"it is invoked after {times} s")
