"""`make deploy JOIN=`: the stack of a join, and an event through it.

It has no model, so that it is deployed in one step; join.yaml has no alias, so that a deployment takes over
at once, and what it does not manage comes again.
"""

from __future__ import annotations

from datetime import UTC, datetime

from rich.console import Console

from threeways.docker.images import JOIN
from threeways.errors import UsageError
from threeways.ops.deploy import (
    change_set,
    history,
    join_plan,
    join_smoke_test,
    package,
    parameters,
    repository,
)
from threeways.ops.deploy.changes import Options
from threeways.ops.deploy.docker_and_sam import DockerAndSam
from threeways.ops.deploy.history import Deployment
from threeways.ops.deploy.join_plan import EVENTS_ARN, LABELS_ARN, VERDICTS_ARN, JoinPlan
from threeways.ops.deploy.join_policy import POLICY
from threeways.ops.deploy.stack import Stack, require_after
from threeways.ops.printing import say


def require_architecture(image: str, wanted: str, tools: DockerAndSam) -> None:
    """Raise UsageError where an image is not for the architecture of the stack's functions."""
    built = tools.architecture(image)
    if built != wanted:
        raise UsageError(
            f"{image} was built for {built}, the stack's functions run on {wanted}: build it with "
            f"`make image ARCH={wanted}`, or deploy with PARAMETERS=Architecture={built}"
        )


def announce(made: JoinPlan, options: Options, console: Console) -> None:
    """Say what will be touched, before anything is."""
    answers, stack, join, values = made.answers, made.stack, made.join, made.values
    state = f"{stack.status}, is updated" if stack else "is not there yet, and is made"
    where = answers.repository or f"its own ECR repository, {repository.own_name(answers.stack)}"
    image = options.image or "target join, built now"
    verdicts = values[VERDICTS_ARN] or f"a stream of its own, {answers.stack}-verdicts"
    say(
        console,
        f"This touches {made.whose}",
        f"  stack     {answers.stack} in {answers.region}: {state}",
        f"  join      {join.name}, within {join.deadline:g} s"
        + (f", by the rules {join.rules}" if join.rules else ""),
        *([f"  policy    of its own, {len(values[POLICY]):,} characters packed"] if values[POLICY] else []),
        f"  events    {values[EVENTS_ARN] or f'a stream of its own, {answers.stack}-events'}",
        f"  verdicts  {verdicts}, of {', '.join(sorted(join.expected - join.observed)) or 'nobody'}",
        *_labels(made),
        f"  image     {image}, for {values['Architecture']}, pushed to {where}",
        *made.changes,
        *_missing(made),
        _event(made, options),
    )


def _labels(made: JoinPlan) -> list[str]:
    """Return a line for the stream of what really happened, of a join that observes it."""
    if not made.join.observed:
        return []
    name = join_plan.name_of(LABELS_ARN, made.answers.stack, made.values)
    return [f"  labels    {name}, of {', '.join(sorted(made.join.observed))}"]


def _missing(made: JoinPlan) -> list[str]:
    """Return a line for the expected consumers of which no function that reads the events was found."""
    lacking = join_plan.not_deployed(made)
    if not lacking:
        return []
    names = ", ".join(lacking)
    return [f"  NOT FOUND: a consumer of these events that is called {names}: its verdicts will be missing"]


def _event(made: JoinPlan, options: Options) -> str:
    if not options.event or made.values["Consume"] != "true":
        return "  event     none is sent"
    if made.example is None:
        return f"  event     none is sent, for {made.join.id} takes neither a text nor an integer as its id"
    name = join_plan.name_of(EVENTS_ARN, made.answers.stack, made.values)
    return (
        f"  event     one is put on {name}, which other readers get, too; its verdicts are the consumers' "
        f"own, and its decision stays on {made.answers.stack}-decisions"
    )


def require_kept(made: JoinPlan) -> None:
    """Raise UsageError where the deployment would replace or remove a stream, a bucket or the table."""
    if made.stack is None:
        return
    image = package.image_of(made.stack.template) or repository.example(made.answers.region)
    template = package.text_of(package.packaged(made.document, made.values, image))
    change_set.require_kept(made.answers.stack, template, made.values, made.client)


def carry_out(made: JoinPlan, options: Options, tools: DockerAndSam, console: Console) -> Stack:
    """Build, push, deploy, record, and send an event. Raises DeploymentFailed."""
    answers, client = made.answers, made.client
    architecture = made.values["Architecture"]
    image = options.image or tools.build(architecture, JOIN)
    require_architecture(image, architecture, tools)
    tools.prove_join(image, made.join.name, made.values)
    where = answers.repository or repository.own(answers.stack, client("ecr"))
    uri = tools.push(image, repository.login(where, client("ecr")))
    say(console, f"Pushed {uri}")
    template = package.packaged(made.document, made.values, uri)
    tools.deploy(package.text_of(template), answers, parameters.defaults(template), where)
    stack = require_after(answers.stack, client)
    own_id = str(package.id_of(template))
    before = package.id_of(made.stack.template) if made.stack else None
    name = f"join {made.join.name}"
    deployment = Deployment(own_id, before, datetime.now(UTC), name, "", uri, template, made.example)
    history.of(stack, client("s3")).add(deployment)
    say(console, f"Deployed: {answers.stack} with the join {made.join.name}")
    if not made.values[VERDICTS_ARN]:
        say(
            console,
            "Have the consumers put their verdicts on its stream: "
            f"make deploy TASK=… PARAMETERS=OutputStreamArn={stack.output(VERDICTS_ARN)}",
        )
    if options.event and made.example:
        join_smoke_test.through(stack, made.join, made.example, client, console)
    return stack
