"""What the deployment of a join is going to do, and everything that must hold before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from threeways.errors import SettingsError, UsageError
from threeways.join import finding
from threeways.join.join import Join
from threeways.ops import account
from threeways.ops.account import Client
from threeways.ops.deploy import answers as kept
from threeways.ops.deploy import changes, join_policy, parameters, repository, streams
from threeways.ops.deploy.answers import Answers
from threeways.ops.deploy.changes import Options
from threeways.ops.deploy.join_policy import POLICY
from threeways.ops.deploy.smoke_test import Example
from threeways.ops.deploy.stack import Stack, look, require_usable
from threeways.scoring import tasks

EVENTS_ARN, VERDICTS_ARN = "EventsStreamArn", "VerdictsStreamArn"
"""The template's parameters of the streams that are read; also its outputs."""
LABELS, LABELS_ARN = "Labels", "LabelsStreamArn"
"""Those of a join that observes what really happened: whether it does, and the stream of that."""
_ARN = "arn:"
_OF_A_MODEL = {"model": "MODEL", "sha256": "SHA256", "task": "TASK", "at_once": "AT_ONCE"}


@dataclass(frozen=True)
class JoinPlan:
    """What is to be done. example: a subject that can be sent through, None where there is none.

    values: of all parameters. changes: a line for each parameter that gets another value.
    """

    answers: Answers
    document: parameters.Document
    stack: Stack | None
    values: Mapping[str, str]
    join: Join[Any]
    example: Example | None
    client: Client
    whose: str
    real: bool
    changes: list[str]


def settle(options: Options, name: str) -> Answers:
    """Return which stack, where and with which parameters. Raises UsageError where that is not said.

    A join's answers are not kept in samconfig.toml, which has those of a consumer: the stack itself has them.
    """
    given = [variable for field, variable in _OF_A_MODEL.items() if getattr(options, field)]
    if given:
        raise UsageError(f"{', '.join(given)} and JOIN={name}: a join has no model; give one of them")
    found = kept.load()
    stack = options.stack
    if not stack:
        if not options.events_from:
            raise UsageError(
                f"JOIN={name} is a stack of its own: name it, STACK=, or the stack whose events are decided "
                "about, EVENTS_FROM="
            )
        stack = f"{options.events_from}-{name.rpartition('.')[2].replace('_', '-')}"
    words = parameters.given(options.parameters)
    if words.setdefault("Join", name) != name:
        raise UsageError(f"JOIN={name} and PARAMETERS=Join={words['Join']} differ: give one of them")
    observes = "true" if finding.find(name).observed else "false"
    if observes == "true":
        words.setdefault(LABELS, observes)
    if words.get(LABELS, observes) != observes:
        raise UsageError(
            f"PARAMETERS=Labels={words[LABELS]}: JOIN={name} "
            + ("needs the stream of its labels" if observes == "true" else "observes no labels")
            + "; leave it out"
        )
    region = options.region or (found and found.region) or account.region() or ""
    return Answers(kept.check_stack(stack), kept.check_region(region), words, options.repository)


def make(options: Options, answers: Answers) -> JoinPlan:
    """Look at the account and check everything that can be checked without an image.

    Nothing is changed. Raises UsageError, LocationError, SettingsError.
    """
    join = finding.find(answers.parameters["Join"])
    document = parameters.template(parameters.JOIN_TEMPLATE)
    parameters.check(document, answers.parameters)
    client = account.of_region(answers.region)
    whose, real = changes.whose_account(client)
    stack = look(answers.stack, client)
    if stack is not None:
        require_usable(stack)
        if not stack.is_join and stack.outputs:
            raise UsageError(f"the stack {stack.name} is there, and is no join: name another, STACK=")
    present = dict(stack.parameters) if stack else {}
    join, policy = join_policy.chosen(join, answers.parameters, present)
    join.prove()
    values = {**parameters.defaults(document), **present, **answers.parameters, POLICY: policy}
    values = {name: value for name, value in values.items() if name in document["Parameters"]}
    values |= _read_streams(options, answers, stack, client)
    parameters.check(document, values)
    _require_streams(answers, values, stack, client)
    _require_kept_longer(join, values, client)
    if answers.repository:
        repository.require(answers.repository, answers.region, client("ecr"))
    told = parameters.changed({**present, POLICY: policy}, values)
    told += join_policy.changed(join, present.get(POLICY, policy), policy)
    return JoinPlan(answers, document, stack, values, join, example_of(join), client, whose, real, told)


def _read_streams(options: Options, answers: Answers, stack: Stack | None, client: Client) -> dict[str, str]:
    """Return the parameters of the streams that EVENTS_FROM and VERDICTS_FROM name.

    Raises UsageError for one that is not there, and where the stack reads another.
    """
    named = {
        EVENTS_ARN: ("EVENTS_FROM", options.events_from, (streams.INPUT_ARN, EVENTS_ARN)),
        VERDICTS_ARN: ("VERDICTS_FROM", options.verdicts_from, (streams.OUTPUT_ARN, VERDICTS_ARN)),
    }
    found = {}
    for parameter, (variable, name, outputs) in named.items():
        if not name:
            continue
        arn = _arn(variable, name, outputs, answers, client)
        if answers.parameters.get(parameter, arn) != arn:
            raise UsageError(
                f"{variable}={name} and PARAMETERS={parameter}= name a stream each: give one of them"
            )
        if stack is not None and stack.outputs.get(parameter, arn) != arn:
            raise UsageError(
                f"the stack {stack.name} reads {stack.outputs[parameter]}, and not {arn} of {name}: name "
                f"another stack, STACK=; or move this one, PARAMETERS={parameter}={arn} without {variable}=, "
                "which begins at that stream's oldest event"
            )
        if stack is None or stack.parameters.get(parameter):
            found[parameter] = arn
    return found


