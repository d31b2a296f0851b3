"""`make destroy`: the stack goes; its buckets and its table stay, for what they hold cannot be made again.

docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from threeways.errors import DeploymentFailed, UsageError
from threeways.ops import account
from threeways.ops.account import Client
from threeways.ops.deploy import answers as kept
from threeways.ops.deploy import changes, repository, streams
from threeways.ops.deploy.changes import Options
from threeways.ops.deploy.deploy import NOTHING
from threeways.ops.deploy.docker_and_sam import DockerAndSam
from threeways.ops.deploy.rollback import existing
from threeways.ops.deploy.stack import Resource, Stack, look, resources
from threeways.ops.printing import say

PATIENCE_SECONDS = 1800.0
LOOK_SECONDS = 5.0

type Typed = Callable[[str], str]
"""Asks a question; what the user types."""


def destroy(
    options: Options,
    tools: DockerAndSam,
    console: Console,
    typed: Typed,
    answers_file: Path = kept.FILE,
    look_seconds: float = LOOK_SECONDS,
) -> None:
    """Remove the stack and its own image repository, after its name was typed.

    Raises a UsageError before anything is changed, DeploymentFailed where it is not gone in half an hour.
    """
    answers = changes.settle(options, answers_file, None, tools)
    client = account.of_region(answers.region)
    whose, _ = changes.whose_account(client)
    stack = existing(answers.stack, answers.region, client)
    if stack.status.endswith("_IN_PROGRESS"):
        raise UsageError(f"the stack {stack.name} is {stack.status}: wait until that has ended")
    images = repository.owned(stack.name, client("ecr"))
    _announce(stack, images, whose, client, console)
    if not options.yes and typed(f"Type the stack's name, {stack.name}, to remove it:").strip() != stack.name:
        raise UsageError(NOTHING)
    with account.named_faults(f"the stack {stack.name} cannot be removed"):
        client("cloudformation").delete_stack(StackName=stack.name)
    _wait(stack.name, client, console, look_seconds)
    if images:
        with account.named_faults(f"the stack is gone, but its images in {images} cannot be removed"):
            client("ecr").delete_repository(repositoryName=images, force=True)
    say(console, f"Gone: {stack.name}. A new one: make deploy")


def _announce(stack: Stack, images: str | None, whose: str, client: Client, console: Console) -> None:
    retained = {
        name for name, body in stack.template["Resources"].items() if body.get("DeletionPolicy") == "Retain"
    }
    with account.named_faults(f"what the stack {stack.name} holds cannot be listed"):
        held = list(resources(stack.name, client))
    kinds: dict[str, list[str]] = {}
    for name, kind, physical in held:
        if name not in retained:
            kinds.setdefault(kind.removeprefix("AWS::"), []).append(physical.rpartition("/")[2] or name)
    stays = [
        f"s3://{physical}" if kind == "AWS::S3::Bucket" else f"{kind.removeprefix('AWS::')}: {physical}"
        for name, kind, physical in held
        if name in retained and physical
    ]
    say(
        console,
        f"This touches {whose}",
        f"Of the stack {stack.name} ({stack.status}) goes, with all that it holds:",
        *(f"  {kind}: {', '.join(sorted(names))}" for kind, names in sorted(kinds.items())),
        "  (on streams: events that are not scored yet, predictions that nobody has read)",
        *_other_readers(held, client),
        *([f"  ECR::Repository: {images}, with every image in it"] if images else []),
        "and stays, to be emptied and removed by hand:",
        *(f"  {one}" for one in stays or ["nothing"]),
    )


def _other_readers(held: Sequence[Resource], client: Client) -> list[str]:
    """Return a line for each stream of the stack that functions of other stacks read."""
    from botocore.exceptions import ClientError

    own = {physical for _, _, physical in held}
    lines = []
    for stream in (physical for _, kind, physical in held if kind == "AWS::Kinesis::Stream"):
        try:
            found = [
                mapping["FunctionArn"].partition(":function:")[2].partition(":")[0]
                for mapping in streams.readers_of(streams.arn_of(stream, client), client)
            ]
        except ClientError as error:
            lines.append(f"  who else reads {stream} cannot be told: {error}")
            continue
        if others := sorted(set(found) - own):
            lines.append(f"  {stream} is read by {', '.join(others)}, too: no event comes there any more")
    return lines


def _wait(name: str, client: Client, console: Console, look_seconds: float) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while (stack := look(name, client)) is not None:
        if stack.status == "DELETE_FAILED" or time.monotonic() > ends:
            raise DeploymentFailed(
                f"the stack {name} is {stack.status}: its events say what cannot be removed. Mend that, "
                f"then: make destroy STACK={name}"
            )
        console.print(f"  {stack.status}", highlight=False)
        time.sleep(look_seconds)
