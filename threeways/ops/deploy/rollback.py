"""`make rollback`: the deployment before this one, as it was: template, image, model, parameters.

It goes without CodeDeploy, for the alarm that is the reason to go back would stop that, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from threeways.artifact.fetch import bucket as buckets
from threeways.errors import SettingsError, UsageError
from threeways.join import finding
from threeways.ops import account
from threeways.ops.account import Client
from threeways.ops.deploy import answers as kept
from threeways.ops.deploy import (
    change_set,
    changes,
    following,
    join_smoke_test,
    package,
    parameters,
    repository,
    smoke_test,
)
from threeways.ops.deploy import history as histories
from threeways.ops.deploy import model as models
from threeways.ops.deploy.changes import Options
from threeways.ops.deploy.deploy import NOTHING, Confirm, through
from threeways.ops.deploy.docker_and_sam import DockerAndSam
from threeways.ops.deploy.history import Deployment, History
from threeways.ops.deploy.smoke_test import Example
from threeways.ops.deploy.stack import Stack, look, require_after, require_usable
from threeways.ops.printing import say
from threeways.scoring import tasks


def rollback(
    options: Options, tools: DockerAndSam, console: Console, confirm: Confirm, answers_file: Path = kept.FILE
) -> Stack:
    """Go back, by one deployment or to `options.to`; the stack as it is then.

    Raises a UsageError before anything is changed, DeploymentFailed after.
    """
    answers = changes.settle(options, answers_file, None, tools)
    client = account.of_region(answers.region)
    whose, real = changes.whose_account(client)
    stack = existing(answers.stack, answers.region, client)
    require_usable(stack)
    history = histories.of(stack, client("s3"))
    target = _target(options.to, stack, history)
    if target.model_location:
        _require_model(target, client)
    _require_image(target, client)
    current = history.get(package.id_of(stack.template) or "")
    values = parameters.defaults(target.template)
    passing = {*parameters.OURS, "DeploymentType"}
    before = {name: value for name, value in stack.parameters.items() if name not in passing}
    pointer = following.to_take_back(target, values, client)
    say(
        console,
        f"This touches {whose}",
        f"  stack  {answers.stack} in {answers.region}: {stack.status}",
        f"  from   {current or 'a deployment that is not recorded'}",
        f"  to     {target}",
        "  at once, without CodeDeploy. The streams and buckets keep what they hold.",
        *([f"  pointer {pointer.store.place}: it names that model again"] if pointer else []),
        *parameters.changed(before, values),
    )
    if real and not options.yes and not confirm("Go back?"):
        raise UsageError(NOTHING)
    where = target.image.partition("@")[0]
    template = package.text_of(package.at_once(target.template))
    change_set.require_kept(answers.stack, template, values, client)
    if pointer:
        following.take_back(pointer, target, values, whose)
        say(console, f"{pointer.store.place} names {target.model} again")
    tools.deploy(template, answers, values, where)
    after = require_after(answers.stack, client)
    say(console, f"Back: {answers.stack} with {target.model}")
    example = target.example or (
        smoke_test.example_of(tasks.find(values["Task"])) if values.get("Task") else None
    )
    if options.event and example and after.is_join:
        _through_join(after, values, example, client, console)
    elif options.event and example is None:
        say(console, "No event was sent, for the deployment's record has none")
    elif options.event and example:
        through(after, example, following.version_of(after, values["RunId"], client), client, console)
    return after


def _through_join(
    stack: Stack, values: Mapping[str, str], example: Example, client: Client, console: Console
) -> None:
    """Send an event through a join, where that can be found here: it is gone back to all the same."""
    try:
        join = finding.find(values["Join"], values.get("Policy"))
    except SettingsError as error:
        say(console, f"No event was sent: {error}")
        return
    join_smoke_test.through(stack, join, example, client, console)


def existing(name: str, region: str, client: Client) -> Stack:
    """Return the stack. Raises UsageError where there is none."""
    stack = look(name, client)
    if stack is None:
        raise UsageError(f"there is no stack {name} in {region}: name another, STACK= and REGION=")
    return stack


def _target(to: str | None, stack: Stack, history: History) -> Deployment:
    here = package.id_of(stack.template)
    current = history.get(here) if here else None
    wanted = to or (current.before if current else None)
    if wanted == here:
        raise UsageError(f"the stack {stack.name} is at {here} already")
    found = history.get(wanted) if wanted else None
    if found is None:
        known = "\n  ".join(str(one) for one in history.all() if one.id != here) or "none"
        what = f"there is no deployment {wanted}" if wanted else "there is no deployment before this one"
        raise UsageError(f"{what}. Name one that is known, TO=id:\n  {known}")
    return found


def _require_model(target: Deployment, client: Client) -> None:
    """Raise UsageError where its model was removed since."""
    place = buckets.parse(target.model_location)
    with account.named_faults(f"the model at {place} cannot be looked up"):
        files = models.sizes(client("s3"), place.bucket, place.prefix)
    if f"{place.prefix}/MLmodel" not in files:
        raise UsageError(
            f"the model of {target.id} is no longer at {place}: the bucket keeps old versions of removed "
            "objects for 90 days; or deploy a model, make deploy MODEL="
        )


def _require_image(target: Deployment, client: Client) -> None:
    """Raise UsageError where its image was removed since."""
    if not repository.has_image(target.image, client("ecr")):
        raise UsageError(
            f"the image of {target.id} is no longer in ECR: {target.image}. Check its commit "
            "out and `make deploy`"
        )