def _arn(variable: str, name: str, outputs: tuple[str, ...], answers: Answers, client: Client) -> str:
    """Return the stream that a stack, a stream's name or its ARN stands for."""
    if name.startswith(_ARN):
        return name
    if name == answers.stack:
        raise UsageError(
            f"{variable}={name} is the stack that is deployed: a join is a stack of its own, STACK="
        )
    other = look(name, client)
    if other is not None:
        arns = [other.outputs[output] for output in outputs if output in other.outputs]
        if not arns:
            raise UsageError(
                f"{variable}={name}: that stack has no output {' or '.join(outputs)}: name one that "
                "`make deploy` made, or a stream"
            )
        return arns[0]
    with account.named_faults(f"{variable}={name} cannot be looked up"):
        stream = streams.summary(name, client)
    if stream is None:
        raise UsageError(
            f"{variable}={name}: there is no such stack and no such stream in {answers.region}: name one "
            "that is there, or its region, REGION="
        )
    return str(stream["StreamARN"])


def _require_streams(
    answers: Answers, values: Mapping[str, str], stack: Stack | None, client: Client
) -> None:
    """Raise UsageError for a stream that can't be read, is both, or is in the way of one to be made."""
    if values[LABELS_ARN] and values[LABELS_ARN] in (values[EVENTS_ARN], values[VERDICTS_ARN]):
        raise UsageError(
            f"{values[LABELS_ARN]} would be the labels' stream and another one of the join's: labels have a "
            "stream of their own, PARAMETERS=LabelsStreamArn="
        )
    if values[EVENTS_ARN] and values[EVENTS_ARN] == values[VERDICTS_ARN]:
        raise UsageError(
            f"{values[EVENTS_ARN]} would be both the events and the verdicts: name the stream that the "
            "consumers put their predictions on, VERDICTS_FROM="
        )
    read = (EVENTS_ARN, VERDICTS_ARN, *((LABELS_ARN,) if values[LABELS] == "true" else ()))
    streams.require_existing(values, answers.region, client, read)
    there = {parameter: stack.parameters.get(parameter) for parameter in read} if stack else {}
    own = [(parameter.removesuffix("StreamArn").lower(), parameter) for parameter in read]
    for kind, parameter in (("decisions", None), *own):
        if (parameter and values[parameter]) or (stack is not None and not there.get(parameter or "")):
            continue
        name = f"{answers.stack}-{kind}"
        with account.named_faults(f"the stream {name} cannot be looked up"):
            if streams.summary(name, client):
                raise UsageError(
                    f"there is a stream {name} already, which is none of this stack's: deploy under another "
                    "name, STACK="
                )


def _require_kept_longer(join: Join[Any], values: Mapping[str, str], client: Client) -> None:
    """Raise UsageError where a stream keeps records for longer than the table keeps a decision.

    Such an event, sent again, would open its key again.
    """
    for parameter in (EVENTS_ARN, VERDICTS_ARN, LABELS_ARN):
        if not values[parameter]:
            continue  # the template's RetentionHours ends at a week, and a join keeps for longer
        name = values[parameter].rpartition("/")[2]
        with account.named_faults(f"the stream {name} cannot be looked up"):
            found = streams.summary(name, client) or {}
        hours = int(found.get("RetentionPeriodHours", 24))
        if hours >= join.keep_days * 24:
            raise UsageError(
                f"the stream {name} keeps records for {hours / 24:g} days, and the join {join.name} its "
                f"decisions for {join.keep_days}: an event that comes again would be decided anew. Raise "
                "keep_days in the join, or lower the stream's retention"
            )


def example_of(join: Join[Any]) -> Example | None:
    """Return the join's example as an event that can get an id of its own; None where it takes none."""
    event: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(join.example))
    for numbered, own_id in ((False, "deploy-check-0"), (True, 1)):
        try:
            msgspec.convert({**event, join.id: own_id}, join.subject)
        except msgspec.ValidationError:
            continue
        return Example(join.id, event, numbered)
    return None


def name_of(parameter: str, stack: str, values: Mapping[str, str]) -> str:
    """Return the name of the stream that a parameter stands for: one that is there, or the stack's own."""
    own = f"{stack}-{parameter.removesuffix('StreamArn').lower()}"
    return values[parameter].rpartition("/")[2] if values.get(parameter) else own


def not_deployed(made: JoinPlan) -> list[str]:
    """Return the expected sources that no reader of the events is called by. Raises LocationError."""
    consumers = made.join.expected - made.join.observed
    if not made.values[EVENTS_ARN]:
        return sorted(consumers)
    with account.named_faults("who reads the events cannot be told"):
        return sorted(consumers - sources_of(made.values[EVENTS_ARN], made.client))


def sources_of(stream: str, client: Client) -> set[str]:
    """Return what the functions that read a stream call themselves in their messages.

    That is what its task says, or the model's name where its signature makes the task. Raises boto's errors.
    """
    found = set()
    for mapping in streams.readers_of(stream, client):
        configuration = client("lambda").get_function_configuration(FunctionName=mapping["FunctionArn"])
        variables = configuration.get("Environment", {}).get("Variables", {})
        found |= {_source(variables.get("TASK") or "", variables.get("MODEL_NAME") or "")}
    return found


def _source(task: str, model_name: str) -> str:
    """Return the `model` of a consumer's messages; of a task that is not here its short name."""
    try:
        return tasks.find(task).model_name if task else model_name
    except SettingsError:
        return task.rpartition(".")[2]
