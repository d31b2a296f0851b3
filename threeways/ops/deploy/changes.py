"""What a deployment is going to do, and everything that must hold before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from threeways.errors import ArtifactMismatch, UsageError
from threeways.ops import account
from threeways.ops.account import Client
from threeways.ops.deploy import answers as kept
from threeways.ops.deploy import further, parameters, repository, smoke_test, streams
from threeways.ops.deploy import model as models
from threeways.ops.deploy.answers import Answers, Ask
from threeways.ops.deploy.docker_and_sam import DockerAndSam
from threeways.ops.deploy.model import Chosen
from threeways.ops.deploy.smoke_test import Example
from threeways.ops.deploy.stack import Stack, look, require_quiet, require_usable
from threeways.scoring.task import Task
from threeways.settings import Settings

TASK, MODEL_NAME, EVENT_ID = "Task", "ModelName", "EventId"
"""The template's parameters that tell the function what its model predicts."""
FOLLOW = "Follow"
"""The template's parameter that names the pointer of the model that serves."""


@dataclass(frozen=True)
class Options:
    """What the user gave with the command; None and "" where nothing.

    task: what is predicted. events_from: the stack whose input stream is read, too. join: what is decided,
    instead of predicted. verdicts_from: the stack, or the stream, whose predictions are its verdicts.
    follow: the pointer of the model that serves.
    sha256: the model's digest, given by who vouches for it. parameters: `Name=value` words. image: one
    that is built. to: the deployment to go back to. at_once: the new version takes over in one step. yes:
    do not ask. event: send one through afterwards.
    """

    stack: str | None = None
    region: str | None = None
    model: str | None = None
    sha256: str | None = None
    parameters: str = ""
    image: str | None = None
    repository: str | None = None
    to: str | None = None
    at_once: bool = False
    yes: bool = False
    event: bool = True
    task: str | None = None
    events_from: str | None = None
    join: str | None = None
    verdicts_from: str | None = None
    follow: str | None = None


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    values: of all parameters but the model's. task: what the model serves. example: an event of it, None
    where none can be sent. client: for the stack's region. changes: a line for each parameter that gets
    another value.
    """

    answers: Answers
    document: parameters.Document
    stack: Stack | None
    values: Mapping[str, str]
    chosen: Chosen
    task: Task[Any]
    example: Example | None
    client: Client
    whose: str
    real: bool
    changes: list[str]

    @property
    def is_first(self) -> bool:
        """Whether no version with a model was ever deployed: there is none to take over from."""
        return self.stack is None or not self.stack.parameters.get("ModelLocation")


def settle(options: Options, file: Path, ask: Ask | None, tools: DockerAndSam) -> Answers:
    """Return the answers: given with the command, kept, or asked for. ask: None without a terminal."""
    found = kept.load(file)
    region = options.region or (found and found.region) or account.region() or ""
    given = _given(options)
    stack = options.stack or further.own_name(options.events_from, given.get("Task"))
    if found is None and not stack:
        if ask is None:
            raise UsageError(
                f"there is no {file.name} yet, and no terminal to ask on: name the stack, STACK=, its "
                "region, REGION= or AWS_REGION, and what differs from the template's defaults, "
                "PARAMETERS='Name=value …'"
            )
        found = kept.guided(ask, region, tools.machine(), parameters.template())
        region = found.region
    if found is None or (stack and stack != found.stack):
        found = Answers("", "")  # another stack's answers are not this one's
    return Answers(
        kept.check_stack(stack or found.stack),
        kept.check_region(region),
        {**found.parameters, **given},
        options.repository or found.repository,
    )


def _given(options: Options) -> dict[str, str]:
    """Return the parameters that the user gave. Raises UsageError where TASK= and Task= differ, and such."""
    given = parameters.given(options.parameters)
    for short, name, value in (("TASK", TASK, options.task), ("FOLLOW", FOLLOW, options.follow)):
        if value and given.setdefault(name, value) != value:
            raise UsageError(f"{short}={value} and PARAMETERS={name}={given[name]} differ: give one of them")
    return given


SERVICES = ("cloudformation", "s3", "ecr", "kinesis", "lambda", "cloudwatch")


def whose_account(client: Client) -> tuple[str, bool]:
    """Whose account is touched, for people, and whether it is a real one. Raises LocationError."""
    used = [client(service) for service in SERVICES]
    return account.whose(*used), account.is_real(*used)


def make(options: Options, answers: Answers, local: Path) -> Plan:
    """Look at the account and check everything that can be checked without an image.

    Nothing is changed. Raises UsageError, LocationError, ArtifactError, ModelFailed.
    """
    document = parameters.template()
    parameters.check(document, answers.parameters)
    refused = sorted(set(answers.parameters) & set(parameters.OURS))
    if refused:
        raise UsageError(f"{', '.join(refused)} cannot be given: MODEL= names the model, and decides them")
    client = account.of_region(answers.region)
    whose, real = whose_account(client)
    stack = look(answers.stack, client)
    values = {**parameters.defaults(document), **_present(stack), **answers.parameters}
    values = {name: value for name, value in values.items() if name in document["Parameters"]}
    if options.events_from:
        read = further.parameters_of(options.events_from, answers, stack, client)
        answers = replace(answers, parameters={**answers.parameters, **read})
        values |= read
    parameters.check(document, values)
    streams.require_two(values, answers.parameters)
    if stack is not None:
        _check_stack(options, stack, client)
    streams.require_free(stack, values, client)
    streams.require_existing(values, answers.region, client)
    if answers.repository:
        repository.require(answers.repository, answers.region, client("ecr"))
    asked = _asked(options, answers, stack, values)
    found = models.find(options.model, local, asked.task, options.sha256)
    chosen, task = _checked(found, asked, answers, options.image)
    values |= _of_task(found, asked)
    # Of a runtime that was not asked for, each model decides anew: one without ONNX needs the other image.
    values[models.RUNTIME] = answers.parameters.get(
        models.RUNTIME, "onnx" if chosen.runtime == "onnx" else ""
    )
    parameters.check(document, chosen.parameters("a-bucket"))
    changes = parameters.changed(_present(stack), values)
    example = smoke_test.example_of(task)
    return Plan(answers, document, stack, values, chosen, task, example, client, whose, real, changes)


def _asked(options: Options, answers: Answers, stack: Stack | None, values: Mapping[str, str]) -> Settings:
    """Return which task and runtime are asked for: those that were given, else the stack's, else the model's.

    Raises UsageError where no model is known, for its signature makes the task.
    """
    given = answers.parameters
    task = values[TASK] if stack is not None or TASK in given else None
    if options.model is None and task == "":
        raise UsageError(
            "the stack's task is made by its model's signature, so that no registered model is known for it: "
            "name one, MODEL=models:/name@alias, a folder or s3://bucket/prefix"
        )
    kept = given if task else values  # of a task with a name they were for another model
    registered = (options.model or "").startswith("models:/")
    return Settings(
        task=task or None,
        model_name=given.get(MODEL_NAME) or (None if registered else kept.get(MODEL_NAME)) or None,
        event_id=kept.get(EVENT_ID) or None,
        model_runtime=models.RUNTIMES[given.get(models.RUNTIME, "")],
    )


def _checked(found: Chosen, asked: Settings, answers: Answers, image: str | None) -> tuple[Chosen, Task[Any]]:
    """Return the model, checked, and its task. Raises ArtifactError, SettingsError or ModelFailed."""
    try:
        chosen = models.check(found, asked, image=image)
    except ArtifactMismatch as error:
        if asked.task is None or TASK in answers.parameters:
            raise
        raise ArtifactMismatch(
            f"{error}. The stack's Task is {asked.task}: PARAMETERS='Task=' has the model name its own, by "
            "its metadata or its signature"
        ) from None
    assert chosen.task is not None  # noqa: S101  (it was checked)
    return chosen, chosen.task


def _of_task(found: Chosen, asked: Settings) -> dict[str, str]:
    """Return the template's parameters that tell the function its task; a signature's has no name."""
    settings = models.settings_of(found, asked)
    told = {TASK: settings.task, MODEL_NAME: settings.model_name, EVENT_ID: settings.event_id}
    return {name: value or "" for name, value in told.items()}


def _present(stack: Stack | None) -> dict[str, str]:
    """Return the parameters that the stack has now, but for the model's."""
    if stack is None:
        return {}
    of_template = parameters.defaults(stack.template) if stack.template.get("Parameters") else {}
    now = {name: _said(value, of_template.get(name)) for name, value in stack.parameters.items()}
    if "DeploymentType" in of_template:  # a first deployment overrides it, for once
        now["DeploymentType"] = of_template["DeploymentType"]
    return {name: value for name, value in now.items() if name not in parameters.OURS}


def _said(value: str, deployed: str | None) -> str:
    """Return a parameter's value: of one that is NoEcho CloudFormation says none, but its template has it.

    docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
    """
    return deployed if value == "****" and deployed is not None else value


def _check_stack(options: Options, stack: Stack, client: Client) -> None:
    require_usable(stack)
    if stack.is_join:
        raise UsageError(f"the stack {stack.name} is a join: say which, JOIN=, or name another stack, STACK=")
    bucket = stack.output("ModelBucket")
    with account.named_faults(f"the stack's model bucket {bucket} is not there or not yours"):
        client("s3").head_bucket(Bucket=bucket)
    if not options.at_once:
        require_quiet(stack.name, client)
