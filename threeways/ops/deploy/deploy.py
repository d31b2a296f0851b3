"""`make deploy`: all checks, what will be touched, the deployment, and an event through it.

The order of a first deployment: the model belongs into the stack's bucket, which only the stack makes. So the
stack is deployed without a model first, its mapping off (events wait), then the model is uploaded, then the
stack is deployed with it. A later one uploads first and deploys once. Whatever ends it half-way, the next
`make deploy` goes on: an upload's place is its digest, and each step looks at what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console

from threeways.docker.images import FAST, FRAME, FUNCTION
from threeways.errors import DeploymentFailed, UsageError
from threeways.ops.account import Client
from threeways.ops.deploy import answers as kept
from threeways.ops.deploy import (
    change_set,
    changes,
    following,
    history,
    join_deploy,
    join_plan,
    package,
    parameters,
    repository,
    smoke_test,
    streams,
)
from threeways.ops.deploy import model as models
from threeways.ops.deploy.answers import Ask
from threeways.ops.deploy.changes import Options, Plan
from threeways.ops.deploy.docker_and_sam import DockerAndSam
from threeways.ops.deploy.history import Deployment
from threeways.ops.deploy.parameters import Document
from threeways.ops.deploy.smoke_test import Example
from threeways.ops.deploy.stack import Stack, require_after
from threeways.ops.printing import say
from threeways.settings import Settings, from_environment, refuse

type Confirm = Callable[[str], bool]
"""Asks a yes-or-no question."""

NOTHING = "nothing was touched"
NO_MODEL = {"ModelLocation": "", "ModelSha256": "", "RunId": ""}
IN_ONE_STEP = {"DeploymentType": "AllAtOnce"}
"""Of a first version with a model: there is no other that it could take over from step by step."""


def deploy(
    options: Options,
    tools: DockerAndSam,
    console: Console,
    local: Path,
    ask: Ask | None,
    confirm: Confirm,
    answers_file: Path = kept.FILE,
) -> Stack:
    """Deploy the stack with a model; the stack as it is then.

    local: where `make train` keeps its store, and this its packaged template. ask: None without a terminal.
    Raises a UsageError before anything is changed, DeploymentFailed after.
    """
    settings = from_environment(Settings)
    refuse(
        msgspec.structs.replace(settings, task=None),
        "MODEL=, SHA256=, TASK= and PARAMETERS='ModelRuntime=…' say what is deployed",
    )
    options = replace(options, task=options.task or settings.task)
    tools.require()
    if options.image:
        tools.architecture(options.image)  # that it is there
    if options.join:
        return _of_join(options, options.join, tools, console, confirm)
    if options.verdicts_from:
        raise UsageError(f"VERDICTS_FROM={options.verdicts_from} is for a join: say which, JOIN=")
    answers = changes.settle(options, answers_file, ask, tools)
    made = changes.make(options, answers, local)
    if options.image:
        join_deploy.require_architecture(options.image, made.values["Architecture"], tools)
    _announce(made, options, console)
    if made.real and not options.yes and not confirm("Go on?"):
        raise UsageError(NOTHING)
    _require_kept(made)
    image = options.image or tools.build(made.values["Architecture"], _target(made))
    join_deploy.require_architecture(image, made.values["Architecture"], tools)
    image = _proven(image, options, made, tools)
    if reason := kept.save(answers, answers_file, is_further=bool(options.events_from)):
        say(console, f"{answers_file} {reason}, and stays as it is")
    stack = _carry_out(made, options, tools, image, console)
    say(console, f"Deployed: {answers.stack} with {made.chosen.name}")
    if options.event and made.example:
        version = following.version_of(stack, made.chosen.run_id, made.client)
        through(stack, made.example, version, made.client, console)
    return stack


def _of_join(options: Options, name: str, tools: DockerAndSam, console: Console, confirm: Confirm) -> Stack:
    """Deploy the stack of a join; the stack as it is then."""
    made = join_plan.make(options, join_plan.settle(options, name))
    if options.image:
        join_deploy.require_architecture(options.image, made.values["Architecture"], tools)
    join_deploy.announce(made, options, console)
    if made.real and not options.yes and not confirm("Go on?"):
        raise UsageError(NOTHING)
    join_deploy.require_kept(made)
    return join_deploy.carry_out(made, options, tools, console)


def _proven(image: str, options: Options, made: Plan, tools: DockerAndSam) -> str:
    """Have the image load the model; return it, or the one with pandas where a pickle turns out to need that.

    Such a pickle is loaded nowhere before. Raises UsageError where the function would refuse the model.
    """
    try:
        tools.prove(image, made.chosen, made.values)
    except UsageError as error:
        if options.image or made.chosen.target == FRAME or "pandas" not in str(error):
            raise
        image = tools.build(made.values["Architecture"], FRAME)
        tools.prove(image, made.chosen, made.values)
    return image


def _announce(made: Plan, options: Options, console: Console) -> None:
    """Say what will be touched, before anything is."""
    answers, stack = made.answers, made.stack
    state = f"{stack.status}, is updated" if stack else "is not there yet, and is made"
    where = answers.repository or f"its own ECR repository, {repository.own_name(answers.stack)}"
    built = options.image or f"target {_target(made)}, built now"
    say(
        console,
        f"This touches {made.whose}",
        f"  stack  {answers.stack} in {answers.region}: {state}",
        f"  model  {made.chosen.name}, run {made.chosen.run_id or 'unknown'}, SHA-256 {made.chosen.sha256}",
        f"  trust  {models.trust(made.chosen)}",
        f"  task   {models.told_task(made.task)}",
        f"  served by {models.served_by(made.chosen, answers.parameters)}",
        f"  image  {built}, for {made.values['Architecture']}, pushed to {where}",
        *_follows(made),
        *made.changes,
        _event(made, options),
    )


def _follows(made: Plan) -> list[str]:
    """Return what the announcement says of the pointer that decides which model serves."""
    if not made.values.get(changes.FOLLOW):
        return []
    pointer = following.of(dict(made.values), made.client)
    now = pointer.held.pointer if pointer else None
    serves = f"{now} serves, whatever MODEL= is" if now else "there is none yet, and this model serves"
    return [f"  follow {made.values[changes.FOLLOW]}: {serves}; make promote changes it"]


def _target(made: Plan) -> str:
    """Return the Dockerfile's target that the function's image is built of."""
    by_onnx = made.values[models.RUNTIME] == "onnx"
    return FUNCTION if made.chosen.target == FAST and not by_onnx else made.chosen.target


def _event(made: Plan, options: Options) -> str:
    """Return what the announcement says of the event that is sent through."""
    if not options.event or made.values["Consume"] != "true":
        return "  event  none is sent"
    if made.example is None:
        return f"  event  none is sent, for {made.task.id_name} takes neither a text nor an integer as its id"
    others = ", which its other consumers get, too" if made.values[streams.INPUT_ARN] else ""
    return (
        f"  event  one is put on {streams.input_name(made.values)}{others}; its prediction stays on "
        f"{streams.output_name(made.values)}"
    )


def _require_kept(made: Plan) -> None:
    """Raise UsageError where the deployment would replace or remove a stream or a bucket of the stack.

    Asked with the image that the stack has now, for whichever it is decides nothing of these.
    """
    if made.stack is None:
        return
    image = package.image_of(made.stack.template) or repository.example(made.answers.region)
    values = {**made.values, **made.chosen.parameters(made.stack.output("ModelBucket"))}
    template = package.text_of(package.packaged(made.document, values, image))
    change_set.require_kept(made.answers.stack, template, values, made.client)


def _carry_out(made: Plan, options: Options, tools: DockerAndSam, image: str, console: Console) -> Stack:
    """Push, upload, deploy. Raises LocationError or DeploymentFailed where a step does not succeed."""
    client, answers = made.client, made.answers
    where = answers.repository or repository.own(answers.stack, client("ecr"))
    uri = tools.push(image, repository.login(where, client("ecr")))
    say(console, f"Pushed {uri}")
    stack = made.stack
    if stack is None:
        say(console, "First the stack without a model: its buckets and streams, the mapping off")
        without = package.packaged(made.document, {**made.values, **NO_MODEL}, uri)
        stack = _apply(made, tools, without, where, IN_ONE_STEP)
    bucket = stack.output("ModelBucket")
    new = models.upload(made.chosen, bucket, client("s3"))
    location = made.chosen.location(bucket)
    say(console, f"Model at {location}: {new} files uploaded")
    values = {**made.values, **made.chosen.parameters(bucket)}
    template = package.packaged(made.document, values, uri)
    shown = package.at_once(template) if options.at_once else template
    after = _apply(made, tools, shown, where, IN_ONE_STEP if made.is_first else {})
    own_id = str(package.id_of(template))
    if package.id_of(after.template) == own_id:
        before = None if made.is_first or made.stack is None else package.id_of(made.stack.template)
        now = datetime.now(UTC)
        deployment = Deployment(own_id, before, now, made.chosen.name, location, uri, template, made.example)
        history.of(after, client("s3")).add(deployment)
    return after


def _apply(
    made: Plan, tools: DockerAndSam, template: Document, where: str, instead: Mapping[str, str]
) -> Stack:
    values = {**parameters.defaults(template), **instead}
    tools.deploy(package.text_of(template), made.answers, values, where)
    return require_after(made.answers.stack, made.client)


def through(stack: Stack, example: Example, run_id: str, client: Client, console: Console) -> None:
    """Send an event through the stack and tell its prediction. Raises DeploymentFailed."""
    if stack.parameters.get("Consume", "true") != "true":
        say(console, "The consumer is paused (Consume=false): no event was sent, and events wait")
        return
    answer = smoke_test.send(stack, example, run_id, client, console)
    if run_id and answer.get("version") != run_id:
        raise DeploymentFailed(
            f"the event was answered by {answer.get('version')}, not by {run_id}: is another consumer of "
            f"{stack.output(streams.INPUT_NAME)} putting predictions on {stack.output(streams.OUTPUT_NAME)}?"
        )
    say(console, f"It came through: {answer['prediction']} by {answer['model']}, version {answer['version']}")
